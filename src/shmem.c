/*
 * shmem.c
 *		What the launcher, the workers and everybody else share.
 *
 * An array of states, one for each database that has or had a worker.  The
 * number is fixed: there cannot be more workers than max_worker_processes.
 *
 * Lock order: the heavyweight lock of a worker, then shared->lock (an LWLock).
 * Under the latter nothing is called that could raise or wait.
 *
 * shared->lock guards all fields, exclusive to write, shared to read:
 *
 *	database, problem		written by the launcher alone.  It frees a state
 *							only if that has no pid, so a worker never loses
 *							the place that it has joined.
 *	pid, latch				written by the worker, when it joins and when its
 *							process ends, whatever ends it (a crash makes all
 *							of this anew).  Signals are sent under the lock: so
 *							the pid is still that of the worker.
 *	asked					raised by whoever asks the worker to leave, lowered
 *							by the next one when it joins.
 *	started_at, last_loop_at, verbs, beats
 *							written by the worker.  They outlive it: what went
 *							wrong can be asked afterwards.
 *
 * A latch is one of a PGPROC, which is never freed: set too late, it wakes a
 * stranger for nothing.
 *
 * That there is one worker at most in a database, and none while a command
 * needs it to be empty, is the work of the heavyweight lock alone: it goes
 * away with its owner, however that ends.
 */
#include "postgres.h"

#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "shmem.h"

#define NAME "inventory"

/* tells our lock from advisory locks of SQL (1 and 2) and of others */
#define LOCK_KIND 0x4956

typedef struct Shared
{
	LWLock	   *lock;
	int			count;
	InvWorkerState states[FLEXIBLE_ARRAY_MEMBER];
} Shared;

static Shared *shared = NULL;
static InvWorkerState *mine = NULL; /* of this worker */

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(Shared, states),
					mul_size(max_worker_processes, sizeof(InvWorkerState)));
}

static void
request_shared(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(NAME, 1);
}

static void
startup_shared(void)
{
	bool		found;

	if (next_startup_hook)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct(NAME, shared_size(), &found);
	if (!found)
	{
		memset(shared, 0, shared_size());
		shared->lock = &GetNamedLWLockTranche(NAME)->lock;
		shared->count = max_worker_processes;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
inv_shmem_init(void)
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shared;
}

bool
inv_shmem_is_there(void)
{
	return shared != NULL;
}

/* find_state - of a database (invalid: a free one), or null; under the lock */
static InvWorkerState *
find_state(Oid database)
{
	for (int i = 0; i < shared->count; i++)
		if (shared->states[i].database == database)
			return &shared->states[i];
	return NULL;
}

void
inv_shmem_wake_worker(Oid database)
{
	InvWorkerState *state;

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_SHARED);
	state = find_state(database);
	if (state && state->pid != 0)
		SetLatch(state->latch);
	LWLockRelease(shared->lock);
}

bool
inv_shmem_read(Oid database, InvWorkerState *copy)
{
	InvWorkerState *state;

	if (shared == NULL)
		return false;
	LWLockAcquire(shared->lock, LW_SHARED);
	state = find_state(database);
	if (state)
		*copy = *state;
	LWLockRelease(shared->lock);
	return state != NULL;
}

/* ---------- who is in a database ---------- */

bool
inv_shmem_lock_worker(Oid database, bool session)
{
	LOCKTAG		tag;

	/* only an advisory lock survives an error in its session */
	SET_LOCKTAG_ADVISORY(tag, database, 0, 0, LOCK_KIND);
	return LockAcquire(&tag, ExclusiveLock, session, true) !=
		LOCKACQUIRE_NOT_AVAIL;
}

/* stop - under the lock */
static void
stop(InvWorkerState *state)
{
	if (state->pid == 0)
		return;
	state->asked = true;
	kill(state->pid, SIGTERM);
}

void
inv_shmem_stop_worker(Oid database)
{
	InvWorkerState *state;

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	state = find_state(database);
	if (state)
		stop(state);
	LWLockRelease(shared->lock);
}

/* ---------- the launcher ---------- */

void
inv_shmem_stop_all(void)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->count; i++)
		stop(&shared->states[i]);
	LWLockRelease(shared->lock);
}

bool
inv_shmem_add(Oid database)
{
	InvWorkerState *state;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	state = find_state(database);
	if (state == NULL)
	{
		state = find_state(InvalidOid);
		if (state)
		{
			memset(state, 0, sizeof(InvWorkerState));
			state->database = database;
		}
	}
	LWLockRelease(shared->lock);
	return state != NULL;
}

static bool
is_among(Oid database, const Oid *databases, int count)
{
	for (int i = 0; i < count; i++)
		if (databases[i] == database)
			return true;
	return false;
}

void
inv_shmem_keep(const Oid *databases, int count)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->count; i++)
	{
		InvWorkerState *state = &shared->states[i];

		if (state->pid == 0 && !is_among(state->database, databases, count))
			state->database = InvalidOid;
	}
	LWLockRelease(shared->lock);
}

void
inv_shmem_note_problem(Oid database, InvLaunchProblem problem)
{
	InvWorkerState *state;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	state = find_state(database);
	if (state)
		state->problem = problem;
	LWLockRelease(shared->lock);
}

/* ---------- a worker ---------- */

static void
leave(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	mine->pid = 0;
	mine->latch = NULL;
	LWLockRelease(shared->lock);
}

bool
inv_shmem_join(Oid database)
{
	InvWorkerState *state;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	state = find_state(database);
	if (state && state->pid == 0)
	{
		state->pid = MyProcPid;
		state->latch = &MyProc->procLatch;
		state->asked = false;
		state->started_at = GetCurrentTimestamp();
		state->last_loop_at = 0;
		mine = state;
	}
	LWLockRelease(shared->lock);
	if (mine)
		before_shmem_exit(leave, (Datum) 0);
	return mine != NULL;
}

void
inv_shmem_note_loop(void)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	mine->last_loop_at = now;
	LWLockRelease(shared->lock);
}

void
inv_shmem_note_run(int verb)
{
	InvVerbState *state = &mine->verbs[verb];
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	state->runs++;
	state->failed = false;
	state->last_run_at = now;
	LWLockRelease(shared->lock);
}

void
inv_shmem_note_error(int verb, const char *message)
{
	InvVerbState *state = &mine->verbs[verb];
	TimestampTz now = GetCurrentTimestamp();
	int			length = pg_mbcliplen(message, strlen(message),
									  INV_MAX_ERROR_BYTES - 1);

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	state->runs++;
	state->errors++;
	state->failed = true;
	state->last_run_at = now;
	state->last_error_at = now;
	memcpy(state->last_error, message, length);
	state->last_error[length] = '\0';
	LWLockRelease(shared->lock);
}

/* thin_beats - forgets every second one: they cover ever more time */
static void
thin_beats(InvWorkerState *state)
{
	for (int i = 0; i < INV_MAX_BEATS / 2; i++)
		state->beats[i] = state->beats[2 * i + 1];
	state->beat_count = INV_MAX_BEATS / 2;
}

void
inv_shmem_note_beat(uint64 lsn, TimestampTz at)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (mine->beat_count == INV_MAX_BEATS)
		thin_beats(mine);
	mine->beats[mine->beat_count++] = (InvBeat)
	{
		lsn, at
	};
	LWLockRelease(shared->lock);
}
