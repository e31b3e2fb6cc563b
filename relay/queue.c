/*
 * queue.c
 *		Lines between the stream and the sink: see queue.h.
 */
#include "queue.h"

#include <stdlib.h>

/* what waits may not take more memory than this, and one line */
#define MAX_BYTES (64 * 1024 * 1024)

void
queue_init(Queue *queue, int size, bool look)
{
	*queue = (Queue)
	{
		.size = size,
			.look = look
	};
	queue->lines = calloc(size, sizeof(Line *));
	if (queue->lines == NULL)
		abort();
}

static void
pop(Queue *queue)
{
	Line	   *line = queue_line(queue, 0);

	queue->bytes -= line->length;
	queue->first = (queue->first + 1) % queue->size;
	queue->count--;
	line_free(line);
}

void
queue_clear(Queue *queue)
{
	while (queue->count > 0)
		pop(queue);
	queue->in_transaction = false;
	queue->named = 0;
	queue->confirmed = 0;
}

bool
queue_has_room(const Queue *queue)
{
	return queue->count < queue->size && queue->bytes < MAX_BYTES;
}

static bool
ends_something(const Line *line)
{
	return line->kind == LINE_COMMIT || line->kind == LINE_HEARTBEAT;
}

/*
 * queue_push - a heartbeat stands between transactions, though it was written
 * to the log while others were under way: those are sent after it.
 */
void
queue_push(Queue *queue, Line *line)
{
	queue->lines[(queue->first + queue->count) % queue->size] = line;
	queue->count++;
	queue->bytes += line->length;
	line->state = queue->look && !ends_something(line) ? LINE_WAITING :
		LINE_READY;
	queue->in_transaction = !ends_something(line);
}

static void
confirm(Queue *queue, Lsn lsn)
{
	if (lsn > queue->confirmed)
		queue->confirmed = lsn;
}

void
queue_name(Queue *queue, Lsn lsn)
{
	if (queue->in_transaction)
		return;
	queue->named = lsn;
	queue_advance(queue);
}

bool
queue_advance(Queue *queue)
{
	Lsn			before = queue->confirmed;

	while (queue->count > 0 && queue_line(queue, 0)->state == LINE_ACCEPTED)
	{
		Line	   *line = queue_line(queue, 0);

		if (ends_something(line))
		{
			confirm(queue, line->lsn);
			if (line->time)
				queue->confirmed_time = line->time;
		}
		pop(queue);
	}
	if (queue->count == 0 && !queue->in_transaction)
		confirm(queue, queue->named);
	return queue->confirmed > before;
}
