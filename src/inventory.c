/*
 * inventory.c
 *		Module start.  doc/architecture.md is the map of the rest.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "alert.h"
#include "analyze.h"
#include "catalogue.h"
#include "dbcommand.h"
#include "errors.h"
#include "guc.h"
#include "launcher.h"
#include "leaf.h"
#include "ledger.h"
#include "shmem.h"

PG_MODULE_MAGIC;

/* the server's headers declare it from 16 on */
extern PGDLLEXPORT void _PG_init(void);

/*
 * _PG_init - once per process, by preload or by the first call
 *
 * Callbacks are registered here and nowhere else: a list that grows with
 * every transaction or reconnect is a leak.
 */
void
_PG_init(void)
{
	/* pg_upgrade only moves the catalogue: nobody calls us meanwhile */
	if (IsBinaryUpgrade)
		return;

	inv_guc_define();
	inv_catalogue_init();
	inv_leaf_init();
	inv_ledger_init();
	inv_alert_init();
	inv_errors_init();
	inv_analyze_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	inv_shmem_init();
	inv_launcher_init();
	inv_dbcommand_init();
}
