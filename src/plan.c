/*
 * plan.c
 *		SQL statements of the extension: kept plans, run as the owner of its
 *		tables.
 *
 * A caller needs the right to execute a function, never a right on a table: so
 * statements run as the owner.  And because they do, nothing in them may be
 * found through the caller's search_path: tables are named with their schema,
 * and operators and functions are looked up in pg_catalog alone, also when a
 * plan is made anew after an invalidation.
 *
 * Only for what is rare or large.  The calls themselves go to the tables
 * directly, see stock.c and ledger.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "plan.h"

void
inv_plan_set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
inv_plan_begin(InvPlanScope *scope, const InvCatalogue *cat)
{
	scope->cat = cat;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	GetUserIdAndSecContext(&scope->user, &scope->security);
	SetUserIdAndSecContext(cat->owner,
						   scope->security | SECURITY_LOCAL_USERID_CHANGE);
	scope->guc_level = NewGUCNestLevel();
	inv_plan_set("search_path", "pg_catalog, pg_temp");
	/* compiling one takes longer than it ever runs */
	inv_plan_set("jit", "off");
}

void
inv_plan_end(InvPlanScope *scope)
{
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->security);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/*
 * qualify_names - the statement with each "@name" given its schema
 *
 * "@@" stands for an "@" of its own.
 */
static char *
qualify_names(const char *sql, const char *schema)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *sql; sql++)
	{
		if (sql[0] == '@' && sql[1] == '@')
			appendStringInfoChar(&buf, *sql++);
		else if (*sql == '@')
			appendStringInfo(&buf, "%s.", schema);
		else
			appendStringInfoChar(&buf, *sql);
	}
	return buf.data;
}

static void
prepare_plan(InvPlanScope *scope, InvPlan *plan)
{
	SPIPlanPtr	fresh;

	fresh = SPI_prepare(qualify_names(plan->sql, scope->cat->schema),
						plan->nargs, plan->argtypes);
	if (fresh == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(fresh) != 0)
		elog(ERROR, "SPI_keepplan failed");
	if (plan->plan)
		SPI_freeplan(plan->plan);
	plan->plan = fresh;
	plan->generation = scope->cat->generation;
}

void
inv_plan_forget(InvPlan *plan)
{
	plan->generation = 0;
}

uint64
inv_plan_run(InvPlanScope *scope, InvPlan *plan,
			 Datum *values, const char *nulls, long max_rows)
{
	int			result;

	/* an old plan may name another schema: ours was dropped and made anew */
	if (plan->plan == NULL || plan->generation != scope->cat->generation)
		prepare_plan(scope, plan);

	if (plan->latest_snapshot)
		result = SPI_execute_snapshot(plan->plan, values, nulls,
									  GetLatestSnapshot(), InvalidSnapshot,
									  false, true, max_rows);
	else
		result = SPI_execute_plan(plan->plan, values, nulls, plan->read_only,
								  max_rows);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

int64
inv_plan_number(InvPlanScope *scope, InvPlan *plan, Datum *values,
				const char *nulls)
{
	Datum		number;
	bool		isnull;

	if (inv_plan_run(scope, plan, values, nulls, 0) == 0)
		return 0;
	number = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &isnull);
	return isnull ? 0 : DatumGetInt64(number);
}

Datum
inv_plan_int8_array(const int64 *numbers, int count)
{
	Datum	   *elements = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(elements, count, INT8OID,
										   sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

void
inv_plan_once(InvPlanScope *scope, const char *sql)
{
	int			result;

	result = SPI_execute(qualify_names(sql, scope->cat->schema), false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

/*
 * put_row - adds a row to the result
 *
 * The result may have columns that were dropped, which a row never has.
 */
static void
put_row(ReturnSetInfo *rsinfo, HeapTuple row, TupleDesc desc, Datum *values,
		bool *nulls)
{
	int			column = 0;

	for (int i = 0; i < rsinfo->setDesc->natts; i++)
	{
		nulls[i] = true;
		if (!TupleDescAttr(rsinfo->setDesc, i)->attisdropped)
			values[i] = SPI_getbinval(row, desc, ++column, &nulls[i]);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

void
inv_plan_to_srf(FunctionCallInfo fcinfo, const InvCatalogue *cat,
				InvPlan *plan, Datum *values, const char *nulls)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	InvPlanScope scope;
	uint64		rows;
	Datum	   *row_values;
	bool	   *row_nulls;

	InitMaterializedSRF(fcinfo, 0);
	row_values = palloc(rsinfo->setDesc->natts * sizeof(Datum));
	row_nulls = palloc(rsinfo->setDesc->natts * sizeof(bool));
	inv_plan_begin(&scope, cat);
	rows = inv_plan_run(&scope, plan, values, nulls, 0);
	for (uint64 i = 0; i < rows; i++)
		put_row(rsinfo, SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
				row_values, row_nulls);
	inv_plan_end(&scope);
}
