/*
 * endpoint.h
 *		Where alerts are told.
 */
#ifndef INV_ENDPOINT_H
#define INV_ENDPOINT_H

#include "catalogue.h"

/* INV_ENDPOINT_LIVE - of an endpoint's state t: does it send from here? */
#define INV_ENDPOINT_LIVE \
	"t.database = (SELECT oid FROM pg_database" \
	" WHERE datname = current_database())"

/* INV_ENDPOINT_SIGNS - has e the secrets s, if it should sign? */
#define INV_ENDPOINT_SIGNS "(NOT e.signed OR s.secrets IS NOT NULL)"

/* inv_endpoint_shown_url - of a URL what may be shown: its path may be a secret */
extern char *inv_endpoint_shown_url(const char *url);

#endif							/* INV_ENDPOINT_H */
