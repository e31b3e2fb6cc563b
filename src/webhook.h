/*
 * webhook.h
 *		HTTP requests, many at a time, that never make anybody wait.
 *
 * For one process: the worker, or a backend that tests an endpoint.
 */
#ifndef INV_WEBHOOK_H
#define INV_WEBHOOK_H

/* the most that inventory.webhook_in_flight can be */
#define INV_WEBHOOK_MAX_IN_FLIGHT 200

typedef struct InvWebhookRequest
{
	const char *url;
	const char *body;
	size_t		length;
	const char *const *headers; /* "Name: value", no line ends */
	int			nheaders;
	int			timeout_ms;		/* 0: inventory.webhook_timeout */
	const char *problem;		/* why it cannot be sent, or null: comes back
								 * with the result too */
	void	   *owner;			/* comes back with the result */
} InvWebhookRequest;

#define INV_WEBHOOK_ERROR_BYTES 256

typedef struct InvWebhookResult
{
	void	   *owner;
	int			status;			/* of the answer; 0: there was none */
	long		retry_after_s;	/* -1: not said */
	double		seconds;		/* that it took */
	char		error[INV_WEBHOOK_ERROR_BYTES]; /* why there is no answer, or
												 * "" */
} InvWebhookResult;

/*
 * inv_webhook_send - starts a POST; what is passed may be freed afterwards
 *
 * Answers false if inventory.webhook_in_flight are under way.  A URL that is
 * not allowed, and an address that is not, are results like any other.
 */
extern bool inv_webhook_send(const InvWebhookRequest *request);

/* inv_webhook_next - the next one that has ended; false: none yet */
extern bool inv_webhook_next(InvWebhookResult *result);

/*
 * inv_webhook_wait - until the latch is set, a request ends or the time is
 * over, and lets requests get on meanwhile
 *
 * Resets the latch, and answers whether it was set; an interrupt is seen to.
 */
extern bool inv_webhook_wait(long timeout_ms, uint32 wait_event);

/* inv_webhook_abandon_all - as if nothing had been sent */
extern void inv_webhook_abandon_all(void);

#endif							/* INV_WEBHOOK_H */
