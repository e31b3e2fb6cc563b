/*
 * ledger.c
 *		The ledger: one movement for every change of a stock row.
 *
 * Movements are appended straight to their leaf, beneath the SQL triggers that
 * refuse everybody else; see the head of stock.c for what that means.
 *
 * Locks: RowExclusiveLock on the leaf to the end of the transaction.  The
 * parent is not locked: a leaf can only be detached or dropped under a lock
 * that conflicts with ours.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "guc.h"
#include "leaf.h"
#include "ledger.h"
#include "plan.h"

/* The columns of inv_movement, counted from zero */
enum
{
	MOVEMENT_ID,
	MOVEMENT_STOCK_ID,
	MOVEMENT_SKU,
	MOVEMENT_LOCATION,
	MOVEMENT_KIND,
	MOVEMENT_ON_HAND_DELTA,
	MOVEMENT_RESERVED_DELTA,
	MOVEMENT_VERSION,
	MOVEMENT_REFERENCE,
	MOVEMENT_REASON,
	MOVEMENT_HOLD,
	MOVEMENT_KEY,
	MOVEMENT_ORIGINAL_ID,
	MOVEMENT_ACTOR,
	MOVEMENT_APPLICATION_NAME,
	MOVEMENT_TRACEPARENT,
	MOVEMENT_TXID,
	MOVEMENT_EPOCH,
	MOVEMENT_OCCURRED_AT,
	MOVEMENT_RECORDED_AT,
	MOVEMENT_COLUMNS
};

/*
 * occurred_at is never later than recorded_at: so the movements since a time
 * are among those recorded since, which an index can tell.
 */
static InvPlan moved_since_plan = {
	.sql = "SELECT coalesce(sum(on_hand_delta), 0)::bigint FROM @inv_movement"
	" WHERE stock_id = $1 AND occurred_at > $2 AND recorded_at > $2",
	.nargs = 2,
	.argtypes = {INT8OID, TIMESTAMPTZOID}
};

/* The session user by name; looked up once, and again after a rename */
static char session_user_name[NAMEDATALEN];
static Oid	session_user_id = InvalidOid;

static void
forget_session_user(Datum arg, int cacheid, uint32 hashvalue)
{
	session_user_id = InvalidOid;
}

void
inv_ledger_init(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, forget_session_user, (Datum) 0);
}

static const char *
actor_name(void)
{
	Oid			user = GetSessionUserId();

	if (inv_actor[0] != '\0')
		return inv_actor;
	if (session_user_id != user)
	{
		strlcpy(session_user_name, GetUserNameFromId(user, false),
				NAMEDATALEN);
		session_user_id = user;
	}
	return session_user_name;
}

/*
 * valid_text - the text, or a copy with '?' for each byte that is not ASCII
 *
 * Settings that come with the start of a session or from a file, and names of
 * roles, were not checked against the encoding of this database; and with one
 * invalid byte in the ledger no dump of it can be restored.
 */
static const char *
valid_text(const char *value)
{
	char	   *copy;

	if (likely(pg_verifymbstr(value, strlen(value), true)))
		return value;
	copy = pstrdup(value);
	for (char *c = copy; *c; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	return copy;
}

/* set_text - a column that is null where there is nothing to say */
static void
set_text(TupleTableSlot *slot, int column, const char *value)
{
	slot->tts_isnull[column] = value == NULL || value[0] == '\0';
	if (!slot->tts_isnull[column])
		slot->tts_values[column] = CStringGetTextDatum(valid_text(value));
}

static void
set_label(TupleTableSlot *slot, int column, const text *value)
{
	slot->tts_isnull[column] = value == NULL;
	slot->tts_values[column] = PointerGetDatum(value);
}

static void
fill_slot(Relation leaf, TupleTableSlot *slot, int64 id, const InvMovement *movement,
		  const InvLabels *labels)
{
	Datum	   *values = slot->tts_values;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz occurred_at = labels->occurred_at;

	memset(slot->tts_isnull, false, MOVEMENT_COLUMNS);
	values[MOVEMENT_ID] = Int64GetDatum(id);
	values[MOVEMENT_STOCK_ID] = Int64GetDatum(movement->stock_id);
	values[MOVEMENT_SKU] = PointerGetDatum(movement->sku);
	values[MOVEMENT_LOCATION] = PointerGetDatum(movement->location);
	set_text(slot, MOVEMENT_KIND, movement->kind);
	values[MOVEMENT_ON_HAND_DELTA] = Int64GetDatum(movement->on_hand_delta);
	values[MOVEMENT_RESERVED_DELTA] = Int64GetDatum(movement->reserved_delta);
	values[MOVEMENT_VERSION] = Int64GetDatum(movement->version);
	set_label(slot, MOVEMENT_REFERENCE, labels->reference);
	set_label(slot, MOVEMENT_REASON, labels->reason);
	slot->tts_isnull[MOVEMENT_HOLD] = true;
	set_label(slot, MOVEMENT_KEY, labels->key);
	values[MOVEMENT_ORIGINAL_ID] = Int64GetDatum(movement->original_id);
	slot->tts_isnull[MOVEMENT_ORIGINAL_ID] = movement->original_id == 0;
	set_text(slot, MOVEMENT_ACTOR, actor_name());
	set_text(slot, MOVEMENT_APPLICATION_NAME, application_name);
	set_text(slot, MOVEMENT_TRACEPARENT, inv_traceparent);
	values[MOVEMENT_TXID] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	slot->tts_isnull[MOVEMENT_EPOCH] = true;

	/* a client's clock may be ahead of ours: the ledger's never is */
	if (occurred_at == DT_NOBEGIN || occurred_at > now)
		occurred_at = now;
	values[MOVEMENT_OCCURRED_AT] = TimestampTzGetDatum(occurred_at);
	values[MOVEMENT_RECORDED_AT] = TimestampTzGetDatum(now);
	ExecStoreVirtualTuple(slot);
	inv_access_fill_defaults(leaf, slot, MOVEMENT_COLUMNS);
}

int64
inv_ledger_append(const InvCatalogue *cat, const InvMovement *movement,
				  const InvLabels *labels)
{
	int64		id = nextval_internal(cat->movement_id_seq, false);
	const InvIndexSet *indexes;
	Relation	leaf = inv_leaf_open(cat, id, MOVEMENT_COLUMNS, &indexes);
	TupleTableSlot *slot;

	slot = MakeSingleTupleTableSlot(RelationGetDescr(leaf), &TTSOpsVirtual);
	fill_slot(leaf, slot, id, movement, labels);
	table_tuple_insert(leaf, slot, GetCurrentCommandId(true), 0, NULL);
	inv_access_insert_entries(indexes, leaf, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(leaf, NoLock);
	return id;
}

int64
inv_ledger_moved_since(const InvCatalogue *cat, int64 stock_id,
					   TimestampTz since)
{
	InvPlanScope scope;
	Datum		values[2] = {
		Int64GetDatum(stock_id), TimestampTzGetDatum(since)
	};
	bool		isnull;
	int64		moved;

	inv_plan_begin(&scope, cat);
	inv_plan_run(&scope, &moved_since_plan, values, NULL, 0);
	moved = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, &isnull));
	inv_plan_end(&scope);
	return moved;
}
