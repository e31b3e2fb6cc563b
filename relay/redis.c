/*
 * redis.c
 *		Connections to Redis, batches of commands, clusters.
 *
 * hiredis 0.14, of Debian 12, knows neither clusters nor TLS.  A cluster is
 * asked for its slots once, and again by what it answers: MOVED changes the
 * map, ASK sends that one command to another node.
 */
#include "redis.h"
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 16384
#define MAX_SCRIPTS 8
#define MAX_ROUNDS 16			/* of redirections */

typedef struct Node
{
	char		host[256];
	int			port;			/* 0: host is the path of a socket */
	redisContext *context;		/* or null */
	bool		greeted;		/* its scripts are loaded, its data are judged */
} Node;

typedef struct Command
{
	char	   *string;			/* as it is sent */
	int			length;
	int			slot;
	int			node;			/* where it went, or goes by ASK */
	bool		asking;
	bool		done;
} Command;

static struct
{
	char		host[256];
	int			port;
	char		user[128];
	char		password[512];
	int			database;
	struct timeval timeout;
}			settings;

static const char *scripts[MAX_SCRIPTS];
static char digests[MAX_SCRIPTS][41];
static int	nscripts;

static Node nodes[REDIS_MAX_NODES];
static int	nnodes;
static bool is_cluster;
static short owner[SLOTS];		/* of a cluster: node of each slot */
static Node known[REDIS_MAX_NODES]; /* of a cluster, when it was open last */
static int	nknown;
static RedisNewNode greet_data;
static const char *marker_name;

static Command *commands;
static int	ncommands;
static int	commands_size;

/* ---------- settings ---------- */

static bool
bad_url(void)
{
	log_error("option \"redis\" is no URL of Redis");
	log_hint("It is redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE] or unix:///PATH; for rediss:// use a tunnel, there is no TLS here.");
	return false;
}

/* copy_part - of a URL; false if it is too long */
static bool
copy_part(char *to, size_t size, const char *from, size_t length)
{
	if (length >= size)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

static bool
read_user(const char *from, size_t length)
{
	const char *colon = memchr(from, ':', length);
	size_t		user = colon ? (size_t) (colon - from) : length;

	return copy_part(settings.user, sizeof(settings.user), from, user) &&
		(!colon || copy_part(settings.password, sizeof(settings.password),
							 colon + 1, length - user - 1));
}

/* read_number - all of it, and within bounds */
static bool
read_number(const char *from, size_t length, int low, int high, int *number)
{
	char	   *end;
	long		value = strtol(from, &end, 10);

	if (!isdigit((unsigned char) *from) || end != from + length ||
		value < low || value > high)
		return false;
	*number = value;
	return true;
}

/* read_place - HOST[:PORT][/DATABASE] */
static bool
read_place(const char *from)
{
	size_t		length = strcspn(from, "/");
	const char *database = from + length;
	const char *colon = from[0] == '[' ? memchr(from, ']', length) : from;
	size_t		host;

	if (colon == NULL)
		return false;
	colon = memchr(colon, ':', length - (colon - from));
	host = colon ? (size_t) (colon - from) : length;
	settings.port = 6379;
	settings.database = 0;
	if ((colon && !read_number(colon + 1, length - host - 1, 1, 65535,
							   &settings.port)) ||
		(*database && database[1] &&
		 !read_number(database + 1, strlen(database + 1), 0, INT_MAX,
					  &settings.database)))
		return false;
	if (from[0] == '[')
		return from[host - 1] == ']' &&
			copy_part(settings.host, sizeof(settings.host), from + 1,
					  host - 2);
	return host > 0 &&
		copy_part(settings.host, sizeof(settings.host), from, host);
}

static bool
read_url(const char *url)
{
	const char *at;

	if (strncmp(url, "unix://", 7) == 0)
		return url[7] == '/' && copy_part(settings.host, sizeof(settings.host),
										  url + 7, strlen(url + 7));
	if (strncmp(url, "redis://", 8) != 0)
		return false;
	url += 8;
	at = strrchr(url, '@');
	if (at && !read_user(url, at - url))
		return false;
	return read_place(at ? at + 1 : url);
}

static bool
read_password(const char *name)
{
	FILE	   *file = fopen(name, "r");
	bool		fine = file &&
	fgets(settings.password, sizeof(settings.password), file);

	if (!fine)
		log_error("could not read a password from \"%s\": %s", name,
				  file ? "it is empty" : strerror(errno));
	else
		settings.password[strcspn(settings.password, "\r\n")] = '\0';
	if (file)
		fclose(file);
	return fine;
}

bool
redis_configure(const char *url, const char *password_file, Msec timeout)
{
	if (!read_url(url))
		return bad_url();
	settings.timeout = (struct timeval)
	{
		timeout / 1000, timeout % 1000 * 1000
	};
	return password_file == NULL || read_password(password_file);
}

int
redis_script(const char *string)
{
	scripts[nscripts] = string;
	return nscripts++;
}

/* ---------- one node ---------- */

static bool
complain(const Node *node, const char *what)
{
	if (node->port)
		log_error("Redis at %s:%d: %s", node->host, node->port, what);
	else
		log_error("Redis at %s: %s", node->host, what);
	return false;
}

/* lost - what the library says, or that it took too long */
static bool
lost(const Node *node)
{
	const redisContext *context = node->context;

	if (context == NULL)
		return complain(node, "not connected");
	if (context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
		return complain(node, "no answer in time");
	return complain(node, context->errstr);
}

/* ask - one command by itself; null, and said why, if it failed */
static redisReply *
ask(Node *node, int argc, const char **argv)
{
	redisReply *reply = redisCommandArgv(node->context, argc, argv, NULL);

	if (reply == NULL)
		lost(node);
	else if (reply->type == REDIS_REPLY_ERROR)
	{
		complain(node, reply->str);
		freeReplyObject(reply);
		reply = NULL;
	}
	return reply;
}

static bool
order(Node *node, int argc, const char **argv)
{
	redisReply *reply = ask(node, argc, argv);

	if (reply)
		freeReplyObject(reply);
	return reply != NULL;
}

static bool
log_in(Node *node)
{
	const char *with_user[] = {"AUTH", settings.user, settings.password};
	const char *without[] = {"AUTH", settings.password};
	char		number[16];
	const char *database[] = {"SELECT", number};

	if (settings.password[0] &&
		!(settings.user[0] ? order(node, 3, with_user) :
		  order(node, 2, without)))
		return false;
	snprintf(number, sizeof(number), "%d", settings.database);
	return settings.database == 0 || order(node, 2, database);
}

static bool
load_scripts(Node *node)
{
	for (int i = 0; i < nscripts; i++)
	{
		const char *load[] = {"SCRIPT", "LOAD", scripts[i]};
		redisReply *reply = ask(node, 3, load);

		if (reply == NULL)
			return false;
		snprintf(digests[i], sizeof(digests[i]), "%s",
				 reply->str ? reply->str : "");
		freeReplyObject(reply);
	}
	return true;
}

static bool
connect_node(Node *node)
{
	node->context = node->port ?
		redisConnectWithTimeout(node->host, node->port, settings.timeout) :
		redisConnectUnixWithTimeout(node->host, settings.timeout);
	if (node->context == NULL || node->context->err)
		return lost(node);
	redisSetTimeout(node->context, settings.timeout);
	if (node->port)
		redisEnableKeepAlive(node->context);
	return log_in(node);
}

/* ---------- whether a node has what it had ---------- */

static int	slot_of(const char *key);

/* marker_key - one that this node has */
static void
marker_key(int n, char *to, size_t size)
{
	snprintf(to, size, "%s", marker_name);
	for (int i = 0; is_cluster && owner[slot_of(to)] != n && i < 100000; i++)
		snprintf(to, size, "%s:{%d}", marker_name, i);
}

/* run_id - of the server's process; the caller frees it */
static char *
run_id(Node *node)
{
	const char *info[] = {"INFO", "server"};
	redisReply *reply = ask(node, 2, info);
	const char *found = reply && reply->str ? strstr(reply->str, "run_id:") :
	NULL;
	char	   *id = found ? strndup(found + 7, strcspn(found + 7, "\r\n")) : NULL;

	if (reply && !id)
		complain(node, "it does not tell its run_id");
	if (reply)
		freeReplyObject(reply);
	return id;
}

/*
 * judge_data - a server that was started again may have read from its disk
 * what was deleted since, a replica that was promoted may have missed it.  So
 * the process that we met is noted among its own data.
 */
static bool
judge_data(int n)
{
	Node	   *node = &nodes[n];
	char	   *id = run_id(node);
	char		key[400];
	const char *get[] = {"GET", key};
	const char *set[] = {"SET", key, id};
	redisReply *reply;
	bool		known;

	if (id == NULL)
		return false;
	marker_key(n, key, sizeof(key));
	reply = ask(node, 2, get);
	known = reply && reply->str && strcmp(reply->str, id) == 0;
	if (reply && !known)
		known = greet_data(n) && order(node, 3, set);
	if (reply)
		freeReplyObject(reply);
	free(id);
	return known;
}

/* have_node - connects it if it is not */
static bool
have_node(int n)
{
	Node	   *node = &nodes[n];

	if (node->context == NULL && !connect_node(node))
		return false;
	if (!node->greeted)
		node->greeted = load_scripts(node) && judge_data(n);
	return node->greeted;
}

static void
drop_node(Node *node)
{
	if (node->context)
		redisFree(node->context);
	node->context = NULL;
	node->greeted = false;
}

/* ---------- clusters ---------- */

/* crc16 - of XMODEM, by which clusters share out keys */
static unsigned
crc16(const char *data, size_t length)
{
	unsigned	crc = 0;

	for (size_t i = 0; i < length; i++)
	{
		crc ^= (unsigned char) data[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xFFFF;
	}
	return crc;
}

/* slot_of - by the part in braces, if there is one */
static int
slot_of(const char *key)
{
	const char *open = strchr(key, '{');
	const char *shut = open ? strchr(open + 1, '}') : NULL;

	if (shut && shut > open + 1)
		return crc16(open + 1, shut - open - 1) % SLOTS;
	return crc16(key, strlen(key)) % SLOTS;
}

/* find_node - known, or new; -1 if there are too many */
static int
find_node(const char *host, int port)
{
	for (int i = 0; i < nnodes; i++)
		if (nodes[i].port == port && strcmp(nodes[i].host, host) == 0)
			return i;
	if (nnodes == REDIS_MAX_NODES)
		return -1;
	nodes[nnodes] = (Node)
	{
		.port = port
	};
	snprintf(nodes[nnodes].host, sizeof(nodes[nnodes].host), "%s", host);
	return nnodes++;
}

/* take_range - of CLUSTER SLOTS: first, last, master, replicas */
static bool
take_range(const redisReply *range, const char *fallback)
{
	const redisReply *master;
	const char *host;
	int			node;

	if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 ||
		range->element[2]->elements < 2)
		return false;
	master = range->element[2];
	host = master->element[0]->str;
	node = find_node(host && *host ? host : fallback,
					 master->element[1]->integer);
	if (node < 0 || range->element[0]->integer < 0 ||
		range->element[1]->integer >= SLOTS)
		return false;
	for (int slot = range->element[0]->integer;
		 slot <= range->element[1]->integer; slot++)
		owner[slot] = node;
	return true;
}

/* map_cluster - from what the first node says; it may be none of a cluster */
static bool
map_cluster(void)
{
	redisReply *reply = redisCommand(nodes[0].context, "CLUSTER SLOTS");
	char		host[256];
	bool		fine = true;

	if (reply == NULL)
		return lost(&nodes[0]);
	is_cluster = reply->type == REDIS_REPLY_ARRAY;
	strcpy(host, nodes[0].host);
	memset(owner, 0, sizeof(owner));
	for (size_t i = 0; is_cluster && fine && i < reply->elements; i++)
		fine = take_range(reply->element[i], host);
	freeReplyObject(reply);
	return fine || complain(&nodes[0], "it tells its slots in an unknown way");
}

/* ---------- opening ---------- */

/* open_at - one node, which may tell of others */
static bool
open_at(const char *host, int port)
{
	nnodes = 0;
	find_node(host, port);
	if (connect_node(&nodes[0]) && map_cluster())
		return true;
	redis_close();
	return false;
}

/*
 * redis_open - the node of the options may be away while its cluster is not:
 * then one of those that it told of is asked
 */
bool
redis_open(RedisNewNode on_node, const char *marker)
{
	bool		fine;

	greet_data = on_node;
	marker_name = marker;
	fine = open_at(settings.host, settings.port);
	for (int i = 0; !fine && i < nknown; i++)
		fine = (known[i].port != settings.port ||
				strcmp(known[i].host, settings.host) != 0) &&
			open_at(known[i].host, known[i].port);
	if (fine && !is_cluster)
		fine = have_node(0);
	for (int slot = 0; fine && is_cluster && slot < SLOTS; slot++)
		fine = have_node(owner[slot]);
	if (fine)
	{
		nknown = is_cluster ? nnodes : 0;
		memcpy(known, nodes, sizeof(nodes));
	}
	if (!fine)
		redis_close();
	return fine;
}

void
redis_close(void)
{
	for (int i = 0; i < nnodes; i++)
		drop_node(&nodes[i]);
	for (int i = 0; i < ncommands; i++)
		redisFreeCommand(commands[i].string);
	ncommands = 0;
}

/* ---------- between batches ---------- */

int
redis_poll(struct pollfd *fds)
{
	int			count = 0;

	for (int i = 0; i < nnodes; i++)
		if (nodes[i].context)
			fds[count++] = (struct pollfd)
		{
			nodes[i].context->fd, POLLIN, 0
		};
	return count;
}

/* redis_stays - nobody says anything unasked but good-bye */
bool
redis_stays(void)
{
	struct pollfd fds[REDIS_MAX_NODES];

	return poll(fds, redis_poll(fds), 0) <= 0;
}

/* ---------- batches ---------- */

void
redis_add(const char *key, int argc, const char **argv, const size_t *lengths)
{
	Command    *command;

	if (ncommands == commands_size)
	{
		commands_size = commands_size ? commands_size * 2 : 1024;
		commands = realloc(commands, commands_size * sizeof(Command));
		if (commands == NULL)
			abort();
	}
	command = &commands[ncommands++];
	*command = (Command)
	{
		.slot = is_cluster ? slot_of(key) : 0
	};
	command->length = redisFormatCommandArgv(&command->string, argc, argv,
											 lengths);
	if (command->length < 0)
		abort();
	command->node = is_cluster ? owner[command->slot] : 0;
}

#define MAX_ARGUMENTS 600

void
redis_add_script(int script, const char *key, int argc, const char **argv,
				 const size_t *lengths)
{
	const char *all[MAX_ARGUMENTS] = {"EVALSHA", digests[script], "1", key};
	size_t		sizes[MAX_ARGUMENTS] = {7, 40, 1, strlen(key)};

	for (int i = 0; i < argc; i++)
	{
		all[4 + i] = argv[i];
		sizes[4 + i] = lengths ? lengths[i] : strlen(argv[i]);
	}
	redis_add(key, 4 + argc, all, sizes);
}

static bool
send_command(Command *command)
{
	static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
	Node	   *node = &nodes[command->node];

	if (!have_node(command->node))
		return false;
	if (command->asking &&
		redisAppendFormattedCommand(node->context, asking,
									sizeof(asking) - 1) != REDIS_OK)
		return lost(node);
	return redisAppendFormattedCommand(node->context, command->string,
									   command->length) == REDIS_OK ||
		lost(node);
}

/* redirect - MOVED 3999 127.0.0.1:6381, or ASK likewise; false if it is not */
static bool
redirect(Command *command, const char *error)
{
	bool		moved = strncmp(error, "MOVED ", 6) == 0;
	char		place[300];
	char	   *colon;
	int			slot;
	int			node;

	if (!is_cluster || (!moved && strncmp(error, "ASK ", 4) != 0) ||
		sscanf(error, "%*s %d %299s", &slot, place) != 2 ||
		(colon = strrchr(place, ':')) == NULL || slot < 0 || slot >= SLOTS)
		return false;
	*colon = '\0';
	node = find_node(*place ? place : nodes[command->node].host,
					 atoi(colon + 1));
	if (node < 0)
		return false;
	command->node = node;
	command->asking = !moved;
	if (moved)
		owner[slot] = node;
	return true;
}

/* take_reply - false if the command failed for good */
static bool
take_reply(Command *command, RedisTaker take)
{
	Node	   *node = &nodes[command->node];
	redisReply *reply;
	bool		fine = true;

	for (int i = command->asking ? 0 : 1; i < 2; i++)
	{
		if (redisGetReply(node->context, (void **) &reply) != REDIS_OK)
			return lost(node);
		if (i == 0)
			freeReplyObject(reply);
	}
	if (reply->type != REDIS_REPLY_ERROR)
	{
		command->done = true;
		if (take)
			take(reply);
	}
	else if (!redirect(command, reply->str))
		fine = complain(node, reply->str);
	freeReplyObject(reply);
	return fine;
}

/* run_round - what is not done; false if something failed for good */
static bool
run_round(RedisTaker take, bool *all)
{
	static bool *sent;
	static int	sent_size;

	if (sent_size < ncommands)
	{
		sent_size = commands_size;
		sent = realloc(sent, sent_size * sizeof(bool));
		if (sent == NULL)
			abort();
	}
	*all = true;
	for (int i = 0; i < ncommands; i++)
	{
		sent[i] = !commands[i].done;
		if (sent[i] && !send_command(&commands[i]))
			return false;
	}
	for (int i = 0; i < ncommands; i++)
	{
		if (sent[i] && !take_reply(&commands[i], take))
			return false;
		*all &= commands[i].done;
	}
	return true;
}

bool
redis_run(RedisTaker take)
{
	bool		all = false;
	bool		fine = true;

	for (int round = 0; fine && !all && round < MAX_ROUNDS; round++)
		fine = run_round(take, &all);
	if (fine && !all)
		fine = complain(&nodes[0], "the cluster sends us in circles");
	for (int i = 0; i < ncommands; i++)
		redisFreeCommand(commands[i].string);
	ncommands = 0;
	if (!fine)
		redis_close();
	return fine;
}

/* ---------- forgetting ---------- */

/* escape - for MATCH, where some letters mean something */
static void
escape(char *to, const char *prefix)
{
	for (; *prefix; prefix++)
	{
		if (strchr("*?[]\\^", *prefix))
			*to++ = '\\';
		*to++ = *prefix;
	}
	strcpy(to, "*");
}

/* unlink_keys - one at a time: of a cluster they are in different slots */
static bool
unlink_keys(Node *node, const redisReply *keys)
{
	bool		fine = true;

	for (size_t i = 0; i < keys->elements; i++)
	{
		const char *argv[] = {"DEL", keys->element[i]->str};
		size_t		lengths[] = {3, keys->element[i]->len};

		redisAppendCommandArgv(node->context, 2, argv, lengths);
	}
	for (size_t i = 0; fine && i < keys->elements; i++)
	{
		redisReply *reply;

		if (redisGetReply(node->context, (void **) &reply) != REDIS_OK)
			return lost(node);
		/* what is moving to another node is found there */
		if (reply->type == REDIS_REPLY_ERROR &&
			strncmp(reply->str, "ASK ", 4) != 0 &&
			strncmp(reply->str, "MOVED ", 6) != 0)
			fine = complain(node, reply->str);
		freeReplyObject(reply);
	}
	return fine;
}

static bool
forget_on(Node *node, const char *pattern)
{
	char		cursor[32] = "0";
	const char *scan[] = {
		"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"
	};
	bool		fine;

	do
	{
		redisReply *reply = ask(node, 6, scan);

		fine = reply && reply->elements == 2;
		if (fine)
		{
			snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
			fine = unlink_keys(node, reply->element[1]);
		}
		if (reply)
			freeReplyObject(reply);
	} while (fine && strcmp(cursor, "0") != 0);
	return fine;
}

/* is_master - a node of the map that has slots */
static bool
is_master(int n)
{
	if (!is_cluster)
		return n == 0;
	for (int slot = 0; slot < SLOTS; slot++)
		if (owner[slot] == n)
			return true;
	return false;
}

bool
redis_forget(const char *prefix, int node)
{
	char	   *pattern = malloc(strlen(prefix) * 2 + 2);
	bool		fine = true;

	if (pattern == NULL)
		abort();
	escape(pattern, prefix);
	for (int n = 0; fine && n < nnodes; n++)
		if (node == n || (node < 0 && is_master(n)))
			fine = (node == n || have_node(n)) &&
				forget_on(&nodes[n], pattern);
	free(pattern);
	return fine;
}
