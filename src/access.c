/*
 * access.c
 *		What goes with a row that is written beneath SQL: index entries, and the
 *		defaults of columns that are not ours.
 *
 * The executor has all this, at the price of looking up every index of a table
 * for every row.  For the ledger, which has several partial ones that most
 * rows have no entry in, that price is most of the append: so the set of its
 * indexes is kept, and an index of the form WHERE column IS NOT NULL is not
 * even opened where the column is null.  Indexes of any other kind, that a
 * user may have added, take the executor's way.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "nodes/primnodes.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "compat.h"

typedef struct InvIndex
{
	Oid			oid;
	bool		unique;
	AttrNumber	not_null;		/* entries only where this column has a value;
								 * 0: always */
	AttrNumber	summarized;		/* the one column of a block range index; 0:
								 * it is of another kind */
	IndexInfo  *info;
} InvIndex;

/* not_null_column - the column of a predicate "column IS NOT NULL", else 0 */
static AttrNumber
not_null_column(List *predicate)
{
	NullTest   *test;

	if (list_length(predicate) != 1 || !IsA(linitial(predicate), NullTest))
		return 0;
	test = linitial_node(NullTest, predicate);
	if (test->nulltesttype != IS_NOT_NULL || test->argisrow ||
		!IsA(test->arg, Var))
		return 0;
	return ((Var *) test->arg)->varattno;
}

/* summarized_column - of a block range index of one column, else 0 */
static AttrNumber
summarized_column(Relation rel)
{
	if (rel->rd_rel->relam != BRIN_AM_OID || rel->rd_index->indnatts != 1 ||
		RelationGetIndexPredicate(rel) != NIL)
		return 0;
	return rel->rd_index->indkey.values[0];
}

static void
load_index(InvIndexSet *set, Oid oid)
{
	InvIndex   *index = &set->indexes[set->count];
	Relation	rel = index_open(oid, RowExclusiveLock);

	index->oid = oid;
	index->info = BuildIndexInfo(rel);
	/* one that is just being made concurrently may not be ready yet */
	if (index->info->ii_ReadyForInserts)
		set->count++;
	index->unique = index->info->ii_Unique;
	index->not_null = not_null_column(index->info->ii_Predicate);
	index->summarized = summarized_column(rel);
	if (index->info->ii_Expressions != NIL ||
		index->info->ii_ExclusionOps != NULL ||
		(index->info->ii_Predicate != NIL && index->not_null == 0) ||
		!rel->rd_index->indimmediate)
		set->simple = false;
	index_close(rel, NoLock);
}

void
inv_access_load_indexes(InvIndexSet *set, Relation table)
{
	MemoryContext old;
	List	   *oids;
	ListCell   *cell;

	if (set->context)
		MemoryContextReset(set->context);
	else
		set->context = AllocSetContextCreate(TopMemoryContext,
											 "inventory indexes",
											 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(set->context);
	oids = RelationGetIndexList(table);
	set->simple = true;
	set->count = 0;
	set->indexes = palloc(list_length(oids) * sizeof(InvIndex));
	foreach(cell, oids)
		load_index(set, lfirst_oid(cell));
	MemoryContextSwitchTo(old);
}

/*
 * is_summarized - a block range index knows of a row already what the row
 * before it said: the same value in the same block
 */
static bool
is_summarized(const InvIndex *index, TupleTableSlot **slots, int i)
{
	int			column = index->summarized - 1;

	return column >= 0 && i > 0 &&
		TupleDescAttr(slots[i]->tts_tupleDescriptor, column)->attbyval &&
		!slots[i]->tts_isnull[column] && !slots[i - 1]->tts_isnull[column] &&
		slots[i]->tts_values[column] == slots[i - 1]->tts_values[column] &&
		ItemPointerGetBlockNumber(&slots[i]->tts_tid) ==
		ItemPointerGetBlockNumber(&slots[i - 1]->tts_tid);
}

/* insert_entries - those of one index, which is opened if there are any */
static void
insert_entries(const InvIndex *index, Relation table, TupleTableSlot **slots,
			   int nslots)
{
	Relation	rel = NULL;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	IndexInfo	info = *index->info;

	/* what an access method keeps there must not outlive the call */
	info.ii_AmCache = NULL;
	info.ii_Context = CurrentMemoryContext;

	for (int i = 0; i < nslots; i++)
	{
		if (index->not_null != 0 && slots[i]->tts_isnull[index->not_null - 1])
			continue;
		if (is_summarized(index, slots, i))
			continue;
		if (rel == NULL)
			rel = index_open(index->oid, RowExclusiveLock);
		FormIndexDatum(&info, slots[i], NULL, values, nulls);
		index_insert(rel, values, nulls, &slots[i]->tts_tid, table,
					 index->unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
					 false, &info);
	}
	if (rel == NULL)
		return;
	inv_index_insert_cleanup(rel, &info);
	index_close(rel, NoLock);
}

/* insert_entries_executor - the general way */
static void
insert_entries_executor(Relation table, TupleTableSlot *slot, bool update,
						bool summarizing)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);

	InitResultRelInfo(rri, table, 0, NULL, 0);
	ExecOpenIndices(rri, false);
	inv_insert_index_tuples(rri, slot, estate, update, false, NULL,
							summarizing);
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
}

void
inv_access_insert_entries(const InvIndexSet *set, Relation table,
						  TupleTableSlot **slots, int nslots)
{
	if (likely(set->simple))
		for (int i = 0; i < set->count; i++)
			insert_entries(&set->indexes[i], table, slots, nslots);
	else
		for (int i = 0; i < nslots; i++)
			insert_entries_executor(table, slots[i], false, false);
}

void
inv_access_update_entries(Relation table, TupleTableSlot *slot,
						  bool summarizing)
{
	insert_entries_executor(table, slot, true, summarizing);
}

static void
fill_default(Relation table, TupleTableSlot *slot, int column, EState *estate)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table),
												column);
	Node	   *expr = NULL;

	slot->tts_values[column] = (Datum) 0;
	slot->tts_isnull[column] = true;
	/* what is generated is computed from the rest, below */
	if (!attribute->attisdropped && !attribute->attgenerated)
		expr = build_column_default(table, column + 1);
	if (expr)
		slot->tts_values[column] =
			ExecEvalExpr(ExecPrepareExpr((Expr *) expr, estate),
						 GetPerTupleExprContext(estate),
						 &slot->tts_isnull[column]);
}

/* compute_and_check - generated columns, then constraints */
static void
compute_and_check(Relation table, TupleTableSlot *slot, EState *estate)
{
	TupleConstr *constr = slot->tts_tupleDescriptor->constr;
	ResultRelInfo *rri = makeNode(ResultRelInfo);

	InitResultRelInfo(rri, table, 0, NULL, 0);
	/* as for an insert: an update would compute what its statement names */
	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(rri, estate, slot, CMD_INSERT);
	ExecConstraints(rri, slot, estate);
}

void
inv_access_fill_defaults(Relation table, TupleTableSlot *slot,
						 int first_column)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	EState	   *estate;

	if (likely(desc->natts <= first_column &&
			   (desc->constr == NULL || desc->constr->num_check == 0)))
		return;

	estate = CreateExecutorState();
	for (int i = first_column; i < desc->natts; i++)
		fill_default(table, slot, i, estate);
	/* the values live in the executor's memory */
	ExecMaterializeSlot(slot);
	compute_and_check(table, slot, estate);
	FreeExecutorState(estate);
}

void
inv_access_keep_columns(Relation table, TupleTableSlot *slot, ItemPointer tid,
						int first_column)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	TupleTableSlot *old;

	if (likely(desc->natts <= first_column))
	{
		inv_access_complete_version(table, slot);
		return;
	}
	old = table_slot_create(table, NULL);
	if (!table_tuple_fetch_row_version(table, tid, SnapshotAny, old))
		elog(ERROR, "the row to be changed is gone");
	slot_getallattrs(old);
	for (int i = first_column; i < desc->natts; i++)
	{
		slot->tts_values[i] = old->tts_values[i];
		slot->tts_isnull[i] = old->tts_isnull[i] ||
			TupleDescAttr(desc, i)->attisdropped;
	}
	/* the values are in the old version's page */
	ExecMaterializeSlot(slot);
	ExecDropSingleTupleTableSlot(old);
	inv_access_complete_version(table, slot);
}

void
inv_access_complete_version(Relation table, TupleTableSlot *slot)
{
	TupleConstr *constr = slot->tts_tupleDescriptor->constr;
	EState	   *estate;

	if (likely(constr == NULL ||
			   (!constr->has_generated_stored && constr->num_check == 0)))
		return;

	estate = CreateExecutorState();
	ExecMaterializeSlot(slot);
	compute_and_check(table, slot, estate);
	FreeExecutorState(estate);
}

/*
 * try_insert - the row with its index entries, unless another backend was
 * faster since its key was looked for
 */
static bool
try_insert(ResultRelInfo *rri, EState *estate, TupleTableSlot *slot)
{
	Relation	table = rri->ri_RelationDesc;
	TransactionId xid = GetCurrentTransactionId();
	uint32		token = SpeculativeInsertionLockAcquire(xid);
	bool		conflict = false;

	table_tuple_insert_speculative(table, slot, GetCurrentCommandId(true), 0,
								   NULL, token);
	inv_insert_index_tuples(rri, slot, estate, false, true, &conflict, false);
	table_tuple_complete_speculative(table, slot, token, !conflict);
	SpeculativeInsertionLockRelease(xid);
	return !conflict;
}

bool
inv_access_insert_if_new(Relation table, TupleTableSlot *slot,
						 ItemPointer existing)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);
	bool		inserted = false;

	/* 19 holds a row that it found against the executor's snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	estate->es_snapshot = GetActiveSnapshot();
	InitResultRelInfo(rri, table, 0, NULL, 0);
	ExecOpenIndices(rri, true);
	while (!inserted &&
		   inv_check_index_constraints(rri, slot, estate, existing))
		inserted = try_insert(rri, estate, slot);
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
	PopActiveSnapshot();
	return inserted;
}

void
inv_access_insert_rows(Relation table, TupleTableSlot **slots, int nslots)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);

	InitResultRelInfo(rri, table, 0, NULL, 0);
	ExecOpenIndices(rri, false);
	table_multi_insert(table, slots, nslots, GetCurrentCommandId(true), 0,
					   NULL);
	for (int i = 0; i < nslots; i++)
		inv_insert_index_tuples(rri, slots[i], estate, false, false, NULL,
								false);
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
}

void
inv_access_update_row(Relation table, ItemPointer tid, TupleTableSlot *slot)
{
	InvUpdateIndexes update_indexes;

	simple_table_tuple_update(table, tid, slot, GetActiveSnapshot(),
							  &update_indexes);
	if (!inv_update_indexes_none(update_indexes))
		inv_access_update_entries(table, slot,
								  inv_update_indexes_summarizing(update_indexes));
}
