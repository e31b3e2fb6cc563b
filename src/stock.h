/*
 * stock.h
 *		The stock rows and their only writer.
 */
#ifndef INV_STOCK_H
#define INV_STOCK_H

#include "item.h"
#include "ledger.h"
#include "outcome.h"

/* A stock row as some version of it stands */
typedef struct InvStock
{
	int64		stock_id;
	int64		on_hand;
	int64		reserved;
	int64		version;
	int64		safety_stock;
	int64		backorder_limit;
	bool		active;
} InvStock;

/* What a call wants of one stock row */
typedef struct InvChange
{
	const char *kind;			/* of the movement */
	text	   *sku;
	text	   *location;
	int64		quantity;		/* as the caller named it */
	int64		on_hand_delta;
	int64		reserved_delta;
	bool		takes;			/* refuse unless active and available */
} InvChange;

/* inv_stock_available - units that can be deducted now */
static inline int64
inv_stock_available(const InvStock *stock)
{
	return stock->on_hand - stock->reserved -
		(stock->safety_stock - stock->backorder_limit);
}

/*
 * inv_stock_apply - makes the change with its movement, or refuses it
 *
 * The outcome says which.  A refusal has changed nothing.  Waits for
 * concurrent changes of the row; raises 40001 when the isolation level
 * forbids to go on after one, 22003 when on hand would leave its range.
 */
extern void inv_stock_apply(const InvCatalogue *cat, const InvChange *change,
							const InvLabels *labels, InvOutcome *outcome);

/*
 * inv_stock_read - the stock row as the statement's snapshot sees it
 *
 * Without a row the stock is what a new one would be, with stock_id 0.  The
 * status is ok, unknown_item or unknown_location.
 */
extern InvStatus inv_stock_read(const InvCatalogue *cat, text *sku,
								text *location, InvStock *stock);

/*
 * inv_stock_follow_item - brings a changed item to its stock rows
 *
 * Limits that were set for a stock row stay.  The rows are taken in key order.
 */
extern void inv_stock_follow_item(const InvCatalogue *cat, text *sku,
								  const InvItem *item, NullableDatum reorder_point,
								  NullableDatum target_level);

#endif							/* INV_STOCK_H */
