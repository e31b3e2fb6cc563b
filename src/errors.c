/*
 * errors.c
 *		The DETAIL that goes with every error: one JSON object, because it
 *		reaches every driver verbatim and a program can read it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "errors.h"

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
		appendStringInfo(&json, "%s\"%.*s\":", json.len > 1 ? "," : "",
						 (int) (colon - shape), shape);
		if (colon[1] == 'i')
			appendStringInfo(&json, INT64_FORMAT, va_arg(args, int64));
		else
		{
			const char *value = va_arg(args, const char *);

			if (value)
				escape_json(&json, value);
			else
				appendStringInfoString(&json, "null");
		}
		shape = colon + 2;
		if (*shape == ' ')
			shape++;
	}
	va_end(args);
	appendStringInfoChar(&json, '}');

	return errdetail_internal("%s", json.data);
}
