/*
 * outcome.h
 *		What every call answers.
 */
#ifndef INV_OUTCOME_H
#define INV_OUTCOME_H

#include "catalogue.h"

typedef enum InvStatus
{
	INV_OK,
	INV_INSUFFICIENT_STOCK,
	INV_UNKNOWN_ITEM,
	INV_INACTIVE_ITEM,
	INV_UNKNOWN_LOCATION
} InvStatus;

/* One line of an answer; the numbers are those after the call */
typedef struct InvOutcome
{
	InvStatus	status;
	text	   *sku;
	text	   *location;
	int64		quantity;
	bool		stock_known;	/* are the numbers below set? */
	int64		on_hand;
	int64		reserved;
	int64		available;
	int64		backordered;
	int64		version;
	int64		movement_id;	/* 0: nothing was changed */
} InvOutcome;

/* inv_outcome_datum - the outcome as a row of type inv_outcome */
extern Datum inv_outcome_datum(const InvCatalogue *cat,
							   const InvOutcome *outcome);

/*
 * inv_outcome_raise - raises a refusal as an error of class IV
 *
 * Does nothing when the status is ok.
 */
extern void inv_outcome_raise(const InvCatalogue *cat,
							  const InvOutcome *outcome);

#endif							/* INV_OUTCOME_H */
