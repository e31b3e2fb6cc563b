/*
 * catalogue.c
 *		Where the objects of the extension are.
 *
 * A call finds its tables by OID, looked up once: relcache and syscache
 * invalidations say when to look again (the extension was dropped and made
 * anew, its schema was renamed, its owner changed).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "catalogue.h"

static InvCatalogue catalogue;
static bool catalogue_valid = false;

/* Our relations; a call finds them by OID */
static const struct
{
	const char *name;
	Oid		   *oid;
}			relations[] = {
	{"inv_item", &catalogue.item},
	{"inv_location", &catalogue.location},
	{"inv_bundle", &catalogue.bundle},
	{"inv_stock", &catalogue.stock},
	{"inv_stock_key", &catalogue.stock_key},
	{"inv_stock_stock_id_seq", &catalogue.stock_id_seq},
	{"inv_movement", &catalogue.movement},
	{"inv_movement_id_seq", &catalogue.movement_id_seq},
	{"inv_request", &catalogue.request},
	{"inv_hold", &catalogue.hold},
	{"inv_hold_pkey", &catalogue.hold_key},
	{"inv_hold_hold_id_seq", &catalogue.hold_id_seq},
	{"inv_hold_line", &catalogue.hold_line},
	{"inv_hold_line_pkey", &catalogue.hold_line_key}
};

static void
forget_relation(Datum arg, Oid relid)
{
	if (relid == InvalidOid)
		catalogue_valid = false;
	for (int i = 0; i < lengthof(relations); i++)
		if (relid == *relations[i].oid)
			catalogue_valid = false;
}

static void
forget_schema(Datum arg, int cacheid, uint32 hashvalue)
{
	catalogue_valid = false;
}

void
inv_catalogue_init(void)
{
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_schema, (Datum) 0);
}

static Oid
find_relation(const char *name, Oid schema)
{
	Oid			relid = get_relname_relid(name, schema);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is not in schema \"%s\", where the called function is",
						name, get_namespace_name(schema)),
				 errhint("Call the functions that CREATE EXTENSION inventory made.")));
	return relid;
}

/* keep_row_type - a copy of the row type takes the place of the one before */
static void
keep_row_type(TupleDesc *kept, const char *name, Oid schema)
{
	Oid			type;
	TupleDesc	desc;
	MemoryContext old;

	type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum(name), ObjectIdGetDatum(schema));
	old = MemoryContextSwitchTo(TopMemoryContext);
	desc = lookup_rowtype_tupdesc_copy(type, -1);
	MemoryContextSwitchTo(old);
	if (*kept)
		FreeTupleDesc(*kept);
	*kept = desc;
}

/* load_catalogue - finds everything, or leaves the catalogue invalid */
static void
load_catalogue(Oid schema)
{
	Relation	rel;
	char	   *name = get_namespace_name(schema);

	for (int i = 0; i < lengthof(relations); i++)
		*relations[i].oid = find_relation(relations[i].name, schema);

	keep_row_type(&catalogue.outcome, "inv_outcome", schema);
	keep_row_type(&catalogue.hold_outcome, "inv_hold_outcome", schema);

	name = MemoryContextStrdup(TopMemoryContext, quote_identifier(name));
	if (catalogue.schema)
		pfree(catalogue.schema);
	catalogue.schema = name;

	rel = table_open(catalogue.stock, AccessShareLock);
	catalogue.owner = rel->rd_rel->relowner;
	table_close(rel, NoLock);

	catalogue.generation++;
}

/* called_schema - the schema of the function that is being called */
static Oid
called_schema(FunctionCallInfo fcinfo)
{
	Oid			schema = get_func_namespace(fcinfo->flinfo->fn_oid);

	if (!OidIsValid(schema) || get_namespace_name(schema) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the called function was dropped meanwhile")));
	return schema;
}

/*
 * load - fills the catalogue, by the called function or of a schema
 *
 * An invalidation that arrives meanwhile must not be lost: so the flag goes up
 * first, and a load that fails takes it down again.
 */
static void
load(FunctionCallInfo fcinfo, Oid schema)
{
	PG_TRY();
	{
		catalogue_valid = true;
		load_catalogue(fcinfo ? called_schema(fcinfo) : schema);
	}
	PG_CATCH();
	{
		catalogue_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* get - found by the function that is called, or else in the given schema */
static inline const InvCatalogue *
get(FunctionCallInfo fcinfo, Oid schema, LOCKMODE lockmode)
{
	for (;;)
	{
		Oid			stock;

		if (unlikely(!catalogue_valid))
			load(fcinfo, schema);

		/* taking the lock lets in the news, if there are any */
		stock = catalogue.stock;
		LockRelationOid(stock, lockmode);
		if (likely(catalogue_valid))
			return &catalogue;
		UnlockRelationOid(stock, lockmode);
	}
}

const InvCatalogue *
inv_catalogue_get(FunctionCallInfo fcinfo, LOCKMODE lockmode)
{
	return get(fcinfo, InvalidOid, lockmode);
}

/* find_extension - by its name; invalid if there is none */
static Oid
find_extension(Oid *schema)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			extension = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("inventory"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);

		extension = form->oid;
		*schema = form->extnamespace;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return extension;
}

const InvCatalogue *
inv_catalogue_find(LOCKMODE lockmode)
{
	Oid			schema;
	Oid			extension = find_extension(&schema);

	/* whoever drops it locks it first, then its tables in an order of theirs */
	while (OidIsValid(extension))
	{
		Oid			locked = extension;

		LockDatabaseObject(ExtensionRelationId, locked, 0, AccessShareLock);
		extension = find_extension(&schema);
		if (extension == locked)
			return get(NULL, schema, lockmode);
		UnlockDatabaseObject(ExtensionRelationId, locked, 0, AccessShareLock);
	}
	return NULL;
}

void
inv_catalogue_check(TupleDesc desc, int columns, const char *object)
{
	if (likely(desc->natts >= columns))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("\"%s\" is that of an older version of inventory", object),
			 errhint("Run ALTER EXTENSION inventory UPDATE, and reconnect.")));
}
