/*
 * cursor.c
 *		inv_changes_since: the ledger page by page, for those who have no slot.
 *
 * Movements come in the order of their movement_id.  Transactions commit in
 * another: an id may become visible after a greater one.  So a page never goes
 * beyond an id up to which all is settled: each movement there is visible, or
 * will never be.
 *
 * How that is known.  Whoever appends a movement has its transaction id before
 * it draws a movement_id.  So, if L is a movement that somebody sees, and X the
 * next transaction id read after that:
 *
 * 1. Every id up to L was drawn by a transaction older than X: the sequence
 *	  gives ids one after another (its cache is 1).
 * 2. When no transaction older than X runs any more, in the eyes of a snapshot
 *	  (X <= its xmin), that snapshot sees what will ever be of the ids up to L.
 *	  A prepared transaction runs until it is committed or rolled back; also one
 *	  of another database counts.
 * 3. The pair (L, X), a mark, is therefore all that must be remembered.  The
 *	  cursor does.  A mark that is not settled is kept until it is, or a long
 *	  transaction would put it off for ever; then a fresh one takes its place.
 *	  With no transaction under way the fresh one is settled at once.
 *
 * Nothing is written and no index is needed but the primary keys of the leaves:
 * callers that move stock pay nothing for those who follow them.  (An index on
 * the transaction id, which would allow to compare each row with xmin, costs a
 * tenth of a call.)
 *
 * A standby.  Who draws an id has written its stock row before, so the log has
 * its transaction id before it has any greater movement_id: 1 holds there, too.
 *
 * A database that was restored, cloned, upgraded or promoted.  The position is a
 * movement that was delivered: its id, transaction id and time.  Ids are the
 * same after a restore, and no transaction id of an old row is compared with
 * those that run.  If that movement is not there, what the consumer saw is not
 * what this ledger says: an error.  A mark is of the server, timeline and
 * database where it was made, and void elsewhere: there transaction ids mean
 * something else.  It is void, too, if its movement is not there any more: then
 * the ids up to it may be given out a second time, also here, after a restore
 * in place or the crash of a server with synchronous_commit = off.
 *
 * What the crash of a server with synchronous_commit = off loses, a consumer may
 * have seen; so it is after a failover to a standby that was behind.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "argument.h"
#include "compat.h"
#include "errors.h"
#include "plan.h"

#define MAX_PAGE_ROWS 100000

PG_FUNCTION_INFO_V1(inv_changes_since);
PG_FUNCTION_INFO_V1(inv_changes_end);

/* Where transaction ids mean what they meant */
typedef struct History
{
	uint64		server;
	uint32		timeline;
	Oid			database;
} History;

/* A movement, and how to know it again; 0: what is before the first one */
typedef struct Place
{
	int64		movement_id;
	uint64		txid;
	TimestampTz recorded_at;
} Place;

/* All ids up to place were drawn by transactions before next_xid */
typedef struct Mark
{
	Place		place;
	uint64		next_xid;
	History		history;
} Mark;

/* What a cursor says */
typedef struct Cursor
{
	Place		place;			/* the last movement that was delivered */
	Mark		mark;
} Cursor;

/* What the active snapshot shows */
typedef struct Sight
{
	uint64		xmin;
	uint64		next_xid;		/* read after the snapshot was taken */
	Mark		mark;			/* a fresh one */
} Sight;

/* the columns of inv_change that are read here */
enum
{
	CURSOR,
	MOVEMENT_ID,
	TXID = 17,
	RECORDED_AT = 19,
	COLUMNS
};

static InvPlan place_plan = {
	.sql = "SELECT count(*) FROM @inv_movement"
	" WHERE movement_id = $1 AND txid = $2 AND recorded_at = $3",
	.read_only = true,
	.nargs = 3,
	.argtypes = {INT8OID, XID8OID, TIMESTAMPTZOID}
};

#define CHANGE \
	"SELECT NULL::text, movement_id, stock_id," \
	" sku COLLATE pg_catalog.\"default\"," \
	" location COLLATE pg_catalog.\"default\", kind, on_hand_delta," \
	" reserved_delta, version, reference, reason, hold, key, original_id," \
	" actor, application_name, traceparent, txid, occurred_at, recorded_at" \
	" FROM @inv_movement "

static InvPlan page_plan = {
	.sql = CHANGE "WHERE movement_id > $1 AND movement_id <= $2"
	" ORDER BY movement_id LIMIT $3",
	.read_only = true,
	.nargs = 3,
	.argtypes = {INT8OID, INT8OID, INT8OID}
};

#define NEWEST CHANGE "ORDER BY movement_id DESC LIMIT 1"

static InvPlan newest_plan = {
	.sql = NEWEST,
	.read_only = true
};

static InvPlan end_plan = {
	.sql = NEWEST,
	.latest_snapshot = true
};

/* ---------- the text ---------- */

#define HEX64 "-%" INT64_MODIFIER "x"
#define PLACE HEX64 HEX64 HEX64
#define FORMAT "1" PLACE PLACE HEX64 HEX64 "-%x-%x"
#define NUMBERS 10

/* more than FORMAT ever makes */
#define MAX_CURSOR_BYTES 200

static char *
cursor_text(const Cursor *cursor)
{
	const Place *place = &cursor->place;
	const Mark *mark = &cursor->mark;

	return psprintf(FORMAT, place->movement_id, place->txid,
					place->recorded_at, mark->place.movement_id,
					mark->place.txid, mark->place.recorded_at, mark->next_xid,
					mark->history.server, mark->history.timeline,
					mark->history.database);
}

/* read_cursor - accepts what cursor_text() makes and nothing else */
static void
read_cursor(const char *text, Cursor *cursor)
{
	Place	   *place = &cursor->place;
	Mark	   *mark = &cursor->mark;

	if (sscanf(text, FORMAT, &place->movement_id, &place->txid,
			   &place->recorded_at, &mark->place.movement_id,
			   &mark->place.txid, &mark->place.recorded_at, &mark->next_xid,
			   &mark->history.server, &mark->history.timeline,
			   &mark->history.database) == NUMBERS &&
		place->movement_id >= 0 && strcmp(text, cursor_text(cursor)) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cursor \"%s\" was not made by inv_changes_since()", text),
			 inv_errdetail("argument:s value:s", "cursor", text),
			 errhint("Pass the cursor of the last row as it came, or null to "
					 "begin with the first movement.")));
}

/* ---------- what is settled ---------- */

static uint64
next_xid(void)
{
	return U64FromFullTransactionId(ReadNextFullTransactionId());
}

static void
get_history(History *history)
{
	TimeLineID	timeline;

	if (RecoveryInProgress())
		(void) GetXLogReplayRecPtr(&timeline);
	else
		timeline = GetWALInsertionTimeLine();
	history->server = GetSystemIdentifier();
	history->timeline = timeline;
	history->database = MyDatabaseId;
}

/* widen - a transaction id of a snapshot with its epoch; next: a later one */
static uint64
widen(TransactionId xid, uint64 next)
{
	uint64		epoch = next >> 32;

	if (xid > (uint32) next)
		epoch--;
	return epoch << 32 | xid;
}

/* set_place - to that of a row of inv_change */
static void
set_place(Place *place, const Datum *row)
{
	place->movement_id = DatumGetInt64(row[MOVEMENT_ID]);
	place->txid =
		U64FromFullTransactionId(DatumGetFullTransactionId(row[TXID]));
	place->recorded_at = DatumGetTimestampTz(row[RECORDED_AT]);
}

/* find_newest - leaves the place as it is if the ledger is empty */
static void
find_newest(InvPlanScope *scope, InvPlan *plan, Place *place)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	if (inv_plan_run(scope, plan, NULL, NULL, 0) == 0)
		return;
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values,
					  nulls);
	set_place(place, values);
}

/* is_there - is it to be seen? */
static bool
is_there(InvPlanScope *scope, const Place *place)
{
	Datum		values[3] = {
		Int64GetDatum(place->movement_id),
		FullTransactionIdGetDatum(FullTransactionIdFromU64(place->txid)),
		TimestampTzGetDatum(place->recorded_at)
	};

	return place->movement_id == 0 ||
		inv_plan_number(scope, &place_plan, values, NULL) > 0;
}

static void
look(InvPlanScope *scope, Sight *sight)
{
	memset(sight, 0, sizeof(*sight));
	find_newest(scope, &newest_plan, &sight->mark.place);
	sight->next_xid = next_xid();
	sight->xmin = widen(GetActiveSnapshot()->xmin, sight->next_xid);
	sight->mark.next_xid = sight->next_xid;
	get_history(&sight->mark.history);
}

static bool
same_history(const History *a, const History *b)
{
	return a->server == b->server && a->timeline == b->timeline &&
		a->database == b->database;
}

/* means_something - a mark that was made in the past of what we see */
static bool
means_something(InvPlanScope *scope, const Mark *mark, const Sight *sight)
{
	return same_history(&mark->history, &sight->mark.history) &&
		mark->next_xid <= sight->next_xid && is_there(scope, &mark->place);
}

/*
 * settled_mark - the farthest that is settled, or null
 *
 * next: what the cursor is to remember when all up to there was delivered.
 */
static const Mark *
settled_mark(InvPlanScope *scope, const Mark *remembered, const Sight *sight,
			 const Mark **next)
{
	*next = &sight->mark;
	if (sight->mark.next_xid <= sight->xmin)
		return &sight->mark;
	if (!means_something(scope, remembered, sight))
		return NULL;
	if (remembered->next_xid <= sight->xmin)
		return remembered;
	*next = remembered;
	return NULL;
}

/* ---------- where the consumer is ---------- */

/*
 * find_position - false if it is not to be seen here, but may be later
 *
 * That is so on a standby that is behind, and in a snapshot that is old.
 */
static bool
find_position(InvPlanScope *scope, const Cursor *cursor, const Sight *sight)
{
	const Place *place = &cursor->place;

	if (is_there(scope, place))
		return true;
	if ((RecoveryInProgress() || IsolationUsesXactSnapshot()) &&
		place->txid >= sight->xmin)
		return false;
	ereport(ERROR,
			(errcode(INV_ERRCODE_UNKNOWN_CURSOR),
			 errmsg("the ledger does not have the movement at which the cursor "
					"is"),
			 inv_errdetail("movement_id:i", place->movement_id),
			 errhint("This database was set back to an earlier time, or is "
					 "another one. Forget what followed from the movements, and "
					 "begin anew: with null as cursor, or with "
					 "inv_changes_end() and the levels as they are then.")));
}

/* keep_order - read in the order of an index, whatever is guessed of sizes */
static void
keep_order(void)
{
	inv_plan_set("enable_seqscan", "off");
	inv_plan_set("enable_bitmapscan", "off");
	inv_plan_set("enable_sort", "off");
}

/* read_page - answers how many rows there are, in SPI_tuptable */
static uint64
read_page(InvPlanScope *scope, const Cursor *from, const Mark *until,
		  int64 max_rows)
{
	Datum		values[3] = {
		Int64GetDatum(from->place.movement_id),
		Int64GetDatum(until->place.movement_id),
		Int64GetDatum(max_rows)
	};

	if (until->place.movement_id <= from->place.movement_id)
		return 0;
	keep_order();
	return inv_plan_run(scope, &page_plan, values, NULL, 0);
}

/* put_nothing - a row that says from where to go on, and that is all */
static void
put_nothing(ReturnSetInfo *rsinfo, const Cursor *cursor)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[CURSOR] = CStringGetTextDatum(cursor_text(cursor));
	nulls[CURSOR] = false;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_change(ReturnSetInfo *rsinfo, HeapTuple row, Cursor *cursor)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	heap_deform_tuple(row, SPI_tuptable->tupdesc, values, nulls);
	set_place(&cursor->place, values);
	values[CURSOR] = CStringGetTextDatum(cursor_text(cursor));
	nulls[CURSOR] = false;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * put_page - the movements after the cursor, as far as they are settled
 *
 * A page that is full may be continued under the mark that it was read under.
 */
static void
put_page(ReturnSetInfo *rsinfo, InvPlanScope *scope, Cursor *cursor,
		 int64 max_rows)
{
	Sight		sight;
	const Mark *until;
	const Mark *next;
	uint64		rows = 0;
	Mark		remembered = cursor->mark;

	look(scope, &sight);
	until = settled_mark(scope, &remembered, &sight, &next);
	if (!find_position(scope, cursor, &sight))
		next = &remembered;
	else if (until)
		rows = read_page(scope, cursor, until, max_rows);

	for (uint64 i = 0; i < rows; i++)
	{
		bool		last = i == rows - 1 && rows < max_rows;

		cursor->mark = last ? *next : *until;
		put_change(rsinfo, SPI_tuptable->vals[i], cursor);
	}
	cursor->mark = *next;
	if (rows == 0)
		put_nothing(rsinfo, cursor);
}

Datum
inv_changes_since(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	Cursor		cursor = {0};
	InvPlanScope scope;
	InvCall		call;
	int64		max_rows;

	inv_call_begin(&call, fcinfo, "inv_changes_since");
	if (!PG_ARGISNULL(0))
		read_cursor(text_to_cstring(inv_call_text(&call, 0, "cursor",
												  MAX_CURSOR_BYTES)),
					&cursor);
	max_rows = inv_call_integer(&call, 1, "max_rows", 1, MAX_PAGE_ROWS);

	InitMaterializedSRF(fcinfo, 0);
	inv_catalogue_check(rsinfo->setDesc, COLUMNS, "inv_change");
	inv_plan_begin(&scope, cat);
	put_page(rsinfo, &scope, &cursor, max_rows);
	inv_plan_end(&scope);
	return (Datum) 0;
}

/* ---------- the end ---------- */

static void
require_quiet_transaction(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("a standby cannot tell where the changes end"),
				 inv_errdetail("function:s", "inv_changes_end"),
				 errhint("Call inv_changes_end() on the primary: its cursor is "
						 "good here, too.")));
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this transaction has written, and would wait for itself"),
				 inv_errdetail("function:s", "inv_changes_end"),
				 errhint("Call inv_changes_end() in a transaction of its own.")));
}

/*
 * wait_for_movers - until those have ended who move stock now
 *
 * They all hold a lock on inv_stock from before they draw an id until the end,
 * prepared transactions included.
 */
static void
wait_for_movers(const InvCatalogue *cat)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, cat->stock);
	WaitForLockers(tag, ShareLock, false);
}

Datum
inv_changes_end(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat;
	Cursor		cursor = {0};
	InvPlanScope scope;

	require_quiet_transaction();
	cat = inv_catalogue_get(fcinfo, AccessShareLock);
	inv_plan_begin(&scope, cat);
	find_newest(&scope, &end_plan, &cursor.place);
	inv_plan_end(&scope);

	/* what they did up to there is seen by whoever asks after us */
	wait_for_movers(cat);
	PG_RETURN_TEXT_P(cstring_to_text(cursor_text(&cursor)));
}
