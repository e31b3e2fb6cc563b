/*
 * batch.c
 *		Calls of many lines: arrays become changes of stock.
 */
#include "postgres.h"

#include "argument.h"
#include "change.h"
#include "errors.h"
#include "lines.h"
#include "request.h"

PG_FUNCTION_INFO_V1(inv_deduct_many);
PG_FUNCTION_INFO_V1(inv_receive_many);
PG_FUNCTION_INFO_V1(inv_adjust_many);
PG_FUNCTION_INFO_V1(inv_deduct_each);

/* apply_lines - all lines or none; their outcomes are the call's result */
static void
apply_lines(FunctionCallInfo fcinfo, const InvCatalogue *cat,
			InvLines *lines, const InvLabels *labels, bool strict)
{
	InvAnswer	answer = {NULL};
	InvOrder	order = {
		.changes = lines->changes,
		.count = lines->count,
		.linked = true,
		.numbered = true
	};

	for (int i = 0; i < lines->count; i++)
		lines->changes[i].labels = labels;
	inv_request_apply(cat, lines->call, &order, &answer);
	if (strict)
		inv_outcome_raise(cat, &answer);
	inv_outcome_srf(fcinfo, cat, &answer);
}

Datum
inv_deduct_many(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLines	lines;
	InvLabels	labels;
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_deduct_many", 6);
	inv_lines_begin(&lines, &call, &inv_change_deduct, 0);
	inv_lines_quantities(&lines, 1, "quantities", 1);
	inv_lines_sources(&lines, cat, 3, 2);
	inv_change_labels(&call, 4, &labels);
	strict = inv_call_flag(&call, 7, "strict");
	labels.occurred_at = inv_call_time(&call, 8, "occurred_at");

	apply_lines(fcinfo, cat, &lines, &labels, strict);
	return (Datum) 0;
}

Datum
inv_receive_many(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLines	lines;
	InvLabels	labels;

	inv_call_begin_writing(&call, fcinfo, "inv_receive_many", 5);
	inv_lines_begin(&lines, &call, &inv_change_receive, 0);
	inv_lines_quantities(&lines, 1, "quantities", 1);
	inv_lines_locations(&lines, 2);
	inv_change_labels(&call, 3, &labels);
	labels.occurred_at = inv_call_time(&call, 6, "occurred_at");

	apply_lines(fcinfo, cat, &lines, &labels, true);
	return (Datum) 0;
}

Datum
inv_adjust_many(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLines	lines;
	InvLabels	labels;
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_adjust_many", 5);
	inv_lines_begin(&lines, &call, &inv_change_adjust, 0);
	inv_lines_quantities(&lines, 1, "counted", 0);
	inv_lines_locations(&lines, 2);
	inv_change_labels(&call, 3, &labels);
	strict = inv_call_flag(&call, 6, "strict");
	labels.occurred_at = inv_call_time(&call, 7, "counted_at");
	for (int i = 0; i < lines.count; i++)
		lines.changes[i].counted_at = labels.occurred_at;

	apply_lines(fcinfo, cat, &lines, &labels, strict);
	return (Datum) 0;
}

/* ---------- line by line ---------- */

/* set_labels - each line has a reference and a key of its own */
static void
set_labels(InvLines *lines, int keys_arg, int references_arg, int reason_arg)
{
	InvLabels  *labels = palloc(lines->count * sizeof(InvLabels));
	text	  **keys = inv_lines_texts(lines, keys_arg, "keys",
									   INV_MAX_KEY_BYTES);
	text	  **references = inv_lines_texts(lines, references_arg,
											 "line_references",
											 INV_MAX_REFERENCE_BYTES);
	text	   *reason = inv_call_reason(lines->call, reason_arg);

	for (int i = 0; i < lines->count; i++)
	{
		if (keys[i])
			inv_argument_check_key("keys", i + 1, keys[i]);
		labels[i].reference = references[i];
		labels[i].reason = reason;
		labels[i].key = keys[i];
		labels[i].hold = NULL;
		labels[i].occurred_at = DT_NOBEGIN;
		lines->changes[i].labels = &labels[i];
	}
}

Datum
inv_deduct_each(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLines	lines;
	InvAnswer	answer = {NULL};
	InvOrder	order = {.each = true, .numbered = true};

	inv_call_begin_writing(&call, fcinfo, "inv_deduct_each",
						   INV_NO_KEY_ARGUMENT);
	inv_lines_begin(&lines, &call, &inv_change_deduct, 0);
	inv_lines_quantities(&lines, 1, "quantities", 1);
	inv_lines_locations(&lines, 2);
	set_labels(&lines, 3, 4, 5);

	order.changes = lines.changes;
	order.count = lines.count;
	inv_request_apply_each(cat, "inv_deduct", &order, &answer);
	inv_outcome_srf(fcinfo, cat, &answer);
	return (Datum) 0;
}
