/*
 * lines.h
 *		The lines of a call that has many: unpacked from arrays.
 */
#ifndef INV_LINES_H
#define INV_LINES_H

#include "argument.h"
#include "stock.h"

/* as many lines as the first array has elements */
#define INV_ANY_COUNT (-1)

/* The lines of a call, as changes, and what their arrays held */
typedef struct InvLines
{
	InvCall    *call;
	InvChange  *changes;
	int			count;
} InvLines;

/*
 * inv_lines_begin - one line for each element of the array of SKUs
 *
 * Each is a copy of the change, with its sku.  The functions below fill in
 * more; all raise errors that name the argument and, of an element, its line.
 */
extern void inv_lines_begin(InvLines *lines, InvCall *call,
							const InvChange *change, int arg);

/* a number from min on for each line */
extern int64 *inv_lines_integers(InvLines *lines, int arg, const char *name,
								 int64 min);

/* the quantities, from min on */
extern void inv_lines_quantities(InvLines *lines, int arg, const char *name,
								 int64 min);

/* the locations: none given, one for all lines, or one for each */
extern void inv_lines_locations(InvLines *lines, int arg);

/* the locations to choose from, for all lines; instead of locations */
extern void inv_lines_sources(InvLines *lines, const InvCatalogue *cat,
							  int arg, int locations_arg);

/*
 * inv_lines_texts - a text for each line, or null: none at all
 *
 * An element that is null, or an empty array pointer, is a line without.
 */
extern text **inv_lines_texts(InvLines *lines, int arg, const char *name,
							  int max_bytes);

/* inv_lines_check_count - raises if a call has more lines than is allowed */
extern void inv_lines_check_count(int count);

/*
 * inv_lines_choose - the change takes from one of these locations; none: from
 * the sellable ones, in the order of their priority, or else the default one;
 * line: for errors, or 0
 */
extern void inv_lines_choose(InvChange *change, const InvCatalogue *cat,
							 text **sources, int nsources, int line);

#endif							/* INV_LINES_H */
