/*
 * ledger.h
 *		The ledger: one movement for every change of a stock row.
 */
#ifndef INV_LEDGER_H
#define INV_LEDGER_H

#include "datatype/timestamp.h"

#include "catalogue.h"

/* What a call says of all its movements; may be null */
typedef struct InvLabels
{
	text	   *reference;
	text	   *reason;
	text	   *key;
	TimestampTz occurred_at;	/* DT_NOBEGIN: now */
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
	int64		original_id;	/* the movement that it gives back, or 0 */
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

/*
 * inv_ledger_moved_since - the sum of the changes of on hand since a time
 *
 * Called with the stock row locked, so that nothing moves meanwhile.
 */
extern int64 inv_ledger_moved_since(const InvCatalogue *cat, int64 stock_id,
									TimestampTz since);

#endif							/* INV_LEDGER_H */
