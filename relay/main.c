/*
 * main.c
 *		inv_relay: carries the change stream of inventory to a sink.
 *
 * One loop, one thread: read what the server has sent, see what its readers can
 * see, give that to the sink, confirm what it accepted, wait.  What is waited
 * for is in poll() alone, but for an answer of the sink and a new connection,
 * which have time-outs.
 *
 * A position is confirmed only when all before it was accepted (queue.h), by
 * the connection by which it came.  Nothing is kept elsewhere: what happens to
 * either side, the slot knows where to go on.
 */
#include "breaker.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "queue.h"
#include "sink.h"
#include "source.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_PAUSE 100
#define LONGEST_PAUSE 10000
#define PAUSE_SPREAD 30

#define BATCH 2000				/* lines at a time */
#define TRIAL 10				/* and of a sink that failed */

/* what the relay is */
static Options options;
static Queue queue;
static Breaker breaker;
static Source *source;
static const Sink *sink;
static bool sink_open;
static bool over;				/* nobody takes anything any more */

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t rebuild;
static int	wake[2];			/* a signal is not lost between a look and
								 * poll */

/* ---------- signals ---------- */

static void
take_signal(int signal)
{
	int			saved = errno;
	ssize_t		written;

	if (signal == SIGUSR1)
		rebuild = 1;
	else if (stopping)
		_exit(1);				/* who asks twice does not want to wait */
	else
		stopping = 1;
	written = write(wake[1], "", 1);
	(void) written;
	errno = saved;
}

static void
set_signals(void)
{
	struct sigaction action = {.sa_handler = take_signal};

	if (pipe(wake) != 0)
		abort();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---------- the sink ---------- */

/* collect - what the sink may have now, in order */
static int
collect(Line **lines, int limit, Msec now)
{
	int			count = 0;

	for (int i = 0; i < queue.count && count < limit; i++)
	{
		Line	   *line = queue_line(&queue, i);

		if (line->state == LINE_READY ||
			(line->state == LINE_AGAIN && line->due <= now))
			lines[count++] = line;
	}
	return count;
}

static void
close_sink(void)
{
	if (sink_open)
		sink->close();
	sink_open = false;
}

static void
fail(Msec now)
{
	metrics_sink_failed();
	breaker_failure(&breaker, now);
	close_sink();
}

/*
 * deliver - gives the sink what it may have; false if nobody takes anything
 * any more.  *more: it could take more at once.
 */
static bool
deliver(Msec now, bool *more)
{
	static Line *lines[BATCH];
	GiveResult	result = GIVE_FAILED;
	int			count;

	*more = false;
	if (!breaker_allows(&breaker, now))
		return true;
	if (sink_open && sink->stays && !sink->stays())
		close_sink();
	count = collect(lines, breaker.state == BREAKER_CLOSED ? BATCH : TRIAL, now);
	if (count == 0 && sink_open)
		return true;
	if (!sink_open)
		sink_open = sink->open();
	if (sink_open)
		result = count > 0 ? sink->give(lines, count) : GIVE_DONE;
	for (int i = 0; i < count; i++)
		if (lines[i]->state == LINE_ACCEPTED)
			metrics_accepted(lines[i]);
	queue_advance(&queue);
	if (result == GIVE_FAILED)
		fail(now);
	else if (result != GIVE_OVER)
		breaker_success(&breaker);
	if (count > 0)
		log_debug("gave %d lines to the sink, %d wait", count, queue.count);
	*more = result == GIVE_DONE && count > 0;
	over = result == GIVE_OVER;
	return !over;
}

/* ---------- the source ---------- */

static Msec retry_at;
static Msec retry_pause = FIRST_PAUSE;

static void
lose(void)
{
	source_disconnect(source);
	queue_clear(&queue);
	if (sink->forget)
		sink->forget();
	retry_at = clock_wait() + spread(retry_pause, PAUSE_SPREAD);
	retry_pause = retry_pause * 2 < LONGEST_PAUSE ? retry_pause * 2 :
		LONGEST_PAUSE;
}

/* connect_source - if it is time to; false if there is no use in trying again */
static bool
connect_source(void)
{
	SourceResult result;

	if (source_connected(source) || clock_wait() < retry_at)
		return true;
	result = source_connect(source);
	if (result == SOURCE_FINE)
		metrics_connected();
	else
		lose();
	return result != SOURCE_REFUSED &&
		!(result == SOURCE_LOST && options.no_loop);
}

/* confirm - what the sink keeps safe, if it is time to */
static SourceResult
confirm(Msec now)
{
	if (!source_due(source, &queue, now))
		return SOURCE_FINE;
	if (sink->keep && !sink->keep())
		return SOURCE_REFUSED;
	return source_tell(source, &queue, now);
}

/* read_source - false if there is no use in going on */
static bool
read_source(Msec now)
{
	SourceResult result;

	if (!source_connected(source))
		return true;
	result = source_read(source, &queue);
	if (result == SOURCE_FINE)
		result = source_look(source, &queue, now);
	if (result == SOURCE_FINE)
	{
		retry_pause = FIRST_PAUSE;
		return true;
	}
	lose();
	return result != SOURCE_REFUSED && !options.no_loop;
}

static bool
tell_source(Msec now)
{
	SourceResult result;

	if (!source_connected(source))
		return true;
	result = confirm(now);
	if (result != SOURCE_FINE)
		lose();
	return result != SOURCE_REFUSED &&
		!(result == SOURCE_LOST && options.no_loop);
}

/* ---------- the loop ---------- */

/* next_due - of lines that come to the sink once more */
static Msec
next_due(Msec until)
{
	for (int i = 0; i < queue.count; i++)
	{
		const Line *line = queue_line(&queue, i);

		if (line->state == LINE_AGAIN && line->due < until)
			until = line->due;
	}
	return until;
}

static void
wait_for_something(Msec now)
{
	struct pollfd fds[METRICS_CLIENTS + SINK_FDS + 8];
	int			count = 1;
	Msec		until = next_due(now + 60000);
	char		drained[16];

	fds[0] = (struct pollfd)
	{
		wake[0], POLLIN, 0
	};
	/* after a failure the sink is not open, and is tried when it may be */
	if (!sink_open && breaker.next < until)
		until = breaker.next;
	if (!source_connected(source) && retry_at < until)
		until = retry_at;
	count += source_poll(source, &queue, fds + count, &until);
	if (sink_open && sink->poll)
		count += sink->poll(fds + count);
	count += metrics_poll(fds + count, &until);
	if (poll(fds, count, until > now ? until - now : 0) > 0 && fds[0].revents)
	{
		ssize_t		got = read(wake[0], drained, sizeof(drained));

		(void) got;
	}
}

/* tend - what the sink wants of the source, before anything is given */
static bool
tend(void)
{
	if (!sink->tend || !sink_open || !source_connected(source))
		return true;
	if (rebuild)
		sink->rebuild();
	rebuild = 0;
	return sink->tend(source, &queue);
}

/* turn - once through all there is to do; false if it is over */
static bool
turn(void)
{
	Msec		now = clock_wait();
	bool		more;

	if (!connect_source() || !read_source(now))
		return false;
	if (!tend())
		fail(now);
	if (!deliver(now, &more) || !tell_source(clock_wait()))
		return false;
	metrics_serve(now);
	if (!more && !stopping)
		wait_for_something(now);
	return true;
}

/* finish - what the sink accepts at once is confirmed, the rest comes again */
static void
finish(void)
{
	bool		more = true;

	if (!source_connected(source))
		return;
	while (!over && more && deliver(clock_wait(), &more))
		;
	if (!sink->keep || sink->keep())
		source_end(source, &queue);
	log_notice("ended at " LSN_FORMAT ", %d lines will come again",
			   LSN_ARGS(queue.confirmed), queue.count);
}

int
main(int argc, char **argv)
{
	MetricsView view;

	options_read(&options, argc, argv);
	srandom(clock_wall() ^ getpid());
	set_signals();
	sink = strcmp(options.sink, "redis") == 0 ? sink_redis(&options) :
		sink_stdout(&options);
	if (sink == NULL)
		return EXIT_USAGE;
	queue_init(&queue, options.max_lines, sink->look);
	breaker_init(&breaker, options.breaker_failures, options.breaker_pause);
	source = source_make(&options);
	view = (MetricsView)
	{
		source, &queue, &breaker, sink->name
	};
	if (options.listen && !metrics_listen(options.listen, view))
		return 1;
	while (!stopping)
		if (!turn())
		{
			finish();
			return 1;
		}
	finish();
	return 0;
}
