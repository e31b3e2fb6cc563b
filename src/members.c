/*
 * members.c
 *		The members of a JSON object, unpacked and checked.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "argument.h"
#include "compat.h"
#include "errors.h"
#include "members.h"

static const char *
type_name(const JsonbValue * value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return numeric_normalize(value->val.numeric);
		case jbvBool:
			return "a boolean";
		default:
			break;
	}
	if (value->type == jbvBinary &&
		JsonContainerIsArray(value->val.binary.data))
		return "an array";
	return "an object";
}

static void
refuse_type(const InvMembers *members, const char *name,
			const JsonbValue * value, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%sfield \"%s\" must be %s, not %s",
					inv_line_prefix(members->line), name, wanted,
					type_name(value)),
			 inv_errdetail("line:n field:s", (int64) members->line, name),
			 errhint("Pass %s.", wanted)));
}

static void
refuse_missing(const InvMembers *members, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%sfield \"%s\" is missing",
					inv_line_prefix(members->line), name),
			 inv_errdetail("line:n field:s", (int64) members->line, name),
			 errhint("Pass a value for %s.", name)));
}

static void
refuse_object(int line)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s%s must be a JSON object", inv_line_prefix(line),
					line == 0 ? "the request" : "a line"),
			 inv_errdetail("line:n", (int64) line),
			 errhint("Pass {\"lines\": [{\"op\": \"deduct\", \"sku\": \"A\", \"quantity\": 1}]}.")));
}

void
inv_members_begin_root(InvMembers *members, Jsonb * request)
{
	if (!JB_ROOT_IS_OBJECT(request))
		refuse_object(0);
	members->object = &request->root;
	members->line = 0;
}

void
inv_members_begin(InvMembers *members, JsonbValue * value, int line)
{
	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		refuse_object(line);
	members->object = value->val.binary.data;
	members->line = line;
}

void
inv_members_check(const InvMembers *members, const char *const *known)
{
	JsonbIterator *iterator = JsonbIteratorInit(members->object);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		const char *const *name = known;
		char	   *field;

		if (token != WJB_KEY)
			continue;
		field = pnstrdup(value.val.string.val, value.val.string.len);
		while (*name && strcmp(*name, field) != 0)
			name++;
		if (*name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%sunknown field \"%s\"",
							inv_line_prefix(members->line), field),
					 inv_errdetail("line:n field:s", (int64) members->line,
								   field),
					 errhint("The comment of inv_apply() lists the fields of each operation.")));
		pfree(field);
	}
}

/* get_member - null if it is not given */
static JsonbValue *
get_member(const InvMembers *members, const char *name, bool required)
{
	JsonbValue *value = getKeyJsonValueFromContainer(members->object, name,
													 strlen(name), NULL);

	if (value == NULL || value->type == jbvNull)
	{
		if (required)
			refuse_missing(members, name);
		return NULL;
	}
	return value;
}

static text *
get_string(const InvMembers *members, const char *name,
		   const JsonbValue * value)
{
	if (value->type != jbvString)
		refuse_type(members, name, value, "a string");
	return cstring_to_text_with_len(value->val.string.val,
									value->val.string.len);
}

text *
inv_members_text(const InvMembers *members, const char *name, bool required,
				 int max_bytes)
{
	JsonbValue *value = get_member(members, name, required);
	text	   *result;

	if (value == NULL)
		return NULL;
	result = get_string(members, name, value);
	inv_argument_check_length(name, members->line, result, max_bytes);
	return result;
}

text *
inv_members_name(const InvMembers *members, const char *name, bool required)
{
	return inv_members_text(members, name, required, INV_MAX_NAME_BYTES);
}

NullableDatum
inv_members_integer(const InvMembers *members, const char *name,
					bool required, int64 min)
{
	NullableDatum result = {.value = (Datum) 0, .isnull = true};
	JsonbValue *value = get_member(members, name, required);
	Datum		number;
	Datum		whole;
	Datum		limit;

	if (value == NULL)
		return result;
	if (value->type != jbvNumeric)
		refuse_type(members, name, value, "a whole number");
	number = NumericGetDatum(value->val.numeric);
	whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
	limit = NumericGetDatum(int64_to_numeric(INV_MAX_QUANTITY));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number, whole)))
		refuse_type(members, name, value, "a whole number");
	if (DatumGetBool(DirectFunctionCall2(numeric_gt,
										 DirectFunctionCall1(numeric_abs,
															 number),
										 limit)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%sargument \"%s\" is out of range: %s",
						inv_line_prefix(members->line), name,
						numeric_normalize(value->val.numeric)),
				 inv_errdetail("line:n argument:s", (int64) members->line,
							   name),
				 errhint("Pass " INT64_FORMAT " to " INT64_FORMAT ".", min,
						 INV_MAX_QUANTITY)));
	result.value = DirectFunctionCall1(numeric_int8, whole);
	result.isnull = false;
	inv_argument_check_range(name, members->line,
							 DatumGetInt64(result.value), min,
							 INV_MAX_QUANTITY);
	return result;
}

bool
inv_members_flag(const InvMembers *members, const char *name, bool otherwise)
{
	JsonbValue *value = get_member(members, name, false);

	if (value == NULL)
		return otherwise;
	if (value->type != jbvBool)
		refuse_type(members, name, value, "true or false");
	return value->val.boolean;
}

TimestampTz
inv_members_time(const InvMembers *members, const char *name)
{
	text	   *value = inv_members_text(members, name, false, 255);
	TimestampTz time;

	if (value == NULL)
		return DT_NOBEGIN;
	time = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
												   CStringGetDatum(text_to_cstring(value)),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
	inv_argument_check_time(name, time);
	return time;
}

/* get_elements - those of a member that is an array */
static JsonbValue *
get_elements(const InvMembers *members, const char *name,
			 const JsonbValue * value, int *count)
{
	JsonbContainer *array;
	JsonbValue *elements;

	if (value->type != jbvBinary ||
		!JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		refuse_type(members, name, value, "an array");
	array = value->val.binary.data;
	*count = JsonContainerSize(array);
	elements = palloc(Max(1, *count) * sizeof(JsonbValue));
	for (int i = 0; i < *count; i++)
		elements[i] = *getIthJsonbValueFromContainer(array, i);
	return elements;
}

JsonbValue *
inv_members_array(const InvMembers *members, const char *name, int *count)
{
	JsonbValue *value = get_member(members, name, true);
	JsonbValue *elements = get_elements(members, name, value, count);

	if (*count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" is empty", name),
				 inv_errdetail("field:s", name),
				 errhint("Pass at least one line.")));
	return elements;
}

bool
inv_members_names(const InvMembers *members, const char *name, text ***names,
				  int *count)
{
	JsonbValue *value = get_member(members, name, false);
	JsonbValue *elements;

	if (value == NULL)
		return false;
	elements = get_elements(members, name, value, count);
	*names = palloc(Max(1, *count) * sizeof(text *));
	for (int i = 0; i < *count; i++)
	{
		(*names)[i] = get_string(members, name, &elements[i]);
		inv_argument_check_name(name, members->line, (*names)[i]);
	}
	return true;
}
