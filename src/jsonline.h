/*
 * jsonline.h
 *		One JSON object on one line, member by member.
 *
 *		inv_json_begin(out, "stock");
 *		inv_json_text(out, "sku", sku, length);
 *		inv_json_int(out, "on_hand", 5);
 *		inv_json_end(out);
 *
 * The text is UTF-8 where that is the encoding of the database, else ASCII
 * with \u escapes: valid JSON for whoever reads it, by whatever way.
 */
#ifndef INV_JSONLINE_H
#define INV_JSONLINE_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

/* inv_json_begin - opens the object, with its kind */
extern void inv_json_begin(StringInfo out, const char *kind);
extern void inv_json_end(StringInfo out);

/* inv_json_text - a string in the encoding of the database */
extern void inv_json_text(StringInfo out, const char *name,
						  const char *value, int length);
extern void inv_json_int(StringInfo out, const char *name, int64 value);

/*
 * inv_json_to_utf8 - a string of a database that is not in UTF-8, up to the
 * first character that UTF-8 does not have; taken: how many bytes that are
 *
 * Some encodings have bytes that stand for no character, and nobody refuses
 * them: that is no error here, for whoever is told of one such name must be
 * told of the others.
 */
extern char *inv_json_to_utf8(const char *value, int length, int *taken);

/* inv_json_lsn - as "0/16B3748" */
extern void inv_json_lsn(StringInfo out, const char *name, uint64 lsn);

/* inv_json_time - in ISO 8601, of UTC */
extern void inv_json_time(StringInfo out, const char *name,
						  TimestampTz value);

#endif							/* INV_JSONLINE_H */
