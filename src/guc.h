/*
 * guc.h
 *		The settings, all named inventory.<what>.
 */
#ifndef INV_GUC_H
#define INV_GUC_H

#include "nodes/pg_list.h"

/* inventory.default_location: where a call without a location works */
extern char *inv_default_location;

/* inventory.actor: who acts, where the session user is only a pool's */
extern char *inv_actor;

/* inventory.traceparent: W3C trace context, kept with each movement */
extern char *inv_traceparent;

/* inventory.leaf_size: how many movement_ids one leaf of the ledger spans */
extern int	inv_leaf_size;

/* inventory.key_retention: seconds that a key is remembered */
extern int	inv_key_retention;

/* inventory.hold_retention: seconds that a decided hold is remembered */
extern int	inv_hold_retention;

/* inventory.alert_margin: per cent of a threshold to rise above it */
extern int	inv_alert_margin;

/* inventory.alert_retention: seconds that a closed alert is kept */
extern int	inv_alert_retention;

/* inventory.max_lines: how many lines one call may have */
extern int	inv_max_lines;

/* inventory.databases: where workers shall run */
extern char *inv_databases;

/* inventory.worker_nap: milliseconds after which one looks for work unasked */
extern int	inv_worker_nap;

/* inventory.stream_heartbeat: milliseconds between two of them; 0: none */
extern int	inv_stream_heartbeat;

/* inventory.log_refusals: whether the server log sees errors of class IV */
extern bool inv_log_refusals;

/* inv_guc_databases - the names in inventory.databases, as char pointers */
extern List *inv_guc_databases(void);

/* inventory.webhook_allow, taken apart: whom webhooks may be sent to */
extern const struct InvAllowList *inv_webhook_allow_list;

/* grows whenever that changes */
extern uint64 inv_webhook_allow_generation;

/* inventory.webhook_ca_file: certificates they trust; empty: the system's */
extern char *inv_webhook_ca_file;

/* inventory.webhook_timeout: milliseconds that one may take */
extern int	inv_webhook_timeout;

/* inventory.webhook_retry_delay: milliseconds until the first repetition */
extern int	inv_webhook_retry_delay;

/* inventory.webhook_in_flight: how many are under way at a time */
extern int	inv_webhook_in_flight_limit;

extern void inv_guc_define(void);

#endif							/* INV_GUC_H */
