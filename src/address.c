/*
 * address.c
 *		Which addresses a webhook may be sent to.
 *
 * What is not public is what the IANA registries of special addresses say
 * (RFC 6890 and its successors); of IPv6 only 2000::/3 was ever given out.
 * An IPv4 address inside of an IPv6 one (mapped, NAT64, 6to4) is judged as
 * what it leads to.
 */
#include "address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---------- addresses ---------- */

static const unsigned char mapped_prefix[12] = {[10] = 0xFF,[11] = 0xFF};

/* A network of addresses that are nobody's in the Internet */
typedef struct Network
{
	const char *prefix;
	int			bits;
} Network;

static const Network private_v4[] = {
	{"0.0.0.0", 8},
	{"10.0.0.0", 8},
	{"100.64.0.0", 10},
	{"127.0.0.0", 8},
	{"169.254.0.0", 16},
	{"172.16.0.0", 12},
	{"192.0.0.0", 24},
	{"192.0.2.0", 24},
	{"192.88.99.0", 24},
	{"192.168.0.0", 16},
	{"198.18.0.0", 15},
	{"198.51.100.0", 24},
	{"203.0.113.0", 24},
	{"224.0.0.0", 4},
	{"240.0.0.0", 4}
};

/* of 2000::/3 */
static const Network private_v6[] = {
	{"2001::", 23},
	{"2001:db8::", 32},
	{"3fff::", 20}
};

static bool
same_bits(const unsigned char *a, const unsigned char *b, int bits)
{
	int			bytes = bits / 8;
	int			rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

static bool
is_mapped(const InvAddress *address)
{
	return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void
map_v4(const unsigned char *v4, InvAddress *address)
{
	memcpy(address->bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address->bytes + 12, v4, 4);
}

bool
inv_address_parse(const char *text, InvAddress *address)
{
	unsigned char v4[4];

	if (inet_pton(AF_INET, text, v4) == 1)
	{
		map_v4(v4, address);
		return true;
	}
	return inet_pton(AF_INET6, text, address->bytes) == 1;
}

static bool
is_within(const InvAddress *address, const Network *networks, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		InvAddress	prefix;
		int			bits = networks[i].bits;

		(void) inv_address_parse(networks[i].prefix, &prefix);
		if (is_mapped(&prefix))
			bits += 96;
		if (same_bits(address->bytes, prefix.bytes, bits))
			return true;
	}
	return false;
}

/* unwrap - the IPv4 address that a NAT64 or 6to4 one leads to, if it is one */
static void
unwrap(InvAddress *address)
{
	static const unsigned char nat64[12] = {0, 0x64, 0xFF, 0x9B};
	unsigned char v4[4];

	if (memcmp(address->bytes, nat64, sizeof(nat64)) == 0)
		memcpy(v4, address->bytes + 12, 4);
	else if (address->bytes[0] == 0x20 && address->bytes[1] == 0x02)
		memcpy(v4, address->bytes + 2, 4);
	else
		return;
	map_v4(v4, address);
}

bool
inv_address_is_public(const InvAddress *address)
{
	InvAddress	real = *address;

	unwrap(&real);
	if (is_mapped(&real))
		return !is_within(&real, private_v4,
						  sizeof(private_v4) / sizeof(Network));
	return (real.bytes[0] & 0xE0) == 0x20 &&
		!is_within(&real, private_v6, sizeof(private_v6) / sizeof(Network));
}

/* is_listed - as an address or in a network */
static bool
is_listed(const InvAllowList *list, const InvAddress *address)
{
	InvAddress	real = *address;

	unwrap(&real);
	for (int i = 0; i < list->count; i++)
	{
		const InvAllowed *entry = &list->entries[i];

		if (entry->kind == INV_ALLOWED_NETWORK &&
			same_bits(real.bytes, entry->address.bytes, entry->bits))
			return true;
	}
	return false;
}

bool
inv_allow_address(const InvAllowList *list, const struct sockaddr *address)
{
	InvAddress	given;

	if (address->sa_family == AF_INET)
		map_v4((const unsigned char *)
			   &((const struct sockaddr_in *) address)->sin_addr, &given);
	else if (address->sa_family == AF_INET6)
		memcpy(given.bytes,
			   &((const struct sockaddr_in6 *) address)->sin6_addr, 16);
	else
		return false;
	return inv_address_is_public(&given) || is_listed(list, &given);
}

/* ---------- hosts and ports ---------- */

/* get_port - 1 to 65535, or 0 if it is none */
static int
get_port(const char *text, size_t length)
{
	int			port = 0;

	if (length == 0 || length > 5)
		return 0;
	for (size_t i = 0; i < length; i++)
	{
		if (!isdigit((unsigned char) text[i]))
			return 0;
		port = port * 10 + (text[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

/*
 * get_name - a host name, in lower case and without a dot at its end
 *
 * Answers false if it is none, or too long.
 */
static bool
get_name(const char *text, size_t length, char *name)
{
	size_t		label = 0;

	if (length > 1 && text[length - 1] == '.')
		length--;
	if (length == 0 || length > INV_MAX_HOST_BYTES)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = text[i];

		if (c == '.' ? label == 0 :
			!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
		label = c == '.' ? 0 : label + 1;
		name[i] = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
	}
	name[length] = '\0';
	return label > 0;
}

/*
 * looks_like_number - would a resolver take the name for an address?
 *
 * It takes "2130706433", "0x7f.1" and "127.1" for 127.0.0.1; no name that can
 * be looked up ends in a number.
 */
static bool
looks_like_number(const char *name)
{
	const char *last = strrchr(name, '.');

	last = last ? last + 1 : name;
	if (last[0] == '0' && last[1] == 'x')
		return true;
	return strspn(last, "0123456789") == strlen(last);
}

/* ---------- the list ---------- */

/* parse_network - answers whether the text is an address or a network */
static bool
parse_network(char *text, InvAllowed *entry)
{
	char	   *slash = strchr(text, '/');
	int			most;
	char	   *end;
	long		bits;

	if (slash)
		*slash = '\0';
	if (!inv_address_parse(text, &entry->address))
		return false;
	entry->kind = INV_ALLOWED_NETWORK;
	entry->bits = 128;
	if (slash == NULL)
		return true;
	most = strchr(text, ':') ? 128 : 32;
	bits = strtol(slash + 1, &end, 10);
	if (!isdigit((unsigned char) slash[1]) || *end != '\0' || bits > most)
		return false;
	entry->bits = 128 - most + (int) bits;
	return true;
}

static const char *
parse_host(char *text, InvAllowed *entry)
{
	char	   *colon = strrchr(text, ':');

	if (colon)
	{
		*colon = '\0';
		entry->port = get_port(colon + 1, strlen(colon + 1));
		if (entry->port == 0)
			return "A port is a number from 1 to 65535.";
	}
	entry->kind = INV_ALLOWED_HOST;
	if (strcmp(text, "*") == 0)
	{
		entry->kind = INV_ALLOWED_ANY;
		return NULL;
	}
	if (strncmp(text, "*.", 2) == 0)
	{
		entry->kind = INV_ALLOWED_DOMAIN;
		text	  +=2;
	}
	if (!get_name(text, strlen(text), entry->host))
		return "A host is a name, \"*.\" and a name, or \"*\"; an international name in its ASCII form.";
	if (looks_like_number(entry->host))
		return "An address is written as four numbers, or in IPv6 as usual.";
	return NULL;
}

static const char *
parse_entry(const char *from, size_t length, InvAllowed *entry)
{
	char text[	INV_MAX_HOST_BYTES + 16];
	char		copy[sizeof(text)];

	memset(entry, 0, sizeof(*entry));
	while (length > 0 && isspace((unsigned char) from[0]))
		from++, length--;
	while (length > 0 && isspace((unsigned char) from[length - 1]))
		length--;
	if (length == 0)
		return "An entry is empty.";
	if (length >= sizeof(text))
		return "An entry is too long.";
	memcpy(text, from, length);
	text[		length] = '\0';

	memcpy(copy, text, length + 1);
	if (parse_network(copy, entry))
		return NULL;
	if (strchr(text, '/'))
		return "A network is an address and how many of its bits count, such as 10.0.0.0/8.";
	return parse_host(text, entry);
}

const char *
inv_allow_parse(const char *text, InvAllowList *list)
{
	list->count = 0;
	if (text[strspn(text, " \t")] == '\0')
		return NULL;
	for (;;)
	{
		size_t		length = strcspn(text, ",");
		const char *problem;

		if (list->count == INV_MAX_ALLOWED)
			return "There are more than 64 entries.";
		problem = parse_entry(text, length, &list->entries[list->count++]);
		if (problem)
			return problem;
		if (text[length] == '\0')
			return NULL;
		text	  +=length + 1;
	}
}

/* ---------- URLs ---------- */

/* A URL taken apart as far as it matters here */
typedef struct Target
{
	char		host[INV_MAX_HOST_BYTES + 1];
	int			port;
	bool		is_address;
	InvAddress	address;
} Target;

static const char *
parse_bracketed(const char *from, size_t length, Target *target)
{
	if (length < 2 || from[length - 1] != ']' ||
		length - 2 > INV_MAX_HOST_BYTES)
		return "The host is no IPv6 address.";
	memcpy(target->host, from + 1, length - 2);
	target->host[length - 2] = '\0';
	target->is_address = true;
	if (strchr(target->host, ':') == NULL ||
		!inv_address_parse(target->host, &target->address))
		return "The host is no IPv6 address.";
	return NULL;
}

static const char *
parse_authority(const char *from, size_t length, Target *target)
{
	const char *end = from + length;
	const char *colon = end;

	if (memchr(from, '@', length))
		return "It must not contain a user name or a password; there is the argument \"authorization\".";
	while (colon > from && isdigit((unsigned char) colon[-1]))
		colon--;
	if (colon > from && colon[-1] == ':')
	{
		target->port = get_port(colon, end - colon);
		if (target->port == 0)
			return "The port is no number from 1 to 65535.";
		end = colon - 1;
	}
	if (end > from && from[0] == '[')
		return parse_bracketed(from, end - from, target);
	if (!get_name(from, end - from, target->host))
		return "The host is no name; an international one is written in its ASCII form.";
	if (!looks_like_number(target->host))
		return NULL;
	target->is_address = true;
	if (!inv_address_parse(target->host, &target->address))
		return "The host is an address that is not written as four numbers.";
	return NULL;
}

static const char *
parse_url(const char *url, Target *target)
{
	memset(target, 0, sizeof(*target));
	for (const char *c = url; *c; c++)
		if ((unsigned char) *c <= 0x20 || (unsigned char) *c >= 0x7F ||
			*c == '\\')
			return "It contains a blank, a backslash, or a character that is not ASCII.";
	if (strncmp(url, "https://", 8) == 0)
	{
		url += 8;
		target->port = 443;
	}
	else if (strncmp(url, "http://", 7) == 0)
	{
		url += 7;
		target->port = 80;
	}
	else
		return "It must begin with https:// or http://.";
	return parse_authority(url, strcspn(url, "/?#"), target);
}

/* is_below - is it a name below the domain? */
static bool
is_below(const char *host, const char *domain)
{
	size_t		length = strlen(host);
	size_t		tail = strlen(domain);

	return length > tail + 1 && host[length - tail - 1] == '.' &&
		strcmp(host + length - tail, domain) == 0;
}

static bool
admits(const InvAllowed *entry, const Target *target)
{
	if (entry->port != 0 && entry->port != target->port)
		return false;
	switch (entry->kind)
	{
		case INV_ALLOWED_ANY:
			return !target->is_address ||
				inv_address_is_public(&target->address);
		case INV_ALLOWED_HOST:
			return !target->is_address &&
				strcmp(target->host, entry->host) == 0;
		case INV_ALLOWED_DOMAIN:
			return !target->is_address && is_below(target->host, entry->host);
		default:
			return false;
	}
}

const char *
inv_allow_url(const InvAllowList *list, const char *url)
{
	Target		target;
	const char *problem = parse_url(url, &target);

	if (problem)
		return problem;
	if (target.is_address && is_listed(list, &target.address))
		return NULL;
	for (int i = 0; i < list->count; i++)
		if (admits(&list->entries[i], &target))
			return NULL;
	return "The host is not in inventory.webhook_allow.";
}
