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

Book *
book_read(const char *path)
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

void
book_simulate(const Book *book, Told *expected, int64_t *on_hand)
{
	memcpy(on_hand, book->opening,
		   (size_t) book->skus.count * sizeof(int64_t));
	for (int64_t i = 0; i < book->nlines; i++)
	{
		const Line *line = &book->lines[i];

		expected[i].answer = LINE_REFUSED;
		if (on_hand[line->sku] >= line->quantity)
		{
			on_hand[line->sku] -= line->quantity;
			expected[i].answer = LINE_DONE;
		}
		expected[i].on_hand = on_hand[line->sku];
	}
}
