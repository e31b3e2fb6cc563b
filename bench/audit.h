/*
 * audit.h - was every line of a book answered rightly, and is the stock right?
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "book.h"

/*
 * Each returns the number of differences, after printing the first of them.
 */

/*
 * audit_answers - compare what every line was told with what it should be
 *
 * All columns of all answers.  Prints only if asked to.
 */
extern int64_t audit_answers(const Book *book, const Told *told,
							 const Told *expected, bool print);

/*
 * audit_tables - compare the tables with what should be in them
 *
 * The final stock of every SKU with the simulation, the sums of the ledger
 * with the answers.  inv_verify() must return nothing.
 */
extern int64_t audit_tables(PGconn *conn, const Book *book, Calls calls,
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
