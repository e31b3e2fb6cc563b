/*
 * call.c
 *		The calls that change stock: unpack, check, apply, pack.
 *
 * Each has the same shape: its arguments become changes of stock rows, the key
 * is asked whether they were made already, and if not they are made by
 * inv_stock_apply().
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "argument.h"
#include "change.h"
#include "errors.h"
#include "limits.h"
#include "request.h"

PG_FUNCTION_INFO_V1(inv_receive);
PG_FUNCTION_INFO_V1(inv_deduct);
PG_FUNCTION_INFO_V1(inv_adjust);
PG_FUNCTION_INFO_V1(inv_transfer);
PG_FUNCTION_INFO_V1(inv_set_limits);

static int64
get_keep(InvCall *call, int arg)
{
	NullableDatum keep = inv_call_optional_integer(call, arg, "keep");

	return keep.isnull ? INV_NO_KEEP : DatumGetInt64(keep.value);
}

static int64
get_expected_version(InvCall *call, int arg)
{
	NullableDatum version = inv_call_optional_integer(call, arg,
													  "expected_version");

	return version.isnull ? INV_ANY_VERSION : DatumGetInt64(version.value);
}

/* order_of - of one line */
static InvOrder
order_of(const InvChange *changes, int count)
{
	InvOrder	order = {
		.changes = changes,
		.count = count,
		.linked = true
	};

	return order;
}

/* apply_single - the call whose whole answer is one outcome */
static Datum
apply_single(const InvCatalogue *cat, InvCall *call, const InvChange *change,
			 bool strict)
{
	InvOrder	order = order_of(change, 1);
	InvOutcome	outcome;
	InvAnswer	answer = {&outcome, 1};

	inv_request_apply(cat, call, &order, &answer);
	if (strict)
		inv_outcome_raise(cat, &answer);
	return inv_outcome_datum(cat, answer.outcomes);
}

Datum
inv_receive(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLabels	labels;
	InvChange	change = inv_change_receive;

	inv_call_begin_writing(&call, fcinfo, "inv_receive", 5);
	change.sku = inv_call_name(&call, 0, "sku");
	change.quantity = inv_call_quantity(&call, 1);
	change.location = inv_call_location(&call, 2, "location");
	inv_change_labels(&call, 3, &labels);
	labels.occurred_at = inv_call_time(&call, 6, "occurred_at");
	change.labels = &labels;

	return apply_single(cat, &call, &change, true);
}

Datum
inv_deduct(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLabels	labels;
	InvChange	change = inv_change_deduct;
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_deduct", 5);
	change.sku = inv_call_name(&call, 0, "sku");
	change.quantity = inv_call_quantity(&call, 1);
	change.location = inv_call_location(&call, 2, "location");
	inv_change_labels(&call, 3, &labels);
	strict = inv_call_flag(&call, 6, "strict");
	change.keep = get_keep(&call, 7);
	change.expected_version = get_expected_version(&call, 8);
	labels.occurred_at = inv_call_time(&call, 9, "occurred_at");
	change.labels = &labels;

	return apply_single(cat, &call, &change, strict);
}

Datum
inv_adjust(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLabels	labels;
	InvChange	change = inv_change_adjust;
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_adjust", 5);
	change.sku = inv_call_name(&call, 0, "sku");
	change.quantity = inv_call_integer(&call, 1, "counted",
									   0, INV_MAX_QUANTITY);
	change.location = inv_call_location(&call, 2, "location");
	inv_change_labels(&call, 3, &labels);
	strict = inv_call_flag(&call, 6, "strict");
	change.expected_version = get_expected_version(&call, 7);
	change.counted_at = inv_call_time(&call, 8, "counted_at");
	labels.occurred_at = change.counted_at;
	change.labels = &labels;

	return apply_single(cat, &call, &change, strict);
}

Datum
inv_transfer(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLabels	labels;
	InvChange	changes[2] = {inv_change_transfer_from};
	InvOrder	order = order_of(changes, 2);
	InvAnswer	answer = {NULL};
	text	   *to;
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_transfer", 6);
	changes->sku = inv_call_name(&call, 0, "sku");
	changes->quantity = inv_call_quantity(&call, 1);
	changes->location = inv_call_location(&call, 2, "from_location");
	to = inv_call_location(&call, 3, "to_location");
	inv_change_labels(&call, 4, &labels);
	strict = inv_call_flag(&call, 7, "strict");
	changes->keep = get_keep(&call, 8);
	changes->labels = &labels;
	inv_change_transfer_to(changes, to, 0);

	inv_request_apply(cat, &call, &order, &answer);
	if (strict)
		inv_outcome_raise(cat, &answer);
	inv_outcome_srf(fcinfo, cat, &answer);
	return (Datum) 0;
}

Datum
inv_set_limits(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLimits	limits;
	InvOutcome	outcome;
	InvAnswer	answer = {&outcome, 1};
	text	   *sku;
	text	   *location;

	inv_call_begin_writing(&call, fcinfo, "inv_set_limits",
						   INV_NO_KEY_ARGUMENT);
	sku = inv_call_name(&call, 0, "sku");
	location = inv_call_location(&call, 1, "location");
	limits.safety_stock = inv_call_optional_integer(&call, 2, "safety_stock");
	limits.backorder_limit = inv_call_optional_integer(&call, 3,
													   "backorder_limit");
	limits.reorder_point = inv_call_optional_integer(&call, 4,
													 "reorder_point");
	limits.target_level = inv_call_optional_integer(&call, 5, "target_level");

	inv_limits_set(cat, sku, location, &limits, &outcome);
	inv_outcome_raise(cat, &answer);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &outcome));
}
