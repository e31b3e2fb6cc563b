/*
 * visible.h
 *		Which transactions readers of the primary can see.
 *
 * A transaction is in the stream as soon as its commit is in the log of the
 * primary.  Readers see it only when its committer is done, and that may wait
 * for a synchronous standby, for as long as the standby is away.  A cache that
 * forgets a value in between is filled with the old one again, and nobody
 * would tell it a second time.
 *
 * One snapshot judges all lines that wait: transactions of the stream have
 * committed, so what is not in progress in it can be seen.  It is asked for
 * without waiting; a line that came meanwhile is judged by a snapshot older
 * than need be, which can only say "not yet".
 */
#ifndef RELAY_VISIBLE_H
#define RELAY_VISIBLE_H

#include "queue.h"

#include <libpq-fe.h>

typedef struct Visible
{
	bool		asking;			/* a snapshot is on its way */
	Msec		asked_at;
	Msec		next;			/* not before */
	Msec		pause;			/* after one in which something was missing */
	bool		wanted;			/* lines wait */
} Visible;

extern void visible_reset(Visible *visible);

/* visible_look - false if the session was lost */
extern bool visible_look(Visible *visible, PGconn *session, Queue *queue,
						 Msec now);

/* visible_finish - waits for what is on its way, the session is free then */
extern bool visible_finish(Visible *visible, PGconn *session);

extern void visible_wait(const Visible *visible, Msec *until);

/* snapshot_sees - the snapshot as pg_current_snapshot() writes it */
extern bool snapshot_sees(const char *snapshot, uint32_t xid);

#endif
