/*
 * catalogue.h - the items of a book and their opening stock
 */
#ifndef CATALOGUE_H
#define CATALOGUE_H

#include "book.h"

/*
 * catalogue_load - add the items of a book and receive their opening stock
 *
 * Ends the program if one of the SKUs already has stock: what is checked
 * afterwards presumes that every unit came from here.  Leaves the temporary
 * table replay_sku (sku, name, opening) for the session.
 */
extern void catalogue_load(PGconn *conn, const Book *book);

/* Send bytes to the server during a COPY, and end it. */
extern void copy_bytes(PGconn *conn, const char *bytes, size_t size);
extern void copy_end(PGconn *conn);

#endif							/* CATALOGUE_H */
