/*
 * audit.h - was every line of a book answered rightly, and is the stock right?
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "book.h"

/*
 * audit_book - compare the answers and the tables with what should be
 *
 * Against the simulation: every answer, line by line, and the final stock of
 * every SKU.  Against the answers: the sums of the ledger.  inv_verify() must
 * return nothing.  Returns the number of differences, after printing the
 * first of them.
 */
extern int64_t audit_book(PGconn *conn, const Book *book, Calls calls,
						  const Told *told, const Told *expected,
						  const int64_t *on_hand);

/*
 * audit_full - what else must be so when the opening stock suffices
 *
 * Every line was done, and the final stock agrees with the file by SQL alone:
 * loads the file into a temporary table as it is and computes opening plus
 * returns minus sales there, SKU by SKU, without anything that this program
 * worked out.
 */
extern int64_t audit_full(PGconn *conn, const Book *book, Calls calls,
						  const Told *told, const char *path);

#endif							/* AUDIT_H */
