/*
 * filter.h
 *		A filter of all SKUs, in Redis, for readers that are asked for what there
 *		never was.
 *
 * A Bloom filter: it never says "no" to an SKU that was put in, and sometimes
 * "perhaps" to a stranger; the more so the more items were deleted since it was
 * made, because nothing is ever taken out.
 *
 * It is made anew in this very process, between two batches of the stream:
 * what was accepted before is in inv_item by then, what comes after is put in
 * afterwards.  So nothing falls between.
 */
#ifndef RELAY_FILTER_H
#define RELAY_FILTER_H

#include "line.h"
#include "options.h"
#include "queue.h"
#include "source.h"

#include <hiredis/hiredis.h>

/* filter_configure - before redis_open */
extern void filter_configure(const Options *options);

/* filter_opened - the server was connected anew */
extern void filter_opened(void);

/* filter_add - into the batch at hand; filter_reply takes what came of it */
extern void filter_add(Line **lines, int count);
extern void filter_reply(const redisReply *reply);

/* filter_missing - or it may lack what was put in lately */
extern void filter_missing(void);

/* filter_want - make it anew; filter_tend does so, if it is wanted */
extern void filter_want(void);
extern bool filter_tend(Source *source, const Queue *queue);

#endif
