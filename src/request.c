/*
 * request.c
 *		Idempotency: one effect for each key.
 *
 * The row of inv_request is the fence.  A call with a key first inserts it; the
 * unique index makes a second caller with the same key wait until the first
 * one's transaction has ended, and then either insert its own row or find the
 * answer.  Only then is stock touched: so keys come before stock rows in the
 * lock order, and one protocol serves stock of every kind.  At its end the
 * call stores its outcomes in the row, a heap-only update.
 *
 * A refusal that raises takes the row with it when it rolls back: such a call
 * may be tried again under its key.  One that is returned is remembered.
 *
 * The digest covers the function and its arguments after defaults, in network
 * byte order: a restored dump replays on any machine.
 */
#include "postgres.h"

#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "request.h"

/* The columns of inv_request, counted from zero */
enum
{
	REQUEST_KEY,
	REQUEST_FUNCTION,
	REQUEST_DIGEST,
	REQUEST_OUTCOMES,
	REQUEST_CREATED_AT
};

static Datum
digest_of(const InvCall *call)
{
	bytea	   *noted = (bytea *) cstring_to_text_with_len(call->noted.data,
														   call->noted.len);

	return DirectFunctionCall1(sha256_bytea, PointerGetDatum(noted));
}

static void
store_row(Relation rel, TupleTableSlot *slot, const InvRequest *request)
{
	memcpy(slot->tts_values, request->values, sizeof(request->values));
	memset(slot->tts_isnull, false, INV_REQUEST_COLUMNS);
	slot->tts_isnull[REQUEST_OUTCOMES] =
		request->values[REQUEST_OUTCOMES] == (Datum) 0;
	ExecStoreVirtualTuple(slot);
	inv_access_fill_defaults(rel, slot, INV_REQUEST_COLUMNS);
}

/* check_digest - refuses a key that was used for something else */
static void
check_digest(TupleTableSlot *slot, const InvCall *call, Datum digest)
{
	const char *key = text_to_cstring(call->key);
	const char *function;

	if (DatumGetBool(DirectFunctionCall2(byteaeq, digest,
										 slot->tts_values[REQUEST_DIGEST])))
		return;
	function = TextDatumGetCString(slot->tts_values[REQUEST_FUNCTION]);
	ereport(ERROR,
			(errcode(INV_ERRCODE_KEY_REUSED),
			 errmsg("key \"%s\" was used with other arguments", key),
			 inv_errdetail("key:s function:s", key, function),
			 errhint("Repeat a call with the same arguments, or use a new key for a new call.")));
}

/* read_answer - the outcomes of the call that has the key */
static void
read_answer(Relation rel, InvRequest *request, const InvCatalogue *cat,
			const InvCall *call, InvAnswer *answer)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	/* the other transaction may have ended a moment ago: look afresh */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!table_tuple_fetch_row_version(rel, &request->tid,
									   GetActiveSnapshot(), slot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to a concurrent call with the same key"),
				 errhint("Retry the transaction.")));
	slot_getallattrs(slot);
	check_digest(slot, call, request->values[REQUEST_DIGEST]);
	if (slot->tts_isnull[REQUEST_OUTCOMES])
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("key \"%s\" belongs to a call that is still running",
						text_to_cstring(call->key)),
				 errhint("Do not call with the same key from within a call.")));
	inv_outcome_from_array(cat, slot->tts_values[REQUEST_OUTCOMES], answer);
	ExecDropSingleTupleTableSlot(slot);
	PopActiveSnapshot();
}

bool
inv_request_begin(InvRequest *request, const InvCatalogue *cat, InvCall *call,
				  InvAnswer *answer)
{
	Relation	rel;
	TupleTableSlot *slot;
	bool		inserted;

	request->keyed = call->key != NULL;
	if (likely(!request->keyed))
		return false;

	request->values[REQUEST_KEY] = PointerGetDatum(call->key);
	request->values[REQUEST_FUNCTION] = CStringGetTextDatum(call->function);
	request->values[REQUEST_DIGEST] = digest_of(call);
	request->values[REQUEST_OUTCOMES] = (Datum) 0;
	request->values[REQUEST_CREATED_AT] =
		TimestampTzGetDatum(GetCurrentTimestamp());

	CommandCounterIncrement();
	rel = table_open(cat->request, RowExclusiveLock);
	inv_catalogue_check(RelationGetDescr(rel), INV_REQUEST_COLUMNS,
						"inv_request");
	slot = table_slot_create(rel, NULL);
	store_row(rel, slot, request);
	inserted = inv_access_insert_if_new(rel, slot, &request->tid);
	if (inserted)
		request->tid = slot->tts_tid;
	else
		read_answer(rel, request, cat, call, answer);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return !inserted;
}

void
inv_request_end(InvRequest *request, const InvCatalogue *cat,
				const InvAnswer *answer)
{
	Relation	rel;
	TupleTableSlot *slot;
	InvUpdateIndexes update_indexes;

	if (likely(!request->keyed))
		return;

	CommandCounterIncrement();
	request->values[REQUEST_OUTCOMES] = inv_outcome_array(cat, answer);
	rel = table_open(cat->request, RowExclusiveLock);
	slot = table_slot_create(rel, NULL);
	store_row(rel, slot, request);
	simple_table_tuple_update(rel, &request->tid, slot, GetActiveSnapshot(),
							  &update_indexes);
	if (!inv_update_indexes_none(update_indexes))
		inv_access_update_entries(rel, slot,
								  inv_update_indexes_summarizing(update_indexes));
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

int64
inv_request_expire(const InvCatalogue *cat)
{
	Relation	rel;
	TableScanDesc scan;
	TupleTableSlot *slot;
	ScanKeyData key;
	int64		expired = 0;
	TimestampTz limit;

	limit = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
										-(int64) inv_key_retention * 1000);

	/* one at a time; callers with keys do not mind */
	rel = table_open(cat->request, ShareUpdateExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
	slot = table_slot_create(rel, NULL);
	ScanKeyInit(&key, REQUEST_CREATED_AT + 1, BTLessStrategyNumber,
				F_TIMESTAMPTZ_LT, TimestampTzGetDatum(limit));
	scan = inv_table_beginscan(rel, GetActiveSnapshot(), 1, &key);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		simple_table_tuple_delete(rel, &slot->tts_tid, GetActiveSnapshot());
		expired++;
		CHECK_FOR_INTERRUPTS();
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	PopActiveSnapshot();
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return expired;
}
