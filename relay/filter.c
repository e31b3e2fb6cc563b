/*
 * filter.c
 *		The filter of all SKUs: see filter.h, and lua/filter_*.lua.
 */
#include "filter.h"
#include "log.h"
#include "redis.h"

#include "filter_add.inc"
#include "filter_make.inc"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define AT_ONCE 500				/* SKUs in a command */
#define RETRY 5000				/* after the server would not tell the SKUs */

/* for so long an SKU that was put in need not be put in again */
#define MEMORY_SIZE 65536
#define MEMORY_TIME 60000

static const char *key;			/* or null: no filter is kept */
static char *new_key;
static int	make_script;
static int	add_script;
static char each[16];			/* bits that an SKU sets */
static char bits[24];
static bool wanted;
static bool missing;			/* found while adding */
static Msec retry_at;

static uint64_t memory[MEMORY_SIZE];
static Msec memory_until;

/*
 * filter_configure - the usual sizes: -n ln(p) / ln(2)^2 bits, of which each
 * SKU sets -log2(p).  The new filter has a place in the same slot of a cluster.
 */
void
filter_configure(const Options *options)
{
	double		rate = log(options->filter_rate);
	double		size = ceil(-options->filter_keys * rate / (M_LN2 * M_LN2));

	key = options->filter;
	if (key == NULL)
		return;
	/* as long as a string of Redis can be, and no script is asked for more */
	if (size > 4e9)
		size = 4e9;
	snprintf(bits, sizeof(bits), "%.0f", size);
	snprintf(each, sizeof(each), "%.0f", fmax(1, fmin(30, rint(-rate / M_LN2))));
	new_key = malloc(strlen(key) + 7);
	if (new_key == NULL)
		abort();
	sprintf(new_key, strchr(key, '{') ? "%s.new" : "{%s}.new", key);
	make_script = redis_script(script_filter_make);
	add_script = redis_script(script_filter_add);
	wanted = options->rebuild_filter;
}

void
filter_opened(void)
{
	memory_until = 0;
}

void
filter_missing(void)
{
	missing = true;
}

void
filter_want(void)
{
	if (key == NULL)
		log_warning("there is no filter to be rebuilt: see --filter");
	wanted = true;
}

/* ---------- adding ---------- */

static uint64_t
hash(const char *string)
{
	uint64_t	value = UINT64_C(14695981039346656037);

	for (; *string; string++)
		value = (value ^ (unsigned char) *string) * UINT64_C(1099511628211);
	return value;
}

/* remembers - that it was put in lately, and from now on */
static bool
remembers(const char *sku)
{
	uint64_t	value = hash(sku);
	uint64_t   *place = &memory[value % MEMORY_SIZE];
	bool		found = *place == value;

	*place = value;
	return found;
}

static void
clean_memory(void)
{
	Msec		now = clock_wait();

	if (now < memory_until)
		return;
	memset(memory, 0, sizeof(memory));
	memory_until = now + MEMORY_TIME;
}

void
filter_add(Line **lines, int count)
{
	const char *skus[AT_ONCE];
	int			found = 0;

	if (key == NULL)
		return;
	clean_memory();
	for (int i = 0; i < count; i++)
	{
		if (lines[i]->kind == LINE_STOCK && !remembers(lines[i]->sku))
			skus[found++] = lines[i]->sku;
		if (found == AT_ONCE || (found > 0 && i == count - 1))
		{
			redis_add_script(add_script, key, found, skus, NULL);
			found = 0;
		}
	}
}

/* filter_reply - only this script answers less than nothing */
void
filter_reply(const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer == -1)
		missing = true;
}

/* ---------- making it anew ---------- */

typedef struct Filling
{
	long		count;
	bool		failed;			/* Redis, and not the server */
}			Filling;

static bool
add_skus(void *context, char **skus, int n)
{
	Filling    *filling = context;

	for (int i = 0; i < n; i += AT_ONCE)
		redis_add_script(add_script, new_key, n - i < AT_ONCE ? n - i : AT_ONCE,
						 (const char **) skus + i, NULL);
	filling->count += n;
	filling->failed = !redis_run(NULL);
	return !filling->failed;
}

static bool
make_empty(void)
{
	const char *argv[] = {each, bits};

	redis_add_script(make_script, new_key, 2, argv, NULL);
	return redis_run(NULL);
}

static bool
put_in_place(void)
{
	const char *argv[] = {"RENAME", new_key, key};

	redis_add(key, 3, argv, NULL);
	return redis_run(NULL);
}

/* put_off - lines are carried meanwhile: Redis is well */
static void
put_off(void)
{
	retry_at = clock_wait() + RETRY;
	log_hint("There is no new filter; the next try is in %d s.", RETRY / 1000);
}

bool
filter_tend(Source *source, const Queue *queue)
{
	Filling		filling = {0};

	if (key == NULL || !(wanted || missing) || clock_wait() < retry_at)
		return true;
	if (!make_empty())
		return false;
	if (!source_skus(source, queue, add_skus, &filling))
	{
		if (!filling.failed)
			put_off();
		return !filling.failed;
	}
	if (!put_in_place())
		return false;
	log_notice("made the filter of %ld SKUs anew, in %s bits", filling.count,
			   bits);
	if (filling.count > atol(bits) / 9)
		log_hint("It lets many strangers pass: use a greater --filter-keys.");
	wanted = missing = false;
	return true;
}
