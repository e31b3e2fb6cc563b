/*
 * item.h
 *		What the users' catalogue says: items and locations.
 */
#ifndef INV_ITEM_H
#define INV_ITEM_H

#include "access/htup.h"

#include "catalogue.h"

/* What a stock row takes from its item */
typedef struct InvItem
{
	bool		active;
	int64		safety_stock;
	int64		backorder_limit;
	NullableDatum reorder_point;
	NullableDatum target_level;
} InvItem;

/* The columns of an item that inv_item_from_row() reads, and their number */
#define INV_ITEM_COLUMN_LIST \
	"active, safety_stock, backorder_limit, reorder_point, target_level"

/* inv_item_from_row - reads those columns, which begin at the given one */
extern void inv_item_from_row(HeapTuple row, TupleDesc desc, int column,
							  InvItem *item);

/* inv_item_find - does the item exist; and what is it like */
extern bool inv_item_find(const InvCatalogue *cat, text *sku,
						  InvItem *item);

/*
 * inv_location_exists - does the location exist
 *
 * "main" always does: it is made when the first stock row needs it.
 */
extern bool inv_location_exists(const InvCatalogue *cat, text *location);

/*
 * inv_location_sellable - the locations that sell, the preferred one first
 *
 * Writes them to *locations and answers how many.
 */
extern int	inv_location_sellable(const InvCatalogue *cat, text ***locations);

/*
 * inv_item_lock, inv_location_lock - the same, to the end of the transaction
 *
 * Neither can change or be deleted meanwhile.  "main" is
 * made if it is missing.
 */
extern bool inv_item_lock(const InvCatalogue *cat, text *sku, InvItem *item);
extern bool inv_location_lock(const InvCatalogue *cat, text *location);

/*
 * inv_item_similar_sku - an existing SKU that differs from sku by case or
 * blanks only, or null
 */
extern char *inv_item_similar_sku(const InvCatalogue *cat,
								  const char *sku);

#endif							/* INV_ITEM_H */
