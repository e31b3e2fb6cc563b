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
	int32_t		quantity;		/* > 0 a sale, < 0 a return */
} Line;

typedef struct Book
{
	Line	   *lines;			/* of products, in time order */
	int64_t		nlines;
	int64_t		nskipped;		/* lines of fees and the like */
	NameMap		skus;			/* as written: "15056bl" is not "15056BL" */
	NameMap		invoices;
	char	  **names;			/* by SKU; NULL where the file has none */
	int64_t    *opening;		/* units by SKU */
} Book;

/* What a line should lead to, or did lead to. */
typedef struct Told
{
	enum
	{
		LINE_UNTOLD, LINE_DONE, LINE_REFUSED
	}			answer;
	int64_t		on_hand;		/* after it */
} Told;

/*
 * book_read - read a file of the shape that bench/README.md describes
 *
 * A line that does not fit the shape ends the program with its number.
 */
extern Book *book_read(const char *path);

/*
 * book_open - set the opening stock
 *
 * The highest running sum of the quantities, which is just enough to sell
 * every line; or half of that, rounded down.
 */
extern void book_open(Book *book, bool half);

/*
 * book_simulate - what every line should lead to, one line after the other
 *
 * A sale is refused when there is not enough for all of it.  Writes one Told
 * for each line and the final on hand of each SKU.
 */
extern void book_simulate(const Book *book, Told *expected,
						  int64_t *on_hand);

#endif							/* BOOK_H */
