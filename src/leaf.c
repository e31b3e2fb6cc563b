/*
 * leaf.c
 *		The partitions of the ledger.
 *
 * inv_movement is partitioned by range of movement_id.  A leaf is an ordinary
 * table, not a member of the extension: only so does a dump hold it.  It is
 * made with its indexes and then attached, because a parent that has indexes
 * or constraints of its own cannot be restored once a leaf was made at run
 * time.  There is no DEFAULT leaf: once that held a row, the right leaf could
 * not be made any more.
 *
 * Who makes leaves.  The first writer that enters a leaf makes what is missing
 * of the two ahead of it, in its own transaction.  Attaching takes
 * ShareUpdateExclusiveLock on the parent to the end of that transaction.  It is
 * only tried for, as long as there is a leaf for the movement at hand: nobody
 * waits for somebody who makes room ahead of time, and whoever found too
 * little room tries again with each movement until there is enough.  Only when there is no leaf at
 * all for a movement must its writer wait: for the very first movement of a
 * database, or after the transactions that made room all failed.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "guc.h"
#include "leaf.h"
#include "plan.h"

#define LEAVES_AHEAD 2

/* The leaf that this backend writes to: first_id <= movement_id < end_id */
typedef struct Leaf
{
	Oid			relid;			/* InvalidOid: look it up */
	int64		first_id;
	int64		end_id;
	Oid			parent;
	bool		room_ahead;		/* were the next leaves there? */
	bool		indexes_known;	/* are current_indexes those of this leaf? */
} Leaf;

static InvPlan last_id_plan = {
	.sql = "SELECT last_value FROM @inv_movement_id_seq"
};

static Leaf current = {InvalidOid};
static InvIndexSet current_indexes;

/* the first_id of a leaf beyond which this backend failed to make room */
static int64 failed_beyond = 0;

static void
forget_leaf(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == current.relid ||
		relid == current.parent)
		current.relid = InvalidOid;
}

void
inv_leaf_init(void)
{
	CacheRegisterRelcacheCallback(forget_leaf, (Datum) 0);
}

/* bound_at - the value of a bound; an administrator may have made open ends */
static int64
bound_at(PartitionBoundInfo bounds, int i)
{
	switch (bounds->kind[i][0])
	{
		case PARTITION_RANGE_DATUM_MINVALUE:
			return PG_INT64_MIN;
		case PARTITION_RANGE_DATUM_MAXVALUE:
			return PG_INT64_MAX;
		default:
			return DatumGetInt64(bounds->datums[i][0]);
	}
}

/*
 * find_leaf - looks up the leaf for an id, and what lies beyond it
 *
 * ahead: the number of leaves after it; top: the end of the last leaf, 0 if
 * there is none.  relid stays InvalidOid if no leaf takes the id.
 */
static void
find_leaf(const InvCatalogue *cat, int64 id, Leaf *leaf, int *ahead,
		  int64 *top)
{
	Relation	parent = table_open(cat->movement, AccessShareLock);
	PartitionDesc desc = RelationGetPartitionDesc(parent, true);

	leaf->relid = InvalidOid;
	leaf->parent = cat->movement;
	leaf->indexes_known = false;
	*ahead = 0;
	*top = 0;
	/* a DEFAULT leaf alone has no bounds */
	if (desc->nparts > 0 && desc->boundinfo->ndatums > 0)
	{
		PartitionKey key = RelationGetPartitionKey(parent);
		PartitionBoundInfo bounds = desc->boundinfo;
		Datum		value = Int64GetDatum(id);
		bool		is_equal;
		int			edge;
		int			part;

		/* edge: the last bound that is not beyond the id, -1 if all are */
		edge = partition_range_datum_bsearch(key->partsupfunc,
											 key->partcollation, bounds, 1,
											 &value, &is_equal);
		part = bounds->indexes[edge + 1];
		*top = bound_at(bounds, bounds->ndatums - 1);
		if (part >= 0)
		{
			leaf->relid = desc->oids[part];
			leaf->first_id = bound_at(bounds, edge);
			leaf->end_id = bound_at(bounds, edge + 1);
			if (*top == PG_INT64_MAX)
				*ahead = LEAVES_AHEAD;	/* nothing lies beyond */
			for (int i = edge + 2; i <= bounds->ndatums; i++)
				*ahead += bounds->indexes[i] >= 0;
		}
	}
	leaf->room_ahead = *ahead >= LEAVES_AHEAD;
	table_close(parent, AccessShareLock);
}

/* takes - is the current leaf the one for an id? */
static bool
takes(int64 id)
{
	return OidIsValid(current.relid) &&
		id >= current.first_id && id < current.end_id;
}

bool
inv_leaf_takes(Relation leaf, int64 movement_id)
{
	return RelationGetRelid(leaf) == current.relid && takes(movement_id);
}

/* make_leaf - makes and attaches the leaf for first_id <= id < end_id */
static void
make_leaf(InvPlanScope *scope, int64 first_id, int64 end_id)
{
	char	   *first = psprintf(INT64_FORMAT, first_id);
	char	   *end = psprintf(INT64_FORMAT, end_id);
	char	   *name = psprintf("inv_movement_%s", first);
	char	   *sql;

	sql = psprintf("CREATE TABLE @%1$s (LIKE @inv_movement INCLUDING DEFAULTS"
				   " INCLUDING GENERATED INCLUDING CONSTRAINTS);"
				   "ALTER TABLE @%1$s"
				   " ADD CONSTRAINT %1$s_pkey PRIMARY KEY (movement_id);"
				   "CREATE INDEX %1$s_stock_idx"
				   " ON @%1$s (stock_id, movement_id);"
				   "CREATE INDEX %1$s_reference_idx"
				   " ON @%1$s (reference) WHERE reference IS NOT NULL;"
				   "CREATE INDEX %1$s_key_idx"
				   " ON @%1$s (key) WHERE key IS NOT NULL;"
				   "CREATE INDEX %1$s_original_idx"
				   " ON @%1$s (original_id) WHERE original_id IS NOT NULL;"
				   "CREATE INDEX %1$s_recorded_at_idx"
				   " ON @%1$s USING brin (recorded_at);"
				   "CREATE TRIGGER inv_movement_guard"
				   " BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @%1$s"
				   " FOR EACH STATEMENT"
				   " EXECUTE FUNCTION @inv_refuse_dml();"
				   "ALTER TABLE @inv_movement ATTACH PARTITION @%1$s"
				   " FOR VALUES FROM (%2$s) TO (%3$s)",
				   name, first, end);
	inv_plan_once(scope, sql);
}

/*
 * ignore_callers_defaults - where and how a leaf is stored is not the caller's
 * to say: he may have no right to that tablespace, and the owner has
 *
 * Until inv_plan_end().
 */
static void
ignore_callers_defaults(void)
{
	(void) set_config_option("default_tablespace", "", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("default_table_access_method", "heap",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/* next_end - where a new leaf ends that begins at first_id and takes id */
static int64
next_end(int64 first_id, int64 id)
{
	return Max(first_id + inv_leaf_size, id + 1);
}

/*
 * make_leaves - makes the leaf for an id if it is missing, and those ahead
 *
 * Called with the parent locked.  Answers how many it made.
 */
static int
make_leaves(const InvCatalogue *cat, int64 id)
{
	InvPlanScope scope;
	Leaf		leaf;
	int			ahead;
	int			made = 0;
	int64		top;

	/* whoever held the lock before may have done it */
	find_leaf(cat, id, &leaf, &ahead, &top);

	inv_plan_begin(&scope, cat);
	ignore_callers_defaults();
	if (!OidIsValid(leaf.relid))
	{
		int64		first = Max(top, 1);

		if (id < top)
			elog(ERROR, "movement_id " INT64_FORMAT " lies in no leaf", id);
		top = next_end(first, id);
		make_leaf(&scope, first, top);
		made++;
	}
	for (; ahead < LEAVES_AHEAD; ahead++)
	{
		int64		first = top;

		top = next_end(first, first);
		make_leaf(&scope, first, top);
		made++;
	}
	inv_plan_end(&scope);
	return made;
}

/* parent_is_in_use - is it open in this session, so that nothing attaches? */
static bool
parent_is_in_use(const InvCatalogue *cat)
{
	Relation	parent = table_open(cat->movement, NoLock);
	bool		in_use = parent->rd_refcnt > 1;

	table_close(parent, NoLock);
	return in_use;
}

/*
 * try_make_leaves - makes those ahead, or warns
 *
 * A full disk, a name that is taken, an event trigger: what forbids to make
 * room must not refuse a movement for which there is a leaf.
 */
static void
try_make_leaves(const InvCatalogue *cat, int64 id)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	failed_beyond = current.first_id;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		make_leaves(cat, id);
		ReleaseCurrentSubTransaction();
		failed_beyond = 0;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("could not make room in the ledger ahead of time: %s",
						error->message),
				 errhint("Mend it and run inv_maintain(): without a leaf movements fail.")));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/*
 * enter_leaf - finds the leaf for an id; sees to it that room is ahead
 *
 * Making a leaf invalidates what was found: the caller looks again then.
 */
static void
enter_leaf(const InvCatalogue *cat, int64 id)
{
	int			ahead;
	int64		top;

	find_leaf(cat, id, &current, &ahead, &top);
	if (!OidIsValid(current.relid))
	{
		LockRelationOid(cat->movement, ShareUpdateExclusiveLock);
		make_leaves(cat, id);
	}
	else if (current.first_id == failed_beyond)
		current.room_ahead = true;	/* not again with every movement */
	else if (ahead < LEAVES_AHEAD &&
			 ConditionalLockRelationOid(cat->movement,
										ShareUpdateExclusiveLock))
	{
		if (parent_is_in_use(cat))
			UnlockRelationOid(cat->movement, ShareUpdateExclusiveLock);
		else
			try_make_leaves(cat, id);
	}
}

int64
inv_leaf_make_ahead(const InvCatalogue *cat)
{
	InvPlanScope scope;
	int64		last_id;

	inv_plan_begin(&scope, cat);
	last_id = inv_plan_number(&scope, &last_id_plan, NULL, NULL);
	inv_plan_end(&scope);

	LockRelationOid(cat->movement, ShareUpdateExclusiveLock);
	return make_leaves(cat, last_id);
}

/*
 * check_columns - refuses a leaf that somebody attached with its columns in
 * another order than its parent has them, as is allowed
 */
static void
check_columns(const InvCatalogue *cat, Relation leaf, int columns)
{
	Relation	parent = table_open(cat->movement, AccessShareLock);
	TupleDesc	wanted = RelationGetDescr(parent);
	TupleDesc	desc = RelationGetDescr(leaf);

	inv_catalogue_check(wanted, columns, "inv_movement");
	inv_catalogue_check(desc, columns, RelationGetRelationName(leaf));
	for (int i = 0; i < columns; i++)
	{
		const char *name = NameStr(TupleDescAttr(wanted, i)->attname);

		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("column %d of \"%s\" is not \"%s\"", i + 1,
							RelationGetRelationName(leaf), name),
					 errhint("Give it the columns of inv_movement, in their order.")));
	}
	table_close(parent, AccessShareLock);
}

Relation
inv_leaf_open(const InvCatalogue *cat, int64 movement_id, int columns,
			  const InvIndexSet **indexes)
{
	for (;;)
	{
		Relation	rel;
		Oid			relid;

		if (!takes(movement_id) || !current.room_ahead)
			enter_leaf(cat, movement_id);
		if (!takes(movement_id))
			continue;

		/* taking the lock lets in the news that the leaf has changed */
		relid = current.relid;
		LockRelationOid(relid, RowExclusiveLock);
		if (unlikely(current.relid != relid))
		{
			UnlockRelationOid(relid, RowExclusiveLock);
			continue;
		}
		rel = table_open(relid, NoLock);
		if (unlikely(!current.indexes_known))
		{
			check_columns(cat, rel, columns);
			inv_access_load_indexes(&current_indexes, rel);
			current.indexes_known = true;
		}
		*indexes = &current_indexes;
		return rel;
	}
}
