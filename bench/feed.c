/*
 * feed.c - send the lines of a book over several connections at once
 *
 * libpq's pipeline mode with a sync after every line: the next lines are on
 * their way while one is being committed, and yet each line is a transaction
 * of its own, because a sync ends one.  A line counts as answered at its sync.
 * That spares the server the round trip after each line: without waiting for
 * the disk, 8 connections went twice as fast as one line at a time; where
 * commits wait for a slow disk, there is less to gain.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"

/* Lines on their way over one connection: enough to hide the round trip. */
#define DEPTH 16

#define DEDUCT	"deduct"
#define RECEIVE "receive"

typedef struct Lane
{
	PGconn	   *conn;
	int64_t    *lines;			/* indexes into the book */
	int64_t		nlines;
	int64_t		room;
	int64_t		sent;
	int64_t		answered;
	PGresult   *answer;			/* to the line after those answered */
	bool		unsent;			/* output that the socket did not take yet */
} Lane;

typedef struct Feed
{
	const Book *book;
	Told	   *told;
	Lane	   *lanes;
	int			nlanes;
	int64_t		done;
} Feed;

static void
prepare(PGconn *conn, const char *name, const char *statement)
{
	PGresult   *result = PQprepare(conn, name, statement, 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		client_fail("%sin: %s", PQerrorMessage(conn), statement);
	PQclear(result);
}

static void
open_lane(Lane *lane, const char *dsn)
{
	lane->conn = client_connect(dsn, "replay");
	prepare(lane->conn, DEDUCT, "SELECT * FROM inv_deduct($1, $2,"
			" reference => $3, strict => false)");
	prepare(lane->conn, RECEIVE, "SELECT * FROM inv_receive($1, $2,"
			" reference => $3)");
	if (PQsetnonblocking(lane->conn, 1) != 0 ||
		!PQenterPipelineMode(lane->conn))
		client_fail("cannot pipeline: %s", PQerrorMessage(lane->conn));
}

static void
send_line(const Feed *feed, Lane *lane)
{
	const Book *book = feed->book;
	const Line *line = &book->lines[lane->lines[lane->sent++]];
	int64_t		quantity = line->quantity;
	char		number[32];
	const char *const values[] = {
		book->skus.names[line->sku], number,
		book->invoices.names[line->invoice]
	};

	snprintf(number, sizeof(number), "%lld",
			 (long long) (quantity < 0 ? -quantity : quantity));
	if (!PQsendQueryPrepared(lane->conn, quantity < 0 ? RECEIVE : DEDUCT,
							 3, values, NULL, NULL, 0) ||
		!PQpipelineSync(lane->conn))
		client_fail("cannot send: %s", PQerrorMessage(lane->conn));
}

static void
fill_lane(const Feed *feed, Lane *lane)
{
	int			status;

	while (lane->sent < lane->nlines && lane->sent - lane->answered < DEPTH)
		send_line(feed, lane);
	status = PQflush(lane->conn);
	if (status < 0)
		client_fail("cannot send: %s", PQerrorMessage(lane->conn));
	lane->unsent = status > 0;
}

static void
bad_answer(const Feed *feed, const Line *line, const char *answer)
{
	client_fail("line %lld (%d of \"%s\"): %s", (long long) line->position,
				line->quantity, feed->book->skus.names[line->sku], answer);
}

/* The line has been committed: note what was said about it. */
static void
end_of_line(Feed *feed, Lane *lane)
{
	int64_t		at = lane->lines[lane->answered++];
	const Line *line = &feed->book->lines[at];
	Told	   *told = &feed->told[at];
	Outcome		outcome;

	if (PQresultStatus(lane->answer) != PGRES_TUPLES_OK ||
		PQntuples(lane->answer) != 1)
		bad_answer(feed, line, PQresultErrorMessage(lane->answer));
	client_outcome(lane->answer, &outcome);
	if (outcome.status != NULL && strcmp(outcome.status, "ok") == 0)
		told->answer = LINE_DONE;
	else if (outcome.status != NULL && line->quantity > 0 &&
			 strcmp(outcome.status, "insufficient_stock") == 0)
		told->answer = LINE_REFUSED;
	else
		bad_answer(feed, line, outcome.status ? outcome.status : "no status");
	told->on_hand = outcome.on_hand;
	PQclear(lane->answer);
	lane->answer = NULL;
	feed->done++;
}

/*
 * read_lane - take what has arrived
 *
 * Each line gives its result, then NULL, then the sync.
 */
static void
read_lane(Feed *feed, Lane *lane)
{
	if (!PQconsumeInput(lane->conn))
		client_fail("connection lost: %s", PQerrorMessage(lane->conn));
	while (lane->answered < lane->sent && !PQisBusy(lane->conn))
	{
		PGresult   *result = PQgetResult(lane->conn);

		if (result == NULL && PQstatus(lane->conn) == CONNECTION_BAD)
			client_fail("connection lost: %s", PQerrorMessage(lane->conn));
		if (result == NULL)
			continue;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			PQclear(result);
			end_of_line(feed, lane);
			continue;
		}
		PQclear(lane->answer);
		lane->answer = result;
	}
}

static void
serve_lanes(Feed *feed, struct pollfd *polls)
{
	for (int i = 0; i < feed->nlanes; i++)
	{
		Lane	   *lane = &feed->lanes[i];

		fill_lane(feed, lane);
		polls[i].fd = lane->answered < lane->nlines
			? PQsocket(lane->conn) : -1;
		polls[i].events = POLLIN | (lane->unsent ? POLLOUT : 0);
		polls[i].revents = 0;
	}
	if (poll(polls, (nfds_t) feed->nlanes, 1000) < 0 && errno != EINTR)
		client_fail("poll: %s", strerror(errno));
	for (int i = 0; i < feed->nlanes; i++)
		if (polls[i].revents & ~POLLOUT)
			read_lane(feed, &feed->lanes[i]);
}

/* Deal the lines out to the lanes, all lines of a SKU to the same one. */
static void
deal_lines(Feed *feed)
{
	for (int64_t i = 0; i < feed->book->nlines; i++)
	{
		Lane	   *lane = &feed->lanes[feed->book->lines[i].sku
										% feed->nlanes];

		lane->lines = client_grow(lane->lines, lane->nlines, &lane->room,
								  sizeof(int64_t));
		lane->lines[lane->nlines++] = i;
	}
}

static void
close_lanes(Feed *feed)
{
	for (int i = 0; i < feed->nlanes; i++)
	{
		PQfinish(feed->lanes[i].conn);
		free(feed->lanes[i].lines);
	}
	free(feed->lanes);
}

int64_t
feed_book(const char *dsn, int nconnections, const Book *book, Told *told,
		  FeedProgress progress)
{
	Feed		feed = {.book = book, .told = told, .nlanes = nconnections};
	struct pollfd *polls = client_alloc((size_t) nconnections *
										sizeof(struct pollfd));
	int64_t		started;
	int64_t		elapsed;

	feed.lanes = client_alloc((size_t) nconnections * sizeof(Lane));
	deal_lines(&feed);
	for (int i = 0; i < nconnections; i++)
		open_lane(&feed.lanes[i], dsn);

	started = client_now();
	while (feed.done < book->nlines)
	{
		serve_lanes(&feed, polls);
		progress(feed.done, book->nlines);
	}
	elapsed = client_now() - started;
	close_lanes(&feed);
	free(polls);
	return elapsed;
}
