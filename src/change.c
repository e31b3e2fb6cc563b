/*
 * change.c
 *		What each kind of call wants of stock, before its arguments are known.
 *
 * The kinds are compared by address while movements are shared out: each is
 * named once, here.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "change.h"
#include "errors.h"

const InvChange inv_change_receive = {
	.line = 1,
	.kind = "receive",
	.on_hand_step = 1,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

const InvChange inv_change_deduct = {
	.line = 1,
	.kind = "deduct",
	.on_hand_step = -1,
	.sells = true,
	.takes = true,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

/* the unit of a count is one that was found on the shelf */
const InvChange inv_change_adjust = {
	.line = 1,
	.kind = "adjust",
	.on_hand_step = 1,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION,
	.counts = true,
	.counted_at = DT_NOBEGIN
};

const InvChange inv_change_return = {
	.line = 1,
	.kind = "return",
	.on_hand_step = 1,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

const InvChange inv_change_transfer_from = {
	.line = 1,
	.kind = "transfer",
	.on_hand_step = -1,
	.takes = true,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

const InvChange inv_change_try = {
	.line = 1,
	.kind = "try",
	.reserved_step = 1,
	.sells = true,
	.takes = true,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

const InvChange inv_change_confirm = {
	.line = 1,
	.kind = "confirm",
	.on_hand_step = -1,
	.reserved_step = -1,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

const InvChange inv_change_reacquire = {
	.line = 1,
	.kind = "confirm",
	.on_hand_step = -1,
	.sells = true,
	.takes = true,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

const InvChange inv_change_release = {
	.line = 1,
	.kind = "release",
	.reserved_step = -1,
	.keep = INV_NO_KEEP,
	.expected_version = INV_ANY_VERSION
};

void
inv_change_transfer_to(InvChange *from, text *to_location, int line)
{
	char	   *location = text_to_cstring(to_location);

	if (strcmp(location, text_to_cstring(from->location)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%scannot transfer from \"%s\" to itself",
						inv_line_prefix(line), location),
				 inv_errdetail("line:n argument:s value:s", (int64) line,
							   "to_location", location),
				 errhint("Pass two different locations.")));
	from[1] = from[0];
	from[1].location = to_location;
	from[1].on_hand_step = 1;
	from[1].takes = false;
	from[1].keep = INV_NO_KEEP;
}

void
inv_change_labels(InvCall *call, int first_arg, InvLabels *labels)
{
	labels->reference = inv_call_reference(call, first_arg);
	labels->reason = inv_call_reason(call, first_arg + 1);
	labels->key = call->key;
	labels->hold = NULL;
	labels->occurred_at = DT_NOBEGIN;
}
