/*
 * outcome.h
 *		What every call answers.
 */
#ifndef INV_OUTCOME_H
#define INV_OUTCOME_H

#include "catalogue.h"
#include "compat.h"

typedef enum InvStatus
{
	INV_OK,
	INV_UNKNOWN_ITEM,
	INV_UNKNOWN_LOCATION,
	INV_INACTIVE_ITEM,
	INV_VERSION_CONFLICT,
	INV_INSUFFICIENT_STOCK,
	INV_NOT_APPLIED,
	INV_STATUSES,
	INV_BUNDLE = INV_STATUSES	/* never told: the item has components */
} InvStatus;

/* Conditions that a call did not name */
#define INV_ANY_VERSION INT64CONST(-1)
#define INV_NO_KEEP PG_INT64_MIN

/* One line of an answer; the numbers are those after the call */
typedef struct InvOutcome
{
	int			line;			/* of the call's input, from 1 */
	InvStatus	status;
	text	   *sku;
	text	   *location;		/* null: several */
	bool		quantity_known; /* does the call name one? */
	int64		quantity;
	bool		stock_known;	/* are the next five set? */
	bool		combined;		/* of several stock rows: reserved and version
								 * are not */
	int64		on_hand;
	int64		reserved;
	int64		available;
	int64		backordered;
	int64		version;
	int64		movement_id;	/* 0: nothing was changed */
	bool		replayed;

	/* what a refusal was measured by; of a replay, set by the caller */
	int64		requested;		/* by the whole call; 0: add it up */
	int64		keep;
	int64		expected_version;
} InvOutcome;

/* All lines of an answer */
typedef struct InvAnswer
{
	InvOutcome *outcomes;
	int			count;
	bool		numbered;		/* do errors name the line? */
	bool		never_returned; /* has the call no argument "strict"? */
} InvAnswer;

/* inv_text_compare - the order of names and keys, which is that of bytes */
static inline int
inv_text_compare(const text *a, const text *b)
{
	int			length_a = VARSIZE_ANY_EXHDR(a);
	int			length_b = VARSIZE_ANY_EXHDR(b);
	int			result = memcmp(VARDATA_ANY(a), VARDATA_ANY(b),
								Min(length_a, length_b));

	return result != 0 ? result : length_a - length_b;
}

/* inv_outcome_datum - the outcome as a row of type inv_outcome */
extern Datum inv_outcome_datum(const InvCatalogue *cat,
							   const InvOutcome *outcome);

/* inv_outcome_srf - the answer as result of a set-returning function */
extern void inv_outcome_srf(FunctionCallInfo fcinfo, const InvCatalogue *cat,
							const InvAnswer *answer);

/* inv_outcome_array - the answer as an array of inv_outcome */
extern Datum inv_outcome_array(const InvCatalogue *cat,
							   const InvAnswer *answer);

/* inv_outcome_from_array - such an array as an answer, which is a replay */
extern void inv_outcome_from_array(const InvCatalogue *cat, Datum array,
								   InvAnswer *answer);

/* the status by its name, and back */
extern const char *inv_status_name(InvStatus status);
extern InvStatus inv_status_from_name(const char *name);

/*
 * inv_outcome_refusal - the first outcome that says why the call was refused,
 * with what the call asked for there; null: it was not
 */
extern const InvOutcome *inv_outcome_refusal(const InvAnswer *answer);

/*
 * inv_outcome_raise - raises the refusal in the answer, if there is one, as an
 * error of class IV
 */
extern void inv_outcome_raise(const InvCatalogue *cat,
							  const InvAnswer *answer);

#endif							/* INV_OUTCOME_H */
