/*
 * redis.h
 *		Commands to a server that speaks the protocol of Redis, or to a cluster.
 *
 * Commands are put into a batch and run together: one round trip, one for each
 * node.  Of a cluster each goes to the node that has its key; what moved
 * meanwhile is followed.  What fails fails as a whole, and whoever calls gives
 * it again: so commands have to bear being run twice.
 */
#ifndef RELAY_REDIS_H
#define RELAY_REDIS_H

#include "clock.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdbool.h>

#define REDIS_MAX_NODES 256

/* redis_configure - false, and said why, if the URL or the file is no good */
extern bool redis_configure(const char *url, const char *password_file,
							Msec timeout);

/* redis_script - has every node load it; answers its number, before open */
extern int	redis_script(const char *string);

/*
 * redis_open - on_node is called for each node that was restarted, or that we
 * never met, before anything else is run there
 */
typedef bool (*RedisNewNode) (int node);
extern bool redis_open(RedisNewNode on_node, const char *marker);
extern void redis_close(void);

/* redis_poll - the connections, at most REDIS_MAX_NODES; answers how many */
extern int	redis_poll(struct pollfd *fds);

/*
 * redis_stays - false if a server has closed a connection, between batches: it
 * may have been started again, and have its data from before
 */
extern bool redis_stays(void);

/* redis_add - a command; its second argument, or that after EVALSHA 1, is key */
extern void redis_add(const char *key, int argc, const char **argv,
					  const size_t *lengths);

/* redis_add_script - EVALSHA with one key */
extern void redis_add_script(int script, const char *key, int argc,
							 const char **argv, const size_t *lengths);

/*
 * redis_run - what was added; each reply is handed over, in any order.  False,
 * and said why, if anything failed: nothing is connected then.
 */
typedef void (*RedisTaker) (const redisReply *reply);
extern bool redis_run(RedisTaker take);

/* redis_forget - deletes every key with this prefix, on one node or all (-1) */
extern bool redis_forget(const char *prefix, int node);

#endif
