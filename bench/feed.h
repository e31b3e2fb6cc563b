/*
 * feed.h - send the lines of a book over several connections at once
 */
#ifndef FEED_H
#define FEED_H

#include "book.h"

/* Called now and then with the number of lines that have been answered. */
typedef void (*FeedProgress) (int64_t done, int64_t total);

/*
 * feed_book - make every line of a book one call, and note the answers
 *
 * A sale is an inv_deduct, a return an inv_receive, each in a transaction of
 * its own.  The lines of one SKU all go over one connection, so they are done
 * in the order of the book; lines of different SKUs are not ordered among
 * each other.  Any answer but done and refused ends the program.  Returns the
 * time it took.
 */
extern int64_t feed_book(const char *dsn, int nconnections, const Book *book,
						 Told *told, FeedProgress progress);

#endif							/* FEED_H */
