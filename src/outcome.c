/*
 * outcome.c
 *		What every call answers: as a row, or as an error when the business
 *		answer is no and the caller is strict.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/int.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "item.h"
#include "outcome.h"

/* The columns of inv_outcome */
enum
{
	OUT_LINE,
	OUT_STATUS,
	OUT_SKU,
	OUT_LOCATION,
	OUT_QUANTITY,
	OUT_ON_HAND,
	OUT_RESERVED,
	OUT_AVAILABLE,
	OUT_BACKORDERED,
	OUT_VERSION,
	OUT_MOVEMENT_ID,
	OUT_REPLAYED,
	OUT_COLUMNS
};

static const char *const status_names[INV_STATUSES] = {
	[INV_OK] = "ok",
	[INV_UNKNOWN_ITEM] = "unknown_item",
	[INV_UNKNOWN_LOCATION] = "unknown_location",
	[INV_INACTIVE_ITEM] = "inactive_item",
	[INV_VERSION_CONFLICT] = "version_conflict",
	[INV_INSUFFICIENT_STOCK] = "insufficient_stock",
	[INV_NOT_APPLIED] = "not_applied"
};

/* check_type - a row of other columns would not fit the arrays here */
static void
check_type(const InvCatalogue *cat)
{
	if (unlikely(cat->outcome->natts != OUT_COLUMNS))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"inv_outcome\" is that of another version of inventory"),
				 errhint("Run ALTER EXTENSION inventory UPDATE, and reconnect.")));
}

static void
fill_columns(const InvCatalogue *cat, const InvOutcome *outcome,
			 Datum *values, bool *nulls)
{
	check_type(cat);
	values[OUT_LINE] = Int32GetDatum(outcome->line);
	values[OUT_STATUS] = CStringGetTextDatum(status_names[outcome->status]);
	values[OUT_SKU] = PointerGetDatum(outcome->sku);
	values[OUT_LOCATION] = PointerGetDatum(outcome->location);
	values[OUT_QUANTITY] = Int64GetDatum(outcome->quantity);
	values[OUT_ON_HAND] = Int64GetDatum(outcome->on_hand);
	values[OUT_RESERVED] = Int64GetDatum(outcome->reserved);
	values[OUT_AVAILABLE] = Int64GetDatum(outcome->available);
	values[OUT_BACKORDERED] = Int64GetDatum(outcome->backordered);
	values[OUT_VERSION] = Int64GetDatum(outcome->version);
	values[OUT_MOVEMENT_ID] = Int64GetDatum(outcome->movement_id);
	values[OUT_REPLAYED] = BoolGetDatum(outcome->replayed);

	memset(nulls, false, OUT_COLUMNS);
	nulls[OUT_LOCATION] = outcome->location == NULL;
	nulls[OUT_QUANTITY] = !outcome->quantity_known;
	if (!outcome->stock_known)
		memset(&nulls[OUT_ON_HAND], true, OUT_VERSION - OUT_ON_HAND + 1);
	if (outcome->combined)
		nulls[OUT_RESERVED] = nulls[OUT_VERSION] = true;
	nulls[OUT_MOVEMENT_ID] = outcome->movement_id == 0;
}

Datum
inv_outcome_datum(const InvCatalogue *cat, const InvOutcome *outcome)
{
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS];

	fill_columns(cat, outcome, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(cat->outcome, values, nulls));
}

void
inv_outcome_srf(FunctionCallInfo fcinfo, const InvCatalogue *cat,
				const InvAnswer *answer)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS];

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < answer->count; i++)
	{
		fill_columns(cat, &answer->outcomes[i], values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
}

Datum
inv_outcome_array(const InvCatalogue *cat, const InvAnswer *answer)
{
	Datum	   *rows = palloc(answer->count * sizeof(Datum));

	for (int i = 0; i < answer->count; i++)
		rows[i] = inv_outcome_datum(cat, &answer->outcomes[i]);
	return PointerGetDatum(construct_array(rows, answer->count,
										   cat->outcome->tdtypeid, -1, false,
										   TYPALIGN_DOUBLE));
}

const char *
inv_status_name(InvStatus status)
{
	return status_names[status];
}

InvStatus
inv_status_from_name(const char *name)
{
	for (int i = 0; i < INV_STATUSES; i++)
		if (strcmp(name, status_names[i]) == 0)
			return (InvStatus) i;
	elog(ERROR, "unknown status \"%s\"", name);
}

static void
read_row(const InvCatalogue *cat, Datum row, InvOutcome *outcome)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(header),
		.t_data = header
	};
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS];
	char	   *status;

	heap_deform_tuple(&tuple, cat->outcome, values, nulls);
	memset(outcome, 0, sizeof(*outcome));
	outcome->line = DatumGetInt32(values[OUT_LINE]);
	status = TextDatumGetCString(values[OUT_STATUS]);
	outcome->status = inv_status_from_name(status);
	outcome->sku = DatumGetTextPP(values[OUT_SKU]);
	outcome->location = nulls[OUT_LOCATION] ? NULL :
		DatumGetTextPP(values[OUT_LOCATION]);
	outcome->quantity_known = !nulls[OUT_QUANTITY];
	outcome->quantity = DatumGetInt64(values[OUT_QUANTITY]);
	outcome->stock_known = !nulls[OUT_ON_HAND];
	outcome->combined = outcome->stock_known && nulls[OUT_VERSION];
	outcome->on_hand = DatumGetInt64(values[OUT_ON_HAND]);
	outcome->reserved = DatumGetInt64(values[OUT_RESERVED]);
	outcome->available = DatumGetInt64(values[OUT_AVAILABLE]);
	outcome->backordered = DatumGetInt64(values[OUT_BACKORDERED]);
	outcome->version = DatumGetInt64(values[OUT_VERSION]);
	outcome->movement_id = nulls[OUT_MOVEMENT_ID] ? 0 :
		DatumGetInt64(values[OUT_MOVEMENT_ID]);
	outcome->replayed = true;
}

void
inv_outcome_from_array(const InvCatalogue *cat, Datum array,
					   InvAnswer *answer)
{
	Datum	   *rows;
	bool	   *nulls;

	check_type(cat);
	deconstruct_array(DatumGetArrayTypePCopy(array), cat->outcome->tdtypeid,
					  -1, false, TYPALIGN_DOUBLE, &rows, &nulls,
					  &answer->count);
	answer->outcomes = palloc(answer->count * sizeof(InvOutcome));
	for (int i = 0; i < answer->count; i++)
		read_row(cat, rows[i], &answer->outcomes[i]);
}

static void
raise_unknown_item(const InvCatalogue *cat, const char *sku, int line)
{
	char	   *similar = inv_item_similar_sku(cat, sku);

	ereport(ERROR,
			(errcode(INV_ERRCODE_UNKNOWN_ITEM),
			 errmsg("%sunknown item \"%s\"", inv_line_prefix(line), sku),
			 inv_errdetail("line:n sku:s", (int64) line, sku),
			 similar ?
			 errhint("There is an item \"%s\"; SKUs are compared byte by byte.",
					 similar) :
			 errhint("Items are made with INSERT INTO inv_item (sku, name) VALUES (...).")));
}

/* same_text - both may be null */
static bool
same_text(const text *a, const text *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return inv_text_compare(a, b) == 0;
}

/* requested - what all lines together asked for where this one was refused */
static int64
requested(const InvAnswer *answer, const InvOutcome *refused)
{
	int64		sum = 0;

	if (refused->requested > 0)
		return refused->requested;
	for (int i = 0; i < answer->count; i++)
	{
		const InvOutcome *outcome = &answer->outcomes[i];

		if (outcome->status == refused->status &&
			same_text(outcome->sku, refused->sku) &&
			same_text(outcome->location, refused->location) &&
			pg_add_s64_overflow(sum, outcome->quantity, &sum))
			return PG_INT64_MAX;
	}
	return sum;
}

static void
raise_insufficient_stock(const InvOutcome *outcome, const char *sku,
						 const char *location, int line, bool never_returned)
{
	bool		keeps = outcome->keep != INV_NO_KEEP;
	int64		quantity = outcome->requested;

	ereport(ERROR,
			(errcode(INV_ERRCODE_INSUFFICIENT_STOCK),
			 errmsg("%sinsufficient stock of \"%s\" at %s: requested "
					INT64_FORMAT ", available " INT64_FORMAT,
					inv_line_prefix(line), sku,
					location ? psprintf("\"%s\"", location) : "all sources",
					quantity, outcome->available),
			 inv_errdetail(keeps ?
						   "line:n sku:s location:s requested:i available:i keep:i" :
						   "line:n sku:s location:s requested:i available:i",
						   (int64) line, sku, location, quantity,
						   outcome->available, outcome->keep),
			 never_returned ?
			 errhint("Receive stock, or cancel what cannot be had.") :
			 errhint("Pass strict => false to get this answer as a status.")));
}

static void
raise_version_conflict(const InvOutcome *outcome, const char *sku,
					   const char *location, int line)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_VERSION_CONFLICT),
			 errmsg("%sstock of \"%s\" at \"%s\" is at version " INT64_FORMAT,
					inv_line_prefix(line), sku, location, outcome->version),
			 inv_errdetail("line:n sku:s location:s expected_version:i version:i",
						   (int64) line, sku, location,
						   outcome->expected_version, outcome->version),
			 errhint("Read the stock again and decide again.")));
}

static void
raise_inactive_item(const char *sku, int line)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_INACTIVE_ITEM),
			 errmsg("%sitem \"%s\" is inactive", inv_line_prefix(line), sku),
			 inv_errdetail("line:n sku:s", (int64) line, sku),
			 errhint("Set inv_item.active to true to sell it again.")));
}

static void
raise_unknown_location(const char *location, int line)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_UNKNOWN_LOCATION),
			 errmsg("%sunknown location \"%s\"", inv_line_prefix(line),
					location),
			 inv_errdetail("line:n location:s", (int64) line, location),
			 errhint("Locations are made with INSERT INTO inv_location (location) VALUES (...).")));
}

/* raise_refusal - the error for one outcome that is a refusal */
static void
raise_refusal(const InvCatalogue *cat, const InvOutcome *outcome, int line,
			  bool never_returned)
{
	char	   *sku = text_to_cstring(outcome->sku);
	char	   *location = outcome->location ?
	text_to_cstring(outcome->location) : NULL;

	switch (outcome->status)
	{
		case INV_INSUFFICIENT_STOCK:
			raise_insufficient_stock(outcome, sku, location, line,
									 never_returned);
			break;
		case INV_VERSION_CONFLICT:
			raise_version_conflict(outcome, sku, location, line);
			break;
		case INV_UNKNOWN_ITEM:
			raise_unknown_item(cat, sku, line);
			break;
		case INV_INACTIVE_ITEM:
			raise_inactive_item(sku, line);
			break;
		case INV_UNKNOWN_LOCATION:
			raise_unknown_location(location, line);
			break;
		default:
			elog(ERROR, "status %d is no refusal", outcome->status);
	}
}

const InvOutcome *
inv_outcome_refusal(const InvAnswer *answer)
{
	for (int i = 0; i < answer->count; i++)
	{
		InvOutcome *outcome = &answer->outcomes[i];

		if (outcome->status == INV_OK || outcome->status == INV_NOT_APPLIED)
			continue;
		outcome->requested = requested(answer, outcome);
		return outcome;
	}
	return NULL;
}

void
inv_outcome_raise(const InvCatalogue *cat, const InvAnswer *answer)
{
	const InvOutcome *refusal = inv_outcome_refusal(answer);

	if (refusal)
		raise_refusal(cat, refusal, answer->numbered ? refusal->line : 0,
					  answer->never_returned);
}
