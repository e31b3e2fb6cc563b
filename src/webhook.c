/*
 * webhook.c
 *		HTTP requests by libcurl's multi interface.
 *
 * curl tells which sockets it waits for (watch_socket) and until when
 * (set_timer); we wait for these and for the latch at once, and call it back.
 * Nothing else of it ever blocks: names are resolved by threads of its own.
 *
 * Rules
 * - No callback raises an error: a longjmp through curl would leave it broken.
 * - Signals are blocked wherever curl might make a thread.  It inherits the
 *	 mask, so the server's signals always find the server's own thread.
 * - What curl has is never given up in an orderly way when the process ends:
 *	 that would wait for a thread that waits for a name server.
 * - A transfer may be ended in curl's callbacks only by their result.
 *
 * What may be called is asked twice, see address.h.  A connection that is kept
 * was asked about when it was made: so none outlives a change of the list.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <signal.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "address.h"
#include "compat.h"
#include "guc.h"
#include "webhook.h"

#define CONNECT_TIMEOUT_MS 10000
#define MAX_HEADER_BYTES 32768
#define MAX_BODY_BYTES 4096

/* a connection by each version of IP, and one to the thread that looks up */
#define MAX_SOCKETS (3 * INV_WEBHOOK_MAX_IN_FLIGHT)

/* A request under way; in memory of the process, freed with its result */
typedef struct Transfer
{
	struct Transfer *next;
	CURL	   *easy;
	struct curl_slist *headers;
	char	   *body;
	void	   *owner;
	long		retry_after_s;
	size_t		header_bytes;
	size_t		body_bytes;
	bool		refused;		/* the address is not allowed */
	bool		started;		/* curl has it */
	char		problem[CURL_ERROR_SIZE];
} Transfer;

/* A socket that curl waits for */
typedef struct Watch
{
	curl_socket_t socket;
	uint32		events;
} Watch;

static CURLM *multi = NULL;
static Watch watches[MAX_SOCKETS];
static int	watch_count = 0;
static TimestampTz timer_at = DT_NOEND;
static Transfer *transfers = NULL;
static int	transfer_count = 0;
static int	running = 0;		/* of those, as far as curl goes */

/* the list under which the connections were made that curl keeps */
static uint64 pooled_under = 0;

/* ---------- callbacks of curl ---------- */

static int
watch_socket(CURL *easy, curl_socket_t socket, int what, void *data,
			 void *socket_data)
{
	uint32		events = 0;
	int			i = 0;

	if (what & CURL_POLL_IN)
		events |= WL_SOCKET_READABLE;
	if (what & CURL_POLL_OUT)
		events |= WL_SOCKET_WRITEABLE;
	while (i < watch_count && watches[i].socket != socket)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < watch_count)
			watches[i] = watches[--watch_count];
		return 0;
	}
	/* cannot be; what waited for it would end by its timeout */
	if (i == MAX_SOCKETS)
		return 0;
	watches[i].socket = socket;
	watches[i].events = events;
	watch_count = Max(watch_count, i + 1);
	return 0;
}

static int
set_timer(CURLM *of, long timeout_ms, void *data)
{
	timer_at = timeout_ms < 0 ? DT_NOEND :
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	return 0;
}

static curl_socket_t
open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	Transfer   *transfer = data;

	if (!inv_allow_address(inv_webhook_allow_list, &address->addr))
	{
		transfer->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
				  address->protocol);
}

/* take_header - all but Retry-After is only counted */
static size_t
take_header(char *line, size_t size, size_t count, void *data)
{
	static const char retry_after[] = "retry-after:";
	Transfer   *transfer = data;
	size_t		length = size * count;
	size_t		name = sizeof(retry_after) - 1;

	transfer->header_bytes += length;
	if (transfer->header_bytes > MAX_HEADER_BYTES)
		return 0;
	if (length > name && pg_strncasecmp(line, retry_after, name) == 0)
	{
		char		value[64];
		char	   *end;
		long		seconds;
		time_t		then;

		length = Min(length - name, sizeof(value) - 1);
		memcpy(value, line + name, length);
		value[length] = '\0';
		seconds = strtol(value, &end, 10);
		then = end == value ? curl_getdate(value, NULL) : (time_t) -1;
		if (end != value)
			transfer->retry_after_s = Max(0, seconds);
		else if (then != (time_t) -1)
			transfer->retry_after_s = Max(0, then - time(NULL));
	}
	return size * count;
}

/* take_body - what is in it is nobody's business; too much ends the transfer */
static size_t
take_body(char *data, size_t size, size_t count, void *to)
{
	Transfer   *transfer = to;

	transfer->body_bytes += size * count;
	return transfer->body_bytes > MAX_BODY_BYTES ? 0 : size * count;
}

/* ---------- starting ---------- */

/* a thread that is made between the two has all signals blocked */
static sigset_t unblocked;

static void
block_signals(void)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &unblocked);
}

static void
unblock_signals(void)
{
	pthread_sigmask(SIG_SETMASK, &unblocked, NULL);
}

static void
begin(void)
{
	if (multi)
		return;
	block_signals();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0)
		multi = curl_multi_init();
	unblock_signals();
	if (multi == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("libcurl could not be started")));
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) MAX_SOCKETS);
}

/*
 * drop_connections - those that were made under another list
 *
 * While one of them is in use, new ones are not kept.
 */
static void
drop_connections(void)
{
	if (pooled_under == inv_webhook_allow_generation || transfer_count > 0)
		return;
	block_signals();
	curl_multi_cleanup(multi);
	unblock_signals();
	multi = NULL;
	running = 0;
	watch_count = 0;
	timer_at = DT_NOEND;
	pooled_under = inv_webhook_allow_generation;
	begin();
}

/* set_options - answers false if curl lacks memory */
static bool
set_options(Transfer *transfer, const InvWebhookRequest *request)
{
	CURL	   *easy = transfer->easy;
	long		timeout_ms = request->timeout_ms > 0 ? request->timeout_ms :
	inv_webhook_timeout;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "inventory");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
					 Min(timeout_ms, CONNECT_TIMEOUT_MS));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t) request->length);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (pooled_under != inv_webhook_allow_generation)
	{
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
	if (inv_webhook_ca_file[0] != '\0' &&
		curl_easy_setopt(easy, CURLOPT_CAINFO,
						 inv_webhook_ca_file) != CURLE_OK)
		return false;
	return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
}

/* copy_request - answers false if there is no memory for it */
static bool
copy_request(Transfer *transfer, const InvWebhookRequest *request)
{
	transfer->body = malloc(Max(1, request->length));
	transfer->easy = curl_easy_init();
	if (transfer->body == NULL || transfer->easy == NULL)
		return false;
	memcpy(transfer->body, request->body, request->length);
	for (int i = 0; i < request->nheaders; i++)
	{
		struct curl_slist *longer = curl_slist_append(transfer->headers,
													  request->headers[i]);

		if (longer == NULL)
			return false;
		transfer->headers = longer;
	}
	return set_options(transfer, request);
}

static void
forget(Transfer *transfer)
{
	Transfer  **link = &transfers;

	while (*link != transfer)
		link = &(*link)->next;
	*link = transfer->next;
	transfer_count--;
	if (transfer->started)
		curl_multi_remove_handle(multi, transfer->easy);
	if (transfer->easy)
		curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer->body);
	free(transfer);
}

bool
inv_webhook_send(const InvWebhookRequest *request)
{
	Transfer   *transfer;
	const char *refusal = request->problem ? request->problem :
	inv_allow_url(inv_webhook_allow_list, request->url);

	begin();
	drop_connections();
	if (transfer_count >= inv_webhook_in_flight_limit)
		return false;
	transfer = calloc(1, sizeof(Transfer));
	if (transfer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	transfer->owner = request->owner;
	transfer->retry_after_s = -1;
	transfer->next = transfers;
	transfers = transfer;
	transfer_count++;

	block_signals();
	if (refusal)
		strlcpy(transfer->problem, refusal, CURL_ERROR_SIZE);
	else if (!copy_request(transfer, request))
		strlcpy(transfer->problem, "out of memory, or a bad CA file",
				CURL_ERROR_SIZE);
	else
	{
		transfer->started =
			curl_multi_add_handle(multi, transfer->easy) == CURLM_OK;
		running += transfer->started;
	}
	unblock_signals();
	return true;
}

void
inv_webhook_abandon_all(void)
{
	block_signals();
	while (transfers)
		forget(transfers);
	unblock_signals();
}

/* ---------- ending ---------- */

/*
 * keep_ascii - what curl says may hold names from a certificate, of any bytes,
 * and may have been cut in the middle of a character
 */
static void
keep_ascii(char *text)
{
	for (; *text; text ++)
		if (*text <' ' || *text >'~')
			*text = '?';
}

/* tell - what came of a transfer */
static void
tell(Transfer *transfer, CURLcode code, InvWebhookResult *result)
{
	long		status = 0;
	double		seconds = 0;

	memset(result, 0, sizeof(*result));
	result->owner = transfer->owner;
	result->retry_after_s = transfer->retry_after_s;
	if (transfer->started)
	{
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME, &seconds);
	}
	result->seconds = seconds;

	/* an answer was had if only its body was too long for us */
	if (code == CURLE_OK ||
		(code == CURLE_WRITE_ERROR && transfer->body_bytes > MAX_BODY_BYTES))
		result->status = status;
	else if (transfer->refused)
		strlcpy(result->error,
				"the address is not public, and not in inventory.webhook_allow",
				INV_WEBHOOK_ERROR_BYTES);
	else
		strlcpy(result->error, transfer->problem[0] ? transfer->problem :
				curl_easy_strerror(code), INV_WEBHOOK_ERROR_BYTES);
	keep_ascii(result->error);
}

bool
inv_webhook_next(InvWebhookResult *result)
{
	Transfer   *transfer;
	CURLMsg    *message;
	int			left;

	for (transfer = transfers; transfer; transfer = transfer->next)
		if (!transfer->started)
		{
			tell(transfer, CURLE_FAILED_INIT, result);
			forget(transfer);
			return true;
		}
	if (multi == NULL)
		return false;
	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
						  (char **) &transfer);
		tell(transfer, message->data.result, result);
		block_signals();
		forget(transfer);
		unblock_signals();
		return true;
	}
	return false;
}

/* ---------- waiting ---------- */

/* let_act - curl does what it can about a socket, or its timer */
static void
let_act(curl_socket_t socket, uint32 events)
{
	int			mask = 0;

	if (events & WL_SOCKET_READABLE)
		mask |= CURL_CSELECT_IN;
	if (events & WL_SOCKET_WRITEABLE)
		mask |= CURL_CSELECT_OUT;
	block_signals();
	curl_multi_socket_action(multi, socket, mask, &running);
	unblock_signals();
}

/* wait_for - answers how many of the events have come */
static int
wait_for(long timeout_ms, uint32 wait_event, WaitEvent *events)
{
	/* sockets change all the time, and the set cannot forget one */
	WaitEventSet *set = inv_create_wait_event_set(watch_count + 2);
	int			count;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < watch_count; i++)
		AddWaitEventToSet(set, watches[i].events, watches[i].socket, NULL,
						  NULL);
	count = WaitEventSetWait(set, timeout_ms, events, watch_count + 2,
							 wait_event);
	FreeWaitEventSet(set);
	return count;
}

/* until_timer - ms, no more than those given */
static long
until_timer(long timeout_ms)
{
	if (timer_at == DT_NOEND)
		return timeout_ms;
	return Min(timeout_ms,
			   TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
											   timer_at));
}

/*
 * wait_once - lets curl act on whatever comes first; answers whether the latch
 * was set
 */
static bool
wait_once(long timeout_ms, uint32 wait_event)
{
	WaitEvent	events[MAX_SOCKETS + 2];
	int			count = wait_for(until_timer(timeout_ms), wait_event, events);
	bool		latch_set = false;

	for (int i = 0; i < count; i++)
		if (events[i].events & WL_LATCH_SET)
			latch_set = true;
		else if (multi)
			let_act(events[i].fd, events[i].events);
	if (latch_set)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (timer_at <= GetCurrentTimestamp())
	{
		timer_at = DT_NOEND;
		let_act(CURL_SOCKET_TIMEOUT, 0);
	}
	return latch_set;
}

/* is_any_refused - one that was never started has ended, and waits to be told */
static bool
is_any_refused(void)
{
	for (Transfer *transfer = transfers; transfer; transfer = transfer->next)
		if (!transfer->started)
			return true;
	return false;
}

bool
inv_webhook_wait(long timeout_ms, uint32 wait_event)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												  timeout_ms);
	int			before = running;
	bool		latch_set = false;

	if (is_any_refused())
		return false;
	do
	{
		if (wait_once(Max(0, timeout_ms), wait_event))
			latch_set = true;
		timeout_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													 end);
	} while (!latch_set && running >= before && timeout_ms > 0);
	return latch_set;
}
