/*
 * apply.c
 *		inv_apply: operations of all kinds in one request, all or none.
 *
 * The request is a JSON object, for callers whose language or driver has no
 * arrays of each type.  Its members become the same changes of stock that the
 * arguments of the other calls become.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "change.h"
#include "errors.h"
#include "lines.h"
#include "members.h"
#include "request.h"
#include "return.h"

PG_FUNCTION_INFO_V1(inv_apply);

/* The request under way */
typedef struct Apply
{
	const InvCatalogue *cat;
	InvCall		call;
	InvLabels	labels;
	InvChange  *changes;
	int			count;
	int			room;
	int			line;
} Apply;

static const char *const request_members[] = {
	"key", "reference", "reason", "strict", "occurred_at", "lines", NULL
};

/* new_changes - room for some more */
static InvChange *
new_changes(Apply *apply, const InvChange *like, int count)
{
	InvChange  *changes;

	if (apply->count + count > apply->room)
	{
		apply->room = (apply->count + count) * 2;
		apply->changes = apply->changes == NULL ?
			palloc(apply->room * sizeof(InvChange)) :
			repalloc(apply->changes, apply->room * sizeof(InvChange));
	}
	changes = &apply->changes[apply->count];
	apply->count += count;
	*changes = *like;
	changes->line = apply->line;
	changes->labels = &apply->labels;
	return changes;
}

/* note_change - what a second request with this key must repeat */
static void
note_change(InvCall *call, const InvChange *change)
{
	inv_call_note_integer(call, false, change->line);
	inv_call_note_text(call, change->sku);
	inv_call_note_integer(call, false, change->quantity);
	inv_call_note_text(call, change->location);
	inv_call_note_integer(call, false, change->keep);
	inv_call_note_integer(call, false, change->expected_version);
}

static text *
get_location(const InvMembers *members, const char *name)
{
	text	   *location = inv_members_name(members, name, false);

	return location ? location : inv_call_default_location();
}

static int64
get_limit(const InvMembers *members, const char *name, int64 none)
{
	NullableDatum value = inv_members_integer(members, name, false, 0);

	return value.isnull ? none : DatumGetInt64(value.value);
}

static int64
get_quantity(const InvMembers *members, const char *name, int64 min)
{
	return DatumGetInt64(inv_members_integer(members, name, true, min).value);
}

static void
refuse_both(const InvMembers *members)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s\"location\", \"sources\" and \"expected_version\" exclude each other",
					inv_line_prefix(members->line)),
			 inv_errdetail("line:n field:s", (int64) members->line, "sources"),
			 errhint("Pass sources alone to have the location chosen.")));
}

static void
read_deduct(Apply *apply, const InvMembers *members)
{
	InvChange  *change = new_changes(apply, &inv_change_deduct, 1);
	text	  **sources;
	int			nsources;

	change->sku = inv_members_name(members, "sku", true);
	change->quantity = get_quantity(members, "quantity", 1);
	change->keep = get_limit(members, "keep", INV_NO_KEEP);
	change->expected_version = get_limit(members, "expected_version",
										 INV_ANY_VERSION);
	if (!inv_members_names(members, "sources", &sources, &nsources))
		change->location = get_location(members, "location");
	else if (inv_members_name(members, "location", false) ||
			 change->expected_version != INV_ANY_VERSION)
		refuse_both(members);
	else
	{
		inv_call_note_integer(&apply->call, false, nsources);
		for (int i = 0; i < nsources; i++)
			inv_call_note_text(&apply->call, sources[i]);
		inv_lines_choose(change, apply->cat, sources, nsources,
						 apply->line);
	}
}

static void
read_receive(Apply *apply, const InvMembers *members)
{
	InvChange  *change = new_changes(apply, &inv_change_receive, 1);

	change->sku = inv_members_name(members, "sku", true);
	change->quantity = get_quantity(members, "quantity", 1);
	change->location = get_location(members, "location");
}

static void
read_adjust(Apply *apply, const InvMembers *members)
{
	InvChange  *change = new_changes(apply, &inv_change_adjust, 1);

	change->sku = inv_members_name(members, "sku", true);
	change->quantity = get_quantity(members, "counted", 0);
	change->location = get_location(members, "location");
	change->expected_version = get_limit(members, "expected_version",
										 INV_ANY_VERSION);
	change->counted_at = apply->labels.occurred_at;
}

static void
read_transfer(Apply *apply, const InvMembers *members)
{
	InvChange  *change = new_changes(apply, &inv_change_transfer_from, 2);

	change->sku = inv_members_name(members, "sku", true);
	change->quantity = get_quantity(members, "quantity", 1);
	change->location = get_location(members, "from_location");
	change->keep = get_limit(members, "keep", INV_NO_KEEP);
	inv_change_transfer_to(change, get_location(members, "to_location"),
						   apply->line);
}

/*
 * read_return - only notes what it asks for
 *
 * What is left of the original calls is looked up later: with the key of this
 * request taken, and for all returns in one order.
 */
static void
read_return(Apply *apply, const InvMembers *members)
{
	InvChange  *change = new_changes(apply, &inv_change_return, 1);
	NullableDatum quantity;

	change->of_key = inv_members_text(members, "of_key", true,
									  INV_MAX_KEY_BYTES);
	quantity = inv_members_integer(members, "quantity", false, 1);
	change->quantity = quantity.isnull ? 0 : DatumGetInt64(quantity.value);
	change->sku = inv_members_name(members, "sku", false);
	change->location = inv_members_name(members, "location", false);
	inv_call_note_text(&apply->call, change->of_key);
}

/* What there is to do, and which members say it */
static const struct
{
	const char *name;
	void		(*read) (Apply *apply, const InvMembers *members);
	const char *members[8];
}			operations[] = {

	{"deduct", read_deduct, {"op", "sku", "quantity", "location", "sources",
	"keep", "expected_version", NULL}},
	{"receive", read_receive, {"op", "sku", "quantity", "location", NULL}},
	{"adjust", read_adjust, {"op", "sku", "counted", "location",
	"expected_version", NULL}},
	{"transfer", read_transfer, {"op", "sku", "quantity", "from_location",
	"to_location", "keep", NULL}},
	{"return", read_return, {"op", "of_key", "quantity", "sku", "location",
	NULL}}
};

static void
refuse_operation(int line, const char *op)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("line %d: unknown operation \"%s\"", line, op),
			 inv_errdetail("line:i op:s", (int64) line, op),
			 errhint("Operations are deduct, receive, adjust, transfer and return.")));
}

static void
read_line(Apply *apply, JsonbValue * value)
{
	InvMembers	members;
	char	   *op;
	int			first = apply->count;

	inv_members_begin(&members, value, apply->line);
	op = text_to_cstring(inv_members_name(&members, "op", true));
	for (int i = 0; i < lengthof(operations); i++)
	{
		if (strcmp(op, operations[i].name) != 0)
			continue;
		inv_members_check(&members, operations[i].members);
		inv_call_note_integer(&apply->call, false, i);
		operations[i].read(apply, &members);
		for (; first < apply->count; first++)
			note_change(&apply->call, &apply->changes[first]);
		return;
	}
	refuse_operation(apply->line, op);
}

static void
read_lines(Apply *apply, const InvMembers *request)
{
	int			count;
	JsonbValue *lines = inv_members_array(request, "lines", &count);

	inv_lines_check_count(count);
	for (int i = 0; i < count; i++)
	{
		apply->line = i + 1;
		read_line(apply, &lines[i]);
	}
}

/* read_labels - what the request says of all its lines */
static void
read_labels(Apply *apply, const InvMembers *request)
{
	InvLabels  *labels = &apply->labels;

	labels->key = inv_members_text(request, "key", false, INV_MAX_KEY_BYTES);
	if (labels->key)
	{
		inv_argument_check_key("key", 0, labels->key);
		inv_call_begin_line(&apply->call, "inv_apply", labels->key);
	}
	labels->reference = inv_members_text(request, "reference", false,
										 INV_MAX_REFERENCE_BYTES);
	labels->reason = inv_members_text(request, "reason", false,
									  INV_MAX_REASON_BYTES);
	labels->occurred_at = inv_members_time(request, "occurred_at");
	inv_call_note_text(&apply->call, labels->reference);
	inv_call_note_text(&apply->call, labels->reason);
	inv_call_note_integer(&apply->call, false, labels->occurred_at);
}

static void
apply_request(Apply *apply, InvAnswer *answer)
{
	InvRequest	request;
	InvOrder	order = {.linked = true, .numbered = true};

	order.changes = apply->changes;
	order.count = apply->count;
	if (inv_request_begin(&request, apply->cat, &apply->call, answer))
	{
		inv_request_recall(&order, answer);
		return;
	}
	inv_return_resolve(apply->cat, &order);
	inv_stock_apply(apply->cat, &order, answer);
	inv_request_end(&request, apply->cat, answer);
}

Datum
inv_apply(PG_FUNCTION_ARGS)
{
	Apply		apply = {.cat = inv_catalogue_get(fcinfo, RowExclusiveLock)};
	InvMembers	request;
	InvAnswer	answer = {NULL};
	bool		strict;

	inv_call_begin_writing(&apply.call, fcinfo, "inv_apply",
						   INV_NO_KEY_ARGUMENT);
	inv_call_require(&apply.call, 0, "request");
	inv_members_begin_root(&request, PG_GETARG_JSONB_P(0));
	inv_members_check(&request, request_members);
	read_labels(&apply, &request);
	strict = inv_members_flag(&request, "strict", true);
	read_lines(&apply, &request);

	apply_request(&apply, &answer);
	if (strict)
		inv_outcome_raise(apply.cat, &answer);
	inv_outcome_srf(fcinfo, apply.cat, &answer);
	return (Datum) 0;
}
