/*
 * request.h
 *		Idempotency: one effect for each key.
 *
 *		InvRequest request;
 *
 *		if (!inv_request_begin(&request, cat, &call, &answer))
 *		{
 *			... do it, fill the answer ...
 *			inv_request_end(&request, cat, &answer);
 *		}
 *
 * Both do nothing for a call without a key.
 */
#ifndef INV_REQUEST_H
#define INV_REQUEST_H

#include "storage/itemptr.h"

#include "argument.h"
#include "stock.h"

#define INV_REQUEST_COLUMNS 5

typedef struct InvRequest
{
	bool		keyed;
	ItemPointerData tid;		/* of its row ... */
	Datum		values[INV_REQUEST_COLUMNS];	/* ... and what that holds */
} InvRequest;

/*
 * inv_request_begin - has the key been answered?
 *
 * Returns true with the stored answer if so.  Otherwise the key is ours: a
 * second caller with it waits for the end of our transaction.  Raises IV007 if
 * the key was used with other arguments, 40001 if the isolation level forbids
 * to see what a concurrent caller was answered.
 */
extern bool inv_request_begin(InvRequest *request, const InvCatalogue *cat,
							  InvCall *call, InvAnswer *answer);

/* inv_request_end - stores what the call is answered */
extern void inv_request_end(InvRequest *request, const InvCatalogue *cat,
							const InvAnswer *answer);

/* inv_request_recall - what a stored answer does not say of its conditions */
extern void inv_request_recall(const InvOrder *order, InvAnswer *answer);

/*
 * inv_request_apply - makes the changes of a call, or finds the answer it had
 *
 * An answer that is replayed is to the same conditions.
 */
extern void inv_request_apply(const InvCatalogue *cat, InvCall *call,
							  const InvOrder *order, InvAnswer *answer);

/*
 * inv_request_apply_each - the same line by line: those with a key of their
 * own as if they were calls of the named function, which is inv_deduct
 *
 * Keys are taken in their order, before any stock row.
 */
extern void inv_request_apply_each(const InvCatalogue *cat,
								   const char *function,
								   const InvOrder *order, InvAnswer *answer);

/*
 * inv_request_expire - removes keys older than inventory.key_retention
 *
 * Returns how many.
 */
extern int64 inv_request_expire(const InvCatalogue *cat);

#endif							/* INV_REQUEST_H */
