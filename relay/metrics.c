/*
 * metrics.c
 *		Counters, and a small HTTP server that never waits.
 *
 * A client has some seconds to say what it wants and to take the answer, then
 * it is let go; more than METRICS_CLIENTS at a time wait to be accepted.
 */
#include "metrics.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 5000
#define REQUEST_SIZE 4096

static struct
{
	uint64_t	read[LINE_KINDS];
	uint64_t	accepted;
	uint64_t	failures;
	uint64_t	connections;
	uint64_t	delay_count;
	double		delay_sum;
}			counts;

/* from a commit to its line being accepted, in seconds */
static const double delay_bounds[] = {
	0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30, 300
};

#define NBOUNDS (int) (sizeof(delay_bounds) / sizeof(delay_bounds[0]))
static uint64_t delays[NBOUNDS];

static MetricsView view;

void
metrics_read(const Line *line)
{
	counts.read[line->kind]++;
}

void
metrics_accepted(const Line *line)
{
	double		delay;

	counts.accepted++;
	if (line->time == 0 || line->kind == LINE_COMMIT)
		return;
	delay = (clock_wall() - line->time) / 1e6;
	if (delay < 0)
		delay = 0;				/* the clocks of two machines */
	counts.delay_count++;
	counts.delay_sum += delay;
	for (int i = NBOUNDS - 1; i >= 0 && delay <= delay_bounds[i]; i--)
		delays[i]++;
}

void
metrics_sink_failed(void)
{
	counts.failures++;
}

void
metrics_connected(void)
{
	counts.connections++;
}

/* ---------- what is told ---------- */

static void
head(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP inv_relay_%s %s\n# TYPE inv_relay_%s %s\n", name, help,
			name, type);
}

static void
number(FILE *to, const char *name, const char *type, const char *help,
	   double value)
{
	head(to, name, type, help);
	fprintf(to, "inv_relay_%s %.17g\n", name, value);
}

/* lag_seconds - the age of the oldest commit that was not accepted */
static double
lag_seconds(void)
{
	for (int i = 0; i < view.queue->count; i++)
	{
		const Line *line = queue_line(view.queue, i);

		if (line->time && line->state != LINE_ACCEPTED)
			return line->time < clock_wall() ?
				(clock_wall() - line->time) / 1e6 : 0;
	}
	return 0;
}

static int
invisible_lines(void)
{
	int			count = 0;

	for (int i = 0; i < view.queue->count; i++)
		count += queue_line(view.queue, i)->state == LINE_WAITING;
	return count;
}

static void
tell_counters(FILE *to)
{
	head(to, "lines_read_total", "counter", "Lines that came from the server.");
	for (int kind = 0; kind < LINE_KINDS; kind++)
		fprintf(to, "inv_relay_lines_read_total{kind=\"%s\"} %" PRIu64 "\n",
				line_kind_names[kind], counts.read[kind]);
	number(to, "lines_accepted_total", "counter",
		   "Lines that the sink accepted.", counts.accepted);
	number(to, "sink_failures_total", "counter",
		   "Attempts in which the sink failed.", counts.failures);
	number(to, "connections_total", "counter",
		   "Connections to the server that were made.", counts.connections);
	head(to, "delay_seconds", "histogram",
		 "From the commit of a line until the sink accepted it.");
	for (int i = 0; i < NBOUNDS; i++)
		fprintf(to, "inv_relay_delay_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
				delay_bounds[i], delays[i]);
	fprintf(to, "inv_relay_delay_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
			"inv_relay_delay_seconds_sum %.6f\n"
			"inv_relay_delay_seconds_count %" PRIu64 "\n",
			counts.delay_count, counts.delay_sum, counts.delay_count);
}

static void
tell_gauges(FILE *to)
{
	Lsn			sent = source_sent(view.source);
	Lsn			confirmed = view.queue->confirmed;

	number(to, "connected", "gauge", "1 while the slot is being read.",
		   source_connected(view.source));
	number(to, "breaker_open", "gauge",
		   "1 while the sink is left alone or being tried.",
		   view.breaker->state != BREAKER_CLOSED);
	number(to, "queue_lines", "gauge", "Lines that wait for the sink.",
		   view.queue->count);
	number(to, "invisible_lines", "gauge",
		   "Lines whose transaction readers cannot see yet.",
		   invisible_lines());
	number(to, "lag_bytes", "gauge",
		   "WAL that was sent and is not confirmed.",
		   confirmed && sent > confirmed ? sent - confirmed : 0);
	number(to, "lag_seconds", "gauge",
		   "Age of the oldest commit that waits for the sink.", lag_seconds());
	number(to, "confirmed_lsn", "gauge", "The confirmed position, in bytes.",
		   confirmed);
}

/* tell_health - answers the status of HTTP */
static int
tell_health(FILE *to)
{
	const char *problem = NULL;

	if (!source_connected(view.source))
		problem = "no connection to the server";
	else if (view.breaker->state != BREAKER_CLOSED)
		problem = "the sink fails";
	fprintf(to, "{\"status\":\"%s\",%s%s%s\"sink\":\"%s\",\"breaker\":\"%s\","
			"\"queue_lines\":%d,\"lag_seconds\":%.3f,\"confirmed_lsn\":\"" LSN_FORMAT "\"}\n",
			problem ? "failing" : "ok", problem ? "\"problem\":\"" : "",
			problem ? problem : "", problem ? "\"," : "", view.sink,
			breaker_state_names[view.breaker->state], view.queue->count,
			lag_seconds(), LSN_ARGS(view.queue->confirmed));
	return problem ? 503 : 200;
}

/* ---------- HTTP ---------- */

typedef struct Client
{
	int			fd;				/* -1: none */
	Msec		until;
	char		request[REQUEST_SIZE];
	size_t		got;
	char	   *answer;			/* once the request was read */
	size_t		length;
	size_t		sent;
} Client;

static int	listener = -1;
static Client clients[METRICS_CLIENTS];

static bool
listen_on(const struct addrinfo *address)
{
	int			yes = 1;

	listener = socket(address->ai_family,
					  address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return false;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, address->ai_addr, address->ai_addrlen) == 0 &&
		listen(listener, 16) == 0)
		return true;
	close(listener);
	listener = -1;
	return false;
}

/* split - HOST:PORT or [HOST]:PORT, in place; false if it is neither */
static bool
split(char *address, char **host, char **port)
{
	char	   *colon = strrchr(address, ':');
	size_t		length;

	if (colon == NULL || colon[1] == '\0')
		return false;
	*colon = '\0';
	*port = colon + 1;
	*host = address;
	length = colon - address;
	if (length >= 2 && address[0] == '[' && address[length - 1] == ']')
	{
		address[length - 1] = '\0';
		*host = address + 1;
	}
	return true;
}

bool
metrics_listen(const char *address, MetricsView v)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE
	};
	struct addrinfo *found = NULL;
	char	   *copy = strdup(address);
	char	   *host;
	char	   *port;
	bool		fine = false;

	view = v;
	for (int i = 0; i < METRICS_CLIENTS; i++)
		clients[i].fd = -1;
	if (copy && split(copy, &host, &port))
	{
		int			error = getaddrinfo(*host ? host : NULL, port, &hints, &found);

		for (struct addrinfo *a = found; error == 0 && a && !fine;
			 a = a->ai_next)
			fine = listen_on(a);
		if (!fine)
			log_error("could not listen on \"%s\": %s", address,
					  error ? gai_strerror(error) : strerror(errno));
	}
	else
	{
		log_error("\"%s\" is no address to listen on", address);
		log_hint("It is like 127.0.0.1:9187 or [::1]:9187.");
	}
	if (found)
		freeaddrinfo(found);
	free(copy);
	return fine;
}

static void
drop(Client *client)
{
	close(client->fd);
	free(client->answer);
	*client = (Client)
	{
		.fd = -1
	};
}

static bool
asks_for(const Client *client, const char *path)
{
	size_t		length = strlen(path);

	return strncmp(client->request, "GET ", 4) == 0 &&
		strncmp(client->request + 4, path, length) == 0 &&
		strchr(" ?", client->request[4 + length]) != NULL;
}

static int
tell(const Client *client, FILE *to, const char **type)
{
	*type = "text/plain; charset=utf-8";
	if (asks_for(client, "/metrics"))
	{
		*type = "text/plain; version=0.0.4; charset=utf-8";
		tell_counters(to);
		tell_gauges(to);
		return 200;
	}
	if (asks_for(client, "/health"))
	{
		*type = "application/json";
		return tell_health(to);
	}
	fputs("There is /metrics and /health.\n", to);
	return 404;
}

static void
answer(Client *client)
{
	char	   *body = NULL;
	size_t		size;
	FILE	   *to = open_memstream(&body, &size);
	const char *type;
	int			status;

	if (to == NULL)
		abort();
	status = tell(client, to, &type);
	fclose(to);
	to = open_memstream(&client->answer, &client->length);
	if (to == NULL)
		abort();
	fprintf(to, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			"Connection: close\r\n\r\n%s", status,
			status == 200 ? "OK" : status == 404 ? "Not Found" :
			"Service Unavailable", type, size, body);
	fclose(to);
	free(body);
}

static bool
go_on(ssize_t moved)
{
	return moved > 0 || (moved < 0 && (errno == EAGAIN || errno == EINTR));
}

/* serve - one that may have said or taken something */
static void
serve(Client *client, Msec now)
{
	ssize_t		moved = 1;

	if (client->answer == NULL)
	{
		moved = recv(client->fd, client->request + client->got,
					 REQUEST_SIZE - 1 - client->got, 0);
		client->got += moved > 0 ? moved : 0;
		client->request[client->got] = '\0';
		if (strstr(client->request, "\r\n\r\n") ||
			client->got == REQUEST_SIZE - 1)
			answer(client);
	}
	if (client->answer)
	{
		moved = send(client->fd, client->answer + client->sent,
					 client->length - client->sent, MSG_NOSIGNAL);
		client->sent += moved > 0 ? moved : 0;
	}
	if (!go_on(moved) || now > client->until ||
		(client->answer && client->sent == client->length))
		drop(client);
}

static void
accept_client(Client *client, Msec now)
{
	int			fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	client->fd = fd;
	client->until = now + PATIENCE;
}

int
metrics_poll(struct pollfd *fds, Msec *until)
{
	int			count = 0;
	bool		room = false;

	for (int i = 0; i < METRICS_CLIENTS && listener >= 0; i++)
	{
		const Client *client = &clients[i];

		if (client->fd < 0)
		{
			room = true;
			continue;
		}
		fds[count++] = (struct pollfd)
		{
			client->fd, client->answer ? POLLOUT : POLLIN, 0
		};
		if (client->until < *until)
			*until = client->until + 1;
	}
	if (room)
		fds[count++] = (struct pollfd)
	{
		listener, POLLIN, 0
	};
	return count;
}

void
metrics_serve(Msec now)
{
	for (int i = 0; i < METRICS_CLIENTS && listener >= 0; i++)
	{
		if (clients[i].fd < 0)
			accept_client(&clients[i], now);
		if (clients[i].fd >= 0)
			serve(&clients[i], now);
	}
}
