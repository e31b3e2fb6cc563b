/*
 * plan.h
 *		SQL statements of the extension: kept plans, run as the owner of its
 *		tables.
 *
 *		InvPlanScope scope;
 *
 *		inv_plan_begin(&scope, cat);
 *		inv_plan_run(&scope, &plan, values, nulls, max_rows);
 *		... SPI_processed, SPI_tuptable ...
 *		inv_plan_end(&scope);
 *
 * Between begin and end the current memory context is that of SPI, and is gone
 * afterwards.  After an error the transaction machinery restores everything.
 */
#ifndef INV_PLAN_H
#define INV_PLAN_H

#include "executor/spi.h"

#include "catalogue.h"

#define INV_PLAN_MAX_ARGS 12

/* A statement with its plan; static, one per statement */
typedef struct InvPlan
{
	/* given: "@name" stands for an object in the schema of the extension */
	const char *sql;
	bool		read_only;		/* uses the caller's snapshot, changes nothing */
	bool		latest_snapshot;	/* sees what is committed now, also where
									 * the isolation level would not */
	int			nargs;
	Oid			argtypes[INV_PLAN_MAX_ARGS];

	/* kept */
	SPIPlanPtr	plan;
	uint64		generation;		/* of the catalogue the plan was made with */
} InvPlan;

typedef struct InvPlanScope
{
	const InvCatalogue *cat;
	Oid			user;
	int			security;
	int			guc_level;
} InvPlanScope;

extern void inv_plan_begin(InvPlanScope *scope, const InvCatalogue *cat);
extern void inv_plan_end(InvPlanScope *scope);

/* inv_plan_set - a setting, until the scope ends */
extern void inv_plan_set(const char *name, const char *value);

/* inv_plan_run - answers the number of rows; max_rows 0: all */
extern uint64 inv_plan_run(InvPlanScope *scope, InvPlan *plan,
						   Datum *values, const char *nulls, long max_rows);

/* inv_plan_number - of a plan that answers one; 0 if there is none */
extern int64 inv_plan_number(InvPlanScope *scope, InvPlan *plan,
							 Datum *values, const char *nulls);

/* inv_plan_int8_array - numbers as a value of type bigint[] */
extern Datum inv_plan_int8_array(const int64 *numbers, int count);

/* inv_plan_forget - the statement is planned anew when it is next run */
extern void inv_plan_forget(InvPlan *plan);

/* inv_plan_once - runs a statement that is not worth keeping, such as DDL */
extern void inv_plan_once(InvPlanScope *scope, const char *sql);

/*
 * inv_plan_to_srf - runs a plan and makes its rows the result of the calling
 * set-returning function, whose result type they must match
 */
extern void inv_plan_to_srf(FunctionCallInfo fcinfo, const InvCatalogue *cat,
							InvPlan *plan, Datum *values, const char *nulls);

#endif							/* INV_PLAN_H */
