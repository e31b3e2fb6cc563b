/*
 * client.h - what the client programs of this directory share
 *
 * Exit statuses are the same for all of them: 0 everything was right, 1
 * something was found wrong, 2 the program could not do its work (bad
 * arguments, no server, no extension).
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

#define EXIT_WRONG		1
#define EXIT_TROUBLE	2

/* A number that the server did not tell: the column was null or missing. */
#define UNTOLD			INT64_MIN

#define NS_PER_MS		INT64_C(1000000)
#define NS_PER_SECOND	INT64_C(1000000000)

/* One row of type inv_outcome; the texts belong to the PGresult. */
typedef struct Outcome
{
	const char *status;
	const char *sku;
	const char *location;
	int64_t		quantity;
	int64_t		on_hand;
	int64_t		reserved;
	int64_t		available;
	int64_t		version;
	int64_t		movement_id;
	bool		replayed;
} Outcome;

/* Texts numbered from 0 in the order in which they were first added. */
typedef struct NameMap
{
	char	  **names;
	int32_t		count;
	int32_t		room;
	int32_t    *slots;			/* open addressing: number + 1, 0 is empty */
	uint32_t	nslots;			/* a power of two */
} NameMap;

/* Say what is wrong on stderr and exit with EXIT_TROUBLE. */
extern void client_fail(const char *format, ...)
			__attribute__((format(printf, 1, 2), noreturn));

/* Zeroed memory, or the end of the program. */
extern void *client_alloc(size_t size);

/* Make room for one more element; returns the array, which may have moved. */
extern void *client_grow(void *array, int64_t count, int64_t *room,
						 size_t size);
extern char *client_copy(const char *text);

/* Monotonic, in nanoseconds. */
extern int64_t client_now(void);

/* The next number of a repeatable series, evenly spread over 0 .. below-1. */
extern uint64_t client_random(uint64_t *state, uint64_t below);

/* The value of a command line option, checked. */
extern int64_t client_number(const char *option, const char *text,
							 int64_t min, int64_t max);

/* "1,234,567" in a buffer that lives until the eighth call after this one. */
extern const char *client_commas(int64_t number);

/* name_add adds what is not there yet; name_find answers -1 then. */
extern int32_t name_add(NameMap *map, const char *name);
extern int32_t name_find(const NameMap *map, const char *name);

/* The two arrays that PQconnectStartParams and PQconnectdbParams want. */
typedef struct ConnectParams
{
	const char *keywords[5];
	const char *values[5];
} ConnectParams;

extern ConnectParams client_params(const char *dsn, const char *application);

/* Connect and wait; no connection ends the program. */
extern PGconn *client_connect(const char *dsn, const char *application);

/* No extension, or one that the search_path does not find, ends the program. */
extern void client_require_extension(PGconn *conn);

/* Run one statement and wait; an error ends the program. */
extern PGresult *client_query(PGconn *conn, const char *statement,
							  int nvalues, const char *const *values);

/* client_query without a result. */
extern void client_command(PGconn *conn, const char *statement);

/* An integer column by name; UNTOLD if null or if there is no such column. */
extern int64_t client_integer(const PGresult *result, int row,
							  const char *column);

/* The same for a text column; NULL if null or not there. */
extern const char *client_text(const PGresult *result, int row,
							   const char *column);

/* Read row 0 of a result of inv_receive or inv_deduct. */
extern void client_outcome(const PGresult *result, Outcome *outcome);

#endif							/* CLIENT_H */
