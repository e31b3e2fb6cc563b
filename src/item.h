/*
 * item.h
 *		What the users' catalogue says: items and locations.
 */
#ifndef INV_ITEM_H
#define INV_ITEM_H

#include "catalogue.h"

/* What a new stock row takes from its item */
typedef struct InvItem
{
	bool		active;
	int64		safety_stock;
	int64		backorder_limit;
} InvItem;

/* inv_item_find - does the item exist; and what is it like */
extern bool inv_item_find(const InvCatalogue *cat, text *sku,
						  InvItem *item);

/*
 * inv_location_exists - does the location exist
 *
 * The default location always does: it is made when the first stock row needs
 * it.
 */
extern bool inv_location_exists(const InvCatalogue *cat, text *location);

/*
 * inv_item_similar_sku - an existing SKU that differs from sku by case or
 * blanks only, or null
 */
extern char *inv_item_similar_sku(const InvCatalogue *cat,
								  const char *sku);

#endif							/* INV_ITEM_H */
