/*
 * feed.c - send the orders of a book over several connections at once
 *
 * libpq's pipeline mode with a sync after every order: the next ones are on
 * their way while one is being committed, and yet each is a transaction of its
 * own, because a sync ends one.  An order counts as answered at its sync. That
 * spares the server the round trip after each.
 *
 * An order may be sent over a connection when each of its SKUs has no order
 * under way elsewhere, and none before it that has to wait: so those that have
 * a SKU in common keep their order.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "request.h"

/* Orders on their way over one connection: enough to hide the round trip. */
#define DEPTH 16

/* So many orders beyond the first that waits are looked at. */
#define WINDOW 256

typedef struct Lane
{
	PGconn	   *conn;
	int32_t		orders[DEPTH];	/* under way, a ring */
	int64_t		sent;
	int64_t		answered;
	PGresult   *answer;			/* to the order after those answered */
	bool		unsent;			/* output that the socket did not take yet */
} Lane;

/* What is under way of a SKU. */
typedef struct Traffic
{
	int32_t		orders;
	int32_t		lane;			/* where, if any is */
	int64_t		waits;			/* the look at the window in which an order with
								 * it was found to have to wait */
} Traffic;

typedef struct Feed
{
	const Book *book;
	Calls		calls;
	Told	   *told;
	Lane	   *lanes;
	int			nlanes;
	Traffic    *traffic;		/* by SKU */
	bool	   *taken;			/* by order: was it sent? */
	int32_t		first;			/* the first that was not */
	int64_t		look;
	Request		request;
	int64_t		done;			/* lines */
} Feed;

static void
open_lane(Lane *lane, const char *dsn)
{
	lane->conn = client_connect(dsn, "replay");
	request_prepare(lane->conn);
	if (PQsetnonblocking(lane->conn, 1) != 0 ||
		!PQenterPipelineMode(lane->conn))
		client_fail("cannot pipeline: %s", PQerrorMessage(lane->conn));
}

/* ---------- sending ---------- */

static int
under_way(const Lane *lane)
{
	return (int) (lane->sent - lane->answered);
}

static Lane *
idlest_lane(const Feed *feed)
{
	Lane	   *idlest = &feed->lanes[0];

	for (int i = 1; i < feed->nlanes; i++)
		if (under_way(&feed->lanes[i]) < under_way(idlest))
			idlest = &feed->lanes[i];
	return idlest;
}

/* find_lane - where the order may go; NULL if it has to wait */
static Lane *
find_lane(const Feed *feed, const Order *order)
{
	const Line *lines = &feed->book->lines[order->first];
	Lane	   *lane = NULL;

	for (int32_t i = 0; i < order->nlines; i++)
	{
		const Traffic *traffic = &feed->traffic[lines[i].sku];

		if (traffic->waits == feed->look)
			return NULL;
		if (traffic->orders == 0)
			continue;
		if (lane != NULL && lane != &feed->lanes[traffic->lane])
			return NULL;
		lane = &feed->lanes[traffic->lane];
	}
	if (lane == NULL)
		lane = idlest_lane(feed);
	return under_way(lane) < DEPTH ? lane : NULL;
}

static void
send_order(Feed *feed, Lane *lane, int32_t number)
{
	const Order *order = &feed->book->orders[number];
	Request    *request = &feed->request;

	request_make(request, feed->book, feed->calls, order);
	if (!PQsendQueryPrepared(lane->conn, request->statement, request->nvalues,
							 request->values, NULL, NULL, 0) ||
		!PQpipelineSync(lane->conn))
		client_fail("cannot send: %s", PQerrorMessage(lane->conn));
	lane->orders[lane->sent++ % DEPTH] = number;
	feed->taken[number] = true;
	for (int32_t i = 0; i < order->nlines; i++)
	{
		Traffic    *traffic =
			&feed->traffic[feed->book->lines[order->first + i].sku];

		traffic->orders++;
		traffic->lane = (int32_t) (lane - feed->lanes);
	}
}

/* The order waits, and so does every later one that shares a SKU with it. */
static void
let_wait(Feed *feed, const Order *order)
{
	for (int32_t i = 0; i < order->nlines; i++)
		feed->traffic[feed->book->lines[order->first + i].sku].waits =
			feed->look;
}

/* Send what may be sent. */
static void
fill_lanes(Feed *feed)
{
	const Book *book = feed->book;

	feed->look++;
	while (feed->first < book->norders && feed->taken[feed->first])
		feed->first++;
	for (int32_t i = feed->first;
		 i < book->norders && i < feed->first + WINDOW; i++)
	{
		Lane	   *lane;

		if (feed->taken[i])
			continue;
		lane = find_lane(feed, &book->orders[i]);
		if (lane != NULL)
			send_order(feed, lane, i);
		else
			let_wait(feed, &book->orders[i]);
	}
}

static void
flush_lane(Lane *lane)
{
	int			status = PQflush(lane->conn);

	if (status < 0)
		client_fail("cannot send: %s", PQerrorMessage(lane->conn));
	lane->unsent = status > 0;
}

/* ---------- answers ---------- */

static void
bad_answer(const Feed *feed, const Line *line, const char *answer)
{
	client_fail("line %lld (%d of \"%s\"): %s", (long long) line->position,
				line->quantity, feed->book->skus.names[line->sku], answer);
}

/* The order has been committed: note what was said about it. */
static void
end_of_order(Feed *feed, Lane *lane)
{
	const Order *order =
		&feed->book->orders[lane->orders[lane->answered++ % DEPTH]];
	const Line *lines = &feed->book->lines[order->first];

	if (PQresultStatus(lane->answer) != PGRES_TUPLES_OK ||
		PQntuples(lane->answer) != order->nlines)
		bad_answer(feed, lines, PQresultErrorMessage(lane->answer));
	for (int32_t i = 0; i < order->nlines; i++)
	{
		if (!request_answer(feed->book, lane->answer, i,
							&feed->told[order->first + i]))
			bad_answer(feed, &lines[i], "a status that it cannot have");
		feed->traffic[lines[i].sku].orders--;
	}
	PQclear(lane->answer);
	lane->answer = NULL;
	feed->done += order->nlines;
}

/*
 * read_lane - take what has arrived
 *
 * Each order gives its result, then NULL, then the sync.
 */
static void
read_lane(Feed *feed, Lane *lane)
{
	if (!PQconsumeInput(lane->conn))
		client_fail("connection lost: %s", PQerrorMessage(lane->conn));
	while (under_way(lane) > 0 && !PQisBusy(lane->conn))
	{
		PGresult   *result = PQgetResult(lane->conn);

		if (result == NULL && PQstatus(lane->conn) == CONNECTION_BAD)
			client_fail("connection lost: %s", PQerrorMessage(lane->conn));
		if (result == NULL)
			continue;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			PQclear(result);
			end_of_order(feed, lane);
			continue;
		}
		PQclear(lane->answer);
		lane->answer = result;
	}
}

static void
serve_lanes(Feed *feed, struct pollfd *polls)
{
	fill_lanes(feed);
	for (int i = 0; i < feed->nlanes; i++)
	{
		Lane	   *lane = &feed->lanes[i];

		flush_lane(lane);
		polls[i].fd = under_way(lane) > 0 ? PQsocket(lane->conn) : -1;
		polls[i].events = POLLIN | (lane->unsent ? POLLOUT : 0);
		polls[i].revents = 0;
	}
	if (poll(polls, (nfds_t) feed->nlanes, 1000) < 0 && errno != EINTR)
		client_fail("poll: %s", strerror(errno));
	for (int i = 0; i < feed->nlanes; i++)
		if (polls[i].revents & ~POLLOUT)
			read_lane(feed, &feed->lanes[i]);
}

static void
close_feed(Feed *feed)
{
	for (int i = 0; i < feed->nlanes; i++)
		PQfinish(feed->lanes[i].conn);
	free(feed->lanes);
	free(feed->traffic);
	free(feed->taken);
	request_free(&feed->request);
}

int64_t
feed_book(const char *dsn, int nconnections, const Book *book, Calls calls,
		  Told *told, FeedProgress progress)
{
	Feed		feed = {
		.book = book, .calls = calls, .told = told, .nlanes = nconnections,
		.lanes = client_alloc((size_t) nconnections * sizeof(Lane)),
		.traffic = client_alloc((size_t) book->skus.count * sizeof(Traffic)),
		.taken = client_alloc((size_t) book->norders * sizeof(bool)),
	};
	struct pollfd *polls = client_alloc((size_t) nconnections *
										sizeof(struct pollfd));
	int64_t		started;
	int64_t		elapsed;

	for (int i = 0; i < nconnections; i++)
		open_lane(&feed.lanes[i], dsn);

	started = client_now();
	while (feed.done < book->nlines)
	{
		serve_lanes(&feed, polls);
		progress(feed.done, book->nlines);
	}
	elapsed = client_now() - started;
	close_feed(&feed);
	free(polls);
	return elapsed;
}
