/*
 * outcome.c
 *		What every call answers: as a row, or as an error when the business
 *		answer is no and the caller is strict.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"

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

static const char *const status_names[] = {
	[INV_OK] = "ok",
	[INV_INSUFFICIENT_STOCK] = "insufficient_stock",
	[INV_UNKNOWN_ITEM] = "unknown_item",
	[INV_INACTIVE_ITEM] = "inactive_item",
	[INV_UNKNOWN_LOCATION] = "unknown_location"
};

Datum
inv_outcome_datum(const InvCatalogue *cat, const InvOutcome *outcome)
{
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

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
	values[OUT_REPLAYED] = BoolGetDatum(false);

	if (!outcome->stock_known)
		memset(&nulls[OUT_ON_HAND], true, OUT_VERSION - OUT_ON_HAND + 1);
	nulls[OUT_MOVEMENT_ID] = outcome->movement_id == 0;

	return HeapTupleGetDatum(heap_form_tuple(cat->outcome, values, nulls));
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

void
inv_outcome_raise(const InvCatalogue *cat, const InvOutcome *outcome)
{
	char	   *sku = text_to_cstring(outcome->sku);
	char	   *location = text_to_cstring(outcome->location);

	switch (outcome->status)
	{
		case INV_OK:
			break;

		case INV_INSUFFICIENT_STOCK:
			ereport(ERROR,
					(errcode(INV_ERRCODE_INSUFFICIENT_STOCK),
					 errmsg("insufficient stock of \"%s\" at \"%s\": requested "
							INT64_FORMAT ", available " INT64_FORMAT,
							sku, location,
							outcome->quantity, outcome->available),
					 inv_errdetail("sku:s location:s requested:i available:i",
								   sku, location,
								   outcome->quantity, outcome->available),
					 errhint("Pass strict => false to get this answer as a status.")));
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
	}
}
