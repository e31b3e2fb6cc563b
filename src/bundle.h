/*
 * bundle.h
 *		Bundles: items that are sold as a set of others.
 */
#ifndef INV_BUNDLE_H
#define INV_BUNDLE_H

#include "stock.h"

typedef struct InvComponent
{
	text	   *sku;
	int64		units;			/* in one bundle */
} InvComponent;

/* inv_bundle_exists - is the item a bundle, as of now? */
extern bool inv_bundle_exists(const InvCatalogue *cat, text *sku);

/*
 * inv_bundle_components - what a bundle consists of in the end, by SKU
 *
 * A component that is a bundle itself is taken apart.  line: of the call, for
 * errors; 0: none.  Raises 22023 if the bundle contains itself.
 */
extern int	inv_bundle_components(const InvCatalogue *cat, text *sku, int line,
								  InvComponent **components);

/*
 * inv_bundle_expand - the change of a bundle as changes of its components
 *
 * Writes them to *changes and answers how many.  Raises 22023 if the change is
 * none that a bundle knows, 22003 if there are too many units.
 */
extern int	inv_bundle_expand(const InvCatalogue *cat, const InvChange *change,
							  int line, InvChange **changes);

/* inv_bundle_complete - how many bundles units of a component make */
static inline int64
inv_bundle_complete(int64 units, int64 units_each)
{
	return units >= 0 ? units / units_each :
		-((-units + units_each - 1) / units_each);
}

/* inv_bundle_refuse - raises that a bundle has no stock of its own */
extern void inv_bundle_refuse(const text *sku, int line);

#endif							/* INV_BUNDLE_H */
