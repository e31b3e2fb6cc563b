/*
 * lines.c
 *		The lines of a call that has many: unpacked from arrays.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "item.h"
#include "lines.h"

/* An array argument, taken apart */
typedef struct Elements
{
	const char *name;
	Datum	   *values;
	bool	   *nulls;
	int			count;
} Elements;

static void
refuse_dimensions(const char *name, int dimensions)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" has %d dimensions", name, dimensions),
			 inv_errdetail("argument:s dimensions:i", name,
						   (int64) dimensions),
			 errhint("Pass an array of one dimension, one element a line.")));
}

static void
refuse_empty(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" is empty", name),
			 inv_errdetail("argument:s", name),
			 errhint("Pass at least one line.")));
}

static void
refuse_null(const char *name, int line)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("line %d: argument \"%s\" must not be null", line, name),
			 inv_errdetail("line:i argument:s", (int64) line, name),
			 errhint("Pass a value for each element of %s.", name)));
}

void
inv_lines_check_count(int count)
{
	if (likely(count <= inv_max_lines))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a call of %d lines is too long", count),
			 inv_errdetail("lines:i limit:i", (int64) count,
						   (int64) inv_max_lines),
			 errhint("Call for at most %d lines at a time, or raise inventory.max_lines.",
					 inv_max_lines)));
}

/* get_elements - false if the argument is null */
static bool
get_elements(InvLines *lines, int arg, const char *name, Oid type,
			 Elements *elements)
{
	NullableDatum value = lines->call->fcinfo->args[arg];
	ArrayType  *array;

	elements->name = name;
	elements->count = 0;
	if (value.isnull)
		return false;
	array = DatumGetArrayTypeP(value.value);
	if (ARR_NDIM(array) > 1)
		refuse_dimensions(name, ARR_NDIM(array));
	if (type == TEXTOID)
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
						  &elements->values, &elements->nulls,
						  &elements->count);
	else
		deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &elements->values,
						  &elements->nulls, &elements->count);
	return true;
}

/* check_length - an array that must have an element for each line */
static void
check_length(const InvLines *lines, const Elements *elements)
{
	if (likely(elements->count == lines->count))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("arrays \"skus\" and \"%s\" have %d and %d elements",
					elements->name, lines->count, elements->count),
			 inv_errdetail("argument:s elements:i lines:i", elements->name,
						   (int64) elements->count, (int64) lines->count),
			 errhint("Pass one element for each line.")));
}

/* get_name - an element that is a name */
static text *
get_name(const Elements *elements, int i)
{
	text	   *value;

	if (elements->nulls[i])
		refuse_null(elements->name, i + 1);
	value = DatumGetTextPP(elements->values[i]);
	inv_argument_check_name(elements->name, i + 1, value);
	return value;
}

void
inv_lines_begin(InvLines *lines, InvCall *call, const InvChange *change,
				int arg)
{
	Elements	skus;

	lines->call = call;
	inv_call_require(call, arg, "skus");
	(void) get_elements(lines, arg, "skus", TEXTOID, &skus);
	if (skus.count == 0)
		refuse_empty("skus");
	inv_lines_check_count(skus.count);
	lines->count = skus.count;
	lines->changes = palloc(skus.count * sizeof(InvChange));
	inv_call_note_integer(call, false, skus.count);
	for (int i = 0; i < skus.count; i++)
	{
		lines->changes[i] = *change;
		lines->changes[i].line = i + 1;
		lines->changes[i].sku = get_name(&skus, i);
		inv_call_note_text(call, lines->changes[i].sku);
	}
}

int64	   *
inv_lines_integers(InvLines *lines, int arg, const char *name, int64 min)
{
	Elements	elements;
	int64	   *values;

	inv_call_require(lines->call, arg, name);
	(void) get_elements(lines, arg, name, INT8OID, &elements);
	if (elements.count == 0)
		refuse_empty(name);
	if (lines->count == INV_ANY_COUNT)
		lines->count = elements.count;
	check_length(lines, &elements);
	values = palloc(lines->count * sizeof(int64));
	for (int i = 0; i < lines->count; i++)
	{
		if (elements.nulls[i])
			refuse_null(name, i + 1);
		values[i] = DatumGetInt64(elements.values[i]);
		inv_argument_check_range(name, i + 1, values[i], min,
								 INV_MAX_QUANTITY);
		inv_call_note_integer(lines->call, false, values[i]);
	}
	return values;
}

void
inv_lines_quantities(InvLines *lines, int arg, const char *name, int64 min)
{
	const int64 *values = inv_lines_integers(lines, arg, name, min);

	for (int i = 0; i < lines->count; i++)
		lines->changes[i].quantity = values[i];
}

void
inv_lines_locations(InvLines *lines, int arg)
{
	Elements	locations;
	text	   *common = NULL;

	if (!get_elements(lines, arg, "locations", TEXTOID, &locations))
		common = inv_call_default_location();
	else if (locations.count == 0)
		refuse_empty("locations");
	else if (locations.count == 1)
		common = get_name(&locations, 0);
	else
		check_length(lines, &locations);
	for (int i = 0; i < lines->count; i++)
	{
		lines->changes[i].location = common ? common :
			get_name(&locations, i);
		inv_call_note_text(lines->call, lines->changes[i].location);
	}
}

static void
refuse_both(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("arguments \"locations\" and \"sources\" exclude each other"),
			 inv_errdetail("argument:s", "sources"),
			 errhint("Pass locations to name where each line is taken, or sources to have it chosen.")));
}

void
inv_lines_sources(InvLines *lines, const InvCatalogue *cat, int arg,
				  int locations_arg)
{
	Elements	sources;
	text	  **names;

	if (!get_elements(lines, arg, "sources", TEXTOID, &sources))
	{
		inv_lines_locations(lines, locations_arg);
		return;
	}
	if (!lines->call->fcinfo->args[locations_arg].isnull)
		refuse_both();
	names = palloc(Max(1, sources.count) * sizeof(text *));
	inv_call_note_integer(lines->call, false, sources.count);
	for (int i = 0; i < sources.count; i++)
	{
		names[i] = get_name(&sources, i);
		inv_call_note_text(lines->call, names[i]);
	}
	inv_lines_choose(&lines->changes[0], cat, names, sources.count, 0);
	for (int i = 1; i < lines->count; i++)
	{
		lines->changes[i].sources = lines->changes[0].sources;
		lines->changes[i].nsources = lines->changes[0].nsources;
	}
}

/* refuse_twice - a location among its sources that is there twice */
static void
refuse_twice(const text *source, int number, int line)
{
	const char *location = text_to_cstring(source);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%ssource %d is \"%s\" again", inv_line_prefix(line),
					number, location),
			 inv_errdetail("line:n argument:s value:s", (int64) line,
						   "sources", location),
			 errhint("Name each location once, the preferred one first.")));
}

void
inv_lines_choose(InvChange *change, const InvCatalogue *cat, text **sources,
				 int nsources, int line)
{
	if (nsources == 0)
		nsources = inv_location_sellable(cat, &sources);
	if (nsources == 0)
	{
		nsources = 1;
		sources = palloc(sizeof(text *));
		sources[0] = inv_call_default_location();
	}
	for (int i = 1; i < nsources; i++)
		for (int j = 0; j < i; j++)
			if (inv_text_compare(sources[i], sources[j]) == 0)
				refuse_twice(sources[i], i + 1, line);
	change->location = NULL;
	change->sources = sources;
	change->nsources = nsources;
}

text	  **
inv_lines_texts(InvLines *lines, int arg, const char *name, int max_bytes)
{
	Elements	elements;
	text	  **texts = palloc0(lines->count * sizeof(text *));

	if (!get_elements(lines, arg, name, TEXTOID, &elements))
		return texts;
	check_length(lines, &elements);
	for (int i = 0; i < lines->count; i++)
	{
		if (elements.nulls[i])
			continue;
		texts[i] = DatumGetTextPP(elements.values[i]);
		inv_argument_check_length(name, i + 1, texts[i], max_bytes);
	}
	return texts;
}
