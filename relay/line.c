/*
 * line.c
 *		Lines of the change stream, read by jansson: integers keep their 64
 *		bits, texts are checked to be UTF-8.
 */
#include "line.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

const char *const line_kind_names[LINE_KINDS] = {
	"stock", "delete", "movement", "flush", "commit", "heartbeat", "other"
};

static LineKind
read_kind(const char *name)
{
	for (int kind = 0; kind < LINE_OTHER; kind++)
		if (strcmp(name, line_kind_names[kind]) == 0)
			return kind;
	return LINE_OTHER;
}

bool
line_lsn(const char *string, Lsn *lsn)
{
	unsigned	high;
	unsigned	low;
	int			end = 0;

	if (strlen(string) > 17 ||
		sscanf(string, "%8X/%8X%n", &high, &low, &end) != 2 || string[end] != '\0')
		return false;
	*lsn = (Lsn) high << 32 | low;
	return true;
}

/*
 * read_time - 2026-11-27T21:08:23.123456+00:00, always in UTC; 0 if it is none
 */
static int64_t
read_time(const char *string)
{
	struct tm	tm = {0};
	char		fraction[7] = "000000";
	int			end = 0;
	size_t		digits;

	if (string == NULL ||
		sscanf(string, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
			   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
		end == 0)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (string[end] == '.')
	{
		digits = strspn(string + end + 1, "0123456789");
		memcpy(fraction, string + end + 1, digits < 6 ? digits : 6);
	}
	return (int64_t) timegm(&tm) * 1000000 + atoi(fraction);
}

static int64_t
get_int(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *
get_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* complete - whether a line of this kind has what the sinks take from it */
static bool
complete(LineKind kind, const json_t *object)
{
	static const char *const numbers[] = {
		"stock_id", "on_hand", "reserved", "available", "version"
	};

	if (kind <= LINE_MOVEMENT &&
		!(get_text(object, "key") && get_text(object, "sku")))
		return false;
	for (size_t i = 0; kind == LINE_STOCK && i < 5; i++)
		if (!json_is_integer(json_object_get(object, numbers[i])))
			return false;
	return true;
}

/* make - one piece of memory for a line and its texts */
static Line *
make(const char *string, size_t length, const char *key, const char *sku)
{
	size_t		key_size = key ? strlen(key) + 1 : 0;
	size_t		sku_size = sku ? strlen(sku) + 1 : 0;
	Line	   *line = calloc(1, sizeof(Line) + length + 1 + key_size +
							  sku_size);
	char	   *rest;

	if (line == NULL)
		abort();
	memcpy(line->string, string, length);
	line->length = length;
	rest = line->string + length + 1;
	if (key)
		line->key = memcpy(rest, key, key_size);
	if (sku)
		line->sku = memcpy(rest + key_size, sku, sku_size);
	return line;
}

static Line *
read_object(const json_t *object, const char *string, size_t length,
			const char **problem)
{
	const char *kind_name = get_text(object, "kind");
	const char *lsn_text = get_text(object, "lsn");
	LineKind	kind;
	Line	   *line;
	Lsn			lsn;

	if (kind_name == NULL || lsn_text == NULL || !line_lsn(lsn_text, &lsn))
	{
		*problem = "it has no kind or no lsn";
		return NULL;
	}
	kind = read_kind(kind_name);
	if (!complete(kind, object))
	{
		*problem = "members are missing";
		return NULL;
	}
	line = make(string, length, get_text(object, "key"), get_text(object, "sku"));
	line->kind = kind;
	line->lsn = lsn;
	line->xid = get_int(object, "xid");
	line->time = read_time(get_text(object, "time"));
	line->stock_id = get_int(object, "stock_id");
	line->on_hand = get_int(object, "on_hand");
	line->reserved = get_int(object, "reserved");
	line->available = get_int(object, "available");
	line->version = get_int(object, "version");
	return line;
}

Line *
line_read(const char *string, size_t length, const char **problem)
{
	json_error_t error;
	json_t	   *object = json_loadb(string, length, 0, &error);
	Line	   *line = NULL;

	if (!json_is_object(object))
		*problem = "it is not a JSON object";
	else
		line = read_object(object, string, length, problem);
	json_decref(object);
	return line;
}

void
line_free(Line *line)
{
	free(line);
}
