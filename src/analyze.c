/*
 * analyze.c
 *		Refusing statements that would run one call several times.
 *
 * PostgreSQL expands "SELECT (inv_deduct('A', 1)).*" into one call for each
 * column of the answer, and so would deduct a dozen times.  The copies are told
 * by their place in the text of the statement, which they share.
 *
 * Seen when a statement is parsed, so it costs a prepared one nothing; and only
 * in sessions that have the library, by preload or by an earlier call.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analyze.h"
#include "compat.h"
#include "errors.h"

static post_parse_analyze_hook_type previous_hook = NULL;

/* is_ours - others may have functions whose names begin like ours */
static bool
is_ours(Oid function)
{
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		isnull = true;
	Datum		library = (Datum) 0;
	bool		ours;

	if (!HeapTupleIsValid(proc))
		return false;
	if (((Form_pg_proc) GETSTRUCT(proc))->prolang == ClanguageId)
		library = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_probin, &isnull);
	ours = !isnull &&
		strcmp(TextDatumGetCString(library), "$libdir/inventory") == 0;
	ReleaseSysCache(proc);
	return ours;
}

/* is_expanded_call - a column taken out of a call that changes something */
static bool
is_expanded_call(Node *node, FuncExpr **call)
{
	char	   *name;

	if (!IsA(node, FieldSelect) ||
		!IsA(((FieldSelect *) node)->arg, FuncExpr))
		return false;
	*call = (FuncExpr *) ((FieldSelect *) node)->arg;
	if (func_volatile((*call)->funcid) != PROVOLATILE_VOLATILE)
		return false;
	name = get_func_name((*call)->funcid);
	return name != NULL && strncmp(name, "inv_", 4) == 0 &&
		is_ours((*call)->funcid);
}

static void
refuse_expansion(const FuncExpr *call)
{
	char	   *name = get_func_name(call->funcid);

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("(%s(...)).* would call the function once for each column",
					name),
			 inv_errdetail("function:s", name),
			 errhint("Write SELECT * FROM %s(...).", name)));
}

/* check_list - the copies of a call stand side by side */
static void
check_list(List *list)
{
	int			previous = -1;
	ListCell   *cell;

	foreach(cell, list)
	{
		Node	   *node = lfirst(cell);
		FuncExpr   *call;

		if (IsA(node, TargetEntry))
			node = (Node *) ((TargetEntry *) node)->expr;
		if (!is_expanded_call(node, &call))
			continue;
		if (call->location >= 0 && call->location == previous)
			refuse_expansion(call);
		previous = call->location;
	}
}

/* check_values - the rows of VALUES, each a list */
static void
check_values(List *range_table)
{
	ListCell   *entry;
	ListCell   *row;

	foreach(entry, range_table)
	{
		foreach(row, lfirst_node(RangeTblEntry, entry)->values_lists)
			check_list((List *) lfirst(row));
	}
}

static bool
check_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query) && ((Query *) node)->utilityStmt)
		return check_walker((Node *)
							UtilityContainsQuery(((Query *) node)->utilityStmt),
							context);
	if (IsA(node, Query))
	{
		check_list(((Query *) node)->targetList);
		check_list(((Query *) node)->returningList);
		check_values(((Query *) node)->rtable);
		return query_tree_walker((Query *) node, check_walker, context, 0);
	}
	return expression_tree_walker(node, check_walker, context);
}

static void
check_statement(ParseState *pstate, Query *query, InvJumbleState *jumble)
{
	if (previous_hook)
		previous_hook(pstate, query, jumble);
	if (pstate->p_sourcetext && strstr(pstate->p_sourcetext, "inv_"))
		check_walker((Node *) query, NULL);
}

void
inv_analyze_init(void)
{
	previous_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = check_statement;
}
