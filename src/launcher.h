/*
 * launcher.h
 *		Keeps a worker in each database that inventory.databases names.
 */
#ifndef INV_LAUNCHER_H
#define INV_LAUNCHER_H

/* inv_launcher_init - registers it with the postmaster */
extern void inv_launcher_init(void);

extern PGDLLEXPORT void inv_launcher_main(Datum arg);

/* inv_launcher_wants - whether inventory.databases names the database */
extern bool inv_launcher_wants(const char *database);

#endif							/* INV_LAUNCHER_H */
