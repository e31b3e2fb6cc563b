/*
 * leaf.h
 *		The partitions of the ledger.
 */
#ifndef INV_LEAF_H
#define INV_LEAF_H

#include "catalogue.h"
#include "utils/rel.h"

extern void inv_leaf_init(void);

/*
 * inv_leaf_open - the leaf that takes movement_id, locked for writing
 *
 * Makes it, and two ahead of it, when they are missing.  The caller closes it
 * and keeps the lock.
 */
extern Relation inv_leaf_open(const InvCatalogue *cat, int64 movement_id);

#endif							/* INV_LEAF_H */
