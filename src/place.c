/*
 * place.c
 *		Where this backend found stock rows last.
 *
 * A stock row changes its place seldom: its versions are heap-only, reached
 * from the same line pointer.  To remember that saves the descent into the
 * index, the largest part of finding a row.
 *
 * Hints only.  Rows that share an entry overwrite each other's, and nobody
 * takes an entry out when a row moves, the table is rewritten or another one
 * takes its name: whoever looks at the place must check what he finds there.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "compat.h"
#include "place.h"

#define PLACES 32768			/* 256 kB, of which what is used is resident */

typedef struct Place
{
	BlockNumber block;
	OffsetNumber offset;		/* 0: none was noted */
	uint16		tag;			/* bits of the hash that the position lacks */
} Place;

static Place places[PLACES];

static Place *
place_of(uint32 hash)
{
	return &places[hash % PLACES];
}

static uint16
tag_of(uint32 hash)
{
	return hash >> 16;
}

uint32
inv_place_hash(const text *sku, const text *location)
{
	return hash_combine(hash_bytes((const unsigned char *) VARDATA_ANY(sku),
								   VARSIZE_ANY_EXHDR(sku)),
						hash_bytes((const unsigned char *) VARDATA_ANY(location),
								   VARSIZE_ANY_EXHDR(location)));
}

bool
inv_place_recall(uint32 hash, ItemPointer tid)
{
	const Place *place = place_of(hash);

	if (place->offset == InvalidOffsetNumber || place->tag != tag_of(hash))
		return false;
	ItemPointerSet(tid, place->block, place->offset);
	return true;
}

void
inv_place_note(uint32 hash, const ItemPointerData *tid)
{
	Place	   *place = place_of(hash);

	place->block = ItemPointerGetBlockNumber(tid);
	place->offset = ItemPointerGetOffsetNumber(tid);
	place->tag = tag_of(hash);
}
