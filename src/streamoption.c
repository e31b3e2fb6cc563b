/*
 * streamoption.c
 *		Options of the output plugin, from their texts.
 *
 * Uses nothing of the server, so that bench/fuzz can run it by itself.
 */
#include "streamoption.h"

#include <string.h>

const char *const inv_stream_option_list =
"Options are emit (stock, movements, both), key (a template of {sku}, "
"{location} and {stock_id}), skus and locations (lists), include (a list of "
"lsn, xid, time), commits and streaming (on, off), format (1).";

#define DEFAULT_KEY "inventory:{sku}"

static char *
copy_text(const char *text, InvAllocate allocate)
{
	size_t		size = strlen(text) + 1;

	return memcpy(allocate(size), text, size);
}

/* ---------- values ---------- */

static const char *
set_switch(bool *target, const char *value)
{
	static const char *const yes[] = {"on", "true", "yes", "1"};
	static const char *const no[] = {"off", "false", "no", "0"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
	{
		if (strcmp(value, yes[i]) == 0)
			*target = true;
		else if (strcmp(value, no[i]) == 0)
			*target = false;
		else
			continue;
		return NULL;
	}
	return "must be on or off";
}

static const char *
set_emit(InvStreamOptions *options, const char *value)
{
	bool		both = strcmp(value, "both") == 0;
	bool		stock = both || strcmp(value, "stock") == 0;
	bool		movements = both || strcmp(value, "movements") == 0;

	if (!stock && !movements)
		return "must be stock, movements or both";
	options->stock = stock;
	options->movements = movements;
	return NULL;
}

static const char *
set_format(InvStreamOptions *options, const char *value)
{
	if (strcmp(value, "1") != 0)
		return "must be 1, the only format there is yet";
	options->format = 1;
	return NULL;
}

/* ---------- lists ---------- */

/*
 * next_name - copies the next name of a list, without quotes
 *
 * Names are separated by commas, blanks around them do not count.  A name in
 * double quotes is taken as it stands, "" in it is one quote.  Answers where
 * to go on, or null if the list is not well-formed.
 */
static const char *
next_name(const char *from, char *to)
{
	char	   *end = to;

	from += strspn(from, " ");
	if (*from == '"')
	{
		for (from++; *from != '"' || from[1] == '"'; from++)
		{
			if (*from == '\0')
				return NULL;
			if (*from == '"')
				from++;
			*end++ = *from;
		}
		from++;
	}
	else
	{
		while (*from != '\0' && *from != ',' && *from != '"')
			*end++ = *from++;
		while (end > to && end[-1] == ' ')
			end--;
	}
	from += strspn(from, " ");
	*end = '\0';
	if (end == to || (*from != '\0' && *from != ','))
		return NULL;
	return from;
}

static const char *
set_list(InvNameList *list, const char *value, InvAllocate allocate)
{
	/* no name becomes longer, and each comma becomes an end */
	char	   *names = allocate(strlen(value) + 1);
	char	   *to = names;
	int			count = 0;

	for (const char *from = value;; from++)
	{
		from = next_name(from, to);
		if (from == NULL)
			return "must be names separated by commas; put one that has a comma, or a blank at an end, in double quotes";
		to += strlen(to) + 1;
		count++;
		if (*from == '\0')
			break;
	}
	list->names = names;
	list->count = count;
	return NULL;
}

static const char *
set_include(InvStreamOptions *options, const char *value,
			InvAllocate allocate)
{
	bool		lsn = false;
	bool		xid = false;
	bool		time = false;
	InvNameList list = {NULL, 0};
	const char *name;

	if (value[0] != '\0' && set_list(&list, value, allocate) != NULL)
		return "must be a list of lsn, xid and time";
	name = list.names;
	for (int i = 0; i < list.count; i++, name += strlen(name) + 1)
	{
		if (strcmp(name, "lsn") == 0)
			lsn = true;
		else if (strcmp(name, "xid") == 0)
			xid = true;
		else if (strcmp(name, "time") == 0)
			time = true;
		else
			return "must be a list of lsn, xid and time";
	}
	options->lsn = lsn;
	options->xid = xid;
	options->time = time;
	return NULL;
}

bool
inv_name_list_admits(const InvNameList *list, const char *name,
					 size_t length)
{
	const char *listed = list->names;

	if (list->count == 0)
		return true;
	for (int i = 0; i < list->count; i++)
	{
		size_t		size = strlen(listed);

		if (listed[size - 1] == '*')
		{
			if (length >= size - 1 && memcmp(name, listed, size - 1) == 0)
				return true;
		}
		else if (length == size && memcmp(name, listed, size) == 0)
			return true;
		listed += size + 1;
	}
	return false;
}

/* ---------- the template of keys ---------- */

/* placeholder - the kind of what begins with '{', and its length */
static size_t
placeholder(const char *from, InvKeyPartKind *kind)
{
	static const struct
	{
		const char *name;
		InvKeyPartKind kind;
	}			known[] = {
		{"{sku}", INV_KEY_SKU},
		{"{location}", INV_KEY_LOCATION},
		{"{stock_id}", INV_KEY_STOCK_ID}
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		size_t		length = strlen(known[i].name);

		if (strncmp(from, known[i].name, length) != 0)
			continue;
		*kind = known[i].kind;
		return length;
	}
	return 0;
}

static const char *
set_key(InvStreamOptions *options, const char *value, InvAllocate allocate)
{
	const char *from = copy_text(value, allocate);
	InvKeyPart	parts[INV_MAX_KEY_PARTS];
	int			count = 0;
	bool		named = false;

	while (*from != '\0')
	{
		InvKeyPart *part = &parts[count];

		if (count++ == INV_MAX_KEY_PARTS)
			return "has too many parts";
		part->kind = INV_KEY_TEXT;
		part->text = from;
		part->length = strcspn(from, "{}");
		if (part->length == 0)
			part->length = placeholder(from, &part->kind);
		if (part->length == 0)
			return "has a brace that belongs to none of {sku}, {location} and {stock_id}";
		named = named || part->kind == INV_KEY_SKU ||
			part->kind == INV_KEY_STOCK_ID;
		from += part->length;
	}
	if (!named)
		return "must contain {sku} or {stock_id}, or all keys would be the same";
	memcpy(options->key, parts, sizeof(parts));
	options->key_parts = count;
	return NULL;
}

/* ---------- all of them ---------- */

void
inv_stream_options_default(InvStreamOptions *options, InvAllocate allocate)
{
	memset(options, 0, sizeof(*options));
	options->stock = true;
	options->lsn = true;
	options->format = 1;
	(void) set_key(options, DEFAULT_KEY, allocate);
}

const char *
inv_stream_options_set(InvStreamOptions *options, const char *name,
					   const char *value, InvAllocate allocate)
{
	if (value == NULL)
		return "needs a value";
	if (strcmp(name, "emit") == 0)
		return set_emit(options, value);
	if (strcmp(name, "key") == 0)
		return set_key(options, value, allocate);
	if (strcmp(name, "skus") == 0)
		return set_list(&options->skus, value, allocate);
	if (strcmp(name, "locations") == 0)
		return set_list(&options->locations, value, allocate);
	if (strcmp(name, "include") == 0)
		return set_include(options, value, allocate);
	if (strcmp(name, "commits") == 0)
		return set_switch(&options->commits, value);
	if (strcmp(name, "streaming") == 0)
		return set_switch(&options->streaming, value);
	if (strcmp(name, "format") == 0)
		return set_format(options, value);
	return "is not known";
}
