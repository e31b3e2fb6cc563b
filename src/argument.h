/*
 * argument.h
 *		Unpacking and checking the arguments of a call.
 *
 * Every function here raises an error that names the argument and its value if
 * that is bad.  Of a call with a key they also note what the arguments were,
 * after defaults: that is what a second call with this key must repeat.
 */
#ifndef INV_ARGUMENT_H
#define INV_ARGUMENT_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

typedef struct InvCall
{
	FunctionCallInfo fcinfo;
	const char *function;
	text	   *key;			/* null: none */
	StringInfoData noted;		/* of a call with a key: its arguments */
} InvCall;

#define INV_NO_KEY_ARGUMENT (-1)

/* inv_call_begin - of a call that reads only */
extern void inv_call_begin(InvCall *call, FunctionCallInfo fcinfo,
						   const char *function);

/*
 * inv_call_begin_writing - refuses a read-only transaction, a standby included
 *
 * key_argument: the position of the argument "key".
 */
extern void inv_call_begin_writing(InvCall *call, FunctionCallInfo fcinfo,
								   const char *function, int key_argument);

/* a name such as a SKU, at most 128 bytes; null if it is not given */
extern text *inv_call_name(InvCall *call, int arg, const char *name);
extern text *inv_call_optional_name(InvCall *call, int arg, const char *name);

/* a required key of another call */
extern text *inv_call_key(InvCall *call, int arg, const char *name);

/* optional texts of limited length */
extern text *inv_call_reference(InvCall *call, int arg);
extern text *inv_call_reason(InvCall *call, int arg);

/* a location; null is the default location */
extern text *inv_call_location(InvCall *call, int arg, const char *name);

/* a required whole number */
extern int64 inv_call_integer(InvCall *call, int arg, const char *name,
							  int64 min, int64 max);
extern int64 inv_call_quantity(InvCall *call, int arg);

extern NullableDatum inv_call_optional_quantity(InvCall *call, int arg);

/* an optional whole number from 0 to the largest quantity */
extern NullableDatum inv_call_optional_integer(InvCall *call, int arg,
											   const char *name);

/* an optional point in time; DT_NOBEGIN if it is not given */
extern TimestampTz inv_call_time(InvCall *call, int arg, const char *name);

/* a required flag about the answer; not noted */
extern bool inv_call_flag(InvCall *call, int arg, const char *name);

#endif							/* INV_ARGUMENT_H */
