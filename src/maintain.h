/*
 * maintain.h
 *		Calendar work, task by task.
 */
#ifndef INV_MAINTAIN_H
#define INV_MAINTAIN_H

#include "catalogue.h"

typedef struct InvTask
{
	const char *name;
	int64		(*run) (const InvCatalogue *cat);	/* answers how many things
													 * it affected */
} InvTask;

extern const InvTask inv_tasks[];
extern const int inv_task_count;

#endif							/* INV_MAINTAIN_H */
