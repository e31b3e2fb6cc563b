/*
 * argument.c
 *		Unpacking and checking the arguments of a call.
 *
 * The functions of the extension are not STRICT: a null that silently turned a
 * call into nothing would be the worst answer of all.
 */
#include "postgres.h"

#include "access/xact.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "compat.h"
#include "errors.h"
#include "guc.h"


static bool
is_null(const InvCall *call, int arg)
{
	return call->fcinfo->args[arg].isnull;
}

static Datum
value_of(const InvCall *call, int arg)
{
	return call->fcinfo->args[arg].value;
}

/* inv_call_note_... - what the digest of a call with a key covers */
void
inv_call_note_text(InvCall *call, const text *value)
{
	if (call->noted.data == NULL)
		return;
	if (value == NULL)
	{
		pq_sendint32(&call->noted, PG_UINT32_MAX);
		return;
	}
	pq_sendint32(&call->noted, VARSIZE_ANY_EXHDR(value));
	pq_sendbytes(&call->noted, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

void
inv_call_note_integer(InvCall *call, bool isnull, int64 value)
{
	if (call->noted.data == NULL)
		return;
	pq_sendbyte(&call->noted, isnull);
	pq_sendint64(&call->noted, value);
}

void
inv_call_require(const InvCall *call, int arg, const char *name)
{
	if (likely(!is_null(call, arg)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", name),
			 inv_errdetail("argument:s", name),
			 errhint("Pass a value for %s.", name)));
}

void
inv_argument_check_range(const char *name, int line, int64 value, int64 min,
						 int64 max)
{
	if (likely(value >= min && value <= max))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%sargument \"%s\" is out of range: " INT64_FORMAT,
					inv_line_prefix(line), name, value),
			 inv_errdetail("line:n argument:s value:i", (int64) line, name,
						   value),
			 errhint("Pass " INT64_FORMAT " to " INT64_FORMAT ".", min, max)));
}

void
inv_argument_check_length(const char *name, int line, const text *value,
						  int max_bytes)
{
	if (likely(VARSIZE_ANY_EXHDR(value) <= max_bytes))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%sargument \"%s\" is too long", inv_line_prefix(line),
					name),
			 inv_errdetail("line:n argument:s bytes:i limit:i", (int64) line,
						   name, (int64) VARSIZE_ANY_EXHDR(value),
						   (int64) max_bytes),
			 errhint("Pass at most %d bytes.", max_bytes)));
}

void
inv_argument_check_name(const char *name, int line, const text *value)
{
	inv_argument_check_length(name, line, value, INV_MAX_NAME_BYTES);
}

void
inv_argument_check_key(const char *name, int line, const text *value)
{
	inv_argument_check_length(name, line, value, INV_MAX_KEY_BYTES);
	if (VARSIZE_ANY_EXHDR(value) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%sargument \"%s\" must not be empty",
						inv_line_prefix(line), name),
				 inv_errdetail("line:n argument:s value:s", (int64) line,
							   name, ""),
				 errhint("Pass null for a call without a key.")));
}

void
inv_call_begin(InvCall *call, FunctionCallInfo fcinfo, const char *function)
{
	call->fcinfo = fcinfo;
	call->function = function;
	call->key = NULL;
	call->line = 0;
	call->noted.data = NULL;
}

void
inv_call_begin_notes(InvCall *call)
{
	initStringInfo(&call->noted);
	appendStringInfoString(&call->noted, call->function);
}

Datum
inv_call_digest(const InvCall *call)
{
	bytea	   *noted = (bytea *) cstring_to_text_with_len(call->noted.data,
														   call->noted.len);

	return DirectFunctionCall1(sha256_bytea, PointerGetDatum(noted));
}

void
inv_call_begin_line(InvCall *call, const char *function, text *key)
{
	inv_call_begin(call, NULL, function);
	call->key = key;
	inv_call_begin_notes(call);
}

/* get_key - the key of a call; begins the notes on its arguments */
static void
get_key(InvCall *call, int arg)
{
	text	   *key;

	if (arg == INV_NO_KEY_ARGUMENT || is_null(call, arg))
		return;
	key = DatumGetTextPP(value_of(call, arg));
	inv_argument_check_key("key", 0, key);
	call->key = key;
	inv_call_begin_notes(call);
}

void
inv_call_begin_writing(InvCall *call, FunctionCallInfo fcinfo,
					   const char *function, int key_argument)
{
	inv_call_begin(call, fcinfo, function);
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s() in a read-only transaction",
						function),
				 inv_errdetail("function:s", function),
				 errhint("Call it on the primary, in a transaction that is READ WRITE.")));
	get_key(call, key_argument);
}

/* get_text - an optional text */
static text *
get_text(InvCall *call, int arg, const char *name, int max_bytes)
{
	text	   *value = NULL;

	if (!is_null(call, arg))
	{
		value = DatumGetTextPP(value_of(call, arg));
		inv_argument_check_length(name, 0, value, max_bytes);
	}
	inv_call_note_text(call, value);
	return value;
}

text *
inv_call_name(InvCall *call, int arg, const char *name)
{
	inv_call_require(call, arg, name);
	return get_text(call, arg, name, INV_MAX_NAME_BYTES);
}

text *
inv_call_optional_name(InvCall *call, int arg, const char *name)
{
	return get_text(call, arg, name, INV_MAX_NAME_BYTES);
}

text *
inv_call_key(InvCall *call, int arg, const char *name)
{
	inv_call_require(call, arg, name);
	return get_text(call, arg, name, INV_MAX_KEY_BYTES);
}

text *
inv_call_text(InvCall *call, int arg, const char *name, int max_bytes)
{
	inv_call_require(call, arg, name);
	return get_text(call, arg, name, max_bytes);
}

text *
inv_call_reference(InvCall *call, int arg)
{
	return get_text(call, arg, "reference", INV_MAX_REFERENCE_BYTES);
}

text *
inv_call_required_reference(InvCall *call, int arg)
{
	inv_call_require(call, arg, "reference");
	return inv_call_reference(call, arg);
}

text *
inv_call_reason(InvCall *call, int arg)
{
	return get_text(call, arg, "reason", INV_MAX_REASON_BYTES);
}

text *
inv_call_default_location(void)
{
	/* what comes with the start of a session was not checked yet */
	(void) pg_verifymbstr(inv_default_location, strlen(inv_default_location),
						  false);
	return cstring_to_text(inv_default_location);
}

text *
inv_call_location(InvCall *call, int arg, const char *name)
{
	text	   *location;

	if (!is_null(call, arg))
		return get_text(call, arg, name, INV_MAX_NAME_BYTES);
	location = inv_call_default_location();
	inv_call_note_text(call, location);
	return location;
}

int64
inv_call_integer(InvCall *call, int arg, const char *name,
				 int64 min, int64 max)
{
	int64		value;

	inv_call_require(call, arg, name);
	value = DatumGetInt64(value_of(call, arg));
	inv_argument_check_range(name, 0, value, min, max);
	inv_call_note_integer(call, false, value);
	return value;
}

int64
inv_call_quantity(InvCall *call, int arg)
{
	return inv_call_integer(call, arg, "quantity", 1, INV_MAX_QUANTITY);
}

static NullableDatum
get_optional(InvCall *call, int arg, const char *name, int64 min)
{
	NullableDatum value = {
		.value = Int64GetDatum(0),
		.isnull = is_null(call, arg)
	};

	if (value.isnull)
		inv_call_note_integer(call, true, 0);
	else
		value.value = Int64GetDatum(inv_call_integer(call, arg, name, min,
													 INV_MAX_QUANTITY));
	return value;
}

NullableDatum
inv_call_optional_quantity(InvCall *call, int arg)
{
	return get_optional(call, arg, "quantity", 1);
}

NullableDatum
inv_call_optional_integer(InvCall *call, int arg, const char *name)
{
	return get_optional(call, arg, name, 0);
}

void
inv_argument_check_time(const char *name, TimestampTz value)
{
	if (!TIMESTAMP_NOT_FINITE(value))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must be finite", name),
			 inv_errdetail("argument:s value:s", name,
						   TIMESTAMP_IS_NOBEGIN(value) ?
						   "-infinity" : "infinity"),
			 errhint("Pass null for now.")));
}

TimestampTz
inv_call_time(InvCall *call, int arg, const char *name)
{
	TimestampTz time = DT_NOBEGIN;

	if (!is_null(call, arg))
	{
		time = DatumGetTimestampTz(value_of(call, arg));
		inv_argument_check_time(name, time);
	}
	inv_call_note_integer(call, is_null(call, arg), time);
	return time;
}

bool
inv_call_flag(InvCall *call, int arg, const char *name)
{
	inv_call_require(call, arg, name);
	return DatumGetBool(value_of(call, arg));
}
