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
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "compat.h"
#include "guc.h"
#include "leaf.h"
#include "ledger.h"

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
	MOVEMENT_ACTOR,
	MOVEMENT_APPLICATION_NAME,
	MOVEMENT_TRACEPARENT,
	MOVEMENT_TXID,
	MOVEMENT_EPOCH,
	MOVEMENT_OCCURRED_AT,
	MOVEMENT_RECORDED_AT,
	MOVEMENT_COLUMNS
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

/* set_text - a column that is null where there is nothing to say */
static void
set_text(TupleTableSlot *slot, int column, const char *value)
{
	slot->tts_isnull[column] = value == NULL || value[0] == '\0';
	if (!slot->tts_isnull[column])
		slot->tts_values[column] = CStringGetTextDatum(value);
}

static void
set_label(TupleTableSlot *slot, int column, const text *value)
{
	slot->tts_isnull[column] = value == NULL;
	slot->tts_values[column] = PointerGetDatum(value);
}

static void
fill_slot(TupleTableSlot *slot, int64 id, const InvMovement *movement,
		  const InvLabels *labels)
{
	Datum	   *values = slot->tts_values;
	Datum		now = TimestampTzGetDatum(GetCurrentTimestamp());

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
	slot->tts_isnull[MOVEMENT_KEY] = true;
	set_text(slot, MOVEMENT_ACTOR, actor_name());
	set_text(slot, MOVEMENT_APPLICATION_NAME, application_name);
	set_text(slot, MOVEMENT_TRACEPARENT, inv_traceparent);
	values[MOVEMENT_TXID] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	slot->tts_isnull[MOVEMENT_EPOCH] = true;
	values[MOVEMENT_OCCURRED_AT] = now;
	values[MOVEMENT_RECORDED_AT] = now;
	ExecStoreVirtualTuple(slot);
}

static void
insert_index_entries(Relation leaf, TupleTableSlot *slot)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);

	InitResultRelInfo(rri, leaf, 0, NULL, 0);
	ExecOpenIndices(rri, false);
	inv_insert_index_tuples(rri, slot, estate, false, false);
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
}

int64
inv_ledger_append(const InvCatalogue *cat, const InvMovement *movement,
				  const InvLabels *labels)
{
	int64		id = nextval_internal(cat->movement_id_seq, false);
	Relation	leaf = inv_leaf_open(cat, id);
	TupleTableSlot *slot;

	slot = MakeSingleTupleTableSlot(RelationGetDescr(leaf), &TTSOpsVirtual);
	fill_slot(slot, id, movement, labels);
	table_tuple_insert(leaf, slot, GetCurrentCommandId(true), 0, NULL);
	insert_index_entries(leaf, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(leaf, NoLock);
	return id;
}
