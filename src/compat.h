/*
 * compat.h
 *		The differences between the supported server versions (15 to 19).
 *
 * The only file that tests PG_VERSION_NUM: everything else is written against
 * the names defined here.
 */
#ifndef INV_COMPAT_H
#define INV_COMPAT_H

#include "access/tableam.h"
#include "parser/analyze.h"
#include "replication/reorderbuffer.h"
#include "utils/tuplestore.h"

#if PG_VERSION_NUM < 150000
#error "inventory requires PostgreSQL 15 or later"
#endif

/* 16 tells a summarizing index (BRIN) apart from the others */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes InvUpdateIndexes;
#define inv_update_indexes_none(u) ((u) == TU_None)
#define inv_update_indexes_summarizing(u) ((u) == TU_Summarizing)
#else
typedef bool InvUpdateIndexes;
#define inv_update_indexes_none(u) (!(u))
#define inv_update_indexes_summarizing(u) (false)
#endif

/* 16 and 19 changed how index entries are asked for */
#if PG_VERSION_NUM >= 190000
#define inv_insert_index_tuples(rri, slot, estate, update, no_error, \
								conflict, summarizing) \
	ExecInsertIndexTuples(rri, estate, \
						  ((update) ? EIIT_IS_UPDATE : 0) | \
						  ((no_error) ? EIIT_NO_DUPE_ERROR : 0) | \
						  ((summarizing) ? EIIT_ONLY_SUMMARIZING : 0), \
						  slot, NIL, conflict)
#elif PG_VERSION_NUM >= 160000
#define inv_insert_index_tuples(rri, slot, estate, update, no_error, \
								conflict, summarizing) \
	ExecInsertIndexTuples(rri, slot, estate, update, no_error, conflict, \
						  NIL, summarizing)
#else
#define inv_insert_index_tuples(rri, slot, estate, update, no_error, \
								conflict, summarizing) \
	ExecInsertIndexTuples(rri, slot, estate, update, no_error, conflict, NIL)
#endif

/* 16 moved what takes variable-length values apart */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16 has one function for owners of all kinds of objects */
#if PG_VERSION_NUM >= 160000
#define inv_owns_table(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#define inv_owns_database(database, role) \
	object_ownercheck(DatabaseRelationId, database, role)
#else
#define inv_owns_table(relid, role) pg_class_ownercheck(relid, role)
#define inv_owns_database(database, role) \
	pg_database_ownercheck(database, role)
#endif

/* 17 lets an access method keep resources between inserts into an index */
#if PG_VERSION_NUM >= 170000
#define inv_index_insert_cleanup(index, info) \
	index_insert_cleanup(index, info)
#else
#define inv_index_insert_cleanup(index, info) ((void) 0)
#endif

/* 17 lets an extension name what it waits for */
#if PG_VERSION_NUM >= 170000
#define inv_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define inv_wait_event_new(name) PG_WAIT_EXTENSION
#endif

/* 18 lets an index scan be instrumented, 19 gives all scans flags */
#if PG_VERSION_NUM >= 190000
#define inv_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0, 0)
#define inv_table_beginscan(rel, snapshot, nkeys, keys) \
	table_beginscan(rel, snapshot, nkeys, keys, 0)
#define inv_table_index_fetch_begin(rel) table_index_fetch_begin(rel, 0)
#else
#define inv_table_index_fetch_begin(rel) table_index_fetch_begin(rel)
#define inv_table_beginscan(rel, snapshot, nkeys, keys) \
	table_beginscan(rel, snapshot, nkeys, keys)
#if PG_VERSION_NUM >= 180000
#define inv_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define inv_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif
#endif

/* 18 names the row that is checked */
#if PG_VERSION_NUM >= 180000
#define inv_check_index_constraints(rri, slot, estate, conflict) \
	ExecCheckIndexConstraints(rri, slot, estate, conflict, NULL, NIL)
#else
#define inv_check_index_constraints(rri, slot, estate, conflict) \
	ExecCheckIndexConstraints(rri, slot, estate, conflict, NIL)
#endif

/* 19 gives an update options */
#if PG_VERSION_NUM >= 190000
#define inv_table_tuple_update(rel, tid, slot, cid, snapshot, crosscheck, \
							   failure, lockmode, update_indexes) \
	table_tuple_update(rel, tid, slot, cid, 0, snapshot, crosscheck, true, \
					   failure, lockmode, update_indexes)
#else
#define inv_table_tuple_update(rel, tid, slot, cid, snapshot, crosscheck, \
							   failure, lockmode, update_indexes) \
	table_tuple_update(rel, tid, slot, cid, snapshot, crosscheck, true, \
					   failure, lockmode, update_indexes)
#endif

/* 19 promises a hook not to change what is shown to it */
#if PG_VERSION_NUM >= 190000
typedef const JumbleState InvJumbleState;
#else
typedef JumbleState InvJumbleState;
#endif

/* 17 has sets of events belong to a resource owner, or to none */
#if PG_VERSION_NUM >= 170000
#define inv_create_wait_event_set(count) CreateWaitEventSet(NULL, count)
#else
#define inv_create_wait_event_set(count) \
	CreateWaitEventSet(CurrentMemoryContext, count)
#endif

/* 16 has memory of its own for settings */
#if PG_VERSION_NUM >= 160000
#define inv_guc_malloc(size) guc_malloc(LOG, size)
#define inv_guc_free(pointer) guc_free(pointer)
#else
#define inv_guc_malloc(size) malloc(size)
#define inv_guc_free(pointer) free(pointer)
#endif

/* 18 has bytes in base64 unsigned */
#if PG_VERSION_NUM >= 180000
#define inv_b64_encode(src, length, dst, size) \
	pg_b64_encode(src, length, dst, size)
#define inv_b64_decode(src, length, dst, size) \
	pg_b64_decode(src, length, dst, size)
#else
#define inv_b64_encode(src, length, dst, size) \
	pg_b64_encode((const char *) (src), length, dst, size)
#define inv_b64_decode(src, length, dst, size) \
	pg_b64_decode(src, length, (char *) (dst), size)
#endif

/* 16 names the top of a decoded transaction, 17 has its tuples plain */
#if PG_VERSION_NUM >= 160000
#define inv_top_xid(txn) (rbtxn_get_toptxn(txn)->xid)
#else
#define inv_top_xid(txn) ((txn)->toptxn ? (txn)->toptxn->xid : (txn)->xid)
#endif
/* 19 has no union of times any more */
#if PG_VERSION_NUM >= 190000
#define inv_commit_time(txn) ((txn)->commit_time)
#else
#define inv_commit_time(txn) ((txn)->xact_time.commit_time)
#endif
#if PG_VERSION_NUM >= 170000
#define inv_change_old_tuple(change) ((change)->data.tp.oldtuple)
#define inv_change_new_tuple(change) ((change)->data.tp.newtuple)
#else
#define inv_change_old_tuple(change) \
	((change)->data.tp.oldtuple ? &(change)->data.tp.oldtuple->tuple : NULL)
#define inv_change_new_tuple(change) \
	((change)->data.tp.newtuple ? &(change)->data.tp.newtuple->tuple : NULL)
#endif

/* 16 tells why a slot is lost, 17 keeps slots over a failover */
#if PG_VERSION_NUM >= 160000
#define inv_slot_is_lost(slot) ((slot)->data.invalidated != RS_INVAL_NONE)
#else
#define inv_slot_is_lost(slot) \
	(!XLogRecPtrIsInvalid((slot)->data.invalidated_at))
#endif
#define INV_CREATE_SLOT_AS \
	"SELECT slot_name::pg_catalog.text, lsn" \
	" FROM pg_catalog.pg_create_logical_replication_slot(" \
	"$1::pg_catalog.name, 'inventory', false, false"
#if PG_VERSION_NUM >= 170000
#define INV_CREATE_SLOT INV_CREATE_SLOT_AS ", true)"
#else
#define INV_CREATE_SLOT INV_CREATE_SLOT_AS ")"
#endif

/* 17 can flush a message; we do so ourselves */
#if PG_VERSION_NUM >= 170000
#define inv_emit_message(prefix, message, size) \
	LogLogicalMessage(prefix, message, size, false, false)
#else
#define inv_emit_message(prefix, message, size) \
	LogLogicalMessage(prefix, message, size, false)
#endif

#endif							/* INV_COMPAT_H */
