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

/* text_or_null - a text of a setting; null where there is nothing to say */
static Datum
text_or_null(const char *value)
{
	if (value == NULL || value[0] == '\0')
		return (Datum) 0;
	return CStringGetTextDatum(valid_text(value));
}

text *
inv_ledger_actor(void)
{
	return cstring_to_text(valid_text(actor_name()));
}

/* set_text - a column that is null where there is nothing to say */
static void
set_text(TupleTableSlot *slot, int column, Datum value)
{
	slot->tts_isnull[column] = value == (Datum) 0;
	slot->tts_values[column] = value;
}

static void
set_integer(TupleTableSlot *slot, int column, int64 value)
{
	slot->tts_values[column] = Int64GetDatum(value);
}

/* fill_labels - what the call says of the movement */
static void
fill_labels(const InvLedger *ledger, TupleTableSlot *slot,
			const InvLabels *labels)
{
	TimestampTz occurred_at = labels->occurred_at;

	set_text(slot, INV_MOVEMENT_REFERENCE, PointerGetDatum(labels->reference));
	set_text(slot, INV_MOVEMENT_REASON, PointerGetDatum(labels->reason));
	set_text(slot, INV_MOVEMENT_KEY, PointerGetDatum(labels->key));
	set_text(slot, INV_MOVEMENT_HOLD, PointerGetDatum(labels->hold));

	/* a client's clock may be ahead of ours: the ledger's never is */
	if (occurred_at == DT_NOBEGIN || occurred_at > ledger->now)
		occurred_at = ledger->now;
	slot->tts_values[INV_MOVEMENT_OCCURRED_AT] = TimestampTzGetDatum(occurred_at);
}

static void
fill_slot(const InvLedger *ledger, TupleTableSlot *slot, int64 id,
		  const InvMovement *movement, const InvLabels *labels)
{
	Datum	   *values = slot->tts_values;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, INV_MOVEMENT_COLUMNS);
	set_integer(slot, INV_MOVEMENT_ID, id);
	set_integer(slot, INV_MOVEMENT_STOCK_ID, movement->stock_id);
	values[INV_MOVEMENT_SKU] = PointerGetDatum(movement->sku);
	values[INV_MOVEMENT_LOCATION] = PointerGetDatum(movement->location);
	values[INV_MOVEMENT_KIND] = CStringGetTextDatum(movement->kind);
	set_integer(slot, INV_MOVEMENT_ON_HAND_DELTA, movement->on_hand_delta);
	set_integer(slot, INV_MOVEMENT_RESERVED_DELTA, movement->reserved_delta);
	set_integer(slot, INV_MOVEMENT_VERSION, movement->version);
	set_integer(slot, INV_MOVEMENT_ORIGINAL_ID, movement->original_id);
	slot->tts_isnull[INV_MOVEMENT_ORIGINAL_ID] = movement->original_id == 0;
	set_text(slot, INV_MOVEMENT_ACTOR, ledger->actor);
	set_text(slot, INV_MOVEMENT_APPLICATION_NAME, ledger->application_name);
	set_text(slot, INV_MOVEMENT_TRACEPARENT, ledger->traceparent);
	values[INV_MOVEMENT_TXID] = ledger->txid;
	slot->tts_isnull[INV_MOVEMENT_EPOCH] = true;
	values[INV_MOVEMENT_RECORDED_AT] = TimestampTzGetDatum(ledger->now);
	fill_labels(ledger, slot, labels);
	ExecStoreVirtualTuple(slot);
	inv_access_fill_defaults(ledger->leaf, slot, INV_MOVEMENT_COLUMNS);
}

void
inv_ledger_begin(InvLedger *ledger, const InvCatalogue *cat)
{
	ledger->cat = cat;
	ledger->leaf = NULL;
	ledger->nslots = 0;
	ledger->pending = 0;
	ledger->now = GetCurrentTimestamp();
	ledger->txid = FullTransactionIdGetDatum(GetTopFullTransactionId());
	ledger->actor = PointerGetDatum(inv_ledger_actor());
	ledger->application_name = text_or_null(application_name);
	ledger->traceparent = text_or_null(inv_traceparent);
}

/* write_pending - the movements that wait, then their index entries */
static void
write_pending(InvLedger *ledger)
{
	CommandId	cid = GetCurrentCommandId(true);

	if (ledger->pending == 1)
		table_tuple_insert(ledger->leaf, ledger->slots[0], cid, 0, NULL);
	else if (ledger->pending > 1)
		table_multi_insert(ledger->leaf, ledger->slots, ledger->pending, cid,
						   0, NULL);
	if (ledger->pending > 0)
		inv_access_insert_entries(ledger->indexes, ledger->leaf,
								  ledger->slots, ledger->pending);
	ledger->pending = 0;
}

static void
close_leaf(InvLedger *ledger)
{
	if (ledger->leaf == NULL)
		return;
	write_pending(ledger);
	for (int i = 0; i < ledger->nslots; i++)
		ExecDropSingleTupleTableSlot(ledger->slots[i]);
	ledger->nslots = 0;
	table_close(ledger->leaf, NoLock);
	ledger->leaf = NULL;
}

/* next_slot - for a movement with this id, in the leaf that takes it */
static TupleTableSlot *
next_slot(InvLedger *ledger, int64 id)
{
	if (ledger->leaf && !inv_leaf_takes(ledger->leaf, id))
		close_leaf(ledger);
	if (ledger->leaf == NULL)
		ledger->leaf = inv_leaf_open(ledger->cat, id, INV_MOVEMENT_COLUMNS,
									 &ledger->indexes);
	if (ledger->pending == INV_LEDGER_CHUNK)
		write_pending(ledger);
	if (ledger->pending == ledger->nslots)
		ledger->slots[ledger->nslots++] =
			MakeSingleTupleTableSlot(RelationGetDescr(ledger->leaf),
									 &TTSOpsVirtual);
	return ledger->slots[ledger->pending];
}

int64
inv_ledger_append(InvLedger *ledger, const InvMovement *movement,
				  const InvLabels *labels)
{
	int64		id = nextval_internal(ledger->cat->movement_id_seq, false);
	TupleTableSlot *slot = next_slot(ledger, id);

	fill_slot(ledger, slot, id, movement, labels);
	ledger->pending++;
	return id;
}

void
inv_ledger_end(InvLedger *ledger)
{
	close_leaf(ledger);
}

int64
inv_ledger_moved_since(const InvCatalogue *cat, int64 stock_id,
					   TimestampTz since)
{
	InvPlanScope scope;
	Datum		values[2] = {
		Int64GetDatum(stock_id), TimestampTzGetDatum(since)
	};
	int64		moved;

	inv_plan_begin(&scope, cat);
	moved = inv_plan_number(&scope, &moved_since_plan, values, NULL);
	inv_plan_end(&scope);
	return moved;
}
