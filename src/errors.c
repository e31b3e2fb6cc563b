/*
 * errors.c
 *		What goes with every error, and which errors the server log sees.
 *
 * The DETAIL is one JSON object, because it reaches every driver verbatim and
 * a program can read it.  A refusal is an answer to the client, not an event of
 * the server: a shop that sells out would fill the log, and pay for it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "errors.h"
#include "guc.h"

static emit_log_hook_type previous_emit_log_hook = NULL;

/* class_of - the first two characters of an SQLSTATE, which are its class */
#define class_of(sqlerrcode) ((sqlerrcode) & ((1 << 12) - 1))
#define INV_CLASS class_of(INV_ERRCODE_INSUFFICIENT_STOCK)


static void
append_text(StringInfo json, const char *value)
{
	if (value)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}

static void
append_integer(StringInfo json, NullableDatum value)
{
	if (value.isnull)
		appendStringInfoString(json, "null");
	else
		appendStringInfo(json, INT64_FORMAT, DatumGetInt64(value.value));
}

/* append_member - one member of the shape, if it has something to say */
static void
append_member(StringInfo json, const char *shape, const char *colon,
			  va_list *args)
{
	int64		number = 0;

	if (colon[1] == 'i' || colon[1] == 'n')
		number = va_arg(*args, int64);
	if (colon[1] == 'n' && number == 0)
		return;
	appendStringInfo(json, "%s\"%.*s\":", json->len > 1 ? "," : "",
					 (int) (colon - shape), shape);
	switch (colon[1])
	{
		case 'i':
		case 'n':
			appendStringInfo(json, INT64_FORMAT, number);
			break;
		case 'd':
			append_integer(json, va_arg(*args, NullableDatum));
			break;
		default:
			append_text(json, va_arg(*args, const char *));
			break;
	}
}

int
inv_errdetail(const char *shape, ...)
{
	StringInfoData json;
	va_list		args;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	va_start(args, shape);
	while (*shape)
	{
		const char *colon = strchr(shape, ':');

		Assert(colon != NULL);
		append_member(&json, shape, colon, &args);
		shape = colon + 2;
		if (*shape == ' ')
			shape++;
	}
	va_end(args);
	appendStringInfoChar(&json, '}');

	return errdetail_internal("%s", json.data);
}

const char *
inv_line_prefix(int line)
{
	return line == 0 ? "" : psprintf("line %d: ", line);
}

void
inv_raise_serialization_failure(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errhint("Retry the transaction.")));
}

static void
filter_log(ErrorData *edata)
{
	if (edata->elevel == ERROR && !inv_log_refusals &&
		class_of(edata->sqlerrcode) == INV_CLASS)
		edata->output_to_server = false;
	if (previous_emit_log_hook)
		previous_emit_log_hook(edata);
}

void
inv_errors_init(void)
{
	previous_emit_log_hook = emit_log_hook;
	emit_log_hook = filter_log;
}
