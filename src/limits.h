/*
 * limits.h
 *		The limits of stock rows, and what they take from their item.
 */
#ifndef INV_LIMITS_H
#define INV_LIMITS_H

#include "item.h"
#include "outcome.h"

/* New limits of a stock row; null: as they are */
typedef struct InvLimits
{
	NullableDatum safety_stock;
	NullableDatum backorder_limit;
	NullableDatum reorder_point;
	NullableDatum target_level;
} InvLimits;

/*
 * inv_limits_set - gives a stock row limits of its own
 *
 * None at all: the row follows its item again.  Makes the row if there is
 * none.
 */
extern void inv_limits_set(const InvCatalogue *cat, text *sku,
						   text *location, const InvLimits *limits,
						   InvOutcome *outcome);

/*
 * inv_limits_follow_item - brings a changed item to its stock rows
 *
 * Limits that were set for a stock row stay.  The rows are taken in key order.
 */
extern void inv_limits_follow_item(const InvCatalogue *cat, text *sku,
								   const InvItem *item);

/*
 * inv_limits_follow_location - brings a location that was opened or closed to
 * one of its stock rows, which the caller takes in key order
 *
 * Each is written, also where nothing changes: who decides on the row at the
 * same time may have seen the location as it was.
 */
extern void inv_limits_follow_location(const InvCatalogue *cat, text *sku,
									   text *location);

#endif							/* INV_LIMITS_H */
