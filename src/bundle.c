/*
 * bundle.c
 *		Bundles: items that are sold as a set of others.
 *
 * A bundle has no stock of its own: taking one takes its components.  So an
 * item with stock rows cannot become a bundle (see inv_bundle_guard), a bundle
 * gets no stock row, and a call knows without a look at inv_bundle that an item
 * which has a stock row is none.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "argument.h"
#include "bundle.h"
#include "errors.h"
#include "plan.h"

PG_FUNCTION_INFO_V1(inv_components);

/* the latest snapshot: what is one by now must get no stock row */
static InvPlan exists_plan = {
	.sql = "SELECT FROM @inv_bundle WHERE sku = $1 LIMIT 1",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* every row that the bundle reaches, once: paths may be many more than rows */
static InvPlan inside_plan = {
	.sql = "WITH RECURSIVE inside (sku) AS ("
	"  SELECT $1::text COLLATE \"C\""
	" UNION"
	"  SELECT b.component_sku FROM inside i JOIN @inv_bundle b"
	"   ON b.sku = i.sku"
	" ) SELECT b.sku, b.component_sku, b.quantity"
	" FROM inside i JOIN @inv_bundle b ON b.sku = i.sku",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* An item inside a bundle, the bundle itself included */
typedef struct Member
{
	InvComponent component;
	bool		is_bundle;
	int			waits;			/* for so many rows that name it */
} Member;

/* A row of inv_bundle */
typedef struct Link
{
	Member	   *bundle;
	Member	   *component;
	int64		quantity;
} Link;

/* All that a bundle reaches */
typedef struct Inside
{
	Member	   *members;
	int			nmembers;
	Link	   *links;
	int			nlinks;
} Inside;

bool
inv_bundle_exists(const InvCatalogue *cat, text *sku)
{
	InvPlanScope scope;
	Datum		value = PointerGetDatum(sku);
	bool		found;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, &exists_plan, &value, NULL, 1) > 0;
	inv_plan_end(&scope);
	return found;
}

static void
raise_contains_itself(const text *sku, int line)
{
	const char *name = text_to_cstring(sku);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%sbundle \"%s\" contains itself", inv_line_prefix(line),
					name),
			 inv_errdetail("line:n sku:s", (int64) line, name),
			 errhint("Delete the row of inv_bundle that closes the circle.")));
}

static Member *
find_member(Inside *inside, text *sku)
{
	Member	   *member;

	for (int i = 0; i < inside->nmembers; i++)
		if (inv_text_compare(inside->members[i].component.sku, sku) == 0)
			return &inside->members[i];
	member = &inside->members[inside->nmembers++];
	memset(member, 0, sizeof(*member));
	member->component.sku = sku;
	return member;
}

static void
read_link(Inside *inside, HeapTuple row, TupleDesc desc)
{
	Link	   *link = &inside->links[inside->nlinks++];
	bool		isnull;
	Datum		bundle = SPI_getbinval(row, desc, 1, &isnull);
	Datum		component = SPI_getbinval(row, desc, 2, &isnull);

	link->bundle = find_member(inside, DatumGetTextPCopy(bundle));
	link->component = find_member(inside, DatumGetTextPCopy(component));
	link->quantity = DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
	link->bundle->is_bundle = true;
	link->component->waits++;
}

/* read_inside - the rows that a bundle reaches; the bundle is the first */
static void
read_inside(const InvCatalogue *cat, text *sku, Inside *inside)
{
	InvPlanScope scope;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	Datum		value = PointerGetDatum(sku);
	int			count;

	inv_plan_begin(&scope, cat);
	count = inv_plan_run(&scope, &inside_plan, &value, NULL, 0);
	old = MemoryContextSwitchTo(caller);
	inside->members = palloc((2 * count + 1) * sizeof(Member));
	inside->links = palloc((count + 1) * sizeof(Link));
	inside->nmembers = inside->nlinks = 0;
	find_member(inside, sku)->component.units = 1;
	for (int i = 0; i < count; i++)
		read_link(inside, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	MemoryContextSwitchTo(old);
	inv_plan_end(&scope);
}

/*
 * hand_down - gives what is inside a member to that
 *
 * Units beyond those of any quantity stay just there.
 */
static void
hand_down(Inside *inside, Member *member)
{
	for (int i = 0; i < inside->nlinks; i++)
	{
		Link	   *link = &inside->links[i];
		InvComponent *component = &link->component->component;
		int64		units;

		if (link->bundle != member)
			continue;
		if (pg_mul_s64_overflow(member->component.units, link->quantity,
								&units) ||
			pg_add_s64_overflow(units, component->units, &units))
			units = PG_INT64_MAX;
		component->units = Min(units, INV_MAX_QUANTITY + 1);
		link->component->waits--;
	}
	member->waits = -1;			/* done */
}

static int
compare_components(const void *a, const void *b)
{
	return inv_text_compare(((const InvComponent *) a)->sku,
							((const InvComponent *) b)->sku);
}

/* take_apart - answers how many components, -1 if there is a circle */
static int
take_apart(const InvCatalogue *cat, text *sku, InvComponent **components)
{
	Inside		inside;
	int			done = 0;
	int			count = 0;
	bool		progress = true;

	read_inside(cat, sku, &inside);
	*components = palloc(inside.nmembers * sizeof(InvComponent));
	while (progress)
	{
		progress = false;
		for (int i = 0; i < inside.nmembers; i++)
		{
			Member	   *member = &inside.members[i];

			if (member->waits != 0)
				continue;
			hand_down(&inside, member);
			if (!member->is_bundle)
				(*components)[count++] = member->component;
			done++;
			progress = true;
		}
	}
	/* those in a circle wait for each other */
	if (done < inside.nmembers)
		return -1;
	qsort(*components, count, sizeof(InvComponent), compare_components);
	return count;
}

int
inv_bundle_components(const InvCatalogue *cat, text *sku, int line,
					  InvComponent **components)
{
	int			count = take_apart(cat, sku, components);

	if (count < 0)
		raise_contains_itself(sku, line);
	return count;
}

Datum
inv_components(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	InvCall		call;
	InvComponent *components;
	text	   *sku;
	int			count;

	inv_call_begin(&call, fcinfo, "inv_components");
	sku = inv_call_name(&call, 0, "sku");
	count = inv_bundle_exists(cat, sku) ?
		take_apart(cat, sku, &components) : 0;
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		Datum		values[2] = {
			PointerGetDatum(components[i].sku),
			Int64GetDatum(components[i].units)
		};
		bool		nulls[2] = {false, false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

void
inv_bundle_refuse(const text *sku, int line)
{
	const char *name = text_to_cstring(sku);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s\"%s\" is a bundle: it has no stock of its own",
					inv_line_prefix(line), name),
			 inv_errdetail("line:n sku:s", (int64) line, name),
			 errhint("Call it for its components, which are in inv_bundle.")));
}

static void
refuse_expected_version(const InvChange *change, int line)
{
	const char *name = text_to_cstring(change->sku);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s\"%s\" is a bundle: it has no version",
					inv_line_prefix(line), name),
			 inv_errdetail("line:n sku:s expected_version:i", (int64) line,
						   name, change->expected_version),
			 errhint("Leave out expected_version.")));
}

/* times - units of so many bundles; raises 22003 if that is too many */
static int64
times(const InvChange *change, int line, int64 bundles, int64 units)
{
	const char *name;

	if (units <= INV_MAX_QUANTITY &&
		(bundles == 0 || units <= INV_MAX_QUANTITY / bundles))
		return bundles * units;
	name = text_to_cstring(change->sku);
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s" INT64_FORMAT " of bundle \"%s\" are more units than can be counted",
					inv_line_prefix(line), bundles, name),
			 inv_errdetail("line:n sku:s quantity:i limit:i", (int64) line,
						   name, bundles, INV_MAX_QUANTITY),
			 errhint("Count the components in a larger unit.")));
}

static InvStatus
bundle_status(const InvCatalogue *cat, text *sku)
{
	InvItem		item;

	if (!inv_item_find(cat, sku, &item))
		return INV_UNKNOWN_ITEM;
	return item.active ? INV_OK : INV_INACTIVE_ITEM;
}

int
inv_bundle_expand(const InvCatalogue *cat, const InvChange *change, int line,
				  InvChange **changes)
{
	InvComponent *components;
	InvBundle  *bundle;
	InvStatus	refusal;
	int			count;

	if (!change->sells)
		inv_bundle_refuse(change->sku, line);
	if (change->expected_version != INV_ANY_VERSION)
		refuse_expected_version(change, line);

	refusal = bundle_status(cat, change->sku);
	count = inv_bundle_components(cat, change->sku, line, &components);
	bundle = palloc(sizeof(InvBundle));
	bundle->sku = change->sku;
	bundle->quantity = change->quantity;
	*changes = palloc(count * sizeof(InvChange));
	for (int i = 0; i < count; i++)
	{
		InvChange  *part = &(*changes)[i];
		int64		units = components[i].units;

		*part = *change;
		part->sku = components[i].sku;
		part->quantity = times(change, line, change->quantity, units);
		if (change->keep != INV_NO_KEEP)
			part->keep = times(change, line, change->keep, units);
		part->bundle = bundle;
		part->units = units;
		part->refusal = refusal;
	}
	return count;
}
