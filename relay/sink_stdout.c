/*
 * sink_stdout.c
 *		Lines to standard output.
 *
 * A write never blocks: a pipe that polls as writable takes PIPE_BUF bytes.
 * So a reader may take its time, and the server still hears from us.  A line
 * that was begun is finished, whatever becomes of the connection.
 *
 * Into a file lines are accepted when they are on the disk, elsewhere when
 * they have left the relay.
 */
#include "sink.h"
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SIZE 65536

static bool show_commits;
static bool is_file;
static bool waits;

/* What is on its way out: lines are accepted when all of it has left */
static char chunk[CHUNK_SIZE];
static size_t chunk_length;
static size_t chunk_done;
static int	chunk_lines;
static char *long_line;			/* one that is longer, instead of the chunk */

static bool
open_stdout(void)
{
	struct stat status;

	is_file = fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
	return true;
}

static bool
writable(void)
{
	struct pollfd fd = {STDOUT_FILENO, POLLOUT, 0};

	return is_file || poll(&fd, 1, 0) > 0;
}

static GiveResult
drain(void)
{
	const char *from = long_line ? long_line : chunk;

	while (chunk_done < chunk_length)
	{
		size_t		size = chunk_length - chunk_done;
		ssize_t		written;

		if (!is_file && size > PIPE_BUF)
			size = PIPE_BUF;
		if (!writable())
			return GIVE_FULL;
		written = write(STDOUT_FILENO, from + chunk_done, size);
		if (written >= 0)
			chunk_done += written;
		else if (errno != EINTR && errno != EAGAIN)
		{
			log_error("could not write to standard output: %s",
					  strerror(errno));
			return errno == EPIPE ? GIVE_OVER : GIVE_FAILED;
		}
	}
	free(long_line);
	long_line = NULL;
	chunk_length = chunk_done = 0;
	return GIVE_DONE;
}

static bool
wanted(const Line *line)
{
	return line->kind != LINE_COMMIT || show_commits;
}

static void
put(char *to, const Line *line)
{
	memcpy(to, line->string, line->length);
	to[line->length] = '\n';
	chunk_length += line->length + 1;
}

/* fill - as many lines as fit, or one that does not; answers how many */
static int
fill(Line **lines, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		size_t		size = lines[i]->length + 1;

		if (!wanted(lines[i]))
			continue;
		if (size > CHUNK_SIZE - chunk_length)
			break;
		put(chunk + chunk_length, lines[i]);
	}
	if (i > 0 || count == 0)
		return i;
	long_line = malloc(lines[0]->length + 1);
	if (long_line == NULL)
		abort();
	put(long_line, lines[0]);
	return 1;
}

/*
 * give_stdout - what is in the chunk is accepted once it is out; until then its
 * lines are the first of those given, which may be fewer after a failure: the
 * others are accepted when they are given
 */
static GiveResult
give_stdout(Line **lines, int count)
{
	GiveResult	result;

	for (;;)
	{
		result = drain();
		waits = result == GIVE_FULL;
		if (result != GIVE_DONE)
			return result;
		for (; chunk_lines > 0 && count > 0; chunk_lines--, count--)
			(*lines++)->state = LINE_ACCEPTED;
		if (count == 0)
			return GIVE_DONE;
		chunk_lines = fill(lines, count);
	}
}

/* forget_stdout - a line that was begun is finished all the same */
static void
forget_stdout(void)
{
	chunk_lines = 0;
}

static void
close_stdout(void)
{
}

static bool
keep_stdout(void)
{
	if (is_file && fdatasync(STDOUT_FILENO) != 0)
	{
		log_error("could not flush standard output: %s", strerror(errno));
		return false;
	}
	return true;
}

static int
poll_stdout(struct pollfd *fds)
{
	fds[0] = (struct pollfd)
	{
		STDOUT_FILENO, POLLOUT, 0
	};
	return waits ? 1 : 0;
}

const Sink *
sink_stdout(const Options *options)
{
	static const Sink sink = {
		.name = "stdout",
		.open = open_stdout,
		.give = give_stdout,
		.forget = forget_stdout,
		.close = close_stdout,
		.keep = keep_stdout,
		.poll = poll_stdout
	};
	const char *commits = options_plugin(options, "commits");

	show_commits = commits && (strcmp(commits, "on") == 0 ||
							   strcmp(commits, "true") == 0);
	return &sink;
}
