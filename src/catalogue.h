/*
 * catalogue.h
 *		Where the objects of the extension are, and what the catalogue of items
 *		and locations says.
 */
#ifndef INV_CATALOGUE_H
#define INV_CATALOGUE_H

#include "access/tupdesc.h"
#include "fmgr.h"

/*
 * The objects of the extension in this database.  Private to the backend,
 * filled by the first call and again after one of them changed.  Never keep
 * the pointer or a member across calls.
 */
typedef struct InvCatalogue
{
	char	   *schema;			/* quoted, ready for a command */
	Oid			owner;			/* of the tables; plans run as this role */
	Oid			stock;
	Oid			stock_key;		/* unique index on (sku, location) */
	Oid			movement;		/* the parent of the leaves */
	Oid			movement_id_seq;
	TupleDesc	outcome;		/* of inv_outcome */
	uint64		generation;		/* grows whenever the rest changes */
} InvCatalogue;

/* What a new stock row takes from its item */
typedef struct InvItem
{
	bool		active;
	int64		safety_stock;
	int64		backorder_limit;
} InvItem;

extern void inv_catalogue_init(void);

/* inv_catalogue_get - the catalogue, found by a function of the extension */
extern const InvCatalogue *inv_catalogue_get(FunctionCallInfo fcinfo);

/* inv_catalogue_item - does the item exist; and what is it like */
extern bool inv_catalogue_item(const InvCatalogue *cat, text *sku,
							   InvItem *item);

/*
 * inv_catalogue_location - does the location exist
 *
 * The default location always does: it is made when the first stock row needs
 * it.
 */
extern bool inv_catalogue_location(const InvCatalogue *cat, text *location);

/*
 * inv_catalogue_similar_sku - an existing SKU that differs from sku by case or
 * blanks only, or null
 */
extern char *inv_catalogue_similar_sku(const InvCatalogue *cat,
									   const char *sku);

#endif							/* INV_CATALOGUE_H */
