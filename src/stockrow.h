/*
 * stockrow.h
 *		Finding, locking and writing rows of inv_stock, beneath SQL.
 *
 * Private to stock.c and the modules it is made of.
 */
#ifndef INV_STOCKROW_H
#define INV_STOCKROW_H

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
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
	/* at a fixed place in every version */
	INV_STOCK_STOCK_ID,
	INV_STOCK_ON_HAND,
	INV_STOCK_RESERVED,
	INV_STOCK_VERSION,
	INV_STOCK_SAFETY_STOCK,
	INV_STOCK_BACKORDER_LIMIT,
	INV_STOCK_QUIET_FROM,
	INV_STOCK_QUIET_TO,
	INV_STOCK_ALERT_STATE,
	INV_STOCK_OWN_LIMITS,
	INV_STOCK_ACTIVE,
	INV_STOCK_HOT,

	INV_STOCK_SKU,
	INV_STOCK_LOCATION,
	INV_STOCK_REORDER_POINT,
	INV_STOCK_TARGET_LEVEL,
	INV_STOCK_FOLDED_EPOCH,
	INV_STOCK_FOLDED_TO_ID,
	INV_STOCK_OPEN_EPOCHS,
	INV_STOCK_COLUMNS
};

/* What is at a fixed place, as a version holds it */
typedef struct InvStockFixed
{
	int64		stock_id;
	int64		on_hand;
	int64		reserved;
	int64		version;
	int64		safety_stock;
	int64		backorder_limit;
	int64		quiet_from;
	int64		quiet_to;
	int16		alert_state;
} InvStockFixed;

typedef struct InvStockTable
{
	Relation	rel;
	Relation	key;			/* the unique index (sku, location) */
	Snapshot	snapshot;
	Snapshot	crosscheck;		/* what is written must be visible to it too */
	IndexScanDesc scan;			/* kept from one row to the next, or null */
	IndexFetchTableData *fetch; /* the same, of rows whose place is known */
	BlockNumber blocks;			/* in the table, once that was asked, or 0 */
	TupleTableSlot *slot;		/* the row version at hand */
	TupleTableSlot *next;		/* its successor, or null */
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

/* inv_stockrow_renew - looks in a new snapshot, to see what was done since */
extern void inv_stockrow_renew(InvStockTable *table);

/* inv_stockrow_find - gets the row's visible version, if there is one */
extern bool inv_stockrow_find(InvStockTable *table, text *sku,
							  text *location);

/* inv_stockrow_read - what the version at hand says */
extern void inv_stockrow_read(InvStockTable *table, InvStock *stock);

/* inv_stockrow_copy - the version at hand, to be written anew later */
extern HeapTuple inv_stockrow_copy(InvStockTable *table);

/*
 * inv_stockrow_imagine - the row that a first call would make
 *
 * Answers why there can be none: unknown_item, unknown_location, or bundle.
 */
extern InvStatus inv_stockrow_imagine(const InvCatalogue *cat, text *sku,
									  text *location, InvStock *stock);

/*
 * inv_stockrow_make - makes the missing row, unless somebody else just does,
 * and gets it; made: was it us?
 *
 * Answers why not, if its item or location was deleted, or the item became a
 * bundle, a moment ago.
 */
extern InvStatus inv_stockrow_make(InvStockTable *table,
								   const InvCatalogue *cat, text *sku,
								   text *location, bool *made);

/* inv_stockrow_unmake - takes out a version that this call has made */
extern void inv_stockrow_unmake(InvStockTable *table, ItemPointer tid);

/*
 * inv_stockrow_is_contended - is somebody changing the row, or was it changed
 * since the version at hand?  A hint.
 */
extern bool inv_stockrow_is_contended(InvStockTable *table);

/* inv_stockrow_queue - waits for those who queue for the row, to their end */
extern void inv_stockrow_queue(InvStockTable *table, int64 stock_id);

/*
 * inv_stockrow_lock - locks the row of a version and gets its newest one
 *
 * Answers false if that could not be without waiting, and wait is false.
 * Raises 40001 if the isolation level forbids to see the newest version.
 */
extern bool inv_stockrow_lock(InvStockTable *table, ItemPointerData tid,
							  bool wait);

/*
 * inv_stockrow_write - makes a successor of the version at hand
 *
 * Answers false if somebody else did first: then the newest version is at
 * hand, locked, and the caller decides again.
 */
extern bool inv_stockrow_write(InvStockTable *table,
							   const InvStockUpdate *update);

/*
 * inv_stockrow_write_counts - the same of a version that was copied, with the
 * on hand, reserved and version of next; the copy is used up
 *
 * What else the caller changed of the fixed part of the copy is written too.
 */
extern bool inv_stockrow_write_counts(InvStockTable *table, HeapTuple version,
									  const InvStock *next);

/* inv_stockrow_set_item_limits - for a row that follows its item */
extern void inv_stockrow_set_item_limits(InvStockUpdate *update,
										 const InvItem *item);

/* inv_stockrow_fixed - of a version that was copied, to read and to change */
static inline InvStockFixed *
inv_stockrow_fixed(HeapTuple version)
{
	return (InvStockFixed *) GETSTRUCT(version);
}

static inline void
inv_stockrow_change_nothing(InvStockUpdate *update)
{
	memset(update->replace, false, sizeof(update->replace));
}

static inline void
inv_stockrow_set(InvStockUpdate *update, int column, Datum value)
{
	update->values[column] = value;
	update->nulls[column] = false;
	update->replace[column] = true;
}

#endif							/* INV_STOCKROW_H */
