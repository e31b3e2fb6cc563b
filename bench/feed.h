/*
 * feed.h - send the orders of a book over several connections at once
 */
#ifndef FEED_H
#define FEED_H

#include "book.h"

/* Called now and then with the number of lines that have been answered. */
typedef void (*FeedProgress) (int64_t done, int64_t total);

/*
 * feed_book - make every order of a book one call, and note the answers
 *
 * Each is a transaction of its own.  Line by line a sale is an inv_deduct, a
 * return an inv_receive.  As orders a sale is an inv_deduct_many under the
 * position of its first line as key, a return an inv_return of that key where
 * its sale is known, else an inv_receive; or both are an inv_apply.
 *
 * Orders that have a SKU in common are done in the order of the book, others
 * are not ordered among each other.  Any answer but done, refused and not
 * applied ends the program.  Returns the time it took.
 */
extern int64_t feed_book(const char *dsn, int nconnections, const Book *book,
						 Calls calls, Told *told, FeedProgress progress);

#endif							/* FEED_H */
