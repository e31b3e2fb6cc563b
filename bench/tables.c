/*
 * tables.c - what the tables say, before and after
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "sale.h"
#include "tables.h"

#define QUIET_SECONDS 60

static Level
read_level(PGconn *conn, const char *sku, const char *location)
{
	const char *const values[] = {sku, location};
	PGresult   *result = client_query(conn,
									  "SELECT on_hand, reserved, available,"
									  " version FROM inv_stock_level"
									  " WHERE sku = $1 AND location = $2",
									  2, values);
	Level		level;

	if (PQntuples(result) != 1)
		client_fail("there is no stock of \"%s\" at \"%s\": receive some with "
					"inv_receive() first", sku, location);
	level.on_hand = client_integer(result, 0, "on_hand");
	level.reserved = client_integer(result, 0, "reserved");
	level.available = client_integer(result, 0, "available");
	level.version = client_integer(result, 0, "version");
	PQclear(result);
	return level;
}

void
tables_opening(PGconn *conn, History *history)
{
	const NameMap *skus = &history->skus;
	PGresult   *result = client_query(conn,
									  "SELECT coalesce(nullif("
									  "current_setting("
									  "'inventory.default_location', true)"
									  ", ''), 'main')", 0, NULL);
	char	   *location = client_copy(PQgetvalue(result, 0, 0));

	PQclear(result);
	history->nstocks = skus->count;
	history->stocks = client_alloc((size_t) skus->count * sizeof(Stock));
	for (int32_t i = 0; i < skus->count; i++)
	{
		Stock	   *stock = &history->stocks[i];

		stock->sku = skus->names[i];
		stock->location = location;
		stock->opening = read_level(conn, stock->sku, location);
	}
}

int32_t
tables_stock(const History *history, const char *sku, const char *location)
{
	int32_t		stock = sku ? name_find(&history->skus, sku) : -1;

	if (stock < 0 || location == NULL ||
		strcmp(history->stocks[stock].location, location) != 0)
		return -1;
	return stock;
}

/* Does the server still hold a connection of one of our clients? */
static bool
run_is_quiet(PGconn *conn, const History *history)
{
	char		application[REFERENCE_SIZE];
	const char *const values[] = {application};
	PGresult   *result;
	bool		quiet;

	sale_application(history, application);
	result = client_query(conn,
						  "SELECT FROM pg_stat_activity"
						  " WHERE application_name = $1", 1, values);
	quiet = PQntuples(result) == 0;
	PQclear(result);
	return quiet;
}

static void
wait_until_quiet(PGconn *conn, const History *history)
{
	int64_t		end = client_now() + QUIET_SECONDS * NS_PER_SECOND;

	while (!run_is_quiet(conn, history))
	{
		if (client_now() > end)
			client_fail("connections of this run are still at work after %d "
						"seconds: the outcome cannot be judged",
						QUIET_SECONDS);
		poll(NULL, 0, 10);
	}
}

/*
 * movements_query - the movements of a run, and all of its stock since then
 *
 * The opening versions are written into the text: libpq has no arrays.
 */
static char *
movements_query(PGconn *conn, const History *history)
{
	char	   *query;
	size_t		size;
	FILE	   *out = open_memstream(&query, &size);

	if (out == NULL)
		client_fail("out of memory");
	fputs("SELECT movement_id, sku, location, kind, on_hand_delta, version,"
		  " reference FROM inv_movement AS m WHERE starts_with(reference, $1)"
		  " OR EXISTS (SELECT FROM (VALUES ", out);
	for (int32_t i = 0; i < history->nstocks; i++)
	{
		const Stock *stock = &history->stocks[i];
		char	   *sku = PQescapeLiteral(conn, stock->sku,
										  strlen(stock->sku));
		char	   *location = PQescapeLiteral(conn, stock->location,
											   strlen(stock->location));

		fprintf(out, "%s(%s, %s, %lld::bigint)", i > 0 ? ", " : "",
				sku, location, (long long) stock->opening.version);
		PQfreemem(sku);
		PQfreemem(location);
	}
	fputs(") AS o (sku, location, version) WHERE m.sku = o.sku"
		  " AND m.location = o.location AND m.version > o.version)", out);
	fclose(out);
	return query;
}

/* The texts of a movement stay in the PGresult. */
static Movement
read_movement(const History *history, const PGresult *result, int row)
{
	const char *kind = client_text(result, row, "kind");
	Movement	movement = {
		.movement_id = client_integer(result, row, "movement_id"),
		.stock = tables_stock(history, client_text(result, row, "sku"),
							  client_text(result, row, "location")),
		.kind = kind ? kind : "movement without a kind",
		.on_hand_delta = client_integer(result, row, "on_hand_delta"),
		.version = client_integer(result, row, "version"),
		.reference = client_text(result, row, "reference"),
	};

	return movement;
}

/* The result is kept: the movements point into it. */
static void
read_movements(PGconn *conn, History *history)
{
	char		prefix[REFERENCE_SIZE];
	const char *const values[] = {prefix};
	char	   *query = movements_query(conn, history);
	PGresult   *result;

	snprintf(prefix, sizeof(prefix), "%s-", history->run);
	result = client_query(conn, query, 1, values);
	history->nmovements = PQntuples(result);
	history->movements = client_alloc((size_t) history->nmovements *
									  sizeof(Movement));
	for (int i = 0; i < PQntuples(result); i++)
		history->movements[i] = read_movement(history, result, i);
	free(query);
}

static void
read_discrepancies(PGconn *conn, History *history)
{
	PGresult   *result = client_query(conn,
									  "SELECT v::text FROM inv_verify() AS v",
									  0, NULL);

	history->discrepancies = PQntuples(result);
	if (history->discrepancies > 0)
		history->discrepancy = client_copy(PQgetvalue(result, 0, 0));
	PQclear(result);
}

void
tables_final(PGconn *conn, History *history)
{
	wait_until_quiet(conn, history);
	client_command(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	for (int32_t i = 0; i < history->nstocks; i++)
		history->stocks[i].final = read_level(conn, history->stocks[i].sku,
											  history->stocks[i].location);
	read_movements(conn, history);
	read_discrepancies(conn, history);
	client_command(conn, "COMMIT");
}
