/*
 * place.h
 *		Where this backend found stock rows last.
 */
#ifndef INV_PLACE_H
#define INV_PLACE_H

#include "storage/itemptr.h"

/* inv_place_hash - what a row is remembered by */
extern uint32 inv_place_hash(const text *sku, const text *location);

/* inv_place_recall - where it was; false if that was not noted */
extern bool inv_place_recall(uint32 hash, ItemPointer tid);

/* inv_place_note - tid: where all versions of the row can be reached from */
extern void inv_place_note(uint32 hash, const ItemPointerData *tid);

#endif							/* INV_PLACE_H */
