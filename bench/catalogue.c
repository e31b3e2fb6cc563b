/*
 * catalogue.c - the items of a book and their opening stock
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue.h"

void
copy_bytes(PGconn *conn, const char *bytes, size_t size)
{
	if (PQputCopyData(conn, bytes, (int) size) != 1)
		client_fail("COPY: %s", PQerrorMessage(conn));
}

void
copy_end(PGconn *conn)
{
	PGresult   *result;

	if (PQputCopyEnd(conn, NULL) != 1)
		client_fail("COPY: %s", PQerrorMessage(conn));
	while ((result = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			client_fail("COPY: %s", PQresultErrorMessage(result));
		PQclear(result);
	}
}

static void
write_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
	{
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

/* Bring the SKUs, names and opening units to the server. */
static void
copy_skus(PGconn *conn, const Book *book)
{
	char	   *bytes;
	size_t		size;
	FILE	   *out = open_memstream(&bytes, &size);

	if (out == NULL)
		client_fail("out of memory");
	for (int32_t i = 0; i < book->skus.count; i++)
	{
		const char *sku = book->skus.names[i];

		write_quoted(out, sku);
		fputc(',', out);
		write_quoted(out, book->names[i] ? book->names[i] : sku);
		fprintf(out, ",%lld\n", (long long) book->opening[i]);
	}
	fclose(out);
	client_command(conn, "CREATE TEMPORARY TABLE replay_sku"
				   " (sku text COLLATE \"C\" PRIMARY KEY, name text,"
				   " opening bigint)");
	client_command(conn, "COPY replay_sku FROM STDIN (FORMAT csv)");
	copy_bytes(conn, bytes, size);
	copy_end(conn);
	client_command(conn, "ANALYZE replay_sku");
	free(bytes);
}

static void
refuse_old_stock(PGconn *conn)
{
	PGresult   *result = client_query(conn,
									  "SELECT count(*) AS skus,"
									  " min(r.sku) AS first"
									  " FROM replay_sku AS r WHERE EXISTS"
									  " (SELECT FROM inv_stock_level AS l"
									  " WHERE l.sku COLLATE \"C\" = r.sku)",
									  0, NULL);
	int64_t		skus = client_integer(result, 0, "skus");

	if (skus > 0)
		client_fail("%s SKUs of the file already have stock here, such as "
					"\"%s\": replay wants a new database with the extension",
					client_commas(skus), client_text(result, 0, "first"));
	PQclear(result);
}

static void
receive_opening(PGconn *conn, const Book *book)
{
	int64_t		wanted = 0;
	PGresult   *result;

	for (int32_t i = 0; i < book->skus.count; i++)
		wanted += book->opening[i] > 0;
	result = client_query(conn,
						  "SELECT count(*) AS received FROM replay_sku AS r"
						  " CROSS JOIN LATERAL inv_receive(r.sku, r.opening,"
						  " reference => 'opening') AS o"
						  " WHERE r.opening > 0 AND o.status = 'ok'"
						  " AND o.on_hand = r.opening", 0, NULL);
	if (client_integer(result, 0, "received") != wanted)
		client_fail("of %lld opening stocks %lld were received",
					(long long) wanted,
					(long long) client_integer(result, 0, "received"));
	PQclear(result);
}

void
catalogue_load(PGconn *conn, const Book *book)
{
	copy_skus(conn, book);
	refuse_old_stock(conn);
	client_command(conn, "INSERT INTO inv_item (sku, name)"
				   " SELECT sku, name FROM replay_sku"
				   " ON CONFLICT DO NOTHING");
	receive_opening(conn, book);
}
