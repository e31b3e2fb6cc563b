/*
 * call.h
 *		Unpacking and checking the arguments of a call.
 *
 * A function named "inv_..." that may not be called with bad arguments raises
 * an error that names the argument and its value.
 */
#ifndef INV_CALL_H
#define INV_CALL_H

#include "fmgr.h"

/* inv_call_must_write - refuses a read-only transaction, a standby included */
extern void inv_call_must_write(const char *function);

/* inv_call_text - a required text */
extern text *inv_call_text(FunctionCallInfo fcinfo, int arg,
						   const char *name);

/* inv_call_label - an optional text of at most max_bytes */
extern text *inv_call_label(FunctionCallInfo fcinfo, int arg,
							const char *name, int max_bytes);

/* inv_call_location - a location; null is the default location */
extern text *inv_call_location(FunctionCallInfo fcinfo, int arg);

/* inv_call_integer - a required whole number between min and max */
extern int64 inv_call_integer(int64 value, bool isnull, const char *name,
							  int64 min, int64 max);

#endif							/* INV_CALL_H */
