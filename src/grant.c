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
	{READER, "SELECT", "@inv_stock_level"},
	{READER, "EXECUTE", "FUNCTION @inv_available"},
	{READER, "EXECUTE", "FUNCTION @inv_history"},
	{READER, "EXECUTE", "FUNCTION @inv_verify"},
	{CLERK, "EXECUTE", "FUNCTION @inv_receive"},
	{CLERK, "EXECUTE", "FUNCTION @inv_deduct"},
	{CLERK, "EXECUTE", "FUNCTION @inv_adjust"},
	{CLERK, "EXECUTE", "FUNCTION @inv_transfer"},
	{CLERK, "EXECUTE", "FUNCTION @inv_return"},
	{ADMIN, "INSERT, UPDATE, DELETE", "@inv_item"},
	{ADMIN, "INSERT, UPDATE, DELETE", "@inv_location"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_set_limits"},
	{ADMIN, "EXECUTE", "FUNCTION @inv_maintain"}
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

Datum
inv_grant(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvPlanScope scope;
	InvCall		call;
	const char *role;
	int			level;

	inv_call_begin_writing(&call, fcinfo, "inv_grant", INV_NO_KEY_ARGUMENT);
	check_owner(cat, "inv_grant");
	role = get_role(&call, 0);
	level = get_level(&call, 1);

	inv_plan_begin(&scope, cat);
	inv_plan_once(&scope, psprintf("GRANT USAGE ON SCHEMA %s TO %s",
								   double_at(cat->schema), role));
	for (int i = 0; i < lengthof(rights); i++)
		if (rights[i].level <= level)
			inv_plan_once(&scope,
						  psprintf("GRANT %s ON %s TO %s", rights[i].privilege,
								   rights[i].object, role));
	inv_plan_end(&scope);
	PG_RETURN_VOID();
}

/* inv_revoke - takes a level away, and those above it */
Datum
inv_revoke(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvPlanScope scope;
	InvCall		call;
	const char *role;
	int			level;

	inv_call_begin_writing(&call, fcinfo, "inv_revoke", INV_NO_KEY_ARGUMENT);
	check_owner(cat, "inv_revoke");
	role = get_role(&call, 0);
	level = get_level(&call, 1);

	inv_plan_begin(&scope, cat);
	for (int i = 0; i < lengthof(rights); i++)
		if (rights[i].level >= level)
			inv_plan_once(&scope,
						  psprintf("REVOKE %s ON %s FROM %s",
								   rights[i].privilege, rights[i].object,
								   role));
	if (level == READER)
		inv_plan_once(&scope, psprintf("REVOKE USAGE ON SCHEMA %s FROM %s",
									   double_at(cat->schema), role));
	inv_plan_end(&scope);
	PG_RETURN_VOID();
}
