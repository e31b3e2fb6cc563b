/*
 * sink.h
 *		What a sink is: one file, with one of these.
 *
 * The relay calls open, then give as often as there are lines, and close when
 * give has failed or the relay ends.  It calls nothing while the breaker is
 * open.  None of them may take much longer than the time-out of the options:
 * meanwhile nobody answers the server.
 *
 * give gets lines in the order of the stream and sets the state of each that
 * it has dealt with: LINE_ACCEPTED, or LINE_AGAIN with a time, to get it once
 * more.  What it leaves as it was comes again.  It sees commits and heartbeats,
 * too.  A line is accepted when the sink will not lose it because the relay
 * dies.  After a failure lines come again, so that every line comes at least
 * once, and any of them may come twice.
 */
#ifndef RELAY_SINK_H
#define RELAY_SINK_H

#include "line.h"
#include "options.h"
#include "queue.h"
#include "source.h"

#include <poll.h>

#define SINK_FDS 256

typedef enum GiveResult
{
	GIVE_DONE,
	GIVE_FULL,					/* poll tells when it can go on */
	GIVE_FAILED,				/* may be better later */
	GIVE_OVER					/* nobody is there to take anything any more */
} GiveResult;

typedef struct Sink
{
	const char *name;
	bool		look;			/* only what readers can see already */
	bool		(*open) (void);
	GiveResult	(*give) (Line **lines, int count);
	void		(*close) (void);

	/* forget - lines that it did not accept come anew, if at all; or null */
	void		(*forget) (void);

	/* keep - before a position is confirmed; null: nothing has to be done */
	bool		(*keep) (void);

	/* poll - what to wait for, at most SINK_FDS; null: nothing */
	int			(*poll) (struct pollfd *fds);

	/*
	 * stays - false if it has gone while nothing was given; or null.  It is
	 * opened again then at once: who was started again may have forgotten
	 * what it had accepted.
	 */
	bool		(*stays) (void);

	/* rebuild - SIGUSR1; or null */
	void		(*rebuild) (void);

	/* tend - what else there is to do with the source at hand; or null */
	bool		(*tend) (Source *source, const Queue *queue);
} Sink;

extern const Sink *sink_stdout(const Options *options);
extern const Sink *sink_redis(const Options *options);

#endif
