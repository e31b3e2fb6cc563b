/*
 * stock.h
 *		The stock rows and their only writer.
 */
#ifndef INV_STOCK_H
#define INV_STOCK_H

#include "utils/timestamp.h"

#include "item.h"
#include "ledger.h"
#include "outcome.h"

/* A stock row as some version of it stands */
typedef struct InvStock
{
	int64		stock_id;
	int64		on_hand;
	int64		reserved;
	int64		version;
	int64		safety_stock;
	int64		backorder_limit;
	bool		own_limits;
	bool		active;
} InvStock;

/* Of a change that is a component of a bundle: the bundle */
typedef struct InvBundle
{
	text	   *sku;
	int64		quantity;		/* of bundles, as the caller named it */
} InvBundle;

/*
 * What a call wants of a stock row, or of one of several that it may choose
 * from.  The steps say what each unit of quantity does to the row.
 */
typedef struct InvChange
{
	int			line;			/* of the call's input, from 1 */
	const InvLabels *labels;
	const char *kind;			/* of the movement */
	text	   *sku;
	text	   *location;
	text	  **sources;		/* or null: where to take it from instead, the */
	int			nsources;		/* preferred location first */
	int64		quantity;
	int			on_hand_step;	/* -1, 0 or 1 */
	int			reserved_step;

	/* conditions */
	bool		sells;			/* refuse unless the item is active */
	bool		takes;			/* refuse unless so much is available */
	int64		keep;			/* ... and this much left, or INV_NO_KEEP */
	int64		expected_version;	/* or INV_ANY_VERSION */

	/* a count: quantity is what was on the shelf then */
	bool		counts;
	TimestampTz counted_at;		/* DT_NOBEGIN: now */

	int64		original_id;	/* the movement that it gives back, or 0 */
	text	   *of_key;			/* or, until inv_return_resolve(), the call;
								 * quantity 0 is all that is left */

	/* set by inv_bundle_expand() */
	const InvBundle *bundle;
	int64		units;			/* of sku in one bundle */
	InvStatus	refusal;		/* why the bundle cannot be had, or INV_OK */
} InvChange;

/* What a change that was made took from one stock row */
typedef struct InvTaking
{
	int			line;
	int64		units;			/* of sku in one of what the line asks for */
	int64		stock_id;
	text	   *sku;
	text	   *location;
	int64		quantity;
} InvTaking;

typedef struct InvTakings
{
	InvTaking  *list;			/* in the order of the lines, by preference */
	int			count;
} InvTakings;

/* All that a call wants, in the order of its lines */
typedef struct InvOrder
{
	const InvChange *changes;
	int			count;
	bool		each;			/* each line by itself; else all of them or
								 * none */
	bool		linked;			/* do stock rows depend on each other? */
	bool		numbered;		/* do errors name the line? */
	InvTakings *takings;		/* or null: who wants to know them */
} InvOrder;

/* inv_stock_available - units that can be deducted now */
static inline int64
inv_stock_available(const InvStock *stock)
{
	return stock->on_hand - stock->reserved -
		(stock->safety_stock - stock->backorder_limit);
}

/*
 * inv_stock_apply - makes the changes with their movements
 *
 * All of them or none; or line by line as if called one after another, those
 * that are not refused.  Changes of one stock row are summed before they are
 * decided, and have one movement for each kind; line by line each has its own.
 *
 * The answer is made here, in the order of the changes: one outcome for each;
 * of a change that chose from several stock rows, one for each that it took
 * from; of a bundle one for all its components.  A refusal has changed
 * nothing; changes that were not refused themselves are not_applied then.
 *
 * Waits for concurrent changes of the rows; raises 40001 when the isolation
 * level forbids to go on after one, 22003 when on hand would leave its range.
 */
extern void inv_stock_apply(const InvCatalogue *cat, const InvOrder *order,
							InvAnswer *answer);

/* inv_stock_tell - the numbers of a stock row as those of an outcome */
static inline void
inv_stock_tell(const InvStock *stock, InvOutcome *outcome)
{
	outcome->stock_known = true;
	outcome->on_hand = stock->on_hand;
	outcome->reserved = stock->reserved;
	outcome->available = inv_stock_available(stock);
	outcome->version = stock->version;
}

/*
 * inv_stock_read - the stock row as the statement's snapshot sees it
 *
 * Without a row the stock is what a new one would be, with stock_id 0.  The
 * status is ok, unknown_item, unknown_location or bundle.
 */
extern InvStatus inv_stock_read(const InvCatalogue *cat, text *sku,
								text *location, InvStock *stock);

#endif							/* INV_STOCK_H */
