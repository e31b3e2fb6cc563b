/*
 * breaker.c
 *		When to leave the sink alone: see breaker.h.
 */
#include "breaker.h"
#include "log.h"

#define RETRY 100
#define LONGEST_PAUSE 60000
#define SPREAD 20

const char *const breaker_state_names[] = {"closed", "open", "half-open"};

void
breaker_init(Breaker *breaker, int limit, Msec pause)
{
	*breaker = (Breaker)
	{
		.limit = limit,
			.pause = pause,
			.current = pause
	};
}

bool
breaker_allows(Breaker *breaker, Msec now)
{
	if (now < breaker->next)
		return false;
	if (breaker->state == BREAKER_OPEN)
		breaker->state = BREAKER_HALF_OPEN;
	return true;
}

void
breaker_success(Breaker *breaker)
{
	if (breaker->state != BREAKER_CLOSED)
		log_notice("the sink takes lines again");
	breaker->state = BREAKER_CLOSED;
	breaker->failures = 0;
	breaker->current = breaker->pause;
	breaker->next = 0;
}

void
breaker_failure(Breaker *breaker, Msec now)
{
	breaker->failures++;
	if (breaker->state == BREAKER_HALF_OPEN)
	{
		breaker->current *= 2;
		if (breaker->current > LONGEST_PAUSE)
			breaker->current = LONGEST_PAUSE;
	}
	else if (breaker->failures < breaker->limit)
	{
		/* a connection that was idle may just have been closed */
		breaker->next = breaker->failures == 1 ? now :
			now + spread(RETRY, SPREAD);
		return;
	}
	breaker->state = BREAKER_OPEN;
	breaker->next = now + spread(breaker->current, SPREAD);
	log_warning("the sink failed %d times in a row; the next try is in %.1f s",
				breaker->failures, (breaker->next - now) / 1000.0);
}
