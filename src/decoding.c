/*
 * decoding.c
 *		The output plugin "inventory": what was committed, as lines of JSON.
 *
 * doc/events.md has the lines.  Of a transaction they are written when its
 * commit is known: a movement as it is met, a stock row once, at the end, as
 * the transaction left it.  All bear the same lsn, the end of the commit
 * record, and are counted: so (lsn, seq) is the same whenever the transaction
 * is decoded again, also by another server after a failover.
 *
 * With the option streaming a client may have the changes of a large
 * transaction before its commit.  Then each line names its transaction and is
 * written at once; what became of it, and of its parts that were rolled back,
 * is said by later lines.
 *
 * Transactions that were prepared are decoded when they are committed: no cache
 * may show them before.  So there are no callbacks for two phases.
 *
 * Memory: one context for each change and one for each line, reset after it: a
 * change may lead to several lines.  One for the stock rows of a transaction, of
 * which no more than MAX_ROWS are kept at a time.
 *
 * Nothing here raises an error because of data: the slot would stop there for
 * ever.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "catalog/dependency.h"
#include "common/hashfn.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "jsonline.h"
#include "ledger.h"
#include "stockrow.h"
#include "streamoption.h"

/* Beyond so many in one transaction, stock rows are written and forgotten */
#define MAX_ROWS 65536

/* how often a client is told that we are alive, in changes of others' tables */
#define PROGRESS_INTERVAL 1000

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);

/* A name in the memory of whoever has the row */
typedef struct Text
{
	const char *data;
	int			length;
} Text;

/* A stock row as a change leaves it; on hand and so on are 0 once it is gone */
typedef struct StreamRow
{
	Text		sku;
	Text		location;
	bool		gone;
	int64		stock_id;
	int64		on_hand;
	int64		reserved;
	int64		available;
	int64		version;
} StreamRow;

typedef struct RowEntry
{
	StreamRow  *row;
	uint32		hash;
	char		status;
} RowEntry;

static uint32
hash_row(const StreamRow *row)
{
	return hash_combine(hash_bytes((const unsigned char *) row->sku.data,
								   row->sku.length),
						hash_bytes((const unsigned char *) row->location.data,
								   row->location.length));
}

static bool
same_text(const Text *a, const Text *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static bool
same_row(const StreamRow *a, const StreamRow *b)
{
	return same_text(&a->sku, &b->sku) && same_text(&a->location, &b->location);
}

#define SH_PREFIX rowtable
#define SH_ELEMENT_TYPE RowEntry
#define SH_KEY_TYPE StreamRow *
#define SH_KEY row
#define SH_HASH_KEY(tb, key) hash_row(key)
#define SH_EQUAL(tb, a, b) same_row(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) a->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Of one walk through the stream */
typedef struct Stream
{
	InvStreamOptions options;
	MemoryContext change;		/* of the change at hand, reset after it */
	MemoryContext line;			/* reset after each line */

	/* of the transaction at hand */
	MemoryContext txn;			/* reset at its end */
	rowtable_hash *rows;		/* or null: none yet */
	StreamRow **order;			/* the same, by first touch */
	int			nrows;
	XLogRecPtr	lsn;			/* of its lines */
	TimestampTz time;
	TransactionId stream_xid;	/* if it is in progress */
	int64		seq;			/* lines written */
	int			skipped;		/* changes that were none of ours */
} Stream;

/* ---------- which tables are ours ---------- */

typedef enum Role
{
	ROLE_OTHER,
	ROLE_STOCK,
	ROLE_LEAF
} Role;

typedef struct RoleEntry
{
	Oid			relid;
	Role		role;
	char		status;
} RoleEntry;

#define SH_PREFIX roletable
#define SH_ELEMENT_TYPE RoleEntry
#define SH_KEY_TYPE Oid
#define SH_KEY relid
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What is known of relations; of the process, as invalidations are */
static roletable_hash * roles = NULL;

static void
forget_role(Datum arg, Oid relid)
{
	if (roles == NULL)
		return;
	if (OidIsValid(relid))
		roletable_delete(roles, relid);
	else
		roletable_reset(roles);
}

/* is_member - is it the table of that name that the extension made? */
static bool
is_member(Oid relid, const char *name)
{
	Oid			extension = get_extension_oid("inventory", true);
	char	   *found = get_rel_name(relid);

	return OidIsValid(extension) && found && strcmp(found, name) == 0 &&
		getExtensionOfObject(RelationRelationId, relid) == extension;
}

/* find_role - asks the catalogue as it was when the change was made */
static Role
find_role(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	int			columns = RelationGetDescr(rel)->natts;

	if (rel->rd_rel->relispartition)
		return columns >= INV_MOVEMENT_COLUMNS &&
			is_member(get_partition_parent(relid, true), "inv_movement") ?
			ROLE_LEAF : ROLE_OTHER;
	return columns >= INV_STOCK_COLUMNS && is_member(relid, "inv_stock") ?
		ROLE_STOCK : ROLE_OTHER;
}

static Role
role_of(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	RoleEntry  *entry = roletable_lookup(roles, relid);
	bool		found;
	Role		role;

	if (likely(entry))
		return entry->role;
	/* asking lets in invalidations: the entry is made afterwards */
	role = find_role(rel);
	entry = roletable_insert(roles, relid, &found);
	entry->role = role;
	return role;
}

/* ---------- lines ---------- */

/*
 * begin_line, end_line - around the members of a line
 *
 * What is allocated between the two is gone afterwards.
 */
static MemoryContext
begin_line(LogicalDecodingContext *ctx, const char *kind)
{
	Stream	   *stream = ctx->output_plugin_private;

	OutputPluginPrepareWrite(ctx, true);
	inv_json_begin(ctx->out, kind);
	return MemoryContextSwitchTo(stream->line);
}

static void
end_line(LogicalDecodingContext *ctx, TransactionId xid, MemoryContext old)
{
	Stream	   *stream = ctx->output_plugin_private;
	bool		streams = TransactionIdIsValid(stream->stream_xid);

	stream->seq++;
	if (streams)
		inv_json_int(ctx->out, "stream", stream->stream_xid);
	else if (stream->options.lsn)
	{
		inv_json_lsn(ctx->out, "lsn", stream->lsn);
		inv_json_int(ctx->out, "seq", stream->seq);
	}
	if (TransactionIdIsValid(xid) && (streams || stream->options.xid))
		inv_json_int(ctx->out, "xid", xid);
	if (!streams && stream->options.time && stream->time != 0)
		inv_json_time(ctx->out, "time", stream->time);
	inv_json_end(ctx->out);
	MemoryContextSwitchTo(old);
	MemoryContextReset(stream->line);
	OutputPluginWrite(ctx, true);
	stream->skipped = 0;
}

static void
append_int(StringInfo key, int64 value)
{
	appendStringInfo(key, INT64_FORMAT, value);
}

/* write_key - as the template says */
static void
write_key(StringInfo out, const InvStreamOptions *options,
		  const StreamRow *row)
{
	StringInfoData key;

	initStringInfo(&key);
	for (int i = 0; i < options->key_parts; i++)
	{
		const InvKeyPart *part = &options->key[i];

		switch (part->kind)
		{
			case INV_KEY_TEXT:
				appendBinaryStringInfo(&key, part->text, part->length);
				break;
			case INV_KEY_SKU:
				appendBinaryStringInfo(&key, row->sku.data, row->sku.length);
				break;
			case INV_KEY_LOCATION:
				appendBinaryStringInfo(&key, row->location.data,
									   row->location.length);
				break;
			case INV_KEY_STOCK_ID:
				append_int(&key, row->stock_id);
				break;
		}
	}
	inv_json_text(out, "key", key.data, key.len);
}

static void
write_row(LogicalDecodingContext *ctx, TransactionId xid,
		  const StreamRow *row)
{
	Stream	   *stream = ctx->output_plugin_private;
	StringInfo	out;
	MemoryContext old = begin_line(ctx, row->gone ? "delete" : "stock");

	out = ctx->out;
	write_key(out, &stream->options, row);
	inv_json_text(out, "sku", row->sku.data, row->sku.length);
	inv_json_text(out, "location", row->location.data, row->location.length);
	if (!row->gone)
	{
		inv_json_int(out, "stock_id", row->stock_id);
		inv_json_int(out, "on_hand", row->on_hand);
		inv_json_int(out, "reserved", row->reserved);
		inv_json_int(out, "available", row->available);
		inv_json_int(out, "version", row->version);
	}
	end_line(ctx, xid, old);
}

/* ---------- stock rows ---------- */

/* drop_rows - those that are kept */
static void
drop_rows(Stream *stream)
{
	stream->rows = NULL;
	stream->order = NULL;
	stream->nrows = 0;
	MemoryContextReset(stream->txn);
}

/* write_rows - those that are kept, which are forgotten then */
static void
write_rows(LogicalDecodingContext *ctx, TransactionId xid)
{
	Stream	   *stream = ctx->output_plugin_private;

	for (int i = 0; i < stream->nrows; i++)
		write_row(ctx, xid, stream->order[i]);
	drop_rows(stream);
}

static Text
copy_text(Text text)
{
	char	   *copy = palloc(text.length);

	memcpy(copy, text.data, text.length);
	return (Text)
	{
		copy, text. length
	};
}

static StreamRow *
copy_row(const StreamRow *row)
{
	StreamRow  *copy = palloc(sizeof(StreamRow));

	*copy = *row;
	copy->sku = copy_text(row->sku);
	copy->location = copy_text(row->location);
	return copy;
}

/* keep_row - to be written at the end, in the place of what was kept before */
static void
keep_row(LogicalDecodingContext *ctx, TransactionId xid, StreamRow *row)
{
	Stream	   *stream = ctx->output_plugin_private;
	MemoryContext old;
	RowEntry   *entry;
	bool		found;

	if (stream->nrows == MAX_ROWS)
		write_rows(ctx, xid);
	old = MemoryContextSwitchTo(stream->txn);
	if (stream->rows == NULL)
	{
		stream->rows = rowtable_create(stream->txn, 64, NULL);
		stream->order = palloc(MAX_ROWS * sizeof(StreamRow *));
	}
	entry = rowtable_insert(stream->rows, row, &found);
	if (found)
	{
		Text		sku = entry->row->sku;
		Text		location = entry->row->location;

		*entry->row = *row;
		entry->row->sku = sku;
		entry->row->location = location;
	}
	else
		stream->order[stream->nrows++] = entry->row = copy_row(row);
	MemoryContextSwitchTo(old);
}

/* emit_row - of a transaction in progress at once, else at its end */
static void
emit_row(LogicalDecodingContext *ctx, TransactionId xid, StreamRow *row)
{
	Stream	   *stream = ctx->output_plugin_private;

	if (!inv_name_list_admits(&stream->options.skus, row->sku.data,
							  row->sku.length) ||
		!inv_name_list_admits(&stream->options.locations, row->location.data,
							  row->location.length))
		return;
	if (TransactionIdIsValid(stream->stream_xid))
		write_row(ctx, xid, row);
	else
		keep_row(ctx, xid, row);
}

static Text
get_text(const Datum *values, int column)
{
	text	   *value = DatumGetTextPP(values[column]);

	return (Text)
	{
		VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)
	};
}

/* get_row - answers false if the tuple does not even have the name */
static bool
get_row(Relation rel, HeapTuple tuple, StreamRow *row)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));

	heap_deform_tuple(tuple, desc, values, nulls);
	if (nulls[INV_STOCK_SKU] || nulls[INV_STOCK_LOCATION])
		return false;
	memset(row, 0, sizeof(*row));
	row->sku = get_text(values, INV_STOCK_SKU);
	row->location = get_text(values, INV_STOCK_LOCATION);
	if (nulls[INV_STOCK_STOCK_ID])
		return true;
	row->stock_id = DatumGetInt64(values[INV_STOCK_STOCK_ID]);
	row->on_hand = DatumGetInt64(values[INV_STOCK_ON_HAND]);
	row->reserved = DatumGetInt64(values[INV_STOCK_RESERVED]);
	row->version = DatumGetInt64(values[INV_STOCK_VERSION]);
	row->available = row->on_hand - row->reserved -
		DatumGetInt64(values[INV_STOCK_SAFETY_STOCK]) +
		DatumGetInt64(values[INV_STOCK_BACKORDER_LIMIT]);
	return true;
}

/*
 * stock_change - a stock row was made, changed, renamed or deleted
 *
 * The old version is there if its name, the replica identity, is not the new
 * one's.
 */
static void
stock_change(LogicalDecodingContext *ctx, TransactionId xid, Relation rel,
			 HeapTuple old_tuple, HeapTuple new_tuple)
{
	StreamRow	before;
	StreamRow	after;
	bool		has_after = new_tuple && get_row(rel, new_tuple, &after);

	if (old_tuple && get_row(rel, old_tuple, &before) &&
		!(has_after && same_row(&before, &after)))
	{
		/* the identity does not say it, and it never changes */
		before.stock_id = has_after ? after.stock_id : 0;
		before.gone = true;
		emit_row(ctx, xid, &before);
	}
	if (has_after)
		emit_row(ctx, xid, &after);
}

/* ---------- movements ---------- */

typedef enum MemberType
{
	MEMBER_INT,
	MEMBER_TEXT,
	MEMBER_TIME
} MemberType;

static const struct
{
	const char *name;
	int			column;
	MemberType	type;
}			movement_members[] = {
	{"movement_id", INV_MOVEMENT_ID, MEMBER_INT},
	{"stock_id", INV_MOVEMENT_STOCK_ID, MEMBER_INT},
	{"sku", INV_MOVEMENT_SKU, MEMBER_TEXT},
	{"location", INV_MOVEMENT_LOCATION, MEMBER_TEXT},
	{"movement", INV_MOVEMENT_KIND, MEMBER_TEXT},
	{"on_hand_delta", INV_MOVEMENT_ON_HAND_DELTA, MEMBER_INT},
	{"reserved_delta", INV_MOVEMENT_RESERVED_DELTA, MEMBER_INT},
	{"version", INV_MOVEMENT_VERSION, MEMBER_INT},
	{"reference", INV_MOVEMENT_REFERENCE, MEMBER_TEXT},
	{"reason", INV_MOVEMENT_REASON, MEMBER_TEXT},
	{"hold", INV_MOVEMENT_HOLD, MEMBER_TEXT},
	{"idempotency_key", INV_MOVEMENT_KEY, MEMBER_TEXT},
	{"original_id", INV_MOVEMENT_ORIGINAL_ID, MEMBER_INT},
	{"actor", INV_MOVEMENT_ACTOR, MEMBER_TEXT},
	{"application_name", INV_MOVEMENT_APPLICATION_NAME, MEMBER_TEXT},
	{"traceparent", INV_MOVEMENT_TRACEPARENT, MEMBER_TEXT},
	{"txid", INV_MOVEMENT_TXID, MEMBER_INT},
	{"occurred_at", INV_MOVEMENT_OCCURRED_AT, MEMBER_TIME},
	{"recorded_at", INV_MOVEMENT_RECORDED_AT, MEMBER_TIME}
};

static void
write_member(StringInfo out, const char *name, MemberType type,
			 const Datum *values, int column)
{
	Text text;

	switch (type)
	{
		case MEMBER_INT:
			inv_json_int(out, name, DatumGetInt64(values[column]));
			break;
		case MEMBER_TEXT:
			text = get_text(values, column);

			inv_json_text(out, name, text.data, text.length);
			break;
		case MEMBER_TIME:
			inv_json_time(out, name, DatumGetTimestampTz(values[column]));
			break;
	}
}

static void
write_movement(LogicalDecodingContext *ctx, TransactionId xid,
			   const Datum *values, const bool *nulls)
{
	MemoryContext old = begin_line(ctx, "movement");

	/* what belongs together stays together, and in order */
	write_member(ctx->out, "key", MEMBER_TEXT, values,
				 nulls[INV_MOVEMENT_REFERENCE] ? INV_MOVEMENT_SKU :
				 INV_MOVEMENT_REFERENCE);
	for (int i = 0; i < lengthof(movement_members); i++)
		if (!nulls[movement_members[i].column])
			write_member(ctx->out, movement_members[i].name,
						 movement_members[i].type, values,
						 movement_members[i].column);
	end_line(ctx, xid, old);
}

static void
movement_insert(LogicalDecodingContext *ctx, TransactionId xid, Relation rel,
				HeapTuple tuple)
{
	Stream	   *stream = ctx->output_plugin_private;
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));
	Text		sku;
	Text		location;

	heap_deform_tuple(tuple, desc, values, nulls);
	sku = get_text(values, INV_MOVEMENT_SKU);
	location = get_text(values, INV_MOVEMENT_LOCATION);
	if (inv_name_list_admits(&stream->options.skus, sku.data, sku.length) &&
		inv_name_list_admits(&stream->options.locations, location.data,
							 location.length))
		write_movement(ctx, xid, values, nulls);
}

/* ---------- transactions ---------- */

static void
decode_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Stream	   *stream = ctx->output_plugin_private;

	/* what an error may have left of another one */
	drop_rows(stream);

	stream->lsn = txn->end_lsn;
	stream->time = inv_commit_time(txn);
	stream->stream_xid = InvalidTransactionId;
	stream->seq = 0;
}

/* skip - a change of no interest; a client waits no longer than it allows */
static void
skip(LogicalDecodingContext *ctx)
{
	Stream	   *stream = ctx->output_plugin_private;

	if (++stream->skipped < PROGRESS_INTERVAL)
		return;
	OutputPluginUpdateProgress(ctx, false);
	stream->skipped = 0;
}

static void
decode_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			  Relation rel, ReorderBufferChange *change)
{
	Stream	   *stream = ctx->output_plugin_private;
	HeapTuple	old_tuple = inv_change_old_tuple(change);
	HeapTuple	new_tuple = inv_change_new_tuple(change);
	TransactionId xid = TransactionIdIsValid(stream->stream_xid) ?
	change->txn->xid : txn->xid;
	Role		role = role_of(rel);
	MemoryContext old;

	if (!(role == ROLE_STOCK && stream->options.stock) &&
		!(role == ROLE_LEAF && stream->options.movements &&
		  change->action == REORDER_BUFFER_CHANGE_INSERT))
	{
		skip(ctx);
		return;
	}
	old = MemoryContextSwitchTo(stream->change);
	if (role == ROLE_STOCK)
		stock_change(ctx, xid, rel, old_tuple, new_tuple);
	else
		movement_insert(ctx, xid, rel, new_tuple);
	MemoryContextSwitchTo(old);
	MemoryContextReset(stream->change);
}

/*
 * decode_truncate - of stock: nothing that anybody remembers is true, nor what
 * the transaction itself did before
 */
static void
decode_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
				int nrelations, Relation rels[], ReorderBufferChange *change)
{
	for (int i = 0; i < nrelations; i++)
		if (role_of(rels[i]) == ROLE_STOCK)
		{
			drop_rows(ctx->output_plugin_private);
			end_line(ctx, txn->xid, begin_line(ctx, "flush"));
			return;
		}
}

static void
decode_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			  XLogRecPtr commit_lsn)
{
	Stream	   *stream = ctx->output_plugin_private;

	write_rows(ctx, txn->xid);
	if (stream->seq == 0)
		OutputPluginUpdateProgress(ctx, true);
	else if (stream->options.commits)
		end_line(ctx, txn->xid, begin_line(ctx, "commit"));
}

/* ---------- transactions in progress ---------- */

static void
stream_start(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Stream	   *stream = ctx->output_plugin_private;

	stream->stream_xid = txn->xid;
}

static void
stream_stop(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Stream	   *stream = ctx->output_plugin_private;

	stream->stream_xid = InvalidTransactionId;
}

/* stream_abort - of a transaction, or of a part of it */
static void
stream_abort(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			 XLogRecPtr abort_lsn)
{
	Stream	   *stream = ctx->output_plugin_private;

	stream->stream_xid = inv_top_xid(txn);
	end_line(ctx, txn->xid, begin_line(ctx, "stream-abort"));
	stream->stream_xid = InvalidTransactionId;
}

static void
stream_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			  XLogRecPtr commit_lsn)
{
	Stream	   *stream = ctx->output_plugin_private;
	MemoryContext old = begin_line(ctx, "stream-commit");

	inv_json_int(ctx->out, "stream", txn->xid);
	stream->lsn = txn->end_lsn;
	stream->time = inv_commit_time(txn);
	stream->seq = 0;
	end_line(ctx, InvalidTransactionId, old);
}

/* ---------- messages, start and end ---------- */

/* decode_message - a sign of life, by which a quiet stream moves on */
static void
decode_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
			   XLogRecPtr message_lsn, bool transactional,
			   const char *prefix, Size size, const char *message)
{
	Stream	   *stream = ctx->output_plugin_private;

	if (transactional || strcmp(prefix, "inventory") != 0 ||
		size != strlen("heartbeat") || memcmp(message, "heartbeat", size) != 0)
		return;
	stream->lsn = message_lsn;
	stream->time = 0;
	stream->seq = 0;
	end_line(ctx, InvalidTransactionId, begin_line(ctx, "heartbeat"));
}

static void *
allocate(size_t size)
{
	return palloc(size);
}

static void
get_options(LogicalDecodingContext *ctx, InvStreamOptions *options)
{
	ListCell   *cell;

	inv_stream_options_default(options, allocate);
	foreach(cell, ctx->output_plugin_options)
	{
		DefElem    *option = lfirst(cell);
		const char *problem;

		problem = inv_stream_options_set(options, option->defname,
										 option->arg ? strVal(option->arg) :
										 NULL, allocate);
		if (problem)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" of the change stream %s",
							option->defname, problem),
					 errhint("%s", inv_stream_option_list)));
	}
}

static void
decode_startup(LogicalDecodingContext *ctx, OutputPluginOptions *output,
			   bool is_init)
{
	Stream	   *stream = palloc0(sizeof(Stream));

	output->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
	output->receive_rewrites = false;
	stream->change = AllocSetContextCreate(ctx->context, "inventory change",
										   ALLOCSET_DEFAULT_SIZES);
	stream->line = AllocSetContextCreate(ctx->context, "inventory line",
										 ALLOCSET_DEFAULT_SIZES);
	stream->txn = AllocSetContextCreate(ctx->context, "inventory rows",
										ALLOCSET_DEFAULT_SIZES);
	get_options(ctx, &stream->options);
	ctx->streaming &= stream->options.streaming;
	ctx->output_plugin_private = stream;

	if (roles == NULL)
	{
		roles = roletable_create(CacheMemoryContext, 64, NULL);
		CacheRegisterRelcacheCallback(forget_role, (Datum) 0);
	}
	else
		roletable_reset(roles);
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = decode_startup;
	cb->begin_cb = decode_begin;
	cb->change_cb = decode_change;
	cb->truncate_cb = decode_truncate;
	cb->commit_cb = decode_commit;
	cb->message_cb = decode_message;

	cb->stream_start_cb = stream_start;
	cb->stream_stop_cb = stream_stop;
	cb->stream_abort_cb = stream_abort;
	cb->stream_commit_cb = stream_commit;
	cb->stream_change_cb = decode_change;
	cb->stream_truncate_cb = decode_truncate;
}
