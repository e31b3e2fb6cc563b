/*
 * visible.c
 *		Which transactions readers of the primary can see: see visible.h.
 */
#include "visible.h"
#include "log.h"

#include <inttypes.h>

#define SHORTEST_PAUSE 1
#define LONGEST_PAUSE 100
#define PATIENCE 10000			/* for an answer */

void
visible_reset(Visible *visible)
{
	*visible = (Visible)
	{
		.pause = SHORTEST_PAUSE
	};
}

/* widen - the 64 bits of an xid that is near another one */
static uint64_t
widen(uint32_t xid, uint64_t near)
{
	return near + (int32_t) (xid - (uint32_t) near);
}

/* snapshot_sees - xmin:xmax:xid,xid */
bool
snapshot_sees(const char *snapshot, uint32_t xid)
{
	char	   *rest;
	uint64_t	xmin = strtoull(snapshot, &rest, 10);
	uint64_t	xmax = strtoull(rest + (*rest == ':'), &rest, 10);
	uint64_t	wide = widen(xid, xmax);

	if (wide < xmin)
		return true;
	if (wide >= xmax)
		return false;
	while (*rest == ':' || *rest == ',')
	{
		if (rest[1] == '\0')
			break;
		if (strtoull(rest + 1, &rest, 10) == wide)
			return false;
	}
	return true;
}

/* judge - the lines of one transaction stand together */
static void
judge(Visible *visible, Queue *queue, const char *snapshot)
{
	uint32_t	last = 0;
	bool		seen = true;

	visible->wanted = false;
	for (int i = 0; i < queue->count; i++)
	{
		Line	   *line = queue_line(queue, i);

		if (line->state != LINE_WAITING)
			continue;
		if (line->xid != last)
		{
			last = line->xid;
			seen = last == 0 || snapshot_sees(snapshot, last);
		}
		if (seen)
			line->state = LINE_READY;
		else
			visible->wanted = true;
	}
}

/* take - the snapshot, if it has come; false if the session was lost */
static bool
take(Visible *visible, PGconn *session, Queue *queue, Msec now)
{
	PGresult   *result;
	bool		fine;

	if (!PQconsumeInput(session))
		return false;
	if (PQisBusy(session))
		return now < visible->asked_at + PATIENCE;
	result = PQgetResult(session);
	fine = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (fine)
		judge(visible, queue, PQgetvalue(result, 0, 0));
	PQclear(result);
	while ((result = PQgetResult(session)) != NULL)
		PQclear(result);
	visible->asking = false;
	visible->pause = visible->wanted ? visible->pause * 2 : SHORTEST_PAUSE;
	if (visible->pause > LONGEST_PAUSE)
		visible->pause = LONGEST_PAUSE;
	visible->next = visible->wanted ? now + visible->pause : now;
	return fine;
}

static bool
any_waiting(const Queue *queue)
{
	for (int i = queue->count - 1; i >= 0; i--)
		if (queue_line(queue, i)->state == LINE_WAITING)
			return true;
	return false;
}

bool
visible_look(Visible *visible, PGconn *session, Queue *queue, Msec now)
{
	if (visible->asking)
	{
		if (!take(visible, session, queue, now))
			return false;
	}
	else if (!PQconsumeInput(session) || PQstatus(session) != CONNECTION_OK)
		return false;
	visible->wanted = any_waiting(queue);
	if (visible->asking || !visible->wanted || now < visible->next)
		return true;
	visible->asking = true;
	visible->asked_at = now;
	return PQsendQuery(session, "SELECT pg_catalog.pg_current_snapshot()") == 1;
}

bool
visible_finish(Visible *visible, PGconn *session)
{
	PGresult   *result;

	while (visible->asking && (result = PQgetResult(session)) != NULL)
		PQclear(result);
	visible->asking = false;
	return PQstatus(session) == CONNECTION_OK;
}

void
visible_wait(const Visible *visible, Msec *until)
{
	Msec		next = visible->asking ? visible->asked_at + PATIENCE :
	visible->next;

	if ((visible->asking || visible->wanted) && next < *until)
		*until = next;
}
