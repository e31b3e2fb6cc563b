/*
 * options.c
 *		Options of the command line and of the configuration file.
 *
 * The file is read first wherever --config stands, so that the command line
 * has the last word.  A password is taken from the file or from the usual
 * places of libpq, not from the command line, which everybody can see.
 */
#include "options.h"
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RELAY_VERSION "1.0.0"

typedef enum OptionType
{
	OPTION_TEXT,
	OPTION_SWITCH,
	OPTION_COUNT,				/* from 1 */
	OPTION_PERCENT,				/* 0 to 100 */
	OPTION_RATE,				/* between 0 and 1 */
	OPTION_TIME,				/* 250ms, 10s, 5min, 1h */
	OPTION_PLUGIN				/* name=value, more than once */
} OptionType;

typedef struct OptionRow
{
	const char *name;
	char		letter;			/* or 0 */
	OptionType	type;
	size_t		offset;
	const char *argument;		/* in the help */
	const char *help;
} OptionRow;

#define AT(field) offsetof(Options, field)

static const OptionRow rows[] = {
	{NULL, 0, 0, 0, NULL, "The stream"},
	{"dbname", 'd', OPTION_TEXT, AT(dbname), "CONNSTR",
	"database, or connection string; several hosts are tried in turn"},
	{"slot", 'S', OPTION_TEXT, AT(slot), "NAME",
	"replication slot, made by inv_stream_create()"},
	{"option", 'o', OPTION_PLUGIN, 0, "NAME=VALUE",
	"option of the stream, see doc/events.md; several times"},
	{"status-interval", 's', OPTION_TIME, AT(status_interval), "TIME",
	"how often to confirm what was accepted (1s)"},
	{"max-lines", 0, OPTION_COUNT, AT(max_lines), "NUMBER",
	"lines that wait for the sink, beyond which none are read (50000)"},
	{"no-loop", 'n', OPTION_SWITCH, AT(no_loop), NULL,
	"end when the connection is lost, do not connect again"},
	{NULL, 0, 0, 0, NULL, "The sink"},
	{"sink", 0, OPTION_TEXT, AT(sink), "NAME", "stdout or redis (stdout)"},
	{"timeout", 0, OPTION_TIME, AT(sink_timeout), "TIME",
	"how long the sink may take to answer (2s)"},
	{"breaker-failures", 0, OPTION_COUNT, AT(breaker_failures), "NUMBER",
	"failures in a row after which the sink is left alone (3)"},
	{"breaker-pause", 0, OPTION_TIME, AT(breaker_pause), "TIME",
	"for so long at first, then twice as long, up to a minute (1s)"},
	{NULL, 0, 0, 0, NULL, "Redis"},
	{"redis", 0, OPTION_TEXT, AT(redis), "URL",
	"redis://[USER@]HOST[:PORT][/DATABASE] or unix:///PATH (redis://localhost)"},
	{"redis-password-file", 0, OPTION_TEXT, AT(redis_password_file), "FILE",
	"a file with the password alone"},
	{"mode", 0, OPTION_TEXT, AT(mode), "NAME",
	"delete, double-delete or refresh, see doc/caching.md (delete)"},
	{"delay", 0, OPTION_TIME, AT(delay), "TIME",
	"of the second deletion, after the first (1s)"},
	{"ttl", 0, OPTION_TIME, AT(ttl), "TIME",
	"how long a refreshed value is kept, 0 for ever (1h)"},
	{"ttl-spread", 0, OPTION_PERCENT, AT(ttl_spread), "PERCENT",
	"so much longer or shorter, by chance (10)"},
	{"filter", 0, OPTION_TEXT, AT(filter), "KEY",
	"keep a filter of all SKUs in this key of Redis"},
	{"filter-keys", 0, OPTION_COUNT, AT(filter_keys), "NUMBER",
	"SKUs it is made for (1000000)"},
	{"filter-rate", 0, OPTION_RATE, AT(filter_rate), "NUMBER",
	"share of strangers that it may let pass (0.01)"},
	{"rebuild-filter", 0, OPTION_SWITCH, AT(rebuild_filter), NULL,
	"make it anew at the start; SIGUSR1 does so later"},
	{"publish", 0, OPTION_TEXT, AT(publish), "CHANNEL",
	"name each key that has changed there, for caches within processes"},
	{NULL, 0, 0, 0, NULL, "General"},
	{"listen", 0, OPTION_TEXT, AT(listen), "HOST:PORT",
	"serve /metrics and /health there (off)"},
	{"config", 'c', OPTION_TEXT, AT(config), "FILE",
	"read options from FILE, as NAME = VALUE"},
	{"verbose", 'v', OPTION_SWITCH, AT(verbose), NULL, "say more"},
	{"version", 'V', OPTION_SWITCH, 0, NULL, "show the version, then end"},
	{"help", 0, OPTION_SWITCH, 0, NULL, "show this help, then end"}
};

#define NROWS (int) (sizeof(rows) / sizeof(rows[0]))

static void
show_help(void)
{
	printf("inv_relay carries the change stream of inventory to where it is wanted.\n\n"
		   "Usage:\n  inv_relay [OPTION]...\n");
	for (int i = 0; i < NROWS; i++)
	{
		char		left[48];

		if (rows[i].name == NULL)
		{
			printf("\n%s:\n", rows[i].help);
			continue;
		}
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s",
				 rows[i].letter ? '-' : ' ',
				 rows[i].letter ? rows[i].letter : ' ',
				 rows[i].letter ? ',' : ' ', rows[i].name,
				 rows[i].argument ? "=" : "",
				 rows[i].argument ? rows[i].argument : "");
		printf("  %-31s %s\n", left, rows[i].help);
	}
	printf("\nThe exit status is 0 after SIGTERM or SIGINT, 1 after an error, 2 if the\n"
		   "options are wrong.\n");
}

/* ---------- values ---------- */

/* refuse - a value; ends the program */
static void
refuse(const char *name, const char *value, const char *wanted)
{
	log_error("\"%s\" is no value of option \"%s\"", value, name);
	log_hint("It is %s.", wanted);
	exit(EXIT_USAGE);
}

static char *
copy(const char *string)
{
	char	   *result = strdup(string);

	if (result == NULL)
		abort();
	return result;
}

static Msec
read_duration(const char *name, const char *value)
{
	static const struct
	{
		const char *name;
		double		msec;
	}			units[] = {
		{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"", 1000}
	};
	char	   *end;
	double		number = strtod(value, &end);

	for (int i = 0; i < 5 && end != value; i++)
		if (strcmp(end, units[i].name) == 0 && number >= 0 &&
			number * units[i].msec <= 1e12)
			return number * units[i].msec + 0.5;
	refuse(name, value, "a time, like 250ms, 10s, 5min or 1h");
	return 0;
}

static int
read_int(const char *name, const char *value, int low, int high,
		 const char *wanted)
{
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || end == value || *end != '\0' || number < low || number > high)
		refuse(name, value, wanted);
	return number;
}

static double
read_rate(const char *name, const char *value)
{
	char	   *end;
	double		number = strtod(value, &end);

	if (end == value || *end != '\0' || !(number >= 1e-9 && number <= 0.5))
		refuse(name, value, "a share from 0.000000001 to 0.5");
	return number;
}

static bool
read_switch(const char *name, const char *value)
{
	if (strcasecmp(value, "on") == 0 || strcasecmp(value, "true") == 0)
		return true;
	if (strcasecmp(value, "off") != 0 && strcasecmp(value, "false") != 0)
		refuse(name, value, "on or off");
	return false;
}

/*
 * add_plugin_option - what the relay needs to be as it is, it sets itself
 */
static void
add_plugin_option(Options *options, const char *value)
{
	static const char *const ours[] = {"include", "streaming", "format"};
	char	   *name = copy(value);
	char	   *equals = strchr(name, '=');

	if (equals == NULL || equals == name)
		refuse("option", value, "NAME=VALUE");
	*equals = '\0';
	for (int i = 0; i < 3; i++)
		if (strcmp(name, ours[i]) == 0)
		{
			log_error("option \"%s\" of the stream is set by the relay itself",
					  name);
			log_hint("Lines bear lsn, xid and time, transactions come when they are committed, and the format is 1.");
			exit(EXIT_USAGE);
		}
	if (options->nplugin == MAX_PLUGIN_OPTIONS)
	{
		log_error("there are more than %d options of the stream",
				  MAX_PLUGIN_OPTIONS);
		exit(EXIT_USAGE);
	}
	options->plugin[options->nplugin++] = (PluginOption)
	{
		name, equals + 1
	};
}

static void
set(Options *options, const OptionRow *row, const char *value)
{
	void	   *target = (char *) options + row->offset;

	switch (row->type)
	{
		case OPTION_TEXT:
			*(char **) target = copy(value);
			break;
		case OPTION_SWITCH:
			*(bool *) target = read_switch(row->name, value);
			break;
		case OPTION_COUNT:
			*(int *) target = read_int(row->name, value, 1, 100000000,
									   "a whole number from 1 to 100000000");
			break;
		case OPTION_PERCENT:
			*(int *) target = read_int(row->name, value, 0, 100,
									   "a whole number from 0 to 100");
			break;
		case OPTION_RATE:
			*(double *) target = read_rate(row->name, value);
			break;
		case OPTION_TIME:
			*(Msec *) target = read_duration(row->name, value);
			break;
		case OPTION_PLUGIN:
			add_plugin_option(options, value);
			break;
	}
}

const char *
options_plugin(const Options *options, const char *name)
{
	const char *value = NULL;

	for (int i = 0; i < options->nplugin; i++)
		if (strcmp(options->plugin[i].name, name) == 0)
			value = options->plugin[i].value;
	return value;
}

/* ---------- the file ---------- */

static const OptionRow *
find_row(const char *name)
{
	for (int i = 0; i < NROWS; i++)
		if (rows[i].name && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static char *
trim(char *string)
{
	char	   *end = string + strlen(string);

	while (end > string && isspace((unsigned char) end[-1]))
		*--end = '\0';
	while (isspace((unsigned char) *string))
		string++;
	return string;
}

/* read_setting - the value is never shown: it may hold a password */
static void
read_setting(Options *options, const char *file, int number, char *string)
{
	char	   *equals = strchr(string, '=');
	const OptionRow *row;

	if (equals == NULL)
	{
		log_error("%s, line %d: there is no \"=\"", file, number);
		exit(EXIT_USAGE);
	}
	*equals = '\0';
	string = trim(string);
	row = find_row(string);
	if (row == NULL || row->offset == AT(config) ||
		strcmp(string, "help") == 0 || strcmp(string, "version") == 0)
	{
		log_error("%s, line %d: there is no option \"%s\"", file, number, string);
		log_hint("Options have the names that inv_relay --help shows, without the hyphens before them.");
		exit(EXIT_USAGE);
	}
	set(options, row, trim(equals + 1));
}

static void
read_file(Options *options, const char *name)
{
	FILE	   *file = fopen(name, "r");
	char	   *string = NULL;
	size_t		size = 0;
	int			number = 0;

	if (file == NULL)
	{
		log_error("could not open \"%s\": %s", name, strerror(errno));
		exit(EXIT_USAGE);
	}
	while (getline(&string, &size, file) >= 0)
	{
		char	   *start = trim(string);

		number++;
		if (*start != '\0' && *start != '#')
			read_setting(options, name, number, start);
	}
	free(string);
	fclose(file);
}

/* ---------- checks ---------- */

static void
usage(const char *problem, const char *hint)
{
	log_error("%s", problem);
	if (hint)
		log_hint("%s", hint);
	exit(EXIT_USAGE);
}

static bool
one_of(const char *value, const char *const *list)
{
	while (*list && strcmp(value, *list) != 0)
		list++;
	return *list != NULL;
}

/* check_conninfo - libpq's own message might quote a password */
static void
check_conninfo(const char *value, bool visible)
{
	PQconninfoOption *parts;
	bool		password = false;

	if (strchr(value, '=') == NULL && strstr(value, "://") == NULL)
		return;
	parts = PQconninfoParse(value, NULL);
	if (parts == NULL)
		usage("the connection string of option \"dbname\" is not well-formed",
			  "It is like host=db1,db2 dbname=shop user=relay, or postgresql://relay@db1,db2/shop.");
	for (PQconninfoOption *part = parts; part->keyword; part++)
		password |= part->val && (strcmp(part->keyword, "password") == 0 ||
								  strcmp(part->keyword, "sslpassword") == 0);
	PQconninfoFree(parts);
	if (password && visible)
		usage("a password on the command line can be seen by everybody",
			  "Put it into ~/.pgpass, or the option into the file of --config.");
}

/* check_visible - nothing secret in what ps shows */
static void
check_visible(const OptionRow *row, const char *value)
{
	const char *at;

	if (row->type != OPTION_TEXT)
		return;
	if (row->offset == AT(dbname))
		check_conninfo(value, true);
	if (row->offset == AT(redis) && strncmp(value, "redis://", 8) == 0 &&
		(at = strrchr(value, '@')) != NULL &&
		memchr(value + 8, ':', at - value - 8))
		usage("a password on the command line can be seen by everybody",
			  "Use --redis-password-file, or put the option into the file of --config.");
}

static void
check_redis(const Options *options)
{
	const char *key = options_plugin(options, "key");
	const char *emit = options_plugin(options, "emit");

	if (strcmp(options->mode, "refresh") == 0 &&
		key && !strstr(key, "{stock_id}") &&
		!(strstr(key, "{sku}") && strstr(key, "{location}")))
		usage("with --mode=refresh each stock row needs a key of its own",
			  "Use -o 'key=inventory:{sku}:{location}', which is the default then.");
	if (emit && strcmp(emit, "stock") != 0)
		usage("the Redis sink takes stock lines only", "Leave out -o emit.");
}

/* check_prefix - what to forget when everything is void has to be known */
static void
check_prefix(const Options *options)
{
	const char *key = options_plugin(options, "key");

	if (key && *key == '{')
		usage("the key template has to begin with a prefix of its own",
			  "When stock is truncated, all keys with it are deleted: use -o 'key=inventory:{sku}', say.");
}

static void
check(const Options *options)
{
	static const char *const sinks[] = {"stdout", "redis", NULL};
	static const char *const modes[] = {
		"delete", "double-delete", "refresh", NULL
	};

	if (options->slot == NULL)
		usage("no slot was named", "Use --slot, with a slot that inv_stream_create() made.");
	if (!one_of(options->sink, sinks))
		refuse("sink", options->sink, "stdout or redis");
	if (!one_of(options->mode, modes))
		refuse("mode", options->mode, "delete, double-delete or refresh");
	if (strcmp(options->sink, "redis") != 0)
		return;
	check_prefix(options);
	check_redis(options);
	if (options->rebuild_filter && !options->filter)
		usage("there is no filter to be rebuilt", "Name its key with --filter.");
}

/* ---------- the command line ---------- */

#define FIRST_LONG 256

static void
build_tables(char *letters, struct option *longs)
{
	for (int i = 0; i < NROWS; i++)
	{
		if (rows[i].name == NULL)
			continue;
		*longs++ = (struct option)
		{
			rows[i].name, rows[i].argument != NULL, NULL, FIRST_LONG + i
		};
		if (rows[i].letter)
		{
			*letters++ = rows[i].letter;
			if (rows[i].argument)
				*letters++ = ':';
		}
	}
	*letters = '\0';
	*longs = (struct option)
	{
		0
	};
}

static const OptionRow *
row_of(int found)
{
	if (found >= FIRST_LONG)
		return &rows[found - FIRST_LONG];
	for (int i = 0; i < NROWS; i++)
		if (rows[i].letter == found && found)
			return &rows[i];
	fprintf(stderr, "Try \"inv_relay --help\" for more information.\n");
	exit(EXIT_USAGE);
}

static void
inform(const char *name)
{
	if (strcmp(name, "help") == 0)
		show_help();
	else if (strcmp(name, "version") == 0)
		printf("inv_relay (inventory) " RELAY_VERSION "\n");
	else
		return;
	exit(0);
}

/* walk - only the file's name, or everything */
static void
walk(Options *options, int argc, char **argv, bool config)
{
	char		letters[2 * NROWS + 1];
	struct option longs[NROWS + 1];
	int			found;

	build_tables(letters, longs);
	optind = 1;
	while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1)
	{
		const OptionRow *row = row_of(found);

		inform(row->name);
		if ((row->offset == AT(config)) == config)
			set(options, row, optarg ? optarg : "on");
		if (!config)
			check_visible(row, optarg);
	}
	if (optind < argc)
	{
		log_error("too many command-line arguments (first is \"%s\")",
				  argv[optind]);
		fprintf(stderr, "Try \"inv_relay --help\" for more information.\n");
		exit(EXIT_USAGE);
	}
}

void
options_read(Options *options, int argc, char **argv)
{
	*options = (Options)
	{
		.status_interval = 1000,
			.max_lines = 50000,
			.sink = "stdout",
			.sink_timeout = 2000,
			.breaker_failures = 3,
			.breaker_pause = 1000,
			.redis = "redis://localhost",
			.mode = "delete",
			.delay = 1000,
			.ttl = 3600000,
			.ttl_spread = 10,
			.filter_keys = 1000000,
			.filter_rate = 0.01
	};
	walk(options, argc, argv, true);
	if (options->config)
		read_file(options, options->config);
	walk(options, argc, argv, false);
	if (options->dbname)
		check_conninfo(options->dbname, false);
	log_verbose = options->verbose;
	check(options);
}
