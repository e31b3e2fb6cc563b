/*
 * return.h
 *		Giving back what a call took.
 */
#ifndef INV_RETURN_H
#define INV_RETURN_H

#include "stock.h"

/*
 * inv_return_resolve - replaces each change that asks for a return (of_key) by
 * the changes that give it back
 *
 * Locks the movements of the original calls, in the order of their keys.
 * Raises IV008 and IV009.  Writes to *order.
 */
extern void inv_return_resolve(const InvCatalogue *cat, InvOrder *order);

#endif							/* INV_RETURN_H */
