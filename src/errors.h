/*
 * errors.h
 *		SQLSTATEs of the extension, and the DETAIL that goes with every error.
 *
 * Class IV are business answers: nothing is wrong with the call, but it cannot
 * be done.  What tools already act on keeps its PostgreSQL code (22004 and
 * 22023 bad argument, 22003 overflow, 25006 read-only, 40001 and 40P01 retry,
 * 42501 not allowed).
 */
#ifndef INV_ERRORS_H
#define INV_ERRORS_H

#define INV_ERRCODE_INSUFFICIENT_STOCK MAKE_SQLSTATE('I', 'V', '0', '0', '1')
#define INV_ERRCODE_VERSION_CONFLICT MAKE_SQLSTATE('I', 'V', '0', '0', '2')
#define INV_ERRCODE_UNKNOWN_ITEM MAKE_SQLSTATE('I', 'V', '0', '0', '3')
#define INV_ERRCODE_INACTIVE_ITEM MAKE_SQLSTATE('I', 'V', '0', '0', '4')
#define INV_ERRCODE_UNKNOWN_LOCATION MAKE_SQLSTATE('I', 'V', '0', '0', '5')
#define INV_ERRCODE_KEY_REUSED MAKE_SQLSTATE('I', 'V', '0', '0', '7')
#define INV_ERRCODE_UNKNOWN_CALL MAKE_SQLSTATE('I', 'V', '0', '0', '8')
#define INV_ERRCODE_EXCEEDS_CALL MAKE_SQLSTATE('I', 'V', '0', '0', '9')
#define INV_ERRCODE_UNKNOWN_HOLD MAKE_SQLSTATE('I', 'V', '0', '1', '0')
#define INV_ERRCODE_HOLD_CONFIRMED MAKE_SQLSTATE('I', 'V', '0', '1', '1')
#define INV_ERRCODE_HOLD_CANCELLED MAKE_SQLSTATE('I', 'V', '0', '1', '2')
#define INV_ERRCODE_HOLD_EXPIRED MAKE_SQLSTATE('I', 'V', '0', '1', '3')
#define INV_ERRCODE_HOLD_DIFFERS MAKE_SQLSTATE('I', 'V', '0', '1', '4')
#define INV_ERRCODE_EXCEEDS_HOLD MAKE_SQLSTATE('I', 'V', '0', '1', '5')
#define INV_ERRCODE_UNKNOWN_CURSOR MAKE_SQLSTATE('I', 'V', '0', '1', '6')

/* the largest quantity: JavaScript clients hold no larger integer exactly */
#define INV_MAX_QUANTITY INT64CONST(9007199254740991)

/*
 * inv_errdetail - the DETAIL of an error as one JSON object
 *
 * shape lists the members, separated by one blank each: "name:s" takes a
 * char * (null pointer: JSON null), "name:i" an int64, "name:n" an int64 that
 * is left out if it is 0, "name:d" a NullableDatum that holds an int64.  Used
 * inside ereport().
 */
extern int	inv_errdetail(const char *shape, ...);

/* inv_line_prefix - what begins a message about a line; 0: nothing */
extern const char *inv_line_prefix(int line);

/*
 * inv_raise_serialization_failure - raises 40001: another transaction changed
 * what the isolation level forbids to see changed
 */
extern void inv_raise_serialization_failure(void);

/* inv_errors_init - keeps refusals out of the server log */
extern void inv_errors_init(void);

#endif							/* INV_ERRORS_H */
