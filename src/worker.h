/*
 * worker.h
 *		The worker of one database: a loop over verbs.
 */
#ifndef INV_WORKER_H
#define INV_WORKER_H

#include "catalogue.h"
#include "plan.h"

/*
 * One kind of work.  run does what there is to do, in transactions of its own,
 * and answers in how many ms it wants to run again (0: at once, others have
 * their turn first).  An ERROR ends its transaction and lets it wait, longer
 * with each failure; the other verbs go on.
 */
typedef struct InvVerb
{
	const char *name;
	long		(*run) (void);
	bool		prompt;			/* runs in every turn, so whenever the worker
								 * is woken */
	InvPlan    *backlog;		/* counts what it has to do; or null */
} InvVerb;

extern const InvVerb inv_verbs[];
extern const int inv_verb_count;

/*
 * inv_worker_begin - starts a transaction with an active snapshot, as the
 * owner of the extension; answers null, and starts none, if the extension is
 * not here
 *
 * inv_worker_commit - ends it; not durable: what a crash may undo, because it
 * is then done again
 */
extern const InvCatalogue *inv_worker_begin(void);
extern void inv_worker_commit(bool durable);

/*
 * inv_worker_override_settings - what is set for all sessions, timeouts above
 * all, is not meant for us
 */
extern void inv_worker_override_settings(void);

extern PGDLLEXPORT void inv_worker_main(Datum database);

#endif							/* INV_WORKER_H */
