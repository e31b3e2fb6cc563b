/*
 * stockbatch.h
 *		A call's changes under way.
 *
 * Private to stock.c and the modules it is made of: decide.c says what may be
 * done, answer.c what came of it.
 */
#ifndef INV_STOCKBATCH_H
#define INV_STOCKBATCH_H

#include "access/htup.h"
#include "storage/itemptr.h"

#include "stock.h"

typedef struct InvRow InvRow;

/* What a change wants of one stock row; of several if it has a choice */
typedef struct InvPart
{
	const InvChange *change;
	text	   *location;
	InvRow	   *row;

	/* decided */
	InvStatus	status;
	int64		quantity;		/* 0: not from this row */
	int64		backordered;
	InvStock	after;			/* line by line: the row after this part */
	struct InvPart *lead;		/* the part whose movement it shares, or null */

	/* of a lead */
	struct InvPart *next_lead;	/* of the same row */
	int64		on_hand_delta;
	int64		reserved_delta;
	int64		movement_id;
} InvPart;

/* A stock row that the call concerns */
struct InvRow
{
	text	   *sku;
	text	   *location;
	InvPart   **parts;			/* in the order of the input */
	int			nparts;
	bool		counted;		/* are the parts counts?  all are then */

	/* found, and again locked */
	InvStatus	status;			/* why there can be no row, or INV_OK */
	bool		exists;			/* else stock is imagined */
	bool		made;			/* by this call */
	bool		contended;		/* others are changing it: a hint */
	ItemPointerData tid;
	HeapTuple	version;		/* a copy of what was locked */
	InvStock	stock;
	int64		moved;			/* since it was counted */

	/* decided */
	InvStock	next;
	InvPart    *leads;			/* one for each movement */
	int64		demand;			/* what all parts together would take */
	int64		left;			/* on hand and not reserved, while deciding */
	int64		keep;
};

typedef struct InvBatch
{
	const InvOrder *order;
	InvPart    *parts;			/* in the order of the input */
	int			nparts;
	InvRow	   *rows;			/* in key order */
	int			nrows;
} InvBatch;

/*
 * inv_decide - what may be done to the rows as they stand
 *
 * Arithmetic only.  Answers whether there is anything to do: of all or none,
 * whether all; line by line, whether any.
 */
extern bool inv_decide(InvBatch *batch);

/* inv_answer_make - what came of it; applied: was it done? */
extern void inv_answer_make(const InvBatch *batch, bool applied,
							InvAnswer *answer);

#endif							/* INV_STOCKBATCH_H */
