/*
 * shmem.h
 *		What the launcher, the workers and everybody else share.
 *
 * There only if the library is preloaded: without, every function here does
 * nothing and answers false.
 */
#ifndef INV_SHMEM_H
#define INV_SHMEM_H

#include "datatype/timestamp.h"
#include "storage/latch.h"

#define INV_MAX_VERBS 8
#define INV_MAX_ERROR_BYTES 256
#define INV_MAX_BEATS 128

/* Why there is no worker in a database that should have one */
typedef enum InvLaunchProblem
{
	INV_LAUNCH_OK,
	INV_LAUNCH_MISSING,			/* no such database */
	INV_LAUNCH_TEMPLATE,
	INV_LAUNCH_NO_CONNECTIONS,
	INV_LAUNCH_BUSY,			/* a command keeps the worker out */
	INV_LAUNCH_NO_ROOM,			/* max_worker_processes */
	INV_LAUNCH_ENDED			/* it ended, and is started again */
} InvLaunchProblem;

typedef struct InvVerbState
{
	int64		runs;
	int64		errors;
	bool		failed;			/* the last run did */
	TimestampTz last_run_at;
	TimestampTz last_error_at;
	char		last_error[INV_MAX_ERROR_BYTES];
} InvVerbState;

/* A heartbeat of the change stream */
typedef struct InvBeat
{
	uint64		lsn;			/* its end in the log */
	TimestampTz at;
} InvBeat;

/* One database with its worker; shmem.c says who writes what */
typedef struct InvWorkerState
{
	Oid			database;		/* or invalid: the slot is free */
	InvLaunchProblem problem;
	int			pid;			/* 0: no worker */
	Latch	   *latch;			/* of its process */
	bool		asked;			/* it was asked to leave */
	TimestampTz started_at;
	TimestampTz last_loop_at;
	InvVerbState verbs[INV_MAX_VERBS];
	int			beat_count;
	InvBeat		beats[INV_MAX_BEATS];	/* the oldest first */
} InvWorkerState;

extern void inv_shmem_init(void);
extern bool inv_shmem_is_there(void);

/*
 * inv_shmem_wake_worker - lets the worker of the database look for work now
 *
 * Raises nothing and may be called in a commit callback.
 */
extern void inv_shmem_wake_worker(Oid database);

/* inv_shmem_read - a copy of the state; false if the database has none */
extern bool inv_shmem_read(Oid database, InvWorkerState *state);

/*
 * inv_shmem_lock_worker - tries to get the lock that is one database's worker
 *
 * The worker has it for as long as it lives (session); whoever has it for a
 * transaction keeps the worker out until that ends.
 */
extern bool inv_shmem_lock_worker(Oid database, bool session);

/* inv_shmem_stop_worker - asks it to leave at once, if there is one */
extern void inv_shmem_stop_worker(Oid database);

/*
 * For the launcher.  add: makes a place for the database, false if all are
 * taken.  keep: frees those of other databases that have no worker.
 */
extern bool inv_shmem_add(Oid database);
extern void inv_shmem_keep(const Oid *databases, int count);
extern void inv_shmem_note_problem(Oid database, InvLaunchProblem problem);
extern void inv_shmem_stop_all(void);

/* For a worker.  join: false if the launcher has no place for it */
extern bool inv_shmem_join(Oid database);
extern void inv_shmem_note_loop(void);
extern void inv_shmem_note_run(int verb);
extern void inv_shmem_note_error(int verb, const char *message);
extern void inv_shmem_note_beat(uint64 lsn, TimestampTz at);

#endif							/* INV_SHMEM_H */
