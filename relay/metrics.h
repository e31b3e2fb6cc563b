/*
 * metrics.h
 *		What the relay counts, and where it can be asked: GET /metrics in the
 *		text format of Prometheus, GET /health for a load balancer or a person.
 *
 * Nothing in them names a key, a user or a connection string.
 */
#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include "breaker.h"
#include "queue.h"
#include "source.h"

/* What is asked for when somebody asks; set once, at the start */
typedef struct MetricsView
{
	const Source *source;
	const Queue *queue;
	const Breaker *breaker;
	const char *sink;
} MetricsView;

/* metrics_listen - on HOST:PORT; false, and said why, if it cannot be */
extern bool metrics_listen(const char *address, MetricsView view);

extern void metrics_read(const Line *line);
extern void metrics_accepted(const Line *line);
extern void metrics_sink_failed(void);
extern void metrics_connected(void);

#define METRICS_CLIENTS 8

/* metrics_poll, metrics_serve - around poll(); *until is lowered */
extern int	metrics_poll(struct pollfd *fds, Msec *until);
extern void metrics_serve(Msec now);

#endif
