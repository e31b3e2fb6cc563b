/*
 * deliver.h
 *		Telling endpoints of alerts: a verb of the worker.
 */
#ifndef INV_DELIVER_H
#define INV_DELIVER_H

#include "catalogue.h"
#include "plan.h"

/* inv_deliver_run - one turn; answers in how many ms the next one is due */
extern long inv_deliver_run(void);

/* counts the alerts and deliveries that wait */
extern InvPlan inv_deliver_backlog;

/* inv_deliver_expire - removes old deliveries; answers how many */
extern int64 inv_deliver_expire(const InvCatalogue *cat);

#endif							/* INV_DELIVER_H */
