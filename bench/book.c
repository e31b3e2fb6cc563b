/*
 * book.c - the order lines of a file, and what they should do to the stock
 *
 * Nothing here knows of a database: the simulation is what the answers of
 * one are compared with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "csv.h"

enum
{
	INVOICE, SKU, DESCRIPTION, QUANTITY, INVOICE_TS, UNIT_PRICE, CUSTOMER,
	COUNTRY, NFIELDS
};

static const char *const header[NFIELDS] = {
	"invoice", "sku", "description", "quantity", "invoice_ts", "unit_price",
	"customer", "country"
};

typedef struct Reader
{
	Book	   *book;
	const char *path;
	CsvFile    *file;
	int64_t		room;			/* of book->lines */
	int64_t		names_room;
	bool		unsorted;
} Reader;

static void
read_header(const Reader *reader)
{
	const char *fields[NFIELDS];

	if (!csv_row(reader->file, fields, NFIELDS))
		client_fail("%s is empty", reader->path);
	for (int i = 0; i < NFIELDS; i++)
		if (strcmp(fields[i], header[i]) != 0)
			client_fail("%s: column %d is \"%s\", not \"%s\"", reader->path,
						i + 1, fields[i], header[i]);
}

static int32_t
parse_quantity(const Reader *reader, const char *text)
{
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number == 0 ||
		number > INT32_MAX || number < -INT32_MAX)
		client_fail("%s, line %lld: the quantity is \"%s\"", reader->path,
					(long long) csv_line(reader->file), text);
	return (int32_t) number;
}

/* A time as a number that sorts like it. */
static int64_t
parse_time(const Reader *reader, const char *text)
{
	int			year,
				month,
				day,
				hour,
				minute,
				second;
	int			length = -1;

	if (sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d%n", &year, &month, &day,
			   &hour, &minute, &second, &length) != 6 ||
		text[length] != '\0')
		client_fail("%s, line %lld: the time is \"%s\"", reader->path,
					(long long) csv_line(reader->file), text);
	return ((((year * INT64_C(100) + month) * 100 + day) * 100 + hour) * 100
			+ minute) * 100 + second;
}

/* Five digits first: a product.  Postage, fees, vouchers do not have them. */
static bool
is_product(const char *sku)
{
	return strspn(sku, "0123456789") >= 5;
}

/* The first description of a SKU that says something becomes its name. */
static void
note_name(Reader *reader, int32_t sku, const char *description)
{
	Book	   *book = reader->book;
	size_t		length;

	if (book->skus.count > reader->names_room)
	{
		int64_t		old = reader->names_room;

		book->names = client_grow(book->names, old, &reader->names_room,
								  sizeof(char *));
		memset(book->names + old, 0,
			   (size_t) (reader->names_room - old) * sizeof(char *));
	}
	if (book->names[sku] != NULL)
		return;
	description += strspn(description, " ");
	length = strlen(description);
	while (length > 0 && description[length - 1] == ' ')
		length--;
	if (length == 0)
		return;
	book->names[sku] = client_copy(description);
	book->names[sku][length] = '\0';
}

static void
add_line(Reader *reader, const char **fields)
{
	Book	   *book = reader->book;
	const Line	line = {
		.time = parse_time(reader, fields[INVOICE_TS]),
		.position = csv_line(reader->file),
		.sku = name_add(&book->skus, fields[SKU]),
		.invoice = name_add(&book->invoices, fields[INVOICE]),
		.customer = *fields[CUSTOMER] == '\0' ? -1
		: name_add(&book->customers, fields[CUSTOMER]),
		.original = -1,
		.quantity = parse_quantity(reader, fields[QUANTITY]),
	};

	book->lines = client_grow(book->lines, book->nlines, &reader->room,
							  sizeof(Line));
	if (book->nlines > 0 && line.time < book->lines[book->nlines - 1].time)
		reader->unsorted = true;
	book->lines[book->nlines++] = line;
	note_name(reader, line.sku, fields[DESCRIPTION]);
}

static int
compare_lines(const void *left, const void *right)
{
	const Line *a = left;
	const Line *b = right;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->position < b->position ? -1 : a->position > b->position;
}

/* ---------- orders ---------- */

/*
 * order_of - the order that a line belongs to; by_invoice knows the orders of
 * each invoice and sign, counted from 1
 */
static int32_t
order_of(Book *book, const Line *line, Calls calls, int32_t *by_invoice)
{
	int			gives_back = line->quantity < 0;
	int32_t    *known = &by_invoice[2 * line->invoice + gives_back];

	if (calls == CALLS_LINES || (calls == CALLS_ORDERS && gives_back))
		return book->norders++;
	if (*known == 0)
		*known = ++book->norders;
	return *known - 1;
}

void
book_arrange(Book *book, Calls calls)
{
	size_t		n = (size_t) book->nlines;
	int32_t    *order = client_alloc(n * sizeof(int32_t));
	int32_t    *by_invoice = client_alloc(2 * (size_t) book->invoices.count *
										  sizeof(int32_t));
	Line	   *lines = client_alloc(n * sizeof(Line));

	for (size_t i = 0; i < n; i++)
		order[i] = order_of(book, &book->lines[i], calls, by_invoice);
	book->orders = client_alloc((size_t) book->norders * sizeof(Order));
	for (size_t i = 0; i < n; i++)
		book->orders[order[i]].nlines++;
	for (int32_t i = 1; i < book->norders; i++)
		book->orders[i].first = book->orders[i - 1].first +
			book->orders[i - 1].nlines;
	for (int32_t i = 0; i < book->norders; i++)
		book->orders[i].nlines = 0;
	for (size_t i = 0; i < n; i++)
	{
		Order	   *to = &book->orders[order[i]];

		lines[to->first + to->nlines++] = book->lines[i];
	}
	free(book->lines);
	book->lines = lines;
	free(by_invoice);
	free(order);
}

Book *
book_read(const char *path, Calls calls)
{
	Book	   *book = client_alloc(sizeof(Book));
	Reader		reader = {.book = book, .path = path};
	const char *fields[NFIELDS];

	reader.file = csv_open(path);
	read_header(&reader);
	while (csv_row(reader.file, fields, NFIELDS))
	{
		if (is_product(fields[SKU]))
			add_line(&reader, fields);
		else
			book->nskipped++;
	}
	csv_close(reader.file);
	if (book->nlines == 0)
		client_fail("%s has no line of a product", path);
	if (reader.unsorted)
		qsort(book->lines, (size_t) book->nlines, sizeof(Line),
			  compare_lines);
	book_arrange(book, calls);
	return book;
}

void
book_open(Book *book, bool half)
{
	size_t		size = (size_t) book->skus.count * sizeof(int64_t);
	int64_t    *running = client_alloc(size);

	book->opening = client_alloc(size);
	for (int64_t i = 0; i < book->nlines; i++)
	{
		const Line *line = &book->lines[i];

		running[line->sku] += line->quantity;
		if (running[line->sku] > book->opening[line->sku])
			book->opening[line->sku] = running[line->sku];
	}
	for (int32_t i = 0; half && i < book->skus.count; i++)
		book->opening[i] /= 2;
	free(running);
}

/* ---------- what should happen ---------- */

/* What an order sold of a SKU, in a chain of the same customer and SKU. */
typedef struct Sale
{
	int32_t		order;
	int32_t		sku;
	int64_t		left;			/* and not given back yet */
	int64_t		earlier;		/* index + 1 of the sale before it */
} Sale;

typedef struct Simulation
{
	Book	   *book;
	Told	   *expected;
	int64_t    *on_hand;		/* by SKU */
	int64_t    *version;		/* by SKU; 0: it has no stock row yet */
	int64_t		nmovements;
	int64_t    *wanted;			/* by SKU, of the order at hand; else 0 */
	Sale	   *sales;
	int64_t		nsales;
	int64_t		room;
	int64_t    *latest;			/* by customer: index + 1 of the last sale */
} Simulation;

/*
 * move_stock - what a line of an order changes
 *
 * Lines of an order share a movement, and a version, if they take from the
 * same SKU, or give back to it what is of the same sale.
 */
static void
move_stock(Simulation *simulation, const Order *order, int32_t at)
{
	const Line *lines = &simulation->book->lines[order->first];
	Told	   *expected = &simulation->expected[order->first];
	int32_t		same = 0;

	while (lines[same].sku != lines[at].sku ||
		   lines[same].original != lines[at].original)
		same++;
	if (same == at)
	{
		simulation->version[lines[at].sku]++;
		expected[at].movement = ++simulation->nmovements;
	}
	expected[at].movement = expected[same].movement;
	expected[at].answer = LINE_DONE;
	simulation->on_hand[lines[at].sku] -= lines[at].quantity;
}

/* What all lines are told when the order is done, or refused. */
static void
tell_order(Simulation *simulation, const Order *order)
{
	for (int32_t i = 0; i < order->nlines; i++)
	{
		const Line *line = &simulation->book->lines[order->first + i];
		Told	   *expected = &simulation->expected[order->first + i];

		expected->sku = line->sku;
		expected->line = i + 1;
		expected->quantity = line->quantity < 0 ? -(int64_t) line->quantity
			: line->quantity;
		expected->on_hand = simulation->on_hand[line->sku];
		expected->available = simulation->on_hand[line->sku];
		expected->version = simulation->version[line->sku];
		expected->plain = true;
		if (expected->answer != LINE_DONE)
			expected->movement = UNTOLD;
	}
}

/* Note what an order sold; lines of the same SKU are one sale. */
static void
note_sales(Simulation *simulation, int32_t order)
{
	const Order *sold = &simulation->book->orders[order];

	for (int32_t i = 0; i < sold->nlines; i++)
	{
		const Line *line = &simulation->book->lines[sold->first + i];
		int64_t    *latest;

		if (line->customer < 0 || simulation->wanted[line->sku] == 0)
			continue;
		latest = &simulation->latest[line->customer];
		simulation->sales = client_grow(simulation->sales, simulation->nsales,
										&simulation->room, sizeof(Sale));
		simulation->sales[simulation->nsales++] = (Sale)
		{
			.order = order, .sku = line->sku,
				.left = simulation->wanted[line->sku], .earlier = *latest
		};
		*latest = simulation->nsales;
		simulation->wanted[line->sku] = 0;
	}
}

static void
simulate_sale(Simulation *simulation, int32_t number)
{
	const Order *order = &simulation->book->orders[number];
	const Line *lines = &simulation->book->lines[order->first];
	Told	   *expected = &simulation->expected[order->first];
	bool		enough = true;

	for (int32_t i = 0; i < order->nlines; i++)
		simulation->wanted[lines[i].sku] += lines[i].quantity;
	for (int32_t i = 0; i < order->nlines; i++)
	{
		expected[i].answer = LINE_NOT_APPLIED;
		if (simulation->wanted[lines[i].sku] <=
			simulation->on_hand[lines[i].sku])
			continue;
		expected[i].answer = LINE_REFUSED;
		enough = false;
	}
	for (int32_t i = 0; enough && i < order->nlines; i++)
		move_stock(simulation, order, i);
	tell_order(simulation, order);
	if (enough)
		note_sales(simulation, number);
	for (int32_t i = 0; i < order->nlines; i++)
		simulation->wanted[lines[i].sku] = 0;
}

/* Find what a line gives back a part of. */
static void
find_original(Simulation *simulation, Line *line)
{
	int64_t		at = line->customer < 0 ? 0
		: simulation->latest[line->customer];

	for (; at > 0; at = simulation->sales[at - 1].earlier)
	{
		Sale	   *sale = &simulation->sales[at - 1];

		if (sale->sku != line->sku || sale->left < -line->quantity)
			continue;
		sale->left += line->quantity;
		line->original = sale->order;
		return;
	}
}

static void
simulate_return(Simulation *simulation, const Order *order)
{
	for (int32_t i = 0; i < order->nlines; i++)
	{
		find_original(simulation,
					  &simulation->book->lines[order->first + i]);
		move_stock(simulation, order, i);
	}
	tell_order(simulation, order);
}

void
book_simulate(Book *book, Told *expected, int64_t *on_hand)
{
	size_t		size = (size_t) book->skus.count * sizeof(int64_t);
	Simulation	simulation = {
		.book = book, .expected = expected, .on_hand = on_hand,
		.wanted = client_alloc(size),
		.version = client_alloc(size),
		.latest = client_alloc((size_t) (book->customers.count + 1) *
							   sizeof(int64_t))
	};

	memcpy(on_hand, book->opening, size);
	for (int32_t i = 0; i < book->skus.count; i++)
		simulation.version[i] = book->opening[i] > 0;
	for (int32_t i = 0; i < book->norders; i++)
		if (book->lines[book->orders[i].first].quantity > 0)
			simulate_sale(&simulation, i);
		else
			simulate_return(&simulation, &book->orders[i]);
	free(simulation.wanted);
	free(simulation.version);
	free(simulation.latest);
	free(simulation.sales);
}
