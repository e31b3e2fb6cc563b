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
#include "errors.h"
#include "request.h"
#include "stock.h"

PG_FUNCTION_INFO_V1(inv_receive);
PG_FUNCTION_INFO_V1(inv_deduct);
PG_FUNCTION_INFO_V1(inv_adjust);
PG_FUNCTION_INFO_V1(inv_transfer);
PG_FUNCTION_INFO_V1(inv_set_limits);

/* get_labels - reference and reason, which stand side by side, and the key */
static void
get_labels(InvCall *call, int first_arg, InvLabels *labels)
{
	labels->reference = inv_call_reference(call, first_arg);
	labels->reason = inv_call_reason(call, first_arg + 1);
	labels->key = call->key;
	labels->occurred_at = DT_NOBEGIN;
}

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

/*
 * begin_once - must the changes be made, or were they, as the call's key says?
 *
 * An answer that is replayed is to the same conditions.
 */
static bool
begin_once(InvRequest *request, const InvCatalogue *cat, InvCall *call,
		   const InvChange *changes, InvAnswer *answer)
{
	if (!inv_request_begin(request, cat, call, answer))
		return true;
	for (int i = 0; i < answer->count; i++)
	{
		answer->outcomes[i].keep = changes[i].keep;
		answer->outcomes[i].expected_version = changes[i].expected_version;
	}
	return false;
}

static void
apply_once(const InvCatalogue *cat, InvCall *call, const InvChange *change,
		   const InvLabels *labels, InvAnswer *answer)
{
	InvRequest	request;

	if (!begin_once(&request, cat, call, change, answer))
		return;
	inv_stock_apply(cat, change, 1, labels, answer->outcomes);
	inv_request_end(&request, cat, answer);
}

Datum
inv_receive(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvChange	change = {
		.kind = "receive",
		.keep = INV_NO_KEEP,
		.expected_version = INV_ANY_VERSION
	};
	InvLabels	labels;
	InvOutcome	outcome;
	InvAnswer	answer = {&outcome, 1};

	inv_call_begin_writing(&call, fcinfo, "inv_receive", 5);
	change.sku = inv_call_name(&call, 0, "sku");
	change.quantity = inv_call_quantity(&call, 1);
	change.location = inv_call_location(&call, 2, "location");
	get_labels(&call, 3, &labels);
	labels.occurred_at = inv_call_time(&call, 6, "occurred_at");
	change.on_hand_delta = change.quantity;

	apply_once(cat, &call, &change, &labels, &answer);
	inv_outcome_raise(cat, &answer);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &answer.outcomes[0]));
}

Datum
inv_deduct(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvChange	change = {.kind = "deduct", .sells = true, .takes = true};
	InvLabels	labels;
	InvOutcome	outcome;
	InvAnswer	answer = {&outcome, 1};
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_deduct", 5);
	change.sku = inv_call_name(&call, 0, "sku");
	change.quantity = inv_call_quantity(&call, 1);
	change.location = inv_call_location(&call, 2, "location");
	get_labels(&call, 3, &labels);
	strict = inv_call_flag(&call, 6, "strict");
	change.keep = get_keep(&call, 7);
	change.expected_version = get_expected_version(&call, 8);
	labels.occurred_at = inv_call_time(&call, 9, "occurred_at");
	change.on_hand_delta = -change.quantity;

	apply_once(cat, &call, &change, &labels, &answer);
	if (strict)
		inv_outcome_raise(cat, &answer);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &answer.outcomes[0]));
}

Datum
inv_adjust(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvChange	change = {
		.kind = "adjust",
		.keep = INV_NO_KEEP,
		.counts = true
	};
	InvLabels	labels;
	InvOutcome	outcome;
	InvAnswer	answer = {&outcome, 1};
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_adjust", 5);
	change.sku = inv_call_name(&call, 0, "sku");
	change.quantity = inv_call_integer(&call, 1, "counted",
									   0, INV_MAX_QUANTITY);
	change.location = inv_call_location(&call, 2, "location");
	get_labels(&call, 3, &labels);
	strict = inv_call_flag(&call, 6, "strict");
	change.expected_version = get_expected_version(&call, 7);
	change.counted_at = inv_call_time(&call, 8, "counted_at");
	labels.occurred_at = change.counted_at;

	apply_once(cat, &call, &change, &labels, &answer);
	if (strict)
		inv_outcome_raise(cat, &answer);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &answer.outcomes[0]));
}

/* check_two_locations - a transfer needs them */
static void
check_two_locations(const text *from, const text *to)
{
	char	   *location = text_to_cstring(from);

	if (strcmp(location, text_to_cstring(to)) != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot transfer from \"%s\" to itself", location),
			 inv_errdetail("argument:s value:s", "to_location", location),
			 errhint("Pass two different locations.")));
}

/*
 * tell_one_refusal - a transfer is one line: what does not exist is told once,
 * and before what is not enough
 */
static void
tell_one_refusal(InvOutcome *from, InvOutcome *to)
{
	if (from->status == INV_UNKNOWN_ITEM)
		to->status = INV_NOT_APPLIED;
	else if (to->status == INV_UNKNOWN_LOCATION &&
			 from->status != INV_UNKNOWN_LOCATION)
		from->status = INV_NOT_APPLIED;
}

static void
transfer_once(const InvCatalogue *cat, InvCall *call,
			  const InvChange *changes, const InvLabels *labels,
			  InvAnswer *answer)
{
	InvRequest	request;

	if (!begin_once(&request, cat, call, changes, answer))
		return;
	inv_stock_apply(cat, changes, 2, labels, answer->outcomes);
	tell_one_refusal(&answer->outcomes[0], &answer->outcomes[1]);
	inv_request_end(&request, cat, answer);
}

Datum
inv_transfer(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvChange	from = {
		.kind = "transfer",
		.takes = true,
		.expected_version = INV_ANY_VERSION
	};
	InvChange	changes[2];
	InvLabels	labels;
	InvOutcome	outcomes[2];
	InvAnswer	answer = {outcomes, 2};
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_transfer", 6);
	from.sku = inv_call_name(&call, 0, "sku");
	from.quantity = inv_call_quantity(&call, 1);
	from.location = inv_call_location(&call, 2, "from_location");
	changes[1].location = inv_call_location(&call, 3, "to_location");
	check_two_locations(from.location, changes[1].location);
	get_labels(&call, 4, &labels);
	strict = inv_call_flag(&call, 7, "strict");
	from.keep = get_keep(&call, 8);
	from.on_hand_delta = -from.quantity;

	changes[0] = from;
	from.location = changes[1].location;
	changes[1] = from;
	changes[1].takes = false;
	changes[1].keep = INV_NO_KEEP;
	changes[1].on_hand_delta = from.quantity;

	transfer_once(cat, &call, changes, &labels, &answer);
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

	inv_stock_set_limits(cat, sku, location, &limits, &outcome);
	inv_outcome_raise(cat, &answer);
	PG_RETURN_DATUM(inv_outcome_datum(cat, &outcome));
}
