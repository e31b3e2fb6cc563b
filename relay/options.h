/*
 * options.h
 *		What the relay was told to do: options of the command line, and the same
 *		by the same names in a file.
 */
#ifndef RELAY_OPTIONS_H
#define RELAY_OPTIONS_H

#include "clock.h"

#include <stdbool.h>

#define MAX_PLUGIN_OPTIONS 16

/* exit codes */
#define EXIT_USAGE 2

typedef struct PluginOption
{
	char	   *name;
	char	   *value;
} PluginOption;

typedef struct Options
{
	/* the stream */
	char	   *dbname;			/* a connection string, or a name */
	char	   *slot;
	int			nplugin;
	PluginOption plugin[MAX_PLUGIN_OPTIONS];
	bool		no_loop;
	Msec		status_interval;
	int			max_lines;

	/* the sink */
	char	   *sink;
	Msec		sink_timeout;
	int			breaker_failures;
	Msec		breaker_pause;

	/* Redis */
	char	   *redis;
	char	   *redis_password_file;
	char	   *mode;
	Msec		delay;
	Msec		ttl;
	int			ttl_spread;
	char	   *filter;
	int			filter_keys;
	double		filter_rate;
	bool		rebuild_filter;
	char	   *publish;

	char	   *listen;
	char	   *config;
	bool		verbose;
} Options;

/*
 * options_read - what is wrong ends the program, with EXIT_USAGE; so do --help
 * and --version, with 0
 */
extern void options_read(Options *options, int argc, char **argv);

/* options_plugin - the value of an option of the plugin, or null */
extern const char *options_plugin(const Options *options, const char *name);

#endif
