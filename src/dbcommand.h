/*
 * dbcommand.h
 *		Commands that need a database to be empty: its worker makes room.
 */
#ifndef INV_DBCOMMAND_H
#define INV_DBCOMMAND_H

extern void inv_dbcommand_init(void);

#endif							/* INV_DBCOMMAND_H */
