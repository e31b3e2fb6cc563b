/*
 * maintain.c
 *		inv_maintain: calendar work, for cron or a worker to call.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "alert.h"
#include "argument.h"
#include "compat.h"
#include "deliver.h"
#include "hold.h"
#include "leaf.h"
#include "maintain.h"
#include "request.h"

/* one transaction expires no more holds than these: it locks their stock */
#define MAX_HOLDS 10000

PG_FUNCTION_INFO_V1(inv_maintain);

static int64
expire_holds(const InvCatalogue *cat)
{
	return inv_hold_expire(cat, MAX_HOLDS);
}

const InvTask inv_tasks[] = {
	{"leaves", inv_leaf_make_ahead},
	{"keys", inv_request_expire},
	{"holds", expire_holds},
	{"hold_tombstones", inv_hold_forget},
	{"deliveries", inv_deliver_expire},
	{"alerts", inv_alert_expire}
};
const int	inv_task_count = lengthof(inv_tasks);

static void
report(ReturnSetInfo *rsinfo, const char *task, int64 affected)
{
	Datum		values[2] = {
		CStringGetTextDatum(task), Int64GetDatum(affected)
	};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
inv_maintain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;

	inv_call_begin_writing(&call, fcinfo, "inv_maintain",
						   INV_NO_KEY_ARGUMENT);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < inv_task_count; i++)
		report(rsinfo, inv_tasks[i].name, inv_tasks[i].run(cat));
	return (Datum) 0;
}
