/*
 * call.c
 *		The calls that change stock: unpack, check, apply, pack.
 *
 * The functions are not STRICT: a null that silently turned a call into
 * nothing would be the worst answer of all.
 */
#include "postgres.h"

#include "access/xact.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "call.h"
#include "errors.h"
#include "guc.h"
#include "stock.h"

/* longer would not fit the index on reference */
#define MAX_REFERENCE_BYTES 255
#define MAX_REASON_BYTES 1000

PG_FUNCTION_INFO_V1(inv_receive);
PG_FUNCTION_INFO_V1(inv_deduct);

void
inv_call_must_write(const char *function)
{
	if (!XactReadOnly)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot execute %s() in a read-only transaction",
					function),
			 inv_errdetail("function:s", function),
			 errhint("Call it on the primary, in a transaction that is READ WRITE.")));
}

/* require - refuses null */
static void
require(bool isnull, const char *name)
{
	if (!isnull)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", name),
			 inv_errdetail("argument:s", name),
			 errhint("Pass a value for %s.", name)));
}

text *
inv_call_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	require(PG_ARGISNULL(arg), name);
	return PG_GETARG_TEXT_PP(arg);
}

text *
inv_call_label(FunctionCallInfo fcinfo, int arg, const char *name,
			   int max_bytes)
{
	text	   *value;

	if (PG_ARGISNULL(arg))
		return NULL;
	value = PG_GETARG_TEXT_PP(arg);
	if (VARSIZE_ANY_EXHDR(value) > max_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is too long", name),
				 inv_errdetail("argument:s bytes:i limit:i", name,
							   (int64) VARSIZE_ANY_EXHDR(value),
							   (int64) max_bytes),
				 errhint("Pass at most %d bytes.", max_bytes)));
	return value;
}

text *
inv_call_location(FunctionCallInfo fcinfo, int arg)
{
	if (PG_ARGISNULL(arg))
		return cstring_to_text(inv_default_location);
	return PG_GETARG_TEXT_PP(arg);
}

int64
inv_call_integer(int64 value, bool isnull, const char *name,
				 int64 min, int64 max)
{
	require(isnull, name);
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range: " INT64_FORMAT,
						name, value),
				 inv_errdetail("argument:s value:i", name, value),
				 errhint("Pass " INT64_FORMAT " to " INT64_FORMAT ".",
						 min, max)));
	return value;
}

static int64
quantity_argument(FunctionCallInfo fcinfo, int arg)
{
	return inv_call_integer(PG_ARGISNULL(arg) ? 0 : PG_GETARG_INT64(arg),
							PG_ARGISNULL(arg), "quantity",
							1, INV_MAX_QUANTITY);
}

static bool
strict_argument(FunctionCallInfo fcinfo, int arg)
{
	require(PG_ARGISNULL(arg), "strict");
	return PG_GETARG_BOOL(arg);
}

/* unpack_change - the arguments that the calls begin with alike */
static void
unpack_change(FunctionCallInfo fcinfo, InvChange *change, InvLabels *labels)
{
	change->sku = inv_call_text(fcinfo, 0, "sku");
	change->quantity = quantity_argument(fcinfo, 1);
	change->location = inv_call_location(fcinfo, 2);
	labels->reference = inv_call_label(fcinfo, 3, "reference",
									   MAX_REFERENCE_BYTES);
	labels->reason = inv_call_label(fcinfo, 4, "reason", MAX_REASON_BYTES);
}

Datum
inv_receive(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat;
	InvChange	change = {.kind = "receive"};
	InvLabels	labels;
	InvOutcome	outcome;

	inv_call_must_write("inv_receive");
	unpack_change(fcinfo, &change, &labels);
	change.on_hand_delta = change.quantity;

	cat = inv_catalogue_get(fcinfo);
	inv_stock_apply(cat, &change, &labels, &outcome);
	inv_outcome_raise(cat, &outcome);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &outcome));
}

Datum
inv_deduct(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat;
	InvChange	change = {.kind = "deduct", .takes = true};
	InvLabels	labels;
	InvOutcome	outcome;
	bool		strict;

	inv_call_must_write("inv_deduct");
	unpack_change(fcinfo, &change, &labels);
	strict = strict_argument(fcinfo, 5);
	change.on_hand_delta = -change.quantity;

	cat = inv_catalogue_get(fcinfo);
	inv_stock_apply(cat, &change, &labels, &outcome);
	if (strict)
		inv_outcome_raise(cat, &outcome);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &outcome));
}
