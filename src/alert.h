/*
 * alert.h
 *		States of stock rows, and the alerts that tell how they change.
 *
 * The level of a stock row is on hand less reserved; its floor safety_stock
 * less backorder_limit.  T is reorder_point if that is set and above the
 * floor, else the floor; the margin inventory.alert_margin per cent of T, one
 * at least, or none at all.
 *
 *	 state	  by nature at a level		leaves upwards
 *	 ok		  above T					-
 *	 low	  T and below				above T + margin, to ok
 *	 out	  floor and below			above T + margin, to ok
 *	 short	  below -backorder_limit	at once, to what is natural; where
 *										that is ok, and the margin not passed,
 *										to low (out if T is the floor)
 *
 * Downwards every state is entered at once.  A row whose item is inactive or
 * whose location is not sellable is not watched: it is short, or ok, as its
 * level says.
 *
 * Invariants
 * - alert_state, quiet_from and quiet_to of inv_stock are written together,
 *	 with the level or the limits that they follow from, in one version of the
 *	 row, and so under its row lock: by stock.c (levels) and limits.c (limits,
 *	 active, sellable), nobody else.
 * - Within quiet_from to quiet_to, both included, the state stays.  So who
 *	 changes a level compares it with two numbers of the very version that he
 *	 succeeds, and no crossing is lost: a version that somebody else wrote
 *	 meanwhile makes the write fail, and all is decided anew.  A new row has
 *	 an empty window: its first write decides.
 * - Whether a location is sellable is not copied into its rows.  Who changes
 *	 it writes all of them, after it; who makes one locks the location.  So a
 *	 row that was decided on a location that changes is written once more.
 * - An alert is inserted after the write of the row, in its transaction: those
 *	 of one row have ascending ids, and the last one tells its state.
 */
#ifndef INV_ALERT_H
#define INV_ALERT_H

#include "catalogue.h"

typedef enum InvAlertState
{
	INV_ALERT_OK,
	INV_ALERT_LOW,
	INV_ALERT_OUT,
	INV_ALERT_SHORT,
	INV_ALERT_STATES
} InvAlertState;

/* The window of a row that nobody has decided on yet: no level is within */
#define INV_ALERT_UNDECIDED_FROM PG_INT64_MAX
#define INV_ALERT_UNDECIDED_TO PG_INT64_MIN

/* A stock row as it will stand */
typedef struct InvAlert
{
	int64		stock_id;
	text	   *sku;
	text	   *location;
	int64		on_hand;
	int64		reserved;
	int64		safety_stock;
	int64		backorder_limit;
	NullableDatum reorder_point;
	NullableDatum target_level;
	bool		active;
	InvAlertState previous;

	/* decided */
	bool		watched;		/* or else only ok and short */
	InvAlertState state;
	int64		quiet_from;		/* levels at which it stays, both included */
	int64		quiet_to;
} InvAlert;

extern void inv_alert_init(void);

/*
 * inv_alert_decide - the state of the row and its window
 *
 * Asks whether the location is sellable, as of now; see above why that is
 * safe.
 */
extern void inv_alert_decide(const InvCatalogue *cat, InvAlert *alert);

/* inv_alert_raise - tells the change of state, if it is one */
extern void inv_alert_raise(const InvCatalogue *cat, const InvAlert *alert);

/* inv_alert_expire - removes old alerts; answers how many */
extern int64 inv_alert_expire(const InvCatalogue *cat);

#endif							/* INV_ALERT_H */
