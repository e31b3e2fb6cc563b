/*
 * dbcommand.c
 *		Commands that need a database to be empty: its worker makes room.
 *
 * DROP DATABASE, ALTER DATABASE ... RENAME and SET TABLESPACE, and CREATE
 * DATABASE ... TEMPLATE refuse a database that somebody is connected to.  The
 * worker is asked to leave first.  The lock that makes it the worker is held to
 * the end of the command's transaction, however that ends: until then the
 * launcher starts no other.
 *
 * Only for those who may give the command: others would stop the worker by
 * giving one that is refused.
 */
#include "postgres.h"

#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "dbcommand.h"
#include "shmem.h"

/* how often the worker is asked again; it leaves at once */
#define ASK_AGAIN_MS 20

static ProcessUtility_hook_type next_hook = NULL;

static void
make_room(Oid database)
{
	static uint32 event = 0;

	if (event == 0)
		event = inv_wait_event_new("InventoryWorkerExit");
	while (!inv_shmem_lock_worker(database, false))
	{
		inv_shmem_stop_worker(database);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 ASK_AGAIN_MS, event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static const char *
find_option(const List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg)
			return defGetString(option);
	}
	return NULL;
}

/* made_empty - the name of the database that the command needs empty, or null */
static const char *
made_empty(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) command)->dbname;
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType != OBJECT_DATABASE)
				return NULL;
			return ((RenameStmt *) command)->subname;
		case T_AlterDatabaseStmt:
			if (!find_option(((AlterDatabaseStmt *) command)->options,
							 "tablespace"))
				return NULL;
			return ((AlterDatabaseStmt *) command)->dbname;
		case T_CreatedbStmt:
			return find_option(((CreatedbStmt *) command)->options,
							   "template");
		default:
			return NULL;
	}
}

/* may_give - whether the server will let the user do it */
static bool
may_give(Node *command, Oid database)
{
	if (IsA(command, CreatedbStmt))
		return have_createdb_privilege() &&
			inv_owns_database(database, GetUserId());
	return database != MyDatabaseId &&
		inv_owns_database(database, GetUserId());
}

static void
make_room_for(PlannedStmt *statement, const char *query, bool read_only_tree,
			  ProcessUtilityContext context, ParamListInfo params,
			  QueryEnvironment *environment, DestReceiver *receiver,
			  QueryCompletion *completion)
{
	const char *name = made_empty(statement->utilityStmt);

	if (name)
	{
		Oid			database = get_database_oid(name, true);

		if (OidIsValid(database) &&
			may_give(statement->utilityStmt, database))
			make_room(database);
	}
	if (next_hook)
		next_hook(statement, query, read_only_tree, context, params,
				  environment, receiver, completion);
	else
		standard_ProcessUtility(statement, query, read_only_tree, context,
								params, environment, receiver, completion);
}

void
inv_dbcommand_init(void)
{
	next_hook = ProcessUtility_hook;
	ProcessUtility_hook = make_room_for;
}
