/*
 * log.c
 *		What the relay says, on standard error.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool		log_verbose = false;

/* say - messages of libpq and Redis end with a line break, ours do not */
static void
say(const char *level, const char *format, va_list arguments)
{
	char		string[2000];
	size_t		length;

	vsnprintf(string, sizeof(string), format, arguments);
	length = strlen(string);
	while (length > 0 && string[length - 1] == '\n')
		string[--length] = '\0';
	fprintf(stderr, "inv_relay: %s%s\n", level, string);
}

#define SAY(level) \
	do { \
		va_list		arguments; \
		va_start(arguments, format); \
		say(level, format, arguments); \
		va_end(arguments); \
	} while (0)

void
log_error(const char *format, ...)
{
	SAY("error: ");
}

void
log_warning(const char *format, ...)
{
	SAY("warning: ");
}

void
log_hint(const char *format, ...)
{
	SAY("hint: ");
}

void
log_notice(const char *format, ...)
{
	SAY("");
}

void
log_debug(const char *format, ...)
{
	if (log_verbose)
		SAY("");
}
