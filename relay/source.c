/*
 * source.c
 *		The replication connection, and when to look at the other one.
 */
#include "source.h"
#include "log.h"
#include "metrics.h"
#include "visible.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* microseconds from 1970 to 2000, where PostgreSQL's time begins */
#define EPOCH_SHIFT INT64_C(946684800000000)

#define SERVER_TIMEOUT_SHARE 3	/* we are heard from so often within it */
#define LONGEST_SILENCE 10000

#define HEADER_XLOGDATA 25
#define HEADER_KEEPALIVE 18

struct Source
{
	const Options *options;
	PGconn	   *stream;
	PGconn	   *session;
	Visible		visible;
	Lsn			sent;
	Lsn			told;			/* what was confirmed last */
	Msec		told_at;
	Msec		silence;		/* the longest that the server may wait */
	bool		asked;			/* the server wants an answer now */
};

Source *
source_make(const Options *options)
{
	Source	   *source = calloc(1, sizeof(Source));

	if (source == NULL)
		abort();
	source->options = options;
	return source;
}

bool
source_connected(const Source *source)
{
	return source->stream != NULL;
}

Lsn
source_sent(const Source *source)
{
	return source->sent;
}

/* ---------- connecting ---------- */

/*
 * open_one - several hosts are tried in turn, until one that can be written to;
 * what the connection string says of this, and of time-outs, goes before
 */
static PGconn *
open_one(const Source *source, const char *replication)
{
	const char *keywords[] = {
		"fallback_application_name", "target_session_attrs",
		"connect_timeout", "tcp_user_timeout", "keepalives_idle", "dbname",
		"client_encoding", "replication", NULL
	};
	const char *values[] = {
		"inv_relay", "read-write", "5", "10000", "10",
		source->options->dbname, "UTF8", replication, NULL
	};
	PGconn	   *conn = PQconnectdbParams(keywords, values, 1);

	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	log_error("%s", PQerrorMessage(conn));
	PQfinish(conn);
	return NULL;
}

/* refused - an error of the server that will be the same next time */
static bool
refused(const PGresult *result)
{
	static const char *const passing[] = {"08", "53", "55006", "57", "58"};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL)
		return false;
	for (int i = 0; i < 5; i++)
		if (strncmp(state, passing[i], strlen(passing[i])) == 0)
			return false;
	return true;
}

static SourceResult
complain(const PGresult *result, PGconn *conn)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

	log_error("%s", message ? message : PQerrorMessage(conn));
	if (hint)
		log_hint("%s", hint);
	return refused(result) ? SOURCE_REFUSED : SOURCE_LOST;
}

static SourceResult
judge_slot(const char *slot, const PGresult *result)
{
	if (PQntuples(result) == 0)
	{
		log_error("replication slot \"%s\" does not exist", slot);
		log_hint("Make it with SELECT inv_stream_create('%s'). If it has existed, changes were missed: see \"A lost slot\" in doc/caching.md.",
				 slot);
		return SOURCE_REFUSED;
	}
	if (strcmp(PQgetvalue(result, 0, 0), "inventory") != 0)
	{
		log_error("replication slot \"%s\" is not one of inventory, but of \"%s\"",
				  slot, PQgetvalue(result, 0, 0));
		log_hint("Make another one with inv_stream_create().");
		return SOURCE_REFUSED;
	}
	if (strcmp(PQgetvalue(result, 0, 1), "lost") == 0)
	{
		log_error("replication slot \"%s\" is lost: the server has removed WAL that it needed",
				  slot);
		log_hint("See \"A lost slot\" in doc/caching.md.");
		return SOURCE_REFUSED;
	}
	return SOURCE_FINE;
}

/* check_slot - says more of what is wrong than starting to read would */
static SourceResult
check_slot(Source *source)
{
	const char *values[] = {source->options->slot};
	SourceResult answer;
	PGresult   *result;

	result = PQexecParams(source->session,
						  "SELECT coalesce(plugin, 'physical replication'), coalesce(wal_status, ''), "
						  "(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') "
						  "FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						  1, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		answer = complain(result, source->session);
	else
		answer = judge_slot(source->options->slot, result);
	source->silence = LONGEST_SILENCE;
	if (answer == SOURCE_FINE)
	{
		Msec		timeout = atoll(PQgetvalue(result, 0, 2));

		if (timeout > 0 && timeout / SERVER_TIMEOUT_SHARE < source->silence)
			source->silence = timeout / SERVER_TIMEOUT_SHARE;
	}
	PQclear(result);
	return answer;
}

/* append_quoted - in the syntax of replication commands */
static void
append_quoted(FILE *to, char quote, const char *string)
{
	fputc(quote, to);
	for (; *string; string++)
	{
		if (*string == quote)
			fputc(quote, to);
		fputc(*string, to);
	}
	fputc(quote, to);
}

static void
append_option(FILE *to, const char *name, const char *value)
{
	fputs(", ", to);
	append_quoted(to, '"', name);
	fputc(' ', to);
	append_quoted(to, '\'', value);
}

/* start_command - the caller frees it */
static char *
start_command(const Options *options)
{
	char	   *command = NULL;
	size_t		size;
	FILE	   *to = open_memstream(&command, &size);

	if (to == NULL)
		abort();
	fputs("START_REPLICATION SLOT ", to);
	append_quoted(to, '"', options->slot);
	fputs(" LOGICAL 0/0 (\"format\" '1'", to);
	append_option(to, "include", "lsn,xid,time");
	if (strcmp(options->mode, "refresh") == 0 &&
		strcmp(options->sink, "redis") == 0 && !options_plugin(options, "key"))
		append_option(to, "key", "inventory:{sku}:{location}");
	for (int i = 0; i < options->nplugin; i++)
		if (strcmp(options->plugin[i].name, "commits") != 0)
			append_option(to, options->plugin[i].name,
						  options->plugin[i].value);
	append_option(to, "commits", "on");
	fputc(')', to);
	fclose(to);
	return command;
}

static SourceResult
start(Source *source)
{
	char	   *command = start_command(source->options);
	PGresult   *result = PQexec(source->stream, command);
	SourceResult answer = SOURCE_FINE;

	if (PQresultStatus(result) != PGRES_COPY_BOTH)
		answer = complain(result, source->stream);
	PQclear(result);
	free(command);
	return answer;
}

/*
 * stay - the session waits, for weeks where nothing happens, and for Redis while
 * a filter is made; of the settings those that the server has
 */
static bool
stay(PGconn *session)
{
	PGresult   *result = PQexec(session,
								"SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN "
								"('idle_session_timeout', 'statement_timeout', "
								"'idle_in_transaction_session_timeout', 'transaction_timeout')");
	bool		fine = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!fine)
		complain(result, session);
	PQclear(result);
	return fine;
}

static SourceResult
try_connect(Source *source)
{
	SourceResult result;

	source->session = open_one(source, NULL);
	if (source->session == NULL || !stay(source->session))
		return SOURCE_LOST;
	result = check_slot(source);
	if (result != SOURCE_FINE)
		return result;
	source->stream = open_one(source, "database");
	return source->stream ? start(source) : SOURCE_LOST;
}

SourceResult
source_connect(Source *source)
{
	SourceResult result = try_connect(source);

	if (result != SOURCE_FINE)
	{
		source_disconnect(source);
		return result;
	}
	visible_reset(&source->visible);
	source->sent = 0;
	source->told = 0;
	source->told_at = clock_wait();
	source->asked = false;
	log_notice("reading slot \"%s\" of %s:%s", source->options->slot,
			   PQhost(source->stream), PQport(source->stream));
	return SOURCE_FINE;
}

void
source_disconnect(Source *source)
{
	PQfinish(source->stream);
	PQfinish(source->session);
	source->stream = NULL;
	source->session = NULL;
}

/* ---------- reading ---------- */

static uint64_t
get_int64(const char *from)
{
	uint64_t	value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | (unsigned char) from[i];
	return value;
}

static void
put_int64(char *to, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		to[i] = value & 0xFF;
}

/*
 * read_line - a line that cannot be read is no reason to stop for ever, and
 * none to go on as if it had not been there
 */
static SourceResult
read_line(Queue *queue, const char *data, int length)
{
	const char *problem;
	Line	   *line = line_read(data, length, &problem);

	if (line == NULL)
	{
		log_error("could not read a line of the stream: %s", problem);
		log_hint("The slot may be one of a later version of inventory, which needs its own relay.");
		return SOURCE_REFUSED;
	}
	metrics_read(line);
	queue_push(queue, line);
	return SOURCE_FINE;
}

static void
advance_sent(Source *source, Lsn lsn)
{
	if (lsn > source->sent)
		source->sent = lsn;
}

/* read_message - of the protocol: w is a line, k a sign of life */
static SourceResult
read_message(Source *source, Queue *queue, const char *data, int length)
{
	if (data[0] == 'w' && length >= HEADER_XLOGDATA)
	{
		advance_sent(source, get_int64(data + 1));
		return read_line(queue, data + HEADER_XLOGDATA,
						 length - HEADER_XLOGDATA);
	}
	if (data[0] == 'k' && length >= HEADER_KEEPALIVE)
	{
		Lsn			lsn = get_int64(data + 1);

		advance_sent(source, lsn);
		queue_name(queue, lsn);
		source->asked |= data[17] != 0;
		return SOURCE_FINE;
	}
	log_error("unexpected message of the server, of type %d", data[0]);
	return SOURCE_LOST;
}

/* ended - the server ended the stream: why */
static SourceResult
ended(Source *source)
{
	PGresult   *result = PQgetResult(source->stream);
	SourceResult answer = SOURCE_LOST;

	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
		answer = complain(result, source->stream);
	else
		log_notice("the server has ended the stream");
	PQclear(result);
	return answer;
}

SourceResult
source_read(Source *source, Queue *queue)
{
	SourceResult answer = SOURCE_FINE;

	while (answer == SOURCE_FINE && queue_has_room(queue))
	{
		char	   *data;
		int			length = PQgetCopyData(source->stream, &data, 1);

		if (length == 0)
		{
			if (PQconsumeInput(source->stream))
			{
				length = PQgetCopyData(source->stream, &data, 1);
				if (length == 0)
					return SOURCE_FINE;
			}
			else
			{
				log_error("connection lost: %s", PQerrorMessage(source->stream));
				return SOURCE_LOST;
			}
		}
		if (length < 0)
			return ended(source);
		answer = read_message(source, queue, data, length);
		PQfreemem(data);
	}
	return answer;
}

/* ---------- what readers see ---------- */

SourceResult
source_look(Source *source, Queue *queue, Msec now)
{
	if (visible_look(&source->visible, source->session, queue, now))
		return SOURCE_FINE;
	log_error("session lost: %s", PQerrorMessage(source->session));
	return SOURCE_LOST;
}

/* ---------- confirming ---------- */

static SourceResult
tell(Source *source, Lsn confirmed, Msec now)
{
	char		message[34] = {'r'};

	put_int64(message + 1, confirmed);
	put_int64(message + 9, confirmed);
	put_int64(message + 17, confirmed);
	put_int64(message + 25, clock_wall() - EPOCH_SHIFT);
	if (PQputCopyData(source->stream, message, sizeof(message)) <= 0 ||
		PQflush(source->stream) != 0)
	{
		log_error("connection lost: %s", PQerrorMessage(source->stream));
		return SOURCE_LOST;
	}
	if (confirmed > source->told)
		log_debug("confirmed " LSN_FORMAT, LSN_ARGS(confirmed));
	source->told = confirmed;
	source->told_at = now;
	source->asked = false;
	return SOURCE_FINE;
}

/* next_tell - when the server has to hear from us */
static Msec
next_tell(const Source *source, const Queue *queue)
{
	Msec		wait = source->silence;

	if (queue->confirmed > source->told &&
		source->options->status_interval < wait)
		wait = source->options->status_interval;
	return source->told_at + wait;
}

bool
source_due(const Source *source, const Queue *queue, Msec now)
{
	return source->asked || now >= next_tell(source, queue);
}

SourceResult
source_tell(Source *source, const Queue *queue, Msec now)
{
	return tell(source, queue->confirmed, now);
}

/* source_end - the server has read what we told when it ends the stream too */
void
source_end(Source *source, const Queue *queue)
{
	Msec		until = clock_wait() + 5000;
	struct pollfd fd = {PQsocket(source->stream), POLLIN, 0};

	if (tell(source, queue->confirmed, clock_wait()) == SOURCE_FINE &&
		PQputCopyEnd(source->stream, NULL) > 0 &&
		PQflush(source->stream) == 0)
		while (clock_wait() < until)
		{
			char	   *data;
			int			length = PQgetCopyData(source->stream, &data, 1);

			if (length < 0)
				break;
			if (length > 0)
				PQfreemem(data);
			else if (poll(&fd, 1, 100) >= 0 && !PQconsumeInput(source->stream))
				break;
		}
	source_disconnect(source);
}

/* ---------- waiting ---------- */

int
source_poll(const Source *source, const Queue *queue, struct pollfd *fds,
			Msec *until)
{
	Msec		next = next_tell(source, queue);
	int			count = 0;

	if (source->stream == NULL)
		return 0;
	if (next < *until)
		*until = next;
	visible_wait(&source->visible, until);
	if (queue_has_room(queue))
		fds[count++] = (struct pollfd)
	{
		PQsocket(source->stream), POLLIN, 0
	};
	fds[count++] = (struct pollfd)
	{
		PQsocket(source->session), POLLIN, 0
	};
	return count;
}

/* ---------- all SKUs ---------- */

#define SKUS_AT_ONCE 5000

/* declare - a cursor over them; the extension's schema is asked for */
static bool
declare(PGconn *conn)
{
	PGresult   *result = PQexec(conn,
								"SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e "
								"JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'inventory'");
	char		command[300] = "";

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		snprintf(command, sizeof(command),
				 "BEGIN READ ONLY; DECLARE skus NO SCROLL CURSOR FOR SELECT sku FROM %s.inv_item",
				 PQgetvalue(result, 0, 0));
	else
		log_error("there is no extension inventory in this database");
	PQclear(result);
	if (!*command)
		return false;
	result = PQexec(conn, command);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		complain(result, conn);
	else
	{
		PQclear(result);
		return true;
	}
	PQclear(result);
	return false;
}

/* fetch - the next of them; the number, or -1 */
static int
fetch(PGconn *conn, SkuTaker take, void *context)
{
	static char *skus[SKUS_AT_ONCE];
	char		command[64];
	PGresult   *result;
	int			count = -1;

	snprintf(command, sizeof(command), "FETCH %d FROM skus", SKUS_AT_ONCE);
	result = PQexec(conn, command);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		count = PQntuples(result);
		for (int i = 0; i < count; i++)
			skus[i] = PQgetvalue(result, i, 0);
		if (count > 0 && !take(context, skus, count))
			count = -1;
	}
	else
		complain(result, conn);
	PQclear(result);
	return count;
}

bool
source_skus(Source *source, const Queue *queue, SkuTaker take, void *context)
{
	int			count;

	if (!visible_finish(&source->visible, source->session))
		return false;
	if (!declare(source->session))
	{
		PQclear(PQexec(source->session, "ROLLBACK"));
		return false;
	}
	do
	{
		count = fetch(source->session, take, context);
		if (count > 0 && source_due(source, queue, clock_wait()) &&
			source_tell(source, queue, clock_wait()) != SOURCE_FINE)
			count = -1;
	} while (count > 0);
	PQclear(PQexec(source->session, "ROLLBACK"));
	return count == 0;
}
