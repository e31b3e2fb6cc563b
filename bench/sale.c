/*
 * sale.c - many clients that buy at the same time
 *
 * One thread plays them all: every connection is asynchronous, and the loop
 * sleeps in poll() until a socket or a timer has something for it.
 *
 * A call counts as answered when the server says that it is ready for the
 * next one, not when its row arrives: with prepared statements the row and
 * even the command tag are on their way before the transaction commits.  A
 * connection that ends before that leaves the call in doubt, and so does a
 * FATAL error, which can hit a server process after its commit.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "sale.h"

#define FIRST_BACKOFF	(20 * NS_PER_MS)
#define LAST_BACKOFF	(1000 * NS_PER_MS)
#define ATTEMPT_TIME	(10 * NS_PER_SECOND)	/* to get one connection */

/* One call in so many is strict, where refusals are raised. */
#define STRICT_EVERY	8

typedef enum ClientState
{
	CLIENT_WAITING,				/* to connect, until the timer */
	CLIENT_CONNECTING,
	CLIENT_PREPARING,
	CLIENT_READY,
	CLIENT_CALLING,
	CLIENT_DONE
} ClientState;

typedef struct Client
{
	int32_t		id;
	ClientState state;
	uint64_t	random;
	PGconn	   *conn;
	short		events;			/* what to poll for */
	int64_t		timer;			/* next attempt, or end of this one */
	int64_t		lost;			/* since when there is no connection */
	int64_t		backoff;
	int			nprepared;
	PGresult   *answer;			/* so far */
	Call	   *call;			/* the open one; NULL if there is none */
} Client;

typedef struct Sale
{
	const SaleOptions *options;
	History    *history;
	ConnectParams params;
	char		application[REFERENCE_SIZE];
	FILE	   *journal;
	Client	   *clients;
	int64_t    *told_versions;	/* highest one told to anybody, by stock */
	int64_t		ncalls;
	int64_t		opened;			/* when the first call was sent; 0: not yet */
	int64_t		end;			/* when the last one may be sent */
	int64_t		last_answer;
	SaleSummary summary;
} Sale;

void
sale_application(const History *history, char *buffer)
{
	snprintf(buffer, REFERENCE_SIZE, "storm %s", history->run);
}

/* ---------- the journal ---------- */

static void
journal_sent(const Sale *sale, const Call *call)
{
	char		reference[REFERENCE_SIZE];

	if (sale->journal == NULL)
		return;
	call_reference(sale->history, call, reference);
	fprintf(sale->journal, "sent\t%s\t%s\t%s\t%lld\n", reference,
			call_kinds[call->kind].name,
			sale->history->stocks[call->stock].sku,
			(long long) call->quantity);
}

static void
journal_number(FILE *journal, const char *name, int64_t number)
{
	if (number != UNTOLD)
		fprintf(journal, "\t%s=%lld", name, (long long) number);
}

static void
journal_told(const Sale *sale, const Call *call)
{
	static const char *const names[] = {
		[ANSWER_IN_DOUBT] = "in doubt",
		[ANSWER_OK] = "ok",
		[ANSWER_REFUSED] = "refused",
		[ANSWER_ERROR] = "error",
	};
	char		reference[REFERENCE_SIZE];

	if (sale->journal == NULL)
		return;
	call_reference(sale->history, call, reference);
	fprintf(sale->journal, "told\t%s\t%s\t%s", reference,
			names[call->answer], call->code);
	journal_number(sale->journal, "on_hand", call->told_on_hand);
	journal_number(sale->journal, "available", call->told_available);
	journal_number(sale->journal, "version", call->told_version);
	journal_number(sale->journal, "movement", call->told_movement);
	fputc('\n', sale->journal);
}

/* ---------- connecting ---------- */

static void
drop_connection(Client *client)
{
	PQclear(client->answer);
	client->answer = NULL;
	PQfinish(client->conn);
	client->conn = NULL;
}

/* finish_call - the answer is in, or will never come */
static void
finish_call(Sale *sale, Client *client)
{
	Call	   *call = client->call;

	client->call = NULL;
	call->answered = client_now();
	sale->last_answer = call->answered;
	if (call->told_stock == call->stock && call->told_version != UNTOLD &&
		call->told_version > sale->told_versions[call->stock])
		sale->told_versions[call->stock] = call->told_version;
	journal_told(sale, call);
}

/*
 * lose_connection - drop the connection and plan the next attempt
 *
 * Gives up when there has been none for as long as the options allow.
 */
static void
lose_connection(Sale *sale, Client *client)
{
	int64_t		now = client_now();

	if (client->lost == 0)
		client->lost = now;
	if (client->call != NULL)
		finish_call(sale, client);
	client->state = CLIENT_WAITING;
	client->timer = now + client->backoff;
	client->backoff *= 2;
	if (client->backoff > LAST_BACKOFF)
		client->backoff = LAST_BACKOFF;
	if (now - client->lost >= sale->options->reconnect * NS_PER_SECOND)
	{
		if (sale->opened == 0)
			client_fail("client %d cannot connect: %s", client->id,
						PQerrorMessage(client->conn));
		fprintf(stderr, "client %d gives up: %s", client->id,
				PQerrorMessage(client->conn));
		client->state = CLIENT_DONE;
		sale->summary.gave_up++;
	}
	drop_connection(client);
}

/* A server that goes down says so on every connection: we notice ourselves. */
static void
ignore_notice(void *argument, const PGresult *notice)
{
	(void) argument;
	(void) notice;
}

static void
start_connecting(Sale *sale, Client *client)
{
	client->conn = PQconnectStartParams(sale->params.keywords,
										sale->params.values, 1);
	if (client->conn == NULL)
		client_fail("out of memory");
	PQsetNoticeReceiver(client->conn, ignore_notice, NULL);
	client->state = CLIENT_CONNECTING;
	client->events = POLLOUT;
	client->timer = client_now() + ATTEMPT_TIME;
	if (PQstatus(client->conn) == CONNECTION_BAD)
		lose_connection(sale, client);
}

static void
flush_output(Sale *sale, Client *client)
{
	int			status = PQflush(client->conn);

	client->events = POLLIN | (status > 0 ? POLLOUT : 0);
	if (status < 0)
		lose_connection(sale, client);
}

/* Prepare the next statement; after the last one the client is ready. */
static void
prepare_next(Sale *sale, Client *client)
{
	const CallKind *kind = &call_kinds[client->nprepared];

	if (client->nprepared == CALL_KINDS)
	{
		client->state = CLIENT_READY;
		client->lost = 0;
		client->backoff = FIRST_BACKOFF;
		return;
	}
	client->state = CLIENT_PREPARING;
	client->nprepared++;
	if (!PQsendPrepare(client->conn, kind->name, kind->statement, 0, NULL))
		lose_connection(sale, client);
	else
		flush_output(sale, client);
}

static void
continue_connecting(Sale *sale, Client *client)
{
	switch (PQconnectPoll(client->conn))
	{
		case PGRES_POLLING_OK:
			PQsetnonblocking(client->conn, 1);
			client->nprepared = 0;
			prepare_next(sale, client);
			break;
		case PGRES_POLLING_READING:
			client->events = POLLIN;
			break;
		case PGRES_POLLING_WRITING:
			client->events = POLLOUT;
			break;
		default:
			lose_connection(sale, client);
	}
}

/* ---------- calling ---------- */

static KindOfCall
choose_kind(const Sale *sale, Client *client)
{
	bool		strict = client_random(&client->random, STRICT_EVERY) == 0;
	int64_t		percent = (int64_t) client_random(&client->random, 100);

	if (percent < sale->options->restock)
		return CALL_RECEIVE;
	return strict ? CALL_DEDUCT_STRICT : CALL_DEDUCT;
}

/* A new call in the client's log, with what is to be asked. */
static Call *
plan_call(const Sale *sale, Client *client)
{
	uint64_t	nstocks = (uint64_t) sale->history->nstocks;
	uint64_t	quantity_max = (uint64_t) sale->options->quantity_max;
	CallLog    *log = &sale->history->logs[client->id];
	Call		call = {
		.client = client->id,
		.number = (int32_t) log->count,
		.kind = choose_kind(sale, client),
		.answer = ANSWER_IN_DOUBT,
		.told_stock = -1,
		.told_quantity = UNTOLD,
		.told_on_hand = UNTOLD,
		.told_reserved = UNTOLD,
		.told_available = UNTOLD,
		.told_version = UNTOLD,
		.told_movement = UNTOLD,
	};

	call.stock = (int32_t) client_random(&client->random, nstocks);
	call.quantity = 1 + (int64_t) client_random(&client->random,
												quantity_max);
	call.seen_version = sale->told_versions[call.stock];
	log->calls = client_grow(log->calls, log->count, &log->room,
							 sizeof(Call));
	log->calls[log->count] = call;
	return &log->calls[log->count++];
}

static void
send_call(Sale *sale, Client *client)
{
	Call	   *call = plan_call(sale, client);
	char		quantity[32];
	char		reference[REFERENCE_SIZE];
	const char *const values[] = {
		sale->history->stocks[call->stock].sku, quantity, reference
	};

	snprintf(quantity, sizeof(quantity), "%lld", (long long) call->quantity);
	call_reference(sale->history, call, reference);
	sale->ncalls++;
	journal_sent(sale, call);
	client->call = call;
	client->state = CLIENT_CALLING;
	call->sent = client_now();
	if (!PQsendQueryPrepared(client->conn, call_kinds[call->kind].name,
							 3, values, NULL, NULL, 0))
		lose_connection(sale, client);
	else
		flush_output(sale, client);
}

/* ---------- being answered ---------- */

/* The server is ready for more: what it said before that holds. */
static void
end_of_answer(Sale *sale, Client *client)
{
	if (client->state == CLIENT_PREPARING)
	{
		if (PQresultStatus(client->answer) != PGRES_COMMAND_OK)
			client_fail("cannot prepare \"%s\": %s",
						call_kinds[client->nprepared - 1].statement,
						PQresultErrorMessage(client->answer));
		prepare_next(sale, client);
	}
	else
	{
		answer_take(sale->history, client->call, client->answer);
		client->state = CLIENT_READY;
		finish_call(sale, client);
	}
	PQclear(client->answer);
	client->answer = NULL;
}

/* An error after which the server closes the connection. */
static bool
is_fatal(const PGresult *result)
{
	const char *severity;

	if (PQresultStatus(result) != PGRES_FATAL_ERROR)
		return false;
	severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	return severity == NULL || strcmp(severity, "ERROR") != 0;
}

/*
 * read_answer - take what has arrived
 *
 * Of several results the last one holds: an error at commit comes after the
 * row.
 */
static void
read_answer(Sale *sale, Client *client)
{
	if (client->events & POLLOUT)
	{
		flush_output(sale, client);
		if (client->conn == NULL)
			return;
	}
	if (!PQconsumeInput(client->conn))
	{
		lose_connection(sale, client);
		return;
	}
	while (!PQisBusy(client->conn))
	{
		PGresult   *result = PQgetResult(client->conn);

		if (result == NULL)
		{
			end_of_answer(sale, client);
			return;
		}
		PQclear(client->answer);
		client->answer = result;
		if (is_fatal(result))
		{
			lose_connection(sale, client);
			return;
		}
	}
}

/* ---------- the loop ---------- */

static bool
may_call(const Sale *sale, int64_t now)
{
	return now < sale->end && (sale->options->ncalls == 0 ||
							   sale->ncalls < sale->options->ncalls);
}

/* open_sale - the clock starts when every client has its connection */
static void
open_sale(Sale *sale, int64_t now)
{
	const SaleOptions *options = sale->options;

	for (int32_t i = 0; i < options->nclients; i++)
		if (sale->clients[i].state != CLIENT_READY)
			return;
	sale->opened = now;
	sale->last_answer = now;
	if (options->seconds > 0)
		sale->end = now + options->seconds * NS_PER_SECOND;
}

/*
 * is_overdue - the sale is over, and the answer has had time to come
 *
 * A server that is alive but does not answer must not keep us for ever.
 */
static bool
is_overdue(const Sale *sale, int64_t now)
{
	int64_t		patience = (sale->options->reconnect + 1) * NS_PER_SECOND;

	return now > sale->end && now - sale->end > patience;
}

/* Do what a client can do without waiting for its socket. */
static void
drive_client(Sale *sale, Client *client, int64_t now)
{
	bool		closed = sale->opened != 0 && !may_call(sale, now);

	if (closed && client->state != CLIENT_CALLING)
	{
		drop_connection(client);
		client->state = CLIENT_DONE;
	}
	else if (client->state == CLIENT_READY && sale->opened != 0)
		send_call(sale, client);
	else if (client->state == CLIENT_WAITING && now >= client->timer)
		start_connecting(sale, client);
	else if (client->state == CLIENT_CONNECTING && now >= client->timer)
		lose_connection(sale, client);
	else if (client->state == CLIENT_CALLING && is_overdue(sale, now))
	{
		finish_call(sale, client);
		drop_connection(client);
		client->state = CLIENT_DONE;
	}
}

static bool
has_timer(const Client *client)
{
	return client->state == CLIENT_WAITING ||
		client->state == CLIENT_CONNECTING;
}

/* Milliseconds until the next timer, rounded up: poll() must not spin. */
static int
poll_timeout(const Sale *sale, int64_t now)
{
	int64_t		next = now + NS_PER_SECOND;

	if (sale->opened != 0 && now < sale->end && sale->end < next)
		next = sale->end;
	for (int32_t i = 0; i < sale->options->nclients; i++)
		if (has_timer(&sale->clients[i]) && sale->clients[i].timer < next)
			next = sale->clients[i].timer;
	return next <= now ? 0 : (int) ((next - now - 1) / NS_PER_MS) + 1;
}

/* Wait for the sockets and let the clients read and write. */
static void
serve_sockets(Sale *sale, struct pollfd *polls)
{
	int32_t		nclients = sale->options->nclients;

	for (int32_t i = 0; i < nclients; i++)
	{
		Client	   *client = &sale->clients[i];

		polls[i].fd = client->conn ? PQsocket(client->conn) : -1;
		polls[i].events = client->events;
		polls[i].revents = 0;
	}
	if (poll(polls, (nfds_t) nclients, poll_timeout(sale, client_now())) < 0 &&
		errno != EINTR)
		client_fail("poll: %s", strerror(errno));
	for (int32_t i = 0; i < nclients; i++)
	{
		Client	   *client = &sale->clients[i];

		if (polls[i].revents == 0)
			continue;
		if (client->state == CLIENT_CONNECTING)
			continue_connecting(sale, client);
		else if (client->state == CLIENT_READY)
			lose_connection(sale, client);	/* nobody asked it anything */
		else
			read_answer(sale, client);
	}
}

static void
open_journal(Sale *sale)
{
	if (sale->options->journal == NULL)
		return;
	sale->journal = fopen(sale->options->journal, "a");
	if (sale->journal == NULL)
		client_fail("cannot append to \"%s\": %s", sale->options->journal,
					strerror(errno));
}

static void
init_sale(Sale *sale, const SaleOptions *options, History *history)
{
	sale->options = options;
	sale->history = history;
	sale->end = INT64_MAX;
	sale_application(history, sale->application);
	sale->params = client_params(options->dsn, sale->application);
	open_journal(sale);
	sale->told_versions = client_alloc((size_t) history->nstocks *
									   sizeof(int64_t));
	for (int32_t i = 0; i < history->nstocks; i++)
		sale->told_versions[i] = history->stocks[i].opening.version;
	history->nclients = options->nclients;
	history->logs = client_alloc((size_t) options->nclients *
								 sizeof(CallLog));
	sale->clients = client_alloc((size_t) options->nclients *
								 sizeof(Client));
	for (int32_t i = 0; i < options->nclients; i++)
	{
		Client	   *client = &sale->clients[i];

		client->id = i;
		client->random = options->seed + (uint64_t) i * UINT64_C(0x100000001);
		client->backoff = FIRST_BACKOFF;
		client->lost = client_now();
	}
}

/* One turn of the loop; false when every client is done. */
static bool
turn(Sale *sale, struct pollfd *polls)
{
	bool		busy = false;
	int64_t		now = client_now();

	if (sale->opened == 0)
		open_sale(sale, now);
	if (!may_call(sale, now) && now < sale->end)
		sale->end = now;
	for (int32_t i = 0; i < sale->options->nclients; i++)
	{
		drive_client(sale, &sale->clients[i], now);
		busy |= sale->clients[i].state != CLIENT_DONE;
	}
	if (sale->journal != NULL && fflush(sale->journal) != 0)
		client_fail("cannot write \"%s\": %s", sale->options->journal,
					strerror(errno));
	if (busy)
		serve_sockets(sale, polls);
	return busy;
}

SaleSummary
sale_run(const SaleOptions *options, History *history)
{
	Sale		sale = {0};
	struct pollfd *polls = client_alloc((size_t) options->nclients *
										sizeof(struct pollfd));

	init_sale(&sale, options, history);
	while (turn(&sale, polls))
		;
	if (sale.journal != NULL)
		fclose(sale.journal);
	sale.summary.elapsed = sale.last_answer - sale.opened;
	free(sale.clients);
	free(sale.told_versions);
	free(polls);
	return sale.summary;
}
