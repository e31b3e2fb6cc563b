/*
 * tables.h - what the tables say, before and after
 */
#ifndef TABLES_H
#define TABLES_H

#include "check.h"

/* Read the stock of history->skus at the default location. */
extern void tables_opening(PGconn *conn, History *history);

/*
 * tables_final - read the levels and movements of a run in one snapshot
 *
 * First waits until no connection of the run is left in the server: one that
 * its client lost may still be about to commit.
 */
extern void tables_final(PGconn *conn, History *history);

/* The stock that an answer or a movement is about; -1 if it is another. */
extern int32_t tables_stock(const History *history, const char *sku,
							const char *location);

#endif							/* TABLES_H */
