/*
 * answer.c - what the server said to a call
 *
 * Ok and refused come as a row or, when a strict call is refused, as an
 * error whose DETAIL is a JSON object.  Everything else is an error.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "tables.h"

/* Where the value of a member of the JSON object begins; NULL if nowhere. */
static const char *
find_member(const char *detail, const char *name)
{
	const char *at = strstr(detail, name);

	return at ? at + strlen(name) + strspn(at + strlen(name), " :") : NULL;
}

static int64_t
detail_number(const char *detail, const char *name)
{
	const char *at = find_member(detail, name);

	return at ? strtoll(at, NULL, 10) : UNTOLD;
}

/* A text member, its backslashes resolved; the caller frees it. */
static char *
detail_text(const char *detail, const char *name)
{
	const char *at = find_member(detail, name);
	char	   *text = client_alloc(strlen(detail) + 1);
	size_t		length = 0;

	if (at == NULL || *at++ != '"')
		return text;
	for (; *at != '\0' && *at != '"'; at++)
	{
		if (*at == '\\' && at[1] != '\0')
			at++;
		text[length++] = *at;
	}
	return text;
}

/* take_refusal - what the DETAIL of a raised refusal tells */
static void
take_refusal(const History *history, Call *call, const char *detail)
{
	char	   *sku = detail_text(detail, "\"sku\"");
	char	   *location = detail_text(detail, "\"location\"");

	call->told_stock = tables_stock(history, sku, location);
	call->told_quantity = detail_number(detail, "\"requested\"");
	call->told_available = detail_number(detail, "\"available\"");
	free(sku);
	free(location);
}

static void
take_error(const History *history, Call *call, const PGresult *result)
{
	const char *refusal = call_kinds[call->kind].refusal;
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	snprintf(call->code, sizeof(call->code), "%s",
			 sqlstate ? sqlstate : "no SQLSTATE");
	call->answer = ANSWER_ERROR;
	if (refusal != NULL && strcmp(call->code, refusal) == 0)
	{
		call->answer = ANSWER_REFUSED;
		take_refusal(history, call, detail ? detail : "");
	}
}

static void
take_outcome(const History *history, Call *call, const PGresult *result)
{
	const char *refusal = call_kinds[call->kind].refusal;
	Outcome		outcome;

	client_outcome(result, &outcome);
	snprintf(call->code, sizeof(call->code), "%s",
			 outcome.status ? outcome.status : "no status");
	if (strcmp(call->code, "ok") == 0)
		call->answer = ANSWER_OK;
	else if (refusal != NULL && strcmp(call->code, refusal) == 0)
		call->answer = ANSWER_REFUSED;
	else
		call->answer = ANSWER_ERROR;
	call->told_stock = tables_stock(history, outcome.sku,
									outcome.location);
	call->told_replayed = outcome.replayed;
	call->told_quantity = outcome.quantity;
	call->told_on_hand = outcome.on_hand;
	call->told_reserved = outcome.reserved;
	call->told_available = outcome.available;
	call->told_version = outcome.version;
	call->told_movement = outcome.movement_id;
}

void
answer_take(const History *history, Call *call, const PGresult *result)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		take_error(history, call, result);
	else if (PQntuples(result) == 1)
		take_outcome(history, call, result);
	else
	{
		call->answer = ANSWER_ERROR;
		snprintf(call->code, sizeof(call->code), "%d rows",
				 PQntuples(result));
	}
}
