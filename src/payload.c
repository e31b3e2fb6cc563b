/*
 * payload.c
 *		What a webhook says, and how it is signed.
 *
 * It is signed as Standard Webhooks 1.0 has it: HMAC-SHA256, with the bytes
 * that a secret stands for, of id, time and body joined by dots; one signature
 * for each secret, so that a receiver can change over from one to the next.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "common/base64.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "jsonline.h"
#include "payload.h"
#include "webhook.h"

#define SECRET_PREFIX "whsec_"
#define MIN_SECRET_BYTES 24
#define MAX_SECRET_BYTES 64
#define NEW_SECRET_BYTES 32
#define MAX_HEADERS 8

const char *const inv_payload_formats = "standard, alertmanager or cloudevents";

/* decode_secret - answers how many bytes, or -1 if it is none */
static int
decode_secret(const char *secret, uint8 *bytes)
{
	size_t		prefix = strlen(SECRET_PREFIX);
	size_t		length = strlen(secret);

	if (strncmp(secret, SECRET_PREFIX, prefix) != 0 ||
		length - prefix > (size_t) pg_b64_enc_len(MAX_SECRET_BYTES))
		return -1;
	return inv_b64_decode(secret + prefix, length - prefix, bytes,
						  MAX_SECRET_BYTES);
}

const char *
inv_payload_check_secret(const char *secret)
{
	uint8		bytes[MAX_SECRET_BYTES];
	int			count = decode_secret(secret, bytes);

	explicit_bzero(bytes, sizeof(bytes));
	if (count < MIN_SECRET_BYTES)
		return "a secret is \"whsec_\" and 24 to 64 bytes in base64";
	return NULL;
}

/* encode - in base64 */
static char *
encode(const uint8 *bytes, int count)
{
	int			size = pg_b64_enc_len(count);
	char	   *text = palloc(size + 1);
	int			length = inv_b64_encode(bytes, count, text, size);

	Assert(length >= 0);
	text[		length] = '\0';
	return text;
}

char *
inv_payload_make_secret(void)
{
	uint8		bytes[NEW_SECRET_BYTES];

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not make a secret at random")));
	return psprintf("%s%s", SECRET_PREFIX, encode(bytes, sizeof(bytes)));
}

/* sign - "v1," and the signature */
static const char *
sign(const char *secret, const char *content)
{
	uint8		key[MAX_SECRET_BYTES];
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	int			count = decode_secret(secret, key);
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);

	if (count < 0 || hmac == NULL ||
		pg_hmac_init(hmac, key, count) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) content, strlen(content)) < 0 ||
		pg_hmac_final(hmac, digest, sizeof(digest)) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not sign a webhook")));
	pg_hmac_free(hmac);
	explicit_bzero(key, sizeof(key));
	return psprintf("v1,%s", encode(digest, sizeof(digest)));
}

/*
 * signatures - by each of the secrets, separated by blanks; null if there are
 * none, or one that is none
 *
 * inv_add_endpoint() lets no such pass, but the owner may have written them.
 */
static const char *
signatures(ArrayType *secrets, const char *content)
{
	StringInfoData buf;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(secrets, TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	for (int i = 0; i < count; i++)
		if (nulls[i] ||
			inv_payload_check_secret(TextDatumGetCString(elements[i])))
			return NULL;
	if (count == 0)
		return NULL;
	initStringInfo(&buf);
	for (int i = 0; i < count; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? " " : "",
						 sign(TextDatumGetCString(elements[i]), content));
	return buf.data;
}

static char *
optional_text(Datum value, bool isnull)
{
	return isnull ? NULL : TextDatumGetCString(value);
}

/* The columns that are sent, see INV_PAYLOAD_COLUMNS */
enum
{
	COLUMN_URL,
	COLUMN_FORMAT,
	COLUMN_ID,
	COLUMN_BODY,
	COLUMN_SECRETS,
	COLUMN_AUTHORIZATION,
	COLUMN_TIMEOUT_MS,
	COLUMNS
};

StaticAssertDecl(COLUMNS == INV_PAYLOAD_NCOLUMNS, "other columns are sent");

/* sign_request - adds the header; answers what is wrong, or null */
static const char *
sign_request(InvWebhookRequest *request, const char **headers, Datum secrets,
			 const char *id, int64 now)
{
	const char *text = signatures(DatumGetArrayTypeP(secrets),
								  psprintf("%s." INT64_FORMAT ".%s", id, now,
										   request->body));

	if (text == NULL)
		return "its secrets are none: set them with inv_change_endpoint()";
	headers[request->nheaders++] = psprintf("webhook-signature: %s", text);
	return NULL;
}

static void
make_headers(const Datum *values, const bool *nulls,
			 InvWebhookRequest *request, const char **headers)
{
	char	   *id = TextDatumGetCString(values[COLUMN_ID]);
	char	   *authorization = optional_text(values[COLUMN_AUTHORIZATION],
											  nulls[COLUMN_AUTHORIZATION]);
	int64		now = (int64) time(NULL);
	int			count = 0;

	headers[count++] =
		strcmp(TextDatumGetCString(values[COLUMN_FORMAT]), "cloudevents") == 0 ?
		"Content-Type: application/cloudevents+json; charset=utf-8" :
		"Content-Type: application/json";
	headers[count++] = psprintf("webhook-id: %s", id);
	headers[count++] = psprintf("webhook-timestamp: " INT64_FORMAT, now);
	if (authorization)
		headers[count++] = psprintf("Authorization: %s", authorization);
	/* curl would wait for the server to say that it may go on */
	headers[count++] = "Expect:";
	request->headers = headers;
	request->nheaders = count;
	if (!nulls[COLUMN_SECRETS])
		request->problem = sign_request(request, headers,
										values[COLUMN_SECRETS], id, now);
}

/* to_utf8 - null if it cannot be that */
static const char *
to_utf8(const char *body)
{
	int			length = strlen(body);
	int			taken;
	const char *utf8;

	if (GetDatabaseEncoding() == PG_UTF8)
		return body;
	/* such a database takes any bytes */
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return pg_verify_mbstr(PG_UTF8, body, length, true) ? body : NULL;
	utf8 = inv_json_to_utf8(body, length, &taken);
	return taken == length ? utf8 : NULL;
}

bool
inv_payload_send(const Datum *values, const bool *nulls, void *owner)
{
	const char *headers[MAX_HEADERS];
	InvWebhookRequest request = {
		.url = TextDatumGetCString(values[COLUMN_URL]),
		.body = to_utf8(TextDatumGetCString(values[COLUMN_BODY])),
		.timeout_ms = (int) DatumGetInt64(values[COLUMN_TIMEOUT_MS]),
		.owner = owner
	};

	if (request.body == NULL)
		request.problem = "it is not UTF-8, as JSON must be";
	else
	{
		request.length = strlen(request.body);
		make_headers(values, nulls, &request, headers);
	}
	return inv_webhook_send(&request);
}
