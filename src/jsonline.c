/*
 * jsonline.c
 *		One JSON object on one line, member by member.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "jsonline.h"

/* what stands for one that UTF-8 does not have */
#define NO_CHARACTER 0xFFFD

/* ---------- strings ---------- */

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void
append_escape(StringInfo out, unsigned char c)
{
	if (c == '"' || c == '\\')
	{
		appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, c);
	}
	else
		appendStringInfo(out, "\\u%04x", c);
}

/* append_utf8 - what needs no escape is copied in one piece */
static void
append_utf8(StringInfo out, const char *value, int length)
{
	const char *end = value + length;

	while (value < end)
	{
		const char *run = value;

		while (run < end && is_plain(*run))
			run++;
		appendBinaryStringInfo(out, value, run - value);
		if (run < end)
			append_escape(out, *run++);
		value = run;
	}
}

static void
append_code_point(StringInfo out, pg_wchar c)
{
	if (c >= 0x10000)
		appendStringInfo(out, "\\u%04x\\u%04x",
						 0xD800 + ((c - 0x10000) >> 10),
						 0xDC00 + ((c - 0x10000) & 0x3FF));
	else
		appendStringInfo(out, "\\u%04x", c);
}

/* append_from_utf8 - what may hold anything: so it is of SQL_ASCII */
static void
append_from_utf8(StringInfo out, const char *value, int length)
{
	const unsigned char *c = (const unsigned char *) value;
	const unsigned char *end = c + length;

	while (c < end)
	{
		int			size = pg_utf_mblen(c);

		if (*c < 0x80)
		{
			append_utf8(out, (const char *) c, 1);
			size = 1;
		}
		else if (size <= end - c && pg_utf8_islegal(c, size))
			append_code_point(out, utf8_to_unicode(c));
		else
		{
			append_code_point(out, NO_CHARACTER);
			size = 1;
		}
		c += size;
	}
}

char *
inv_json_to_utf8(const char *value, int length, int *taken)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	Size		size = (Size) length * MAX_CONVERSION_GROWTH + 1;
	char	   *utf8 = palloc0(size);

	*taken = 0;
	if (OidIsValid(conversion))
		*taken = pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8,
											   (unsigned char *) value, length,
											   (unsigned char *) utf8, size,
											   true);
	return utf8;
}

/* append_ascii - of a database that is not in UTF-8 */
static void
append_ascii(StringInfo out, const char *value, int length)
{
	int			taken;

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
	{
		append_from_utf8(out, value, length);
		return;
	}
	while (length > 0)
	{
		char	   *utf8 = inv_json_to_utf8(value, length, &taken);

		append_from_utf8(out, utf8, strlen(utf8));
		pfree(utf8);
		if (taken < length)
		{
			append_code_point(out, NO_CHARACTER);
			taken += Min(pg_encoding_mblen(GetDatabaseEncoding(),
										   value + taken), length - taken);
		}
		value += taken;
		length -= taken;
	}
}

/* ---------- members ---------- */

static void
append_name(StringInfo out, const char *name)
{
	appendStringInfoString(out, ",\"");
	appendStringInfoString(out, name);
	appendStringInfoString(out, "\":");
}

static void
append_quoted(StringInfo out, const char *name, const char *value)
{
	append_name(out, name);
	appendStringInfoChar(out, '"');
	appendStringInfoString(out, value);
	appendStringInfoChar(out, '"');
}

void
inv_json_begin(StringInfo out, const char *kind)
{
	appendStringInfoString(out, "{\"kind\":\"");
	appendStringInfoString(out, kind);
	appendStringInfoChar(out, '"');
}

void
inv_json_end(StringInfo out)
{
	appendStringInfoChar(out, '}');
}

void
inv_json_text(StringInfo out, const char *name, const char *value, int length)
{
	append_name(out, name);
	appendStringInfoChar(out, '"');
	if (GetDatabaseEncoding() == PG_UTF8)
		append_utf8(out, value, length);
	else
		append_ascii(out, value, length);
	appendStringInfoChar(out, '"');
}

void
inv_json_int(StringInfo out, const char *name, int64 value)
{
	char		digits[MAXINT8LEN + 1];

	append_name(out, name);
	appendBinaryStringInfo(out, digits, pg_lltoa(value, digits));
}

void
inv_json_lsn(StringInfo out, const char *name, uint64 lsn)
{
	char text[	32];

	snprintf(text, sizeof(text), "%X/%X", (uint32) (lsn >> 32), (uint32) lsn);
	append_quoted(out, name, text);
}

void
inv_json_time(StringInfo out, const char *name, TimestampTz value)
{
	char text[	MAXDATELEN + 1];
	int			utc = 0;

	append_quoted(out, name, JsonEncodeDateTime(text,
												TimestampTzGetDatum(value),
												TIMESTAMPTZOID, &utc));
}
