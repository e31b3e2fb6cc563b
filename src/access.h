/*
 * access.h
 *		What goes with a row that is written beneath SQL.
 */
#ifndef INV_ACCESS_H
#define INV_ACCESS_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

/*
 * The indexes of one table, looked up once for many rows.  Lives until it is
 * loaded again; whoever keeps it drops it when the table's relcache entry is
 * invalidated.
 */
typedef struct InvIndexSet
{
	MemoryContext context;
	bool		simple;			/* no expressions, no odd predicates */
	int			count;
	struct InvIndex *indexes;
} InvIndexSet;

extern void inv_access_load_indexes(InvIndexSet *set, Relation table);

/* inv_access_insert_entries - for new rows in slots, just inserted */
extern void inv_access_insert_entries(const InvIndexSet *set, Relation table,
									  TupleTableSlot **slots, int nslots);

/*
 * inv_access_fill_defaults - the columns of slot from the given one on, which
 * somebody added to the table, get their defaults; its constraints are checked
 */
extern void inv_access_fill_defaults(Relation table, TupleTableSlot *slot,
									 int first_column);

/*
 * inv_access_complete_version - the same for a new version of a row, whose
 * columns of others stay as they were, except those that are generated
 */
extern void inv_access_complete_version(Relation table, TupleTableSlot *slot);

/*
 * inv_access_keep_columns - the same for a slot that has nothing but our
 * columns: those of others, from the given one on, are taken from the version
 * at tid
 */
extern void inv_access_keep_columns(Relation table, TupleTableSlot *slot,
									ItemPointer tid, int first_column);

/*
 * inv_access_update_entries - for a new version in slot, which is not
 * heap-only; summarizing: only its summarizing indexes need an entry
 */
extern void inv_access_update_entries(Relation table, TupleTableSlot *slot,
									  bool summarizing);

/*
 * inv_access_insert_if_new - inserts the row in slot unless its key exists
 *
 * A key is what any unique index of the table says.  Waits for a concurrent
 * transaction that inserted the same.  Answers
 * false if there is such a row; then *existing is where it is.
 */
extern bool inv_access_insert_if_new(Relation table, TupleTableSlot *slot,
									 ItemPointer existing);

/*
 * inv_access_insert_rows - inserts the rows in slots, whose keys are new
 *
 * inv_access_update_row - makes the row in slot the successor of a version
 * that this transaction has locked or made
 */
extern void inv_access_insert_rows(Relation table, TupleTableSlot **slots,
								   int nslots);
extern void inv_access_update_row(Relation table, ItemPointer tid,
								  TupleTableSlot *slot);

#endif							/* INV_ACCESS_H */
