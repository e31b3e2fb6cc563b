/*
 * breaker.h
 *		When to leave the sink alone.
 *
 *		closed --- so many failures in a row ---> open
 *		   ^                                       |  after a pause
 *		   |                                       v
 *		   +--------- a success ----------- half open
 *								a failure: open, for twice as long
 *
 * Half open, a few lines are tried.  Closed, a failure is tried again soon.
 */
#ifndef RELAY_BREAKER_H
#define RELAY_BREAKER_H

#include "clock.h"

#include <stdbool.h>

typedef enum BreakerState
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN
} BreakerState;

extern const char *const breaker_state_names[];

typedef struct Breaker
{
	int			limit;			/* failures */
	Msec		pause;			/* the first */
	BreakerState state;
	int			failures;		/* in a row */
	Msec		current;		/* pause */
	Msec		next;			/* nothing before */
} Breaker;

extern void breaker_init(Breaker *breaker, int limit, Msec pause);

/* breaker_allows - whether to try now; an open one becomes half open */
extern bool breaker_allows(Breaker *breaker, Msec now);
extern void breaker_success(Breaker *breaker);
extern void breaker_failure(Breaker *breaker, Msec now);

#endif
