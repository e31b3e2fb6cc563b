/*
 * leaf.h
 *		The partitions of the ledger.
 */
#ifndef INV_LEAF_H
#define INV_LEAF_H

#include "utils/rel.h"

#include "access.h"
#include "catalogue.h"

extern void inv_leaf_init(void);

/*
 * inv_leaf_open - the leaf that takes movement_id, locked for writing
 *
 * Makes it, and two ahead of it, when they are missing.  The caller closes it
 * and keeps the lock.  Its first columns, so many, are those of the ledger in
 * their order.  *indexes are those of the leaf, valid until the next
 * call.
 */
extern Relation inv_leaf_open(const InvCatalogue *cat, int64 movement_id,
							  int columns, const InvIndexSet **indexes);

/* inv_leaf_takes - does an open leaf take this movement too? */
extern bool inv_leaf_takes(Relation leaf, int64 movement_id);

/* inv_leaf_make_ahead - makes what is missing; answers how many it made */
extern int64 inv_leaf_make_ahead(const InvCatalogue *cat);

#endif							/* INV_LEAF_H */
