/*
 * sink_redis.c
 *		Redis as a cache: forget what has changed, or keep it new.
 *
 * delete			each key of the stream is deleted.
 * double-delete	and once more, after a time, for readers that do not use
 *					leases.  A line is accepted after the second time only.  So
 *					the slot itself remembers the deletions that are still to
 *					come: a list of them in Redis would be one more thing that
 *					could be lost, with Redis or before it was written.
 * refresh			the new value is written, unless a newer one is there.
 *
 * All of them act only on what readers of the primary can see.  For the first
 * two see visible.h.  For refresh: what nobody can see is not yet safe on the
 * standby either; after a failover it might not have been.
 *
 * Each may be repeated, and in any order.  A server that was restarted has
 * forgotten deletions, perhaps: everything is deleted there, once.
 */
#include "sink.h"
#include "filter.h"
#include "log.h"
#include "redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "refresh.inc"

#define DEFAULT_PREFIX "inventory:"

static const Options *options;
static bool refresh;
static bool twice;
static char *prefix;			/* of all keys */
static char *marker;
static int	refresh_script;

/* ---------- opening ---------- */

static bool
greet_data(int node)
{
	log_notice("deleting all keys of a server that was restarted, or is new");
	filter_missing();
	return redis_forget(prefix, node);
}

static bool
open_redis(void)
{
	filter_opened();
	return redis_open(greet_data, marker);
}

static void
close_redis(void)
{
	redis_close();
}

/* ---------- lines ---------- */

static void
add_delete(const Line *line)
{
	const char *argv[] = {"DEL", line->key};

	redis_add(line->key, 2, argv, NULL);
}

/* add_refresh - what a reader that fills would write, too */
static void
add_refresh(const Line *line)
{
	bool		gone = line->kind == LINE_DELETE;
	char		lsn[20];
	char		ttl[24];
	char		stock_id[24];
	char		version[24];
	char		value[200];
	const char *argv[] = {
		gone ? "gone" : "stock", lsn, ttl, stock_id, version, value
	};

	snprintf(lsn, sizeof(lsn), "%016" PRIX64, line->lsn);
	snprintf(ttl, sizeof(ttl), "%" PRId64,
			 spread(options->ttl, options->ttl_spread));
	snprintf(stock_id, sizeof(stock_id), "%" PRId64, line->stock_id);
	snprintf(version, sizeof(version), "%" PRId64, line->version);
	snprintf(value, sizeof(value), "{\"on_hand\":%" PRId64 ",\"reserved\":%"
			 PRId64 ",\"available\":%" PRId64 ",\"version\":%" PRId64 "}",
			 line->on_hand, line->reserved, line->available, line->version);
	redis_add_script(refresh_script, line->key, gone ? 3 : 6, argv, NULL);
}

/* run - a part of the lines in which there is no flush */
static bool
run(Line **lines, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (lines[i]->kind > LINE_DELETE)
			continue;
		if (refresh)
			add_refresh(lines[i]);
		else
			add_delete(lines[i]);
	}
	filter_add(lines, count);
	return redis_run(filter_reply);
}

static void
add_publish(const char *key)
{
	const char *argv[] = {"PUBLISH", options->publish, key};

	redis_add(options->publish, 3, argv, NULL);
}

/* publish - only once Redis has done what is to be told */
static bool
publish(Line **lines, int count)
{
	if (options->publish == NULL)
		return true;
	for (int i = 0; i < count; i++)
		if (lines[i]->kind <= LINE_DELETE)
			add_publish(lines[i]->key);
	return redis_run(NULL);
}

/* forget - everything, and have everybody do so */
static bool
forget(void)
{
	if (!redis_forget(prefix, -1))
		return false;
	if (options->publish == NULL)
		return true;
	add_publish("");
	return redis_run(NULL);
}

static void
accept(Line **lines, int count)
{
	Msec		due = clock_wait() + options->delay;

	for (int i = 0; i < count; i++)
	{
		Line	   *line = lines[i];
		bool		deletes = line->kind <= LINE_DELETE ||
		line->kind == LINE_FLUSH;

		if (twice && deletes && line->state == LINE_READY)
		{
			line->state = LINE_AGAIN;
			line->due = due;
		}
		else
			line->state = LINE_ACCEPTED;
	}
}

static GiveResult
give_redis(Line **lines, int count)
{
	while (count > 0)
	{
		int			part = 0;

		while (part < count && lines[part]->kind != LINE_FLUSH)
			part++;
		if (!run(lines, part) || !publish(lines, part))
			return GIVE_FAILED;
		accept(lines, part);
		if (part < count)
		{
			if (!forget())
				return GIVE_FAILED;
			accept(lines + part++, 1);
		}
		lines += part;
		count -= part;
	}
	return GIVE_DONE;
}

/* ---------- settings ---------- */

/* find_prefix - what stands before the first placeholder of the template */
static void
find_prefix(void)
{
	const char *key = options_plugin(options, "key");

	prefix = key ? strndup(key, strcspn(key, "{")) : strdup(DEFAULT_PREFIX);
	marker = malloc(strlen(options->slot) + sizeof("inv_relay:"));
	if (prefix == NULL || marker == NULL)
		abort();
	sprintf(marker, "inv_relay:%s", options->slot);
}

const Sink *
sink_redis(const Options *o)
{
	static const Sink sink = {
		.name = "redis",
		.look = true,
		.open = open_redis,
		.give = give_redis,
		.close = close_redis,
		.poll = redis_poll,
		.stays = redis_stays,
		.rebuild = filter_want,
		.tend = filter_tend
	};

	options = o;
	refresh = strcmp(options->mode, "refresh") == 0;
	twice = strcmp(options->mode, "double-delete") == 0;
	if (!redis_configure(options->redis, options->redis_password_file,
						 options->sink_timeout))
		return NULL;
	find_prefix();
	if (refresh)
		refresh_script = redis_script(script_refresh);
	filter_configure(options);
	return &sink;
}
