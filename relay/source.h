/*
 * source.h
 *		The stream's two connections to PostgreSQL.
 *
 * One speaks the replication protocol and reads the slot.  The other is an
 * ordinary session.  It tells what readers of the primary can see; and it is
 * what a server ends first when it shuts down, when the replication
 * connection may only follow once all is confirmed: so the relay gives up both
 * when it loses either, and never holds up a shutdown while its sink is away.
 *
 * Reading starts at what the server has confirmed, never at a position that
 * the relay remembers: after a failover that may lie behind a transaction of
 * the new primary.
 */
#ifndef RELAY_SOURCE_H
#define RELAY_SOURCE_H

#include "options.h"
#include "queue.h"

#include <poll.h>

typedef struct Source Source;

/* What came of an attempt; what is wrong has been said */
typedef enum SourceResult
{
	SOURCE_FINE,
	SOURCE_LOST,				/* may be better later */
	SOURCE_REFUSED				/* somebody has to do something */
} SourceResult;

extern Source *source_make(const Options *options);

extern SourceResult source_connect(Source *source);
extern void source_disconnect(Source *source);
extern bool source_connected(const Source *source);

/* source_read - moves what has come into the queue, as far as it has room */
extern SourceResult source_read(Source *source, Queue *queue);

/*
 * source_look - marks lines whose transaction readers can see as ready; asks
 * the server, if that has to be asked, and does not wait for it
 */
extern SourceResult source_look(Source *source, Queue *queue, Msec now);

/* source_due - it is time to confirm, or the server asked */
extern bool source_due(const Source *source, const Queue *queue, Msec now);
extern SourceResult source_tell(Source *source, const Queue *queue, Msec now);

/* source_end - confirms a last time and waits until the server knows */
extern void source_end(Source *source, const Queue *queue);

/* source_poll - what to wait for, at most two; *until is lowered */
extern int	source_poll(const Source *source, const Queue *queue,
						struct pollfd *fds, Msec *until);

/*
 * source_skus - hands over every SKU there is, some at a time, and confirms in
 * between; false if it, or take, failed
 */
typedef bool (*SkuTaker) (void *context, char **skus, int count);
extern bool source_skus(Source *source, const Queue *queue, SkuTaker take,
						void *context);

/* how far the server is */
extern Lsn	source_sent(const Source *source);

#endif
