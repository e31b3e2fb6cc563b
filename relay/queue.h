/*
 * queue.h
 *		Lines between the stream and the sink, and what may be confirmed.
 *
 * Invariants:
 *
 * 1. Lines stand in the order in which they came.  They leave from the front,
 *	  and only once the sink has accepted them.
 * 2. A position is confirmed when every line that came before it has left: the
 *	  position of a commit line, of a heartbeat, or one that the server named
 *	  between two transactions.  Nothing within a transaction is one.
 * 3. What came by one connection is never confirmed by another: after a
 *	  failover the same position may be the end of another transaction.  So a
 *	  queue is emptied, and its positions forgotten, when the connection is
 *	  lost; the server sends again what was not confirmed.
 */
#ifndef RELAY_QUEUE_H
#define RELAY_QUEUE_H

#include "line.h"

typedef struct Queue
{
	Line	  **lines;			/* a ring of .size places */
	int			size;
	int			first;
	int			count;
	size_t		bytes;
	bool		look;			/* lines wait until readers can see them */
	bool		in_transaction; /* its commit line has not come */
	Lsn			named;			/* by the server, for when all has left */
	Lsn			confirmed;		/* 0: nothing yet, by this connection */
	int64_t		confirmed_time; /* of the last commit that left; or 0 */
} Queue;

extern void queue_init(Queue *queue, int size, bool look);

/* queue_clear - the connection was lost */
extern void queue_clear(Queue *queue);

extern bool queue_has_room(const Queue *queue);

/* queue_push - takes over the line */
extern void queue_push(Queue *queue, Line *line);

/* queue_name - all up to this position has been sent */
extern void queue_name(Queue *queue, Lsn lsn);

/* queue_advance - lets go what the sink has accepted; whether anything moved */
extern bool queue_advance(Queue *queue);

static inline Line *
queue_line(const Queue *queue, int i)
{
	return queue->lines[(queue->first + i) % queue->size];
}

#endif
