/*
 * hold.h
 *		Holds: reservations with a name, decided later.
 */
#ifndef INV_HOLD_H
#define INV_HOLD_H

#include "catalogue.h"

/*
 * inv_hold_expire - gives back what holds hold whose time is over
 *
 * At most max_holds, the oldest first; answers how many.
 */
extern int64 inv_hold_expire(const InvCatalogue *cat, int64 max_holds);

/*
 * inv_hold_forget - removes holds that were decided longer than
 * inventory.hold_retention ago; answers how many
 */
extern int64 inv_hold_forget(const InvCatalogue *cat);

#endif							/* INV_HOLD_H */
