/*
 * csv.c - read RFC 4180 files, plain or compressed by gzip
 *
 * zlib reads a file that is not compressed as it is.  Lines may end with LF
 * or CR LF; the last one need not end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "client.h"
#include "csv.h"

#define MAX_FIELDS 64

struct CsvFile
{
	const char *path;
	gzFile		gz;
	int64_t		line;			/* where the reader is */
	int64_t		record_line;	/* where the record began */
	char	   *text;			/* the fields of the record, each ended by 0 */
	int64_t		length;
	int64_t		room;
	int64_t		starts[MAX_FIELDS];
	int			nfields;
};

CsvFile *
csv_open(const char *path)
{
	CsvFile    *file = client_alloc(sizeof(CsvFile));

	file->path = path;
	file->line = 1;
	file->gz = gzopen(path, "rb");
	if (file->gz == NULL)
		client_fail("cannot read \"%s\": %s", path, strerror(errno));
	gzbuffer(file->gz, 1 << 17);
	return file;
}

void
csv_close(CsvFile *file)
{
	gzclose(file->gz);
	free(file->text);
	free(file);
}

int64_t
csv_line(const CsvFile *file)
{
	return file->record_line;
}

static void
bad_record(const CsvFile *file, const char *what)
{
	client_fail("%s, line %lld: %s", file->path,
				(long long) file->record_line, what);
}

/* A file that is cut off or damaged must not look like its end. */
static void
check_stream(const CsvFile *file)
{
	int			status;
	const char *message = gzerror(file->gz, &status);

	if (status == Z_ERRNO)
		message = strerror(errno);
	if (status != Z_OK && status != Z_STREAM_END)
		client_fail("cannot read \"%s\": %s", file->path, message);
}

size_t
csv_bytes(CsvFile *file, char *buffer, size_t size)
{
	int			count = gzread(file->gz, buffer, (unsigned) size);

	if (count <= 0)
		check_stream(file);
	return count > 0 ? (size_t) count : 0;
}

/* The next byte, or -1; CR LF becomes LF. */
static int
next_byte(CsvFile *file)
{
	int			byte = gzgetc(file->gz);

	if (byte == '\r')
	{
		int			after = gzgetc(file->gz);

		if (after == '\n')
			byte = after;
		else if (after != -1)
			gzungetc(after, file->gz);
	}
	if (byte == '\n')
		file->line++;
	else if (byte == -1)
		check_stream(file);
	else if (byte == '\0')
		bad_record(file, "a zero byte");
	return byte;
}

static void
add_byte(CsvFile *file, int byte)
{
	file->text = client_grow(file->text, file->length, &file->room, 1);
	file->text[file->length++] = (char) byte;
}

/* A field in quotes, after the first one; returns the byte that ends it. */
static int
read_quoted(CsvFile *file)
{
	for (;;)
	{
		int			byte = next_byte(file);

		if (byte == -1)
			bad_record(file, "a quoted field does not end");
		if (byte == '"')
		{
			byte = next_byte(file);
			if (byte != '"')
				return byte;
		}
		add_byte(file, byte);
	}
}

/* One field; returns the byte after it: comma, LF or -1. */
static int
read_field(CsvFile *file, int byte)
{
	if (file->nfields == MAX_FIELDS)
		bad_record(file, "too many fields");
	file->starts[file->nfields++] = file->length;
	if (byte == '"')
	{
		byte = read_quoted(file);
		if (byte != ',' && byte != '\n' && byte != -1)
			bad_record(file, "text after a quoted field");
	}
	else
		for (; byte != ',' && byte != '\n' && byte != -1;
			 byte = next_byte(file))
		{
			if (byte == '"')
				bad_record(file, "a quote inside a field without quotes");
			add_byte(file, byte);
		}
	add_byte(file, '\0');
	return byte;
}

bool
csv_row(CsvFile *file, const char **fields, int nfields)
{
	int			byte;

	file->record_line = file->line;
	file->nfields = 0;
	file->length = 0;
	byte = next_byte(file);
	if (byte == -1)
		return false;
	while ((byte = read_field(file, byte)) == ',')
		byte = next_byte(file);
	if (file->nfields != nfields)
		client_fail("%s, line %lld: %d fields, not %d", file->path,
					(long long) file->record_line, file->nfields, nfields);
	for (int i = 0; i < nfields; i++)
		fields[i] = file->text + file->starts[i];
	return true;
}
