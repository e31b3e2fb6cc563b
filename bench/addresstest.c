/*
 * addresstest.c
 *		Whom a webhook may be sent to: cases, each with its answer.
 *
 *		addresstest			checks them all; status 0 if every one is right
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../src/address.h"

static int	wrong = 0;
static int	checked = 0;

static void
check(bool fine, const char *what, const char *list, const char *value)
{
	checked++;
	if (fine)
		return;
	wrong++;
	printf("WRONG: %s: list \"%s\", \"%s\"\n", what, list, value);
}

/* ---------- lists ---------- */

static const char *const good_lists[] = {
	"", "  ", "*", "*:443", "example.com", "EXAMPLE.com", "example.com.",
	"example.com:8443", "*.example.com", "*.example.com:8443", "localhost",
	"a_b.example", "xn--caf-dma.example", "127.0.0.1", "10.0.0.0/8", "0.0.0.0/0",
	"::1", "fd00::/8", "::/0", " example.com , 127.0.0.1 ", "a,b,c"
};

static const char *const bad_lists[] = {
	",", "a,", ",a", "a,,b", "exa mple.com", "example..com", ".example.com",
	"http://example.com", "example.com/path", "example.com:0",
	"example.com:65536", "example.com:http", "example.com:", "**.example.com",
	"*example.com", "a.*.com", "*.", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
	"10.0.0.0/8x", "10.0.0/8", "127.1", "2130706433", "0x7f.1", "0177.0.0.1",
	"::1/129", ":::", "caf\xc3\xa9.example", "user@example.com", "a\tb", "[::1]"
};

/* ---------- URLs ---------- */

typedef struct UrlCase
{
	const char *list;
	const char *url;
	bool		allowed;
} UrlCase;

static const UrlCase urls[] = {
	{"", "https://example.com/", false},
	{"*", "https://example.com/", true},
	{"*", "http://example.com", true},
	{"*", "https://8.8.8.8/", true},
	{"*", "https://[2606:4700::1111]/", true},
	{"*", "https://127.0.0.1/", false},
	{"*", "https://10.1.2.3/", false},
	{"*", "https://100.100.100.200/", false},
	{"*", "https://169.254.169.254/latest/meta-data", false},
	{"*", "https://[::1]/", false},
	{"*", "https://[::ffff:127.0.0.1]/", false},
	{"*", "https://[64:ff9b::7f00:1]/", false},
	{"*", "https://[2002:7f00:1::]/", false},
	{"*", "https://[fe80::1]/", false},
	{"*", "https://0.0.0.0/", false},
	{"*", "https://2130706433/", false},
	{"*", "https://0x7f000001/", false},
	{"*", "https://0x7f.1/", false},
	{"*", "https://0177.0.0.1/", false},
	{"*", "https://127.1/", false},
	{"*", "https://1.2.3/", false},
	{"*", "https://01.02.03.04/", false},
	{"*", "https://1.2.3.4./", true},
	{"*", "ftp://example.com/", false},
	{"*", "file:///etc/passwd", false},
	{"*", "gopher://example.com/", false},
	{"*", "HTTPS://example.com/", false},
	{"*", "//example.com/", false},
	{"*", "https:/example.com/", false},
	{"*", "example.com", false},
	{"*", "", false},
	{"*", "https://", false},
	{"*", "https:///path", false},
	{"*", "https://:443/", false},
	{"*", "https://user@example.com/", false},
	{"*", "https://user:secret@example.com/", false},
	{"*", "https://example.com@127.0.0.1/", false},
	{"*", "https://exa mple.com/", false},
	{"*", "https://example.com/a b", false},
	{"*", "https://example.com/\r\nX: y", false},
	{"*", "https://example.com\\@evil.example/", false},
	{"*", "https://caf\xc3\xa9.example/", false},
	{"*", "https://example.com:0/", false},
	{"*", "https://example.com:65536/", false},
	{"*", "https://example.com:99999999999/", false},
	{"*", "https://example.com:/", false},
	{"*", "https://example.com:80a/", false},
	{"*", "https://[::1/", false},
	{"*", "https://::1/", false},
	{"*", "https://[fe80::1%25eth0]/", false},
	{"*", "https://example..com/", false},
	{"*:443", "https://example.com/", true},
	{"*:443", "http://example.com/", false},
	{"*:443", "http://example.com:443/", true},
	{"example.com", "https://example.com/", true},
	{"example.com", "https://example.com", true},
	{"example.com", "https://example.com?x=1", true},
	{"example.com", "https://example.com#x", true},
	{"example.com", "https://EXAMPLE.Com:8443/hook", true},
	{"example.com", "https://example.com./", true},
	{"example.com.", "https://example.com/", true},
	{"example.com", "https://www.example.com/", false},
	{"example.com", "https://notexample.com/", false},
	{"example.com", "https://example.com.evil.example/", false},
	{"example.com", "https://evil.example/example.com", false},
	{"example.com", "https://evil.example#@example.com", false},
	{"example.com", "https://evil.example?@example.com", false},
	{"example.com:8443", "https://example.com:8443/", true},
	{"example.com:8443", "https://example.com/", false},
	{"*.example.com", "https://a.example.com/", true},
	{"*.example.com", "https://a.b.example.com/", true},
	{"*.example.com", "https://example.com/", false},
	{"*.example.com", "https://aexample.com/", false},
	{"*.example.com", "https://.example.com/", false},
	{"*.example.com:1", "https://a.example.com:1/", true},
	{"*.example.com:1", "https://a.example.com:2/", false},
	{"localhost", "http://localhost:9093/", true},
	{"localhost", "http://127.0.0.1:9093/", false},
	{"127.0.0.1", "http://127.0.0.1:9093/", true},
	{"127.0.0.1", "http://127.0.0.2/", false},
	{"127.0.0.1", "http://localhost/", false},
	{"127.0.0.1", "http://[::ffff:127.0.0.1]/", true},
	{"127.0.0.0/8", "http://127.9.9.9/", true},
	{"127.0.0.0/8", "http://128.0.0.1/", false},
	{"10.0.0.0/9", "http://10.127.255.255/", true},
	{"10.0.0.0/9", "http://10.128.0.0/", false},
	{"::1", "http://[::1]:80/", true},
	{"fd00::/8", "http://[fdab::1]/", true},
	{"fd00::/8", "http://[fc00::1]/", false},
	{"8.8.8.8", "https://8.8.8.8/", true},
	{"8.8.8.8", "https://8.8.4.4/", false},
	{"a, b , *.c", "https://x.c/", true},
	{"a, b , *.c", "https://b/", true}
};

/* ---------- addresses that are connected to ---------- */

typedef struct AddressCase
{
	const char *list;
	const char *address;
	bool		allowed;
} AddressCase;

static const AddressCase addresses[] = {
	{"", "8.8.8.8", true},
	{"", "1.1.1.1", true},
	{"", "0.0.0.0", false},
	{"", "0.1.2.3", false},
	{"", "9.255.255.255", true},
	{"", "10.0.0.0", false},
	{"", "10.255.255.255", false},
	{"", "11.0.0.0", true},
	{"", "100.63.255.255", true},
	{"", "100.64.0.0", false},
	{"", "100.100.100.200", false},
	{"", "100.127.255.255", false},
	{"", "100.128.0.0", true},
	{"", "127.0.0.1", false},
	{"", "127.255.255.255", false},
	{"", "169.254.169.254", false},
	{"", "172.15.255.255", true},
	{"", "172.16.0.0", false},
	{"", "172.31.255.255", false},
	{"", "172.32.0.0", true},
	{"", "192.0.0.8", false},
	{"", "192.0.2.1", false},
	{"", "192.88.99.1", false},
	{"", "192.168.0.1", false},
	{"", "192.169.0.1", true},
	{"", "198.17.255.255", true},
	{"", "198.18.0.0", false},
	{"", "198.19.255.255", false},
	{"", "198.20.0.0", true},
	{"", "198.51.100.1", false},
	{"", "203.0.113.1", false},
	{"", "224.0.0.1", false},
	{"", "239.1.1.1", false},
	{"", "240.0.0.1", false},
	{"", "255.255.255.255", false},
	{"", "2606:4700::1111", true},
	{"", "2a00::1", true},
	{"", "::", false},
	{"", "::1", false},
	{"", "::7f00:1", false},
	{"", "::ffff:8.8.8.8", true},
	{"", "::ffff:127.0.0.1", false},
	{"", "::ffff:10.0.0.1", false},
	{"", "64:ff9b::8.8.8.8", true},
	{"", "64:ff9b::10.0.0.1", false},
	{"", "64:ff9b:1::1", false},
	{"", "100::1", false},
	{"", "2001::1", false},
	{"", "2001:20::1", false},
	{"", "2001:db8::1", false},
	{"", "2001:470::1", true},
	{"", "2002:808:808::1", true},
	{"", "2002:a00:1::1", false},
	{"", "2002:7f00:1::1", false},
	{"", "3fff::1", false},
	{"", "fc00::1", false},
	{"", "fdff::1", false},
	{"", "fe80::1", false},
	{"", "fec0::1", false},
	{"", "ff02::1", false},
	{"localhost", "127.0.0.1", false},
	{"*", "127.0.0.1", false},
	{"127.0.0.1", "127.0.0.1", true},
	{"127.0.0.1", "::ffff:127.0.0.1", true},
	{"127.0.0.1", "::1", false},
	{"10.0.0.0/8", "10.1.1.1", true},
	{"10.0.0.0/8", "64:ff9b::10.1.1.1", true},
	{"10.0.0.0/8", "2002:a01:101::1", true},
	{"10.0.0.0/8", "192.168.1.1", false},
	{"0.0.0.0/0", "192.168.1.1", true},
	{"0.0.0.0/0", "fd00::1", false},
	{"::/0", "fd00::1", true},
	{"fd00::/8", "fd00::1", true}
};

static bool
address_allowed(const InvAllowList *list, const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return inv_allow_address(list, (struct sockaddr *) &v4);
	inet_pton(AF_INET6, text, &v6.sin6_addr);
	return inv_allow_address(list, (struct sockaddr *) &v6);
}

int
main(void)
{
	static InvAllowList list;
	struct sockaddr other = {.sa_family = AF_UNIX};

	for (size_t i = 0; i < sizeof(good_lists) / sizeof(char *); i++)
		check(inv_allow_parse(good_lists[i], &list) == NULL, "refused",
			  good_lists[i], "");
	for (size_t i = 0; i < sizeof(bad_lists) / sizeof(char *); i++)
		check(inv_allow_parse(bad_lists[i], &list) != NULL, "taken",
			  bad_lists[i], "");
	for (size_t i = 0; i < sizeof(urls) / sizeof(UrlCase); i++)
	{
		(void) inv_allow_parse(urls[i].list, &list);
		check((inv_allow_url(&list, urls[i].url) == NULL) == urls[i].allowed,
			  urls[i].allowed ? "refused" : "allowed", urls[i].list,
			  urls[i].url);
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(AddressCase); i++)
	{
		(void) inv_allow_parse(addresses[i].list, &list);
		check(address_allowed(&list, addresses[i].address) ==
			  addresses[i].allowed,
			  addresses[i].allowed ? "refused" : "allowed", addresses[i].list,
			  addresses[i].address);
	}
	(void) inv_allow_parse("*, 0.0.0.0/0, ::/0", &list);
	check(!inv_allow_address(&list, &other), "allowed", "*", "a Unix socket");
	printf("%d of %d cases are right\n", checked - wrong, checked);
	return wrong > 0;
}
