/*
 * book.h - the order lines of a file, and what they should do to the stock
 */
#ifndef BOOK_H
#define BOOK_H

#include "client.h"

typedef struct Line
{
	int64_t		time;			/* yyyymmddhhmmss */
	int64_t		position;		/* the line of the file on which it begins */
	int32_t		sku;			/* index in Book.skus */
	int32_t		invoice;		/* index in Book.invoices */
	int32_t		customer;		/* index in Book.customers, -1 unknown */
	int32_t		quantity;		/* > 0 a sale, < 0 a return */
	int32_t		original;		/* of a return: the order that it gives back a
								 * part of, -1 unknown; by book_simulate() */
} Line;

/* Lines that are one call: all of the same sign. */
typedef struct Order
{
	int64_t		first;			/* index in Book.lines */
	int32_t		nlines;
} Order;

/* What is made one call. */
typedef enum Calls
{
	CALLS_LINES,				/* each line */
	CALLS_ORDERS,				/* what an invoice sells; each line given back */
	CALLS_APPLY					/* what an invoice sells; what it gives back */
} Calls;

typedef struct Book
{
	Line	   *lines;			/* of products, in the order of the orders */
	int64_t		nlines;
	int64_t		nskipped;		/* lines of fees and the like */
	Order	   *orders;			/* by the time of their first line */
	int32_t		norders;
	NameMap		skus;			/* as written: "15056bl" is not "15056BL" */
	NameMap		invoices;
	NameMap		customers;
	char	  **names;			/* by SKU; NULL where the file has none */
	int64_t    *opening;		/* units by SKU */
} Book;

/* What a line should be answered, or was answered. */
typedef struct Told
{
	enum
	{
		LINE_UNTOLD, LINE_DONE, LINE_REFUSED,
		LINE_NOT_APPLIED		/* another line of the order was refused */
	}			answer;
	int32_t		sku;			/* index in Book.skus; -1 another */
	int64_t		line;			/* of the order, from 1 */
	int64_t		quantity;
	int64_t		on_hand;		/* after the order, and so the next two */
	int64_t		available;
	int64_t		version;
	int64_t		movement;		/* the id, UNTOLD none; what should be has its own
								 * numbers for them, from 1 */
	bool		plain;			/* nothing reserved, backordered, replayed */
} Told;

/*
 * book_read - read a file of the shape that bench/README.md describes
 *
 * A line that does not fit the shape ends the program with its number.
 */
extern Book *book_read(const char *path, Calls calls);

/*
 * book_arrange - deal the lines, which are in time order, out to orders
 *
 * Puts those of an order together.  The lines must be memory of their own.
 */
extern void book_arrange(Book *book, Calls calls);

/*
 * book_open - set the opening stock
 *
 * The highest running sum of the quantities, which is just enough to sell
 * every line; or half of that, rounded down.
 */
extern void book_open(Book *book, bool half);

/*
 * book_simulate - what every line should lead to, one order after the other
 *
 * An order is refused when there is not enough for all of it.  Finds for each
 * return the latest earlier order of the same customer that sold so much of
 * the SKU and has not got it back.  Writes one Told for each line and the
 * final on hand of each SKU.
 */
extern void book_simulate(Book *book, Told *expected, int64_t *on_hand);

#endif							/* BOOK_H */
