/*
 * request.c - the call that an order of a book is
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

#define DEDUCT	"deduct"
#define RECEIVE "receive"
#define MANY	"many"
#define RETURN	"return"
#define APPLY	"apply"

/* The columns of an answer, by number: looking up names takes its time. */
enum
{
	LINE, STATUS, SKU, LOCATION, QUANTITY, ON_HAND, RESERVED, AVAILABLE,
	BACKORDERED, VERSION, MOVEMENT_ID, REPLAYED
};

#define ANSWER_OF	"SELECT line, status, sku, location, quantity, on_hand," \
	" reserved, available, backordered, version, movement_id, replayed FROM "

static const struct
{
	const char *name;
	const char *statement;
}			statements[] = {
	{DEDUCT, ANSWER_OF "inv_deduct($1, $2, reference => $3,"
	" strict => false)"},
	{RECEIVE, ANSWER_OF "inv_receive($1, $2, reference => $3)"},
	{MANY, ANSWER_OF "inv_deduct_many($1, $2, reference => $3, key => $4,"
	" strict => false)"},
	{RETURN, ANSWER_OF "inv_return($1, $2, $3)"},
	{APPLY, ANSWER_OF "inv_apply($1)"}
};

void
request_prepare(PGconn *conn)
{
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
	{
		PGresult   *result = PQprepare(conn, statements[i].name,
									   statements[i].statement, 0, NULL);

		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			client_fail("%sin: %s", PQerrorMessage(conn),
						statements[i].statement);
		PQclear(result);
	}
}

/* ---------- texts ---------- */

static void
add_byte(Text *text, char byte)
{
	text->bytes = client_grow(text->bytes, text->length, &text->room, 1);
	text->bytes[text->length++] = byte;
}

static void
add(Text *text, const char *value)
{
	for (; *value != '\0'; value++)
		add_byte(text, *value);
}

static void
add_number(Text *text, int64_t number)
{
	char		digits[32];

	snprintf(digits, sizeof(digits), "%lld", (long long) number);
	add(text, digits);
}

/* In double quotes, as both an array and a JSON object have it. */
static void
add_quoted(Text *text, const char *value)
{
	add_byte(text, '"');
	for (; *value != '\0'; value++)
	{
		if (*value == '"' || *value == '\\')
			add_byte(text, '\\');
		add_byte(text, *value);
	}
	add_byte(text, '"');
}

/* The next value of the request, which the caller builds. */
static Text *
next_text(Request *request)
{
	Text	   *text = &request->texts[request->nvalues++];

	text->length = 0;
	return text;
}

/* ---------- requests ---------- */

static int64_t
units(const Line *line)
{
	return line->quantity < 0 ? -(int64_t) line->quantity : line->quantity;
}

/* The key of an order: on which line of the file it begins. */
static int64_t
key_of(const Book *book, const Order *order)
{
	return book->lines[order->first].position;
}

static void
make_single(Request *request, const Book *book, const Line *line)
{
	request->statement = line->quantity < 0 ? RECEIVE : DEDUCT;
	add(next_text(request), book->skus.names[line->sku]);
	add_number(next_text(request), units(line));
	add(next_text(request), book->invoices.names[line->invoice]);
}

static void
make_many(Request *request, const Book *book, const Order *order)
{
	const Line *lines = &book->lines[order->first];
	Text	   *skus = next_text(request);
	Text	   *quantities = next_text(request);

	request->statement = MANY;
	for (int32_t i = 0; i < order->nlines; i++)
	{
		add_byte(skus, i == 0 ? '{' : ',');
		add_quoted(skus, book->skus.names[lines[i].sku]);
		add_byte(quantities, i == 0 ? '{' : ',');
		add_number(quantities, units(&lines[i]));
	}
	add_byte(skus, '}');
	add_byte(quantities, '}');
	add(next_text(request), book->invoices.names[lines->invoice]);
	add_number(next_text(request), key_of(book, order));
}

static void
make_return(Request *request, const Book *book, const Line *line)
{
	request->statement = RETURN;
	add_number(next_text(request), key_of(book, &book->orders[line->original]));
	add_number(next_text(request), units(line));
	add(next_text(request), book->skus.names[line->sku]);
}

static void
add_operation(Text *json, const Book *book, const Line *line)
{
	const char *operation = line->quantity > 0 ? "deduct" :
		line->original >= 0 ? "return" : "receive";

	add(json, "{\"op\":");
	add_quoted(json, operation);
	add(json, ",\"sku\":");
	add_quoted(json, book->skus.names[line->sku]);
	add(json, ",\"quantity\":");
	add_number(json, units(line));
	if (line->original >= 0)
	{
		add(json, ",\"of_key\":\"");
		add_number(json, key_of(book, &book->orders[line->original]));
		add(json, "\"");
	}
	add(json, "}");
}

static void
make_apply(Request *request, const Book *book, const Order *order)
{
	const Line *lines = &book->lines[order->first];
	Text	   *json = next_text(request);

	request->statement = APPLY;
	add(json, "{\"strict\":false,\"key\":\"");
	add_number(json, key_of(book, order));
	add(json, "\",\"reference\":");
	add_quoted(json, book->invoices.names[lines->invoice]);
	add(json, ",\"lines\":");
	for (int32_t i = 0; i < order->nlines; i++)
	{
		add_byte(json, i == 0 ? '[' : ',');
		add_operation(json, book, &lines[i]);
	}
	add(json, "]}");
}

void
request_make(Request *request, const Book *book, Calls calls,
			 const Order *order)
{
	const Line *line = &book->lines[order->first];

	request->nvalues = 0;
	if (calls == CALLS_APPLY)
		make_apply(request, book, order);
	else if (calls == CALLS_LINES || (line->quantity < 0 && line->original < 0))
		make_single(request, book, line);
	else if (line->quantity < 0)
		make_return(request, book, line);
	else
		make_many(request, book, order);
	for (int i = 0; i < request->nvalues; i++)
	{
		add_byte(&request->texts[i], '\0');
		request->values[i] = request->texts[i].bytes;
	}
}

void
request_free(Request *request)
{
	for (int i = 0; i < REQUEST_VALUES; i++)
		free(request->texts[i].bytes);
}

/* ---------- answers ---------- */

static int64_t
read_integer(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? UNTOLD :
		strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool
request_answer(const Book *book, const PGresult *result, int row, Told *told)
{
	static const char *const statuses[] = {
		[LINE_DONE] = "ok",
		[LINE_REFUSED] = "insufficient_stock",
		[LINE_NOT_APPLIED] = "not_applied",
	};
	const char *status = PQgetvalue(result, row, STATUS);

	for (int i = LINE_DONE; i <= LINE_NOT_APPLIED; i++)
		if (strcmp(status, statuses[i]) == 0)
			told->answer = i;
	told->sku = name_find(&book->skus, PQgetvalue(result, row, SKU));
	told->line = read_integer(result, row, LINE);
	told->quantity = read_integer(result, row, QUANTITY);
	told->on_hand = read_integer(result, row, ON_HAND);
	told->available = read_integer(result, row, AVAILABLE);
	told->version = read_integer(result, row, VERSION);
	told->movement = read_integer(result, row, MOVEMENT_ID);
	told->plain = !PQgetisnull(result, row, LOCATION) &&
		read_integer(result, row, RESERVED) == 0 &&
		read_integer(result, row, BACKORDERED) == 0 &&
		*PQgetvalue(result, row, REPLAYED) == 'f';
	return told->answer != LINE_UNTOLD;
}
