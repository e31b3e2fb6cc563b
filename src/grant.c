/*
 * grant.c
 *		inv_grant and inv_revoke: rights by level, not by object.
 *
 * A level includes those before it.  The rights are ordinary ones: \dp and a
 * dump show them, and nothing here is asked when a call runs.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "argument.h"
#include "errors.h"
#include "plan.h"

PG_FUNCTION_INFO_V1(inv_grant);
PG_FUNCTION_INFO_V1(inv_revoke);

/* The rights of each level, as GRANT and REVOKE name them */
typedef struct Right
{
	int			level;
	const char *privilege;
	const char *object;
} Right;

enum
{
	READER,
	CLERK,
	ADMIN,
	LEVELS
};

static const char *const level_names[LEVELS] = {
	[READER] = "reader",
	[CLERK] = "clerk",
	[ADMIN] = "admin"
};

static const Right rights[] = {
	{READER, "SELECT", "@inv_item"},
	{READER, "SELECT", "@inv_location"},
	{READER, "SELECT", "@inv_bundle"},
	{READER, "SELECT", "@inv_stock_level"},
	{READER, "SELECT", "@inv_item_level"},
	{READER, "SELECT", "@inv_open_holds"},
	{READER, "SELECT", "@inv_open_alerts"},
	{READER, "SELECT", "@inv_alert_log"},
	{READER, "SELECT", "@inv_daily_movements"},
	{READER, "SELECT", "@inv_turnover"},
	{READER, "SELECT", "@inv_dead_stock"},
	{READER, "SELECT", "@inv_stock_value"},
	{READER, "EXECUTE", "FUNCTION @inv_available"},
	{READER, "EXECUTE", "FUNCTION @inv_history"},
	{READER, "EXECUTE", "FUNCTION @inv_components"},
	{READER, "EXECUTE", "FUNCTION @inv_movements_of"},
	{READER, "EXECUTE", "FUNCTION @inv_verify"},
	{READER, "EXECUTE", "FUNCTION @inv_verify_or_fail"},
	{READER, "EXECUTE", "FUNCTION @inv_worker_status"},
	{READER, "EXECUTE", "FUNCTION @inv_reorder_list"},
	{READER, "EXECUTE", "FUNCTION @inv_stream_status"},
	{READER, "EXECUTE", "FUNCTION @inv_changes_since"},
	{READER, "EXECUTE", "FUNCTION @inv_changes_end"},
	{CLERK, "EXECUTE", "FUNCTION @inv_receive"},
	{CLERK, "EXECUTE", "FUNCTION @inv_deduct"},
	{CLERK, "EXECUTE", "FUNCTION @inv_adjust"},
	{CLERK, "EXECUTE", "FUNCTION @inv_transfer"},
	{CLERK, "EXECUTE", "FUNCTION @inv_return"},
	{CLERK, "EXECUTE", "FUNCTION @inv_deduct_many"},
	{CLERK, "EXECUTE", "FUNCTION @inv_receive_many"},
	{CLERK, "EXECUTE", "FUNCTION @inv_adjust_many"},
	{CLERK, "EXECUTE", "FUNCTION @inv_deduct_each"},
	{CLERK, "EXECUTE", "FUNCTION @inv_apply"},
	{CLERK, "EXECUTE", "FUNCTION @inv_try"},
	{CLERK, "EXECUTE", "FUNCTION @inv_confirm"},
	{CLERK, "EXECUTE", "FUNCTION @inv_cancel"},
	{CLERK, "EXECUTE", "FUNCTION @inv_extend"},
	{CLERK, "EXECUTE", "FUNCTION @inv_acknowledge"},
	{ADMIN, "INSERT, UPDATE, DELETE", "@inv_item"},
	{ADMIN, "INSERT, UPDATE, DELETE", "@inv_location"},
	{ADMIN, "INSERT, UPDATE, DELETE", "@inv_bundle"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_set_limits"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_expire_holds"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_add_endpoint"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_change_endpoint"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_enable_endpoint"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_disable_endpoint"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_remove_endpoint"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_endpoints_enable"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_test_endpoint"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_redeliver"},
	{ADMIN, "SELECT", "@inv_endpoints"},
	{ADMIN, "SELECT", "@inv_deliveries"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_maintain"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_schedule_maintenance"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_stream_create"}
};

static int
get_level(InvCall *call, int arg)
{
	char	   *name = text_to_cstring(inv_call_name(call, arg, "level"));

	for (int level = 0; level < LEVELS; level++)
		if (strcmp(name, level_names[level]) == 0)
			return level;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown level \"%s\"", name),
			 inv_errdetail("argument:s value:s", "level", name),
			 errhint("Levels are reader, clerk and admin.")));
}

/* double_at - a quoted name as a part of a statement for inv_plan_once() */
static const char *
double_at(const char *name)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (const char *c = name; *c; c++)
	{
		if (*c == '@')
			appendStringInfoChar(&buf, *c);
		appendStringInfoChar(&buf, *c);
	}
	return buf.data;
}

/*
 * check_owner - the rights are the owner's to give
 *
 * Else EXECUTE on all functions of the schema, which is often granted, would
 * be the right to give oneself all the others.
 */
static void
check_owner(const InvCatalogue *cat, const char *function)
{
	if (!has_privs_of_role(GetUserId(), cat->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only the owner of inventory may call %s()", function),
				 inv_errdetail("function:s", function)));
}

static const char *
get_role(InvCall *call, int arg)
{
	char	   *role = text_to_cstring(inv_call_name(call, arg, "role"));

	if (strcmp(role, "public") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stock is not for PUBLIC"),
				 inv_errdetail("argument:s value:s", "role", role),
				 errhint("Name a role, and make those its members who need it.")));
	return double_at(quote_identifier(role));
}

/* change_right - grants it to the role or revokes it */
static void
change_right(InvPlanScope *scope, bool grants, const char *privilege,
			 const char *object, const char *role)
{
	inv_plan_once(scope, psprintf("%s %s ON %s %s %s",
								  grants ? "GRANT" : "REVOKE",
								  privilege, object,
								  grants ? "TO" : "FROM", role));
}

/*
 * change_rights - grants a level with those before it, or revokes it with
 * those above it; whoever has any level may use the schema
 */
static void
change_rights(FunctionCallInfo fcinfo, const char *function, bool grants)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvPlanScope scope;
	InvCall		call;
	const char *role;
	int			level;

	inv_call_begin_writing(&call, fcinfo, function, INV_NO_KEY_ARGUMENT);
	check_owner(cat, function);
	role = get_role(&call, 0);
	level = get_level(&call, 1);

	inv_plan_begin(&scope, cat);
	if (grants || level == READER)
		change_right(&scope, grants, "USAGE",
					 psprintf("SCHEMA %s", double_at(cat->schema)), role);
	for (int i = 0; i < lengthof(rights); i++)
		if (grants ? rights[i].level <= level : rights[i].level >= level)
			change_right(&scope, grants, rights[i].privilege,
						 rights[i].object, role);
	inv_plan_end(&scope);
}

Datum
inv_grant(PG_FUNCTION_ARGS)
{
	change_rights(fcinfo, "inv_grant", true);
	PG_RETURN_VOID();
}

Datum
inv_revoke(PG_FUNCTION_ARGS)
{
	change_rights(fcinfo, "inv_revoke", false);
	PG_RETURN_VOID();
}
