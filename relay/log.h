/*
 * log.h
 *		What the relay says, on standard error, as PostgreSQL's programs do.
 *
 * No message may hold a password: connection strings are never part of one.
 */
#ifndef RELAY_LOG_H
#define RELAY_LOG_H

#include <stdbool.h>

#ifdef __GNUC__
#define PRINTF_LIKE __attribute__((format(printf, 1, 2)))
#else
#define PRINTF_LIKE
#endif

extern bool log_verbose;

extern void log_error(const char *format, ...) PRINTF_LIKE;
extern void log_warning(const char *format, ...) PRINTF_LIKE;
extern void log_hint(const char *format, ...) PRINTF_LIKE;

/* log_notice - what changed; log_debug - only with --verbose */
extern void log_notice(const char *format, ...) PRINTF_LIKE;
extern void log_debug(const char *format, ...) PRINTF_LIKE;

#endif
