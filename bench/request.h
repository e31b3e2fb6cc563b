/*
 * request.h - the call that an order of a book is
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "book.h"

#define REQUEST_VALUES 4

/* A text that grows. */
typedef struct Text
{
	char	   *bytes;
	int64_t		length;
	int64_t		room;
} Text;

typedef struct Request
{
	const char *statement;		/* the name of a prepared one */
	int			nvalues;
	const char *values[REQUEST_VALUES];
	Text		texts[REQUEST_VALUES];	/* where they are built; kept */
} Request;

/* Prepare the statements that requests name. */
extern void request_prepare(PGconn *conn);

/*
 * request_answer - read the row of a result that answers a line
 *
 * Returns false if its status is none that there is a word for in Told.
 */
extern bool request_answer(const Book *book, const PGresult *result, int row,
						   Told *told);

/* Make the request of an order; what it held before is overwritten. */
extern void request_make(Request *request, const Book *book, Calls calls,
						 const Order *order);

extern void request_free(Request *request);

#endif							/* REQUEST_H */
