/*
 * change.h
 *		What each kind of call wants of stock, before its arguments are known.
 */
#ifndef INV_CHANGE_H
#define INV_CHANGE_H

#include "argument.h"
#include "stock.h"

extern const InvChange inv_change_receive;
extern const InvChange inv_change_deduct;
extern const InvChange inv_change_adjust;
extern const InvChange inv_change_return;

/* of holds */
extern const InvChange inv_change_try;
extern const InvChange inv_change_confirm;	/* what was reserved */
extern const InvChange inv_change_reacquire;	/* what is no longer */
extern const InvChange inv_change_release;

/* the first of the two changes of a transfer */
extern const InvChange inv_change_transfer_from;

/*
 * inv_change_transfer_to - makes the second change of a transfer, behind the
 * first one, which is complete
 *
 * line: for errors; 0: none.  Raises 22023 if both locations are the same.
 */
extern void inv_change_transfer_to(InvChange *from, text *to_location,
								   int line);

/*
 * inv_change_labels - what the call says of its movements: reference and
 * reason, which stand side by side among the arguments, and the key
 */
extern void inv_change_labels(InvCall *call, int first_arg,
							  InvLabels *labels);

#endif							/* INV_CHANGE_H */
