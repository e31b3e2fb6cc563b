/*
 * sale.h - many clients that buy at the same time
 */
#ifndef SALE_H
#define SALE_H

#include "check.h"

typedef struct SaleOptions
{
	const char *dsn;
	int32_t		nclients;
	int64_t		seconds;		/* 0: until the calls are made */
	int64_t		ncalls;			/* all clients together; 0: until the time */
	int64_t		quantity_max;
	int64_t		restock;		/* per cent of the calls that receive */
	uint64_t	seed;
	const char *journal;		/* file to append to, or NULL */
	int64_t		reconnect;		/* seconds to try after a loss */
} SaleOptions;

typedef struct SaleSummary
{
	int64_t		elapsed;		/* first call to last answer */
	int32_t		gave_up;		/* clients that could not connect again */
} SaleSummary;

/*
 * sale_run - let the clients call until time or calls are used up
 *
 * Wants history->run, stocks and openings; fills in the logs.  Every client
 * waits until all are connected, then each calls as fast as it is answered.
 */
extern SaleSummary sale_run(const SaleOptions *options, History *history);

/* The name under which the connections of a run show in pg_stat_activity. */
extern void sale_application(const History *history, char *buffer);

#endif							/* SALE_H */
