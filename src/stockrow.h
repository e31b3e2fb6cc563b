/*
 * stockrow.h
 *		Finding, locking and writing rows of inv_stock, beneath SQL.
 *
 * Private to stock.c and the modules it is made of.
 */
#ifndef INV_STOCKROW_H
#define INV_STOCKROW_H

#include "access/sdir.h"
#include "executor/tuptable.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "catalogue.h"
#include "stock.h"

/* The columns of inv_stock, counted from zero */
enum
{
	INV_STOCK_STOCK_ID,
	INV_STOCK_SKU,
	INV_STOCK_LOCATION,
	INV_STOCK_ON_HAND,
	INV_STOCK_RESERVED,
	INV_STOCK_VERSION,
	INV_STOCK_SAFETY_STOCK,
	INV_STOCK_BACKORDER_LIMIT,
	INV_STOCK_REORDER_POINT,
	INV_STOCK_TARGET_LEVEL,
	INV_STOCK_OWN_LIMITS,
	INV_STOCK_ACTIVE,
	INV_STOCK_COLUMNS			/* of those that we read or write */
};

typedef struct InvStockTable
{
	Relation	rel;
	Relation	key;			/* the unique index (sku, location) */
	Snapshot	snapshot;
	Snapshot	crosscheck;		/* what is written must be visible to it too */
} InvStockTable;

/* New values for some of the columns of a row */
typedef struct InvStockUpdate
{
	Datum		values[INV_STOCK_COLUMNS];
	bool		nulls[INV_STOCK_COLUMNS];
	bool		replace[INV_STOCK_COLUMNS];
} InvStockUpdate;

/* inv_stockrow_open - rows are looked for in the active snapshot */
extern void inv_stockrow_open(InvStockTable *table, const InvCatalogue *cat,
							  LOCKMODE lockmode);

/* inv_stockrow_close - keeps the locks */
extern void inv_stockrow_close(InvStockTable *table);

/*
 * inv_stockrow_insert - makes a row of these columns, unless its key exists
 *
 * stock_id is drawn here.
 */
extern void inv_stockrow_insert(InvStockTable *table, const InvCatalogue *cat,
								InvStockUpdate *columns);

/* inv_stockrow_slot - for one row version; the caller drops it */
extern TupleTableSlot *inv_stockrow_slot(InvStockTable *table);

/* inv_stockrow_find - gets the row's visible version, if there is one */
extern bool inv_stockrow_find(InvStockTable *table, TupleTableSlot *slot,
							  text *sku, text *location);

extern void inv_stockrow_read(TupleTableSlot *slot, InvStock *stock);

/*
 * inv_stockrow_is_contended - is somebody changing the row, or was it changed
 * since this version?  A hint.
 */
extern bool inv_stockrow_is_contended(TupleTableSlot *slot);

/* inv_stockrow_queue - waits for those who queue for the row, to their end */
extern void inv_stockrow_queue(InvStockTable *table, int64 stock_id);

/*
 * inv_stockrow_lock - locks the row and gets its newest version
 *
 * Raises 40001 if the isolation level forbids to see that.
 */
extern void inv_stockrow_lock(InvStockTable *table, TupleTableSlot *slot);

/*
 * inv_stockrow_write - makes a successor of the row version in slot
 *
 * Answers false if somebody else did first: then slot has the newest version,
 * locked, and the caller decides again.
 */
extern bool inv_stockrow_write(InvStockTable *table, TupleTableSlot *slot,
							   const InvStockUpdate *update);

static inline void
inv_stockrow_set(InvStockUpdate *update, int column, Datum value)
{
	update->values[column] = value;
	update->nulls[column] = false;
	update->replace[column] = true;
}

#endif							/* INV_STOCKROW_H */
