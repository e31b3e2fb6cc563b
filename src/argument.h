/*
 * argument.h
 *		Unpacking and checking the arguments of a call.
 *
 * Every function here raises an error that names the argument and its value if
 * that is bad.  Of a call with a key, or about a hold, they also note what the
 * arguments were, after defaults: that is what a second call must repeat.
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
	int			line;			/* of a longer call, or 0 */
	StringInfoData noted;		/* its arguments, if somebody wants to know */
} InvCall;

#define INV_NO_KEY_ARGUMENT (-1)

/* longer would not fit the indexes of the ledger */
#define INV_MAX_KEY_BYTES 255
#define INV_MAX_REFERENCE_BYTES 255
#define INV_MAX_REASON_BYTES 1000
#define INV_MAX_NAME_BYTES 128	/* as the constraints of the tables have it */

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

/* inv_call_begin_notes - notes the arguments from here on */
extern void inv_call_begin_notes(InvCall *call);

/* inv_call_digest - SHA-256 of what was noted, as bytea */
extern Datum inv_call_digest(const InvCall *call);

/* a name such as a SKU, at most 128 bytes; null if it is not given */
extern text *inv_call_name(InvCall *call, int arg, const char *name);
extern text *inv_call_optional_name(InvCall *call, int arg, const char *name);

/* a required key of another call */
extern text *inv_call_key(InvCall *call, int arg, const char *name);

/* a required text of limited length, which may be empty */
extern text *inv_call_text(InvCall *call, int arg, const char *name,
						   int max_bytes);

/* optional texts of limited length */
extern text *inv_call_reference(InvCall *call, int arg);
extern text *inv_call_required_reference(InvCall *call, int arg);
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

/*
 * inv_call_begin_line - a line that has a key of its own, as if it were a call
 *
 * Its arguments are noted by the functions below.
 */
extern void inv_call_begin_line(InvCall *call, const char *function,
								text *key);
extern void inv_call_note_text(InvCall *call, const text *value);
extern void inv_call_note_integer(InvCall *call, bool isnull, int64 value);

/* inv_call_require - refuses null */
extern void inv_call_require(const InvCall *call, int arg, const char *name);

/* the default location, of what names none */
extern text *inv_call_default_location(void);

/*
 * inv_argument_check_... - one value of a call; line: where it stands, 0 if
 * the call has no lines
 */
extern void inv_argument_check_name(const char *name, int line,
									const text *value);
extern void inv_argument_check_key(const char *name, int line,
								   const text *value);
extern void inv_argument_check_length(const char *name, int line,
									  const text *value, int max_bytes);
extern void inv_argument_check_range(const char *name, int line, int64 value,
									 int64 min, int64 max);

extern void inv_argument_check_time(const char *name, TimestampTz value);

/* a required flag about the answer; not noted */
extern bool inv_call_flag(InvCall *call, int arg, const char *name);

#endif							/* INV_ARGUMENT_H */
