/*
 * client.c - what the client programs of this directory share
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

void
client_fail(const char *format, ...)
{
	va_list		args;

	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_TROUBLE);
}

void *
client_alloc(size_t size)
{
	void	   *memory = calloc(1, size ? size : 1);

	if (memory == NULL)
		client_fail("out of memory");
	return memory;
}

void *
client_grow(void *array, int64_t count, int64_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 256;
	array = realloc(array, (size_t) *room * size);
	if (array == NULL)
		client_fail("out of memory");
	return array;
}

char *
client_copy(const char *text)
{
	size_t		size = strlen(text) + 1;

	return memcpy(client_alloc(size), text, size);
}

int64_t
client_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/*
 * client_random - splitmix64 (Steele, Lea and Flood, 2014)
 *
 * The remainder favours small numbers by below / 2^64: nothing here can tell.
 */
uint64_t
client_random(uint64_t *state, uint64_t below)
{
	uint64_t	bits = (*state += UINT64_C(0x9e3779b97f4a7c15));

	bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (bits ^ (bits >> 31)) % below;
}

int64_t
client_number(const char *option, const char *text, int64_t min, int64_t max)
{
	char	   *end;
	long long	number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' ||
		number < min || number > max)
		client_fail("--%s must be a whole number from %lld to %lld, "
					"not \"%s\"",
					option, (long long) min, (long long) max, text);
	return number;
}

const char *
client_commas(int64_t number)
{
	static char buffers[8][32];
	static int	next = 0;
	char	   *at = buffers[next++ % 8] + 31;
	uint64_t	rest = number < 0 ? -(uint64_t) number : (uint64_t) number;
	int			digits = 0;

	*at = '\0';
	do
	{
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char) ('0' + rest % 10);
		rest /= 10;
		digits++;
	} while (rest > 0);
	if (number < 0)
		*--at = '-';
	return at;
}

static uint32_t
hash_name(const char *name)
{
	uint32_t	hash = 2166136261u; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char) *name) * 16777619u;
	return hash;
}

/* The slot that holds the name, or the empty one where it belongs. */
static uint32_t
find_slot(const NameMap *map, const char *name)
{
	uint32_t	slot = hash_name(name) & (map->nslots - 1);

	while (map->slots[slot] != 0 &&
		   strcmp(map->names[map->slots[slot] - 1], name) != 0)
		slot = (slot + 1) & (map->nslots - 1);
	return slot;
}

static void
grow_slots(NameMap *map)
{
	free(map->slots);
	map->nslots = map->nslots ? map->nslots * 2 : 1024;
	map->slots = client_alloc(map->nslots * sizeof(int32_t));
	for (int32_t i = 0; i < map->count; i++)
		map->slots[find_slot(map, map->names[i])] = i + 1;
}

int32_t
name_add(NameMap *map, const char *name)
{
	int64_t		room = map->room;
	uint32_t	slot;

	if ((uint32_t) map->count * 2 >= map->nslots)
		grow_slots(map);
	slot = find_slot(map, name);
	if (map->slots[slot] != 0)
		return map->slots[slot] - 1;
	map->names = client_grow(map->names, map->count, &room, sizeof(char *));
	map->room = (int32_t) room;
	map->names[map->count] = client_copy(name);
	map->slots[slot] = ++map->count;
	return map->count - 1;
}

int32_t
name_find(const NameMap *map, const char *name)
{
	return map->nslots ? map->slots[find_slot(map, name)] - 1 : -1;
}

/*
 * client_params - a connection string and what every connection here wants
 *
 * The first keyword is expanded by libpq, so dsn may be a URI or a list of
 * keywords; what comes after it wins.
 */
ConnectParams
client_params(const char *dsn, const char *application)
{
	ConnectParams params = {
		.keywords = {"dbname", "application_name", "client_encoding"},
		.values = {dsn, application, "UTF8"},
	};

	return params;
}

PGconn *
client_connect(const char *dsn, const char *application)
{
	ConnectParams params = client_params(dsn, application);
	PGconn	   *conn = PQconnectdbParams(params.keywords, params.values, 1);

	if (PQstatus(conn) != CONNECTION_OK)
		client_fail("cannot connect: %s", PQerrorMessage(conn));
	return conn;
}

void
client_require_extension(PGconn *conn)
{
	PGresult   *result = client_query(conn,
									  "SELECT to_regclass('inv_stock_level')",
									  0, NULL);

	if (PQgetisnull(result, 0, 0))
		client_fail("database \"%s\" shows no inv_stock_level: CREATE "
					"EXTENSION inventory, or name its schema in search_path",
					PQdb(conn));
	PQclear(result);
}

PGresult *
client_query(PGconn *conn, const char *statement,
			 int nvalues, const char *const *values)
{
	PGresult   *result = PQexecParams(conn, statement, nvalues, NULL, values,
									  NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
		status != PGRES_COPY_IN)
		client_fail("%sin: %s", PQerrorMessage(conn), statement);
	return result;
}

void
client_command(PGconn *conn, const char *statement)
{
	PQclear(client_query(conn, statement, 0, NULL));
}

const char *
client_text(const PGresult *result, int row, const char *column)
{
	int			field = PQfnumber(result, column);

	if (field < 0 || PQgetisnull(result, row, field))
		return NULL;
	return PQgetvalue(result, row, field);
}

int64_t
client_integer(const PGresult *result, int row, const char *column)
{
	const char *text = client_text(result, row, column);

	return text ? strtoll(text, NULL, 10) : UNTOLD;
}

void
client_outcome(const PGresult *result, Outcome *outcome)
{
	const char *replayed = client_text(result, 0, "replayed");
	const Outcome told = {
		.status = client_text(result, 0, "status"),
		.sku = client_text(result, 0, "sku"),
		.location = client_text(result, 0, "location"),
		.quantity = client_integer(result, 0, "quantity"),
		.on_hand = client_integer(result, 0, "on_hand"),
		.reserved = client_integer(result, 0, "reserved"),
		.available = client_integer(result, 0, "available"),
		.version = client_integer(result, 0, "version"),
		.movement_id = client_integer(result, 0, "movement_id"),
		.replayed = replayed != NULL && *replayed == 't',
	};

	*outcome = told;
}
