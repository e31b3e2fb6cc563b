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

static void
raise_key_reused(const InvCall *call, const char *function)
{
	const char *key = text_to_cstring(call->key);

	ereport(ERROR,
			(errcode(INV_ERRCODE_KEY_REUSED),
			 errmsg("%skey \"%s\" was used with other arguments",
					inv_line_prefix(call->line), key),
			 inv_errdetail("line:n key:s function:s", (int64) call->line, key,
						   function),
			 errhint("Repeat a call with the same arguments, or use a new key for a new call.")));
}

/* check_digest - refuses a key that was used for something else */
static void
check_digest(TupleTableSlot *slot, const InvCall *call, Datum digest)
{
	if (DatumGetBool(DirectFunctionCall2(byteaeq, digest,
										 slot->tts_values[REQUEST_DIGEST])))
		return;
	raise_key_reused(call,
					 TextDatumGetCString(slot->tts_values[REQUEST_FUNCTION]));
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
	request->values[REQUEST_DIGEST] = inv_call_digest(call);
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

	if (likely(!request->keyed))
		return;

	CommandCounterIncrement();
	request->values[REQUEST_OUTCOMES] = inv_outcome_array(cat, answer);
	rel = table_open(cat->request, RowExclusiveLock);
	slot = table_slot_create(rel, NULL);
	store_row(rel, slot, request);
	inv_access_update_row(rel, &request->tid, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

void
inv_request_recall(const InvOrder *order, InvAnswer *answer)
{
	int			next = 0;

	answer->numbered = order->numbered;
	for (int i = 0; i < answer->count; i++)
	{
		InvOutcome *outcome = &answer->outcomes[i];

		while (next < order->count - 1 &&
			   order->changes[next].line < outcome->line)
			next++;
		outcome->keep = order->changes[next].keep;
		outcome->expected_version = order->changes[next].expected_version;
	}
}

void
inv_request_apply(const InvCatalogue *cat, InvCall *call,
				  const InvOrder *order, InvAnswer *answer)
{
	InvRequest	request;

	if (inv_request_begin(&request, cat, call, answer))
	{
		inv_request_recall(order, answer);
		return;
	}
	inv_stock_apply(cat, order, answer);
	inv_request_end(&request, cat, answer);
}

/* A line with a key of its own */
typedef struct KeyedLine
{
	int			index;			/* of the line, from 0 */
	InvCall		call;
	InvRequest	request;
	bool		repeats;		/* the key of another line of this call */
} KeyedLine;

/* note_line - what inv_deduct() would note of these arguments */
static void
note_line(InvCall *call, const InvChange *change)
{
	inv_call_note_text(call, change->sku);
	inv_call_note_integer(call, false, change->quantity);
	inv_call_note_text(call, change->location);
	inv_call_note_text(call, change->labels->reference);
	inv_call_note_text(call, change->labels->reason);
	inv_call_note_integer(call, true, 0);	/* keep */
	inv_call_note_integer(call, true, 0);	/* expected_version */
	inv_call_note_integer(call, true, DT_NOBEGIN);	/* occurred_at */
}

/* compare_keyed - by key, the lines of one key in their order */
static int
compare_keyed(const void *a, const void *b)
{
	const KeyedLine *x = a;
	const KeyedLine *y = b;
	int			result = inv_text_compare(x->call.key, y->call.key);

	return result != 0 ? result : x->index - y->index;
}

/* collect_keyed - the lines that have a key, in the order of their keys */
static KeyedLine *
collect_keyed(const char *function, const InvOrder *order, int *count)
{
	KeyedLine  *lines = palloc(order->count * sizeof(KeyedLine));

	*count = 0;
	for (int i = 0; i < order->count; i++)
	{
		KeyedLine  *line = &lines[*count];

		if (order->changes[i].labels->key == NULL)
			continue;
		line->index = i;
		line->repeats = false;
		inv_call_begin_line(&line->call, function,
							order->changes[i].labels->key);
		note_line(&line->call, &order->changes[i]);
		(*count)++;
	}
	qsort(lines, *count, sizeof(KeyedLine), compare_keyed);
	return lines;
}

/* is_repeat - has the line the key of the one before it? */
static bool
is_repeat(const KeyedLine *line, const KeyedLine *previous)
{
	return previous &&
		inv_text_compare(line->call.key, previous->call.key) == 0;
}

/* check_repeat - a key that is there twice must be with the same arguments */
static void
check_repeat(const KeyedLine *line, const KeyedLine *previous)
{
	if (line->call.noted.len != previous->call.noted.len ||
		memcmp(line->call.noted.data, previous->call.noted.data,
			   line->call.noted.len) != 0)
		raise_key_reused(&line->call, line->call.function);
}

/*
 * begin_keyed - asks for each key; lines that were answered are no longer open
 */
static void
begin_keyed(const InvCatalogue *cat, KeyedLine *lines, int count,
			InvOutcome *outcomes, bool *open)
{
	for (int i = 0; i < count; i++)
	{
		KeyedLine  *line = &lines[i];
		InvAnswer	stored;

		line->call.line = line->index + 1;
		if (is_repeat(line, i > 0 ? line - 1 : NULL))
		{
			check_repeat(line, line - 1);
			line->repeats = true;
			open[line->index] = false;
		}
		else if (inv_request_begin(&line->request, cat, &line->call, &stored))
		{
			outcomes[line->index] = stored.outcomes[0];
			line->request.keyed = false;
			open[line->index] = false;
		}
	}
}

/* end_keyed - stores what the lines were answered */
static void
end_keyed(const InvCatalogue *cat, KeyedLine *lines, int count,
		  InvOutcome *outcomes)
{
	for (int i = 0; i < count; i++)
	{
		KeyedLine  *line = &lines[i];
		InvOutcome	outcome;
		InvAnswer	answer = {&outcome, 1};

		if (line->repeats)
		{
			outcomes[line->index] = outcomes[lines[i - 1].index];
			outcomes[line->index].replayed = true;
			continue;
		}
		outcome = outcomes[line->index];
		outcome.line = 1;
		inv_request_end(&line->request, cat, &answer);
	}
}

/* apply_open - makes the changes of the open lines */
static void
apply_open(const InvCatalogue *cat, const InvOrder *order, const bool *open,
		   InvOutcome *outcomes)
{
	InvChange  *changes = palloc(order->count * sizeof(InvChange));
	InvOrder	rest = *order;
	InvAnswer	answer = {NULL};

	rest.changes = changes;
	rest.count = 0;
	for (int i = 0; i < order->count; i++)
		if (open[i])
			changes[rest.count++] = order->changes[i];
	if (rest.count == 0)
		return;
	inv_stock_apply(cat, &rest, &answer);
	for (int i = 0; i < answer.count; i++)
		outcomes[answer.outcomes[i].line - 1] = answer.outcomes[i];
}

void
inv_request_apply_each(const InvCatalogue *cat, const char *function,
					   const InvOrder *order, InvAnswer *answer)
{
	InvOutcome *outcomes = palloc(order->count * sizeof(InvOutcome));
	bool	   *open = palloc(order->count * sizeof(bool));
	int			count;
	KeyedLine  *keyed = collect_keyed(function, order, &count);

	memset(open, true, order->count * sizeof(bool));
	begin_keyed(cat, keyed, count, outcomes, open);
	apply_open(cat, order, open, outcomes);
	end_keyed(cat, keyed, count, outcomes);
	for (int i = 0; i < order->count; i++)
		outcomes[i].line = i + 1;
	answer->outcomes = outcomes;
	answer->count = order->count;
	answer->numbered = order->numbered;
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
