/*
 * holdrow.h
 *		The rows of holds and of their lines, beneath SQL.
 *
 * Private to the modules of holds.
 */
#ifndef INV_HOLDROW_H
#define INV_HOLDROW_H

#include "storage/itemptr.h"
#include "utils/timestamp.h"

#include "catalogue.h"
#include "outcome.h"

typedef enum InvHoldState
{
	INV_HELD,
	INV_CONFIRMED,
	INV_CANCELLED,
	INV_EXPIRED,
	INV_REFUSED,
	INV_HOLD_STATES
} InvHoldState;

typedef enum InvOnExpiry
{
	INV_RELEASE,
	INV_KEEP,
	INV_REACQUIRE,
	INV_ON_EXPIRIES
} InvOnExpiry;

/* A row of inv_hold; what is null there is 0, DT_NOBEGIN or a null pointer */
typedef struct InvHold
{
	ItemPointerData tid;
	int64		hold_id;
	text	   *xid;
	text	   *branch;
	InvHoldState state;
	InvOnExpiry on_expiry;
	TimestampTz expires_at;
	Datum		digest;
	Datum		quantities;		/* of the lines of the try: bigint[] */
	Datum		confirmed;		/* so many of them were taken: bigint[] */
	text	   *reference;
	text	   *owner;
	TimestampTz created_at;
	TimestampTz decided_at;
	InvOutcome	refusal;		/* status INV_OK: it was none */
} InvHold;

/* A row of inv_hold_line: what a hold holds of a stock row */
typedef struct InvHoldLine
{
	ItemPointerData tid;
	int			position;		/* from 1, those of a line by preference */
	int			line;
	int64		units;			/* of sku in one of what the line asks for */
	int64		stock_id;
	text	   *sku;
	text	   *location;
	int64		quantity;		/* tried */
	int64		confirmed;
	int64		held;			/* 0: nothing is reserved */
} InvHoldLine;

extern const char *inv_hold_state_name(InvHoldState state);

/* inv_on_expiry_from_name - answers false if there is none of that name */
extern bool inv_on_expiry_from_name(const char *name, InvOnExpiry *on_expiry);

/*
 * inv_holdrow_insert - makes the row, unless its key exists
 *
 * Waits for a concurrent transaction that made the same.  tid is where the row
 * is, ours or the other one.
 */
extern bool inv_holdrow_insert(const InvCatalogue *cat, InvHold *hold);

/*
 * inv_holdrow_lock - locks the row at tid and reads its newest version
 *
 * Answers false if it is gone.  Raises 40001 if the isolation level forbids to
 * see what others have done to it.
 */
extern bool inv_holdrow_lock(const InvCatalogue *cat, InvHold *hold);

/* inv_holdrow_refuse - raises that such a row was not written by us */
extern void inv_holdrow_refuse(const InvHold *hold);

/* inv_holdrow_find - where the hold is, if it is there as of now */
extern bool inv_holdrow_find(const InvCatalogue *cat, InvHold *hold);

/* inv_holdrow_write - the row that was locked or made becomes this */
extern void inv_holdrow_write(const InvCatalogue *cat, InvHold *hold);

/*
 * inv_holdrow_expired - locks open holds whose time is over, the oldest first,
 * except those that are locked or to be kept; answers how many
 */
extern int	inv_holdrow_expired(const InvCatalogue *cat, int64 max_holds,
								InvHold **holds);

/*
 * inv_holdrow_forget - removes holds that were decided long ago, except those
 * that are locked
 */
extern int64 inv_holdrow_forget(const InvCatalogue *cat, TimestampTz before);

/* the lines of a hold, by position; answers how many */
extern int	inv_holdline_read(const InvCatalogue *cat, int64 hold_id,
							  InvHoldLine **lines);
extern void inv_holdline_insert(const InvCatalogue *cat, int64 hold_id,
								const InvHoldLine *lines, int count);
extern void inv_holdline_write(const InvCatalogue *cat, int64 hold_id,
							   InvHoldLine *lines, int count);
extern void inv_holdline_delete(const InvCatalogue *cat,
								const InvHoldLine *lines, int count);

#endif							/* INV_HOLDROW_H */
