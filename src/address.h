/*
 * address.h
 *		Which addresses a webhook may be sent to.
 *
 * Two questions are asked.  Before anything is sent: is the host of the URL
 * one that the administrator has listed?  And of each address that is about
 * to be connected to, after its name was resolved: is it a public one, or
 * listed as an address?  Only the second answer holds against names that are
 * made to resolve to an address inside.
 *
 * Plain C, nothing of the server used: so it can be tested and fuzzed by
 * itself.
 */
#ifndef INV_ADDRESS_H
#define INV_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#define INV_MAX_ALLOWED 64
#define INV_MAX_HOST_BYTES 253

/* IPv6, or IPv4 as ::ffff:a.b.c.d */
typedef struct InvAddress
{
	unsigned char bytes[16];
} InvAddress;

typedef enum InvAllowedKind
{
	INV_ALLOWED_ANY,			/* "*": every public host */
	INV_ALLOWED_HOST,			/* that name */
	INV_ALLOWED_DOMAIN,			/* "*.name": every name below it */
	INV_ALLOWED_NETWORK			/* addresses that begin with these bits */
} InvAllowedKind;

typedef struct InvAllowed
{
	InvAllowedKind kind;
	char		host[INV_MAX_HOST_BYTES + 1];	/* in lower case */
	int			port;			/* 0: any */
	InvAddress	address;
	int			bits;
} InvAllowed;

typedef struct InvAllowList
{
	int			count;
	InvAllowed	entries[INV_MAX_ALLOWED];
} InvAllowList;

/*
 * inv_allow_parse - a list as inventory.webhook_allow has it
 *
 * Names, "*.name", addresses and networks ("10.0.0.0/8", "fd00::/8"), or "*",
 * separated by commas; a name may be followed by ":port".  Answers null, or
 * what is wrong, a sentence.
 */
extern const char *inv_allow_parse(const char *text, InvAllowList *list);

/* inv_allow_url - null, or why nothing may be sent there, a sentence */
extern const char *inv_allow_url(const InvAllowList *list, const char *url);

/* inv_allow_address - may this very address be connected to? */
extern bool inv_allow_address(const InvAllowList *list,
							  const struct sockaddr *address);

/* inv_address_is_public - is it anybody's, in the Internet? */
extern bool inv_address_is_public(const InvAddress *address);

/* inv_address_parse - as usually written; answers false if it is none */
extern bool inv_address_parse(const char *text, InvAddress *address);

#endif							/* INV_ADDRESS_H */
