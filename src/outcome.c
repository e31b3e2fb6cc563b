/*
 * outcome.c
 *		What every call answers: as a row, or as an error when the business
 *		answer is no and the caller is strict.
 */
#include "postgres.h"

#include "access/htup_details.h"
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

static HeapTuple
form_row(const InvCatalogue *cat, const InvOutcome *outcome)
{
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

	check_type(cat);
	values[OUT_LINE] = Int32GetDatum(1);
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

	nulls[OUT_QUANTITY] = !outcome->quantity_known;
	if (!outcome->stock_known)
		memset(&nulls[OUT_ON_HAND], true, OUT_VERSION - OUT_ON_HAND + 1);
	nulls[OUT_MOVEMENT_ID] = outcome->movement_id == 0;

	return heap_form_tuple(cat->outcome, values, nulls);
}

Datum
inv_outcome_datum(const InvCatalogue *cat, const InvOutcome *outcome)
{
	return HeapTupleGetDatum(form_row(cat, outcome));
}

void
inv_outcome_srf(FunctionCallInfo fcinfo, const InvCatalogue *cat,
				const InvAnswer *answer)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < answer->count; i++)
		tuplestore_puttuple(rsinfo->setResult,
							form_row(cat, &answer->outcomes[i]));
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

static InvStatus
status_from_name(const char *name)
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
	status = TextDatumGetCString(values[OUT_STATUS]);
	outcome->status = status_from_name(status);
	outcome->sku = DatumGetTextPP(values[OUT_SKU]);
	outcome->location = DatumGetTextPP(values[OUT_LOCATION]);
	outcome->quantity_known = !nulls[OUT_QUANTITY];
	outcome->quantity = DatumGetInt64(values[OUT_QUANTITY]);
	outcome->stock_known = !nulls[OUT_ON_HAND];
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
raise_unknown_item(const InvCatalogue *cat, const char *sku)
{
	char	   *similar = inv_item_similar_sku(cat, sku);

	ereport(ERROR,
			(errcode(INV_ERRCODE_UNKNOWN_ITEM),
			 errmsg("unknown item \"%s\"", sku),
			 inv_errdetail("sku:s", sku),
			 similar ?
			 errhint("There is an item \"%s\"; SKUs are compared byte by byte.",
					 similar) :
			 errhint("Items are made with INSERT INTO inv_item (sku, name) VALUES (...).")));
}

static void
raise_insufficient_stock(const InvOutcome *outcome, const char *sku,
						 const char *location)
{
	bool		keeps = outcome->keep != INV_NO_KEEP;

	ereport(ERROR,
			(errcode(INV_ERRCODE_INSUFFICIENT_STOCK),
			 errmsg("insufficient stock of \"%s\" at \"%s\": requested "
					INT64_FORMAT ", available " INT64_FORMAT,
					sku, location, outcome->quantity, outcome->available),
			 inv_errdetail(keeps ?
						   "sku:s location:s requested:i available:i keep:i" :
						   "sku:s location:s requested:i available:i",
						   sku, location, outcome->quantity,
						   outcome->available, outcome->keep),
			 errhint("Pass strict => false to get this answer as a status.")));
}

static void
raise_version_conflict(const InvOutcome *outcome, const char *sku,
					   const char *location)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_VERSION_CONFLICT),
			 errmsg("stock of \"%s\" at \"%s\" is at version " INT64_FORMAT,
					sku, location, outcome->version),
			 inv_errdetail("sku:s location:s expected_version:i version:i",
						   sku, location, outcome->expected_version,
						   outcome->version),
			 errhint("Read the stock again and decide again.")));
}

/* raise_refusal - the error for one outcome that is a refusal */
static void
raise_refusal(const InvCatalogue *cat, const InvOutcome *outcome)
{
	char	   *sku = text_to_cstring(outcome->sku);
	char	   *location = text_to_cstring(outcome->location);

	switch (outcome->status)
	{
		case INV_INSUFFICIENT_STOCK:
			raise_insufficient_stock(outcome, sku, location);
			break;

		case INV_VERSION_CONFLICT:
			raise_version_conflict(outcome, sku, location);
			break;

		case INV_UNKNOWN_ITEM:
			raise_unknown_item(cat, sku);
			break;

		case INV_INACTIVE_ITEM:
			ereport(ERROR,
					(errcode(INV_ERRCODE_INACTIVE_ITEM),
					 errmsg("item \"%s\" is inactive", sku),
					 inv_errdetail("sku:s", sku),
					 errhint("Set inv_item.active to true to sell it again.")));
			break;

		case INV_UNKNOWN_LOCATION:
			ereport(ERROR,
					(errcode(INV_ERRCODE_UNKNOWN_LOCATION),
					 errmsg("unknown location \"%s\"", location),
					 inv_errdetail("location:s", location),
					 errhint("Locations are made with INSERT INTO inv_location (location) VALUES (...).")));
			break;

		default:
			elog(ERROR, "status %d is no refusal", outcome->status);
	}
}

void
inv_outcome_raise(const InvCatalogue *cat, const InvAnswer *answer)
{
	for (int i = 0; i < answer->count; i++)
	{
		InvStatus	status = answer->outcomes[i].status;

		if (status != INV_OK && status != INV_NOT_APPLIED)
			raise_refusal(cat, &answer->outcomes[i]);
	}
}
