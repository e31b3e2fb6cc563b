/*
 * catalogue.h
 *		Where the objects of the extension are.
 */
#ifndef INV_CATALOGUE_H
#define INV_CATALOGUE_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "storage/lockdefs.h"

/*
 * The objects of the extension in this database.  Private to the backend,
 * filled by the first call and again after one of them changed.  Never keep
 * the pointer or a member across calls.
 */
typedef struct InvCatalogue
{
	char	   *schema;			/* quoted, ready for a command */
	Oid			owner;			/* of the tables; plans run as this role */
	Oid			item;
	Oid			location;
	Oid			bundle;
	Oid			stock;
	Oid			stock_id_seq;
	Oid			stock_key;		/* unique index on (sku, location) */
	Oid			movement;		/* the parent of the leaves */
	Oid			movement_id_seq;
	Oid			request;
	Oid			hold;
	Oid			hold_key;		/* unique index on (xid, branch) */
	Oid			hold_id_seq;
	Oid			hold_line;
	Oid			hold_line_key;	/* unique index on (hold_id, position) */
	TupleDesc	outcome;		/* of inv_outcome */
	TupleDesc	hold_outcome;	/* of inv_hold_outcome */
	uint64		generation;		/* grows whenever the rest changes */
} InvCatalogue;

extern void inv_catalogue_init(void);

/*
 * inv_catalogue_get - the catalogue, found by a function of the extension
 *
 * Locks inv_stock to the end of the transaction and answers what is true under
 * that lock: no index that the catalogue names is gone already.
 */
extern const InvCatalogue *inv_catalogue_get(FunctionCallInfo fcinfo,
											 LOCKMODE lockmode);

/*
 * inv_catalogue_find - the same without a function; null if the extension is
 * not in this database
 *
 * Locks the extension, too: it is not dropped before the transaction ends.
 */
extern const InvCatalogue *inv_catalogue_find(LOCKMODE lockmode);

/*
 * inv_catalogue_check - raises if an object has less columns than this library
 * writes: it is that of an older version of the extension
 */
extern void inv_catalogue_check(TupleDesc desc, int columns,
								const char *object);

#endif							/* INV_CATALOGUE_H */
