/*
 * ledger.h
 *		The ledger: one movement for every change of a stock row.
 */
#ifndef INV_LEDGER_H
#define INV_LEDGER_H

#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

#include "access.h"
#include "catalogue.h"

/* The columns of inv_movement, counted from zero */
enum
{
	INV_MOVEMENT_ID,
	INV_MOVEMENT_STOCK_ID,
	INV_MOVEMENT_SKU,
	INV_MOVEMENT_LOCATION,
	INV_MOVEMENT_KIND,
	INV_MOVEMENT_ON_HAND_DELTA,
	INV_MOVEMENT_RESERVED_DELTA,
	INV_MOVEMENT_VERSION,
	INV_MOVEMENT_REFERENCE,
	INV_MOVEMENT_REASON,
	INV_MOVEMENT_HOLD,
	INV_MOVEMENT_KEY,
	INV_MOVEMENT_ORIGINAL_ID,
	INV_MOVEMENT_ACTOR,
	INV_MOVEMENT_APPLICATION_NAME,
	INV_MOVEMENT_TRACEPARENT,
	INV_MOVEMENT_TXID,
	INV_MOVEMENT_EPOCH,
	INV_MOVEMENT_OCCURRED_AT,
	INV_MOVEMENT_RECORDED_AT,
	INV_MOVEMENT_COLUMNS
};

/* What a call says of all its movements; may be null */
typedef struct InvLabels
{
	text	   *reference;
	text	   *reason;
	text	   *key;
	text	   *hold;
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

/* how many movements are written at a time */
#define INV_LEDGER_CHUNK 64

/* Movements being appended; private to ledger.c */
typedef struct InvLedger
{
	const InvCatalogue *cat;
	Relation	leaf;			/* or null: none is open */
	const InvIndexSet *indexes;
	TupleTableSlot *slots[INV_LEDGER_CHUNK];
	int			nslots;			/* made */
	int			pending;		/* filled and not written */

	/* what all movements of a call have in common */
	TimestampTz now;
	Datum		txid;
	Datum		actor;
	Datum		application_name;
	Datum		traceparent;
} InvLedger;

extern void inv_ledger_init(void);

/* inv_ledger_actor - who acts: inventory.actor, or else the session user */
extern text *inv_ledger_actor(void);

/*
 * inv_ledger_begin, inv_ledger_append, inv_ledger_end - append movements
 *
 * Append answers the movement_id; the movement is in the table after the end.
 * Called with the stock rows changed and so locked: ids then ascend with the
 * versions of a row.  The texts must live until the end.
 */
extern void inv_ledger_begin(InvLedger *ledger, const InvCatalogue *cat);
extern int64 inv_ledger_append(InvLedger *ledger, const InvMovement *movement,
							   const InvLabels *labels);
extern void inv_ledger_end(InvLedger *ledger);

/*
 * inv_ledger_moved_since - the sum of the changes of on hand since a time
 *
 * Called with the stock row locked, so that nothing moves meanwhile.
 */
extern int64 inv_ledger_moved_since(const InvCatalogue *cat, int64 stock_id,
									TimestampTz since);

#endif							/* INV_LEDGER_H */
