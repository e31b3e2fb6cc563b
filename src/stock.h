/*
 * stock.h
 *		The stock rows and their only writer.
 */
#ifndef INV_STOCK_H
#define INV_STOCK_H

#include "utils/timestamp.h"

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
	bool		own_limits;
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

	/* conditions */
	bool		sells;			/* refuse unless the item is active */
	bool		takes;			/* refuse unless so much is available */
	int64		keep;			/* ... and this much left, or INV_NO_KEEP */
	int64		expected_version;	/* or INV_ANY_VERSION */

	/* a count: the delta is what on hand lacked of quantity at that time */
	bool		counts;
	TimestampTz counted_at;		/* DT_NOBEGIN: now */

	int64		original_id;	/* the movement that it gives back, or 0 */
} InvChange;

/* New limits of a stock row; null: as they are */
typedef struct InvLimits
{
	NullableDatum safety_stock;
	NullableDatum backorder_limit;
	NullableDatum reorder_point;
	NullableDatum target_level;
} InvLimits;

/* inv_stock_available - units that can be deducted now */
static inline int64
inv_stock_available(const InvStock *stock)
{
	return stock->on_hand - stock->reserved -
		(stock->safety_stock - stock->backorder_limit);
}

/*
 * inv_stock_apply - makes all the changes with their movements, or none
 *
 * The changes concern different stock rows.  One outcome each, in the same
 * order.  A refusal has changed nothing; the changes that were not refused
 * themselves are not_applied then.  Waits for concurrent changes of the rows;
 * raises 40001 when the isolation level forbids to go on after one, 22003 when
 * on hand would leave its range.
 */
extern void inv_stock_apply(const InvCatalogue *cat, const InvChange *changes,
							int count, const InvLabels *labels,
							InvOutcome *outcomes);

/*
 * inv_stock_read - the stock row as the statement's snapshot sees it
 *
 * Without a row the stock is what a new one would be, with stock_id 0.  The
 * status is ok, unknown_item or unknown_location.
 */
extern InvStatus inv_stock_read(const InvCatalogue *cat, text *sku,
								text *location, InvStock *stock);

/*
 * inv_stock_set_limits - gives a stock row limits of its own
 *
 * None at all: the row follows its item again.  Makes the row if there is
 * none.
 */
extern void inv_stock_set_limits(const InvCatalogue *cat, text *sku,
								 text *location, const InvLimits *limits,
								 InvOutcome *outcome);

/*
 * inv_stock_follow_item - brings a changed item to its stock rows
 *
 * Limits that were set for a stock row stay.  The rows are taken in key order.
 */
extern void inv_stock_follow_item(const InvCatalogue *cat, text *sku,
								  const InvItem *item);

#endif							/* INV_STOCK_H */
