/*
 * clock.h
 *		Time: for waiting, and for telling; positions in the log.
 */
#ifndef RELAY_CLOCK_H
#define RELAY_CLOCK_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef int64_t Msec;
typedef uint64_t Lsn;

#define LSN_FORMAT "%X/%X"
#define LSN_ARGS(lsn) (unsigned) ((lsn) >> 32), (unsigned) (lsn)

/* clock_wait - milliseconds that only go forward */
static inline Msec
clock_wait(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (Msec) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* clock_wall - microseconds since 1970, to be compared with a commit's time */
static inline int64_t
clock_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* spread - around a time, so that not everybody does it at once */
static inline Msec
spread(Msec time, int percent)
{
	double		share = (random() / (double) RAND_MAX * 2 - 1) * percent / 100;

	return time + (Msec) (time * share);
}

#endif
