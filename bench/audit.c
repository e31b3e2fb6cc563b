/*
 * audit.c - was every line of a book answered rightly, and is the stock right?
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "catalogue.h"
#include "csv.h"

#define MAX_REPORTED 20

static int64_t differences = 0;
static bool printing = true;

static void report(const char *format, ...)
			__attribute__((format(printf, 1, 2)));

static void
report(const char *format, ...)
{
	va_list		args;

	if (differences++ >= MAX_REPORTED || !printing)
		return;
	fputs("WRONG: ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* Say what is wrong beyond what was printed; the number of differences. */
static int64_t
conclude(void)
{
	int64_t		found = differences;

	if (printing && found > MAX_REPORTED)
		printf("WRONG: and %s more\n", client_commas(found - MAX_REPORTED));
	differences = 0;
	printing = true;
	return found;
}

/* ---------- the answers ---------- */

static const char *
answer_name(const Told *told)
{
	switch (told->answer)
	{
		case LINE_DONE:
			return "done";
		case LINE_REFUSED:
			return "refused";
		case LINE_NOT_APPLIED:
			return "not applied";
		default:
			return "never answered";
	}
}

static void
report_line(const Book *book, int64_t at, const char *what, int64_t told,
			int64_t expected)
{
	const Line *line = &book->lines[at];

	report("line %lld, %d of \"%s\": %s is %lld, should be %lld",
		   (long long) line->position, line->quantity,
		   book->skus.names[line->sku], what, (long long) told,
		   (long long) expected);
}

static void
audit_line(const Book *book, int64_t at, const Told *told,
		   const Told *expected)
{
	const Line *line = &book->lines[at];
	const struct
	{
		const char *name;
		int64_t		told;
		int64_t		expected;
	}			numbers[] = {
		{"line", told->line, expected->line},
		{"quantity", told->quantity, expected->quantity},
		{"on_hand", told->on_hand, expected->on_hand},
		{"available", told->available, expected->available},
		{"version", told->version, expected->version},
	};

	if (told->answer != expected->answer || told->sku != expected->sku ||
		!told->plain)
		report("line %lld, %d of \"%s\": %s, should be %s%s%s",
			   (long long) line->position, line->quantity,
			   book->skus.names[line->sku], answer_name(told),
			   answer_name(expected),
			   told->sku != expected->sku ? "; another SKU" : "",
			   told->plain ? "" : "; reserved, backordered or replayed");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].told != numbers[i].expected)
			report_line(book, at, numbers[i].name, numbers[i].told,
						numbers[i].expected);
}

/*
 * audit_movements - whose movements are the same, and which came first?
 *
 * We do not know the ids, but lines of one movement were told the same one,
 * and each movement of a SKU has a greater one than those before it.
 */
static void
audit_movements(const Book *book, const Told *told, const Told *expected)
{
	int64_t    *latest = client_alloc((size_t) book->skus.count *
									  sizeof(int64_t));
	int64_t    *ids = client_alloc((size_t) (book->nlines + 1) *
								   sizeof(int64_t));	/* by our number */

	for (int64_t i = 0; i < book->nlines; i++)
	{
		int32_t		sku = book->lines[i].sku;
		int64_t		number = expected[i].movement;
		int64_t		id = told[i].movement;

		if (number == UNTOLD || id == UNTOLD)
		{
			if (number != id)
				report_line(book, i, number == UNTOLD ? "movement_id"
							: "movement_id (null)", id, number);
			continue;
		}
		if (ids[number] == 0 && id <= latest[sku])
			report_line(book, i, "movement_id (after that)", id, latest[sku]);
		if (ids[number] != 0 && id != ids[number])
			report_line(book, i, "movement_id", id, ids[number]);
		ids[number] = latest[sku] = id;
	}
	free(latest);
	free(ids);
}

int64_t
audit_answers(const Book *book, const Told *told, const Told *expected,
			  bool print)
{
	printing = print;
	for (int64_t i = 0; i < book->nlines; i++)
		audit_line(book, i, &told[i], &expected[i]);
	audit_movements(book, told, expected);
	return conclude();
}

/* ---------- the tables ---------- */

static void
audit_levels(PGconn *conn, const Book *book, const int64_t *expected)
{
	PGresult   *result = client_query(conn,
									  "SELECT r.sku,"
									  " coalesce(sum(l.on_hand), 0) AS on_hand"
									  " FROM replay_sku AS r"
									  " LEFT JOIN inv_stock_level AS l"
									  " ON l.sku COLLATE \"C\" = r.sku"
									  " GROUP BY r.sku", 0, NULL);

	if (PQntuples(result) != book->skus.count)
		report("%d SKUs in the database, %d in the file", PQntuples(result),
			   book->skus.count);
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *name = client_text(result, row, "sku");
		int64_t		on_hand = client_integer(result, row, "on_hand");
		int32_t		sku = name_find(&book->skus, name);

		if (sku < 0 || on_hand != expected[sku])
			report("\"%s\" has %lld on hand, should be %lld", name,
				   (long long) on_hand,
				   (long long) (sku < 0 ? 0 : expected[sku]));
	}
	PQclear(result);
}

/* What the ledger should have of a kind. */
typedef enum Kind
{
	DEDUCT, RECEIVE, RETURN, KINDS
} Kind;

typedef struct Sums
{
	int64_t		movements[KINDS];
	int64_t		units[KINDS];
} Sums;

static Kind
kind_of(const Line *line, Calls calls)
{
	if (line->quantity > 0)
		return DEDUCT;
	return calls == CALLS_LINES || line->original < 0 ? RECEIVE : RETURN;
}

static void
sum_order(const Book *book, const Order *order, Calls calls,
		  const Told *expected, Sums *sums)
{
	int64_t		latest = 0;		/* of the movements counted so far */

	for (int64_t i = order->first; i < order->first + order->nlines; i++)
	{
		Kind		kind = kind_of(&book->lines[i], calls);

		sums->units[kind] -= book->lines[i].quantity;
		if (expected[i].movement <= latest)
			continue;
		sums->movements[kind]++;
		latest = expected[i].movement;
	}
}

/* One movement for each SKU and kind of an order that was done, and no more. */
static void
audit_ledger(PGconn *conn, const Book *book, Calls calls, const Told *told,
			 const Told *expected)
{
	Sums		sums = {{0}, {0}};
	PGresult   *result;

	for (int32_t i = 0; i < book->skus.count; i++)
	{
		sums.movements[RECEIVE] += book->opening[i] > 0;
		sums.units[RECEIVE] += book->opening[i];
	}
	for (int32_t i = 0; i < book->norders; i++)
		if (told[book->orders[i].first].answer == LINE_DONE)
			sum_order(book, &book->orders[i], calls, expected, &sums);
	result = client_query(conn,
						  "SELECT k.kind, count(m.on_hand_delta) AS movements,"
						  " coalesce(sum(m.on_hand_delta), 0) AS units"
						  " FROM (VALUES (0, 'deduct'), (1, 'receive'),"
						  " (2, 'return'))"
						  " AS k (position, kind) LEFT JOIN"
						  " (inv_movement AS m JOIN replay_sku AS r"
						  " ON r.sku = m.sku COLLATE \"C\")"
						  " ON m.kind = k.kind COLLATE \"C\""
						  " GROUP BY k.position, k.kind ORDER BY k.position",
						  0, NULL);
	for (int i = 0; i < KINDS; i++)
		if (client_integer(result, i, "movements") != sums.movements[i] ||
			client_integer(result, i, "units") != sums.units[i])
			report("the ledger has %lld movements of kind %s of %lld units, "
				   "should be %lld of %lld",
				   (long long) client_integer(result, i, "movements"),
				   client_text(result, i, "kind"),
				   (long long) client_integer(result, i, "units"),
				   (long long) sums.movements[i], (long long) sums.units[i]);
	PQclear(result);
}

static void
audit_verify(PGconn *conn)
{
	PGresult   *result = client_query(conn,
									  "SELECT v::text FROM inv_verify() AS v",
									  0, NULL);

	for (int row = 0; row < PQntuples(result); row++)
		report("inv_verify(): %s", PQgetvalue(result, row, 0));
	PQclear(result);
}

int64_t
audit_tables(PGconn *conn, const Book *book, Calls calls, const Told *told,
			 const Told *expected, const int64_t *on_hand)
{
	audit_levels(conn, book, on_hand);
	audit_ledger(conn, book, calls, told, expected);
	audit_verify(conn);
	return conclude();
}

/* ---------- an opening stock that suffices ---------- */

static void
load_file(PGconn *conn, const char *path)
{
	static char buffer[1 << 16];
	CsvFile    *file = csv_open(path);
	size_t		size;

	client_command(conn, "CREATE TEMPORARY TABLE replay_file"
				   " (position bigint GENERATED ALWAYS AS IDENTITY,"
				   " invoice text, sku text COLLATE \"C\", description text,"
				   " quantity bigint, invoice_ts timestamp,"
				   " unit_price numeric, customer bigint, country text)");
	client_command(conn, "COPY replay_file (invoice, sku, description,"
				   " quantity, invoice_ts, unit_price, customer, country)"
				   " FROM STDIN (FORMAT csv, HEADER)");
	while ((size = csv_bytes(file, buffer, sizeof(buffer))) > 0)
		copy_bytes(conn, buffer, size);
	copy_end(conn);
	csv_close(file);
	client_command(conn, "ANALYZE replay_file");
}

/* An order is done when its first line is due; call says what is an order. */
static void
audit_sql(PGconn *conn, const Book *book, Calls calls, const char *path)
{
	static const char *const call[] = {
		[CALLS_LINES] = "position",
		[CALLS_ORDERS] = "CASE WHEN quantity < 0 THEN position END, invoice,"
		" sign(quantity)",
		[CALLS_APPLY] = "invoice, sign(quantity)"
	};
	char		statement[2048];
	PGresult   *result;

	load_file(conn, path);
	snprintf(statement, sizeof(statement),
			 "WITH line AS (SELECT *, row_number() OVER"
			 " (ORDER BY invoice_ts, position) AS due"
			 " FROM replay_file WHERE sku ~ '^[0-9]{5}'),"
			 " ordered AS (SELECT *, min(due) OVER (PARTITION BY %s)"
			 " AS order_due FROM line),"
			 " running AS (SELECT sku, quantity,"
			 " sum(quantity) OVER (PARTITION BY sku"
			 " ORDER BY order_due, due) AS needed FROM ordered),"
			 " file AS (SELECT sku,"
			 " greatest(max(needed), 0) - sum(quantity)"
			 " AS on_hand FROM running GROUP BY sku),"
			 " stock AS (SELECT sku COLLATE \"C\" AS sku,"
			 " sum(on_hand) AS on_hand FROM inv_stock_level"
			 " GROUP BY 1)"
			 " SELECT f.sku, f.on_hand AS expected,"
			 " s.on_hand AS found, f.on_hand"
			 " IS DISTINCT FROM coalesce(s.on_hand, 0) AS differs"
			 " FROM file AS f LEFT JOIN stock AS s USING (sku)", call[calls]);
	result = client_query(conn, statement, 0, NULL);
	if (PQntuples(result) != book->skus.count)
		report("SQL finds %d product SKUs in the file, replay %d",
			   PQntuples(result), book->skus.count);
	for (int row = 0; row < PQntuples(result); row++)
		if (*client_text(result, row, "differs") == 't')
			report("\"%s\" has %s on hand, by SQL it should be %s",
				   client_text(result, row, "sku"),
				   client_text(result, row, "found"),
				   client_text(result, row, "expected"));
	PQclear(result);
}

int64_t
audit_full(PGconn *conn, const Book *book, Calls calls, const Told *told,
		   const char *path)
{
	for (int64_t i = 0; i < book->nlines; i++)
		if (told[i].answer != LINE_DONE)
			report("line %lld, %d of \"%s\": %s although stock suffices",
				   (long long) book->lines[i].position,
				   book->lines[i].quantity,
				   book->skus.names[book->lines[i].sku],
				   answer_name(&told[i]));
	audit_sql(conn, book, calls, path);
	return conclude();
}
