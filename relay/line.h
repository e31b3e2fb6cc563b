/*
 * line.h
 *		One line of the change stream (doc/events.md), read.
 */
#ifndef RELAY_LINE_H
#define RELAY_LINE_H

#include "clock.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum LineKind
{
	LINE_STOCK,
	LINE_DELETE,
	LINE_MOVEMENT,
	LINE_FLUSH,
	LINE_COMMIT,
	LINE_HEARTBEAT,
	LINE_OTHER,					/* of a later version */
	LINE_KINDS
} LineKind;

extern const char *const line_kind_names[LINE_KINDS];

/*
 * Where a line is on its way to the sink.  A line that waits has not been seen
 * to be visible, if its sink wants that; one that is again came to the sink
 * once, and has to once more.
 */
typedef enum LineState
{
	LINE_WAITING,
	LINE_READY,
	LINE_AGAIN,
	LINE_ACCEPTED
} LineState;

typedef struct Line
{
	LineState	state;
	Msec		due;			/* if again: not before */
	LineKind	kind;
	Lsn			lsn;
	uint32_t	xid;			/* 0: none */
	int64_t		time;			/* of the commit, see clock_wall; 0: unknown */
	int64_t		stock_id;
	int64_t		on_hand;
	int64_t		reserved;
	int64_t		available;
	int64_t		version;
	char	   *key;			/* or null; of the line's memory, as is sku */
	char	   *sku;
	size_t		length;
	char		string[];		/* the line as it came, without line break */
} Line;

/*
 * line_read - answers null if the text is no line of the stream; *problem says
 * why then.  line_free lets go of it.
 */
extern Line *line_read(const char *string, size_t length, const char **problem);
extern void line_free(Line *line);

/* line_lsn - reads 1A/2B; false if it is none */
extern bool line_lsn(const char *string, Lsn *lsn);

#endif
