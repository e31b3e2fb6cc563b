/*
 * ledger.h
 *		The ledger: one movement for every change of a stock row.
 */
#ifndef INV_LEDGER_H
#define INV_LEDGER_H

#include "catalogue.h"

/* The caller's own words, kept with each movement of a call; may be null */
typedef struct InvLabels
{
	text	   *reference;
	text	   *reason;
} InvLabels;

typedef struct InvMovement
{
	int64		stock_id;
	text	   *sku;
	text	   *location;
	const char *kind;
	int64		on_hand_delta;
	int64		reserved_delta;
	int64		version;
} InvMovement;

extern void inv_ledger_init(void);

/*
 * inv_ledger_append - appends a movement and answers its movement_id
 *
 * Called with the stock row changed and so locked: ids then ascend with the
 * versions of the row.
 */
extern int64 inv_ledger_append(const InvCatalogue *cat,
							   const InvMovement *movement,
							   const InvLabels *labels);

#endif							/* INV_LEDGER_H */
