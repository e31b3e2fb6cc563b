# InvAlerts - what can never be of alerts, whatever runs
package InvAlerts;

use strict;
use warnings;

# a level at which the state would not stay; a state that the last alert does
# not tell; an alert that does not go on from the one before
our $astray = q{
	SELECT s.sku, s.location, 'level' AS astray
	  FROM inv_stock s
	 WHERE s.on_hand - s.reserved NOT BETWEEN s.quiet_from AND s.quiet_to
	UNION ALL
	SELECT s.sku, s.location, 'state'
	  FROM inv_stock s
	 WHERE (ARRAY['recovered', 'low', 'out', 'short'])[s.alert_state + 1] <>
	       coalesce((SELECT a.kind FROM inv_alert a WHERE a.stock_id = s.stock_id
	                  ORDER BY a.alert_id DESC LIMIT 1), 'recovered')
	UNION ALL
	SELECT a.sku, a.location, 'alert ' || a.alert_id
	  FROM (SELECT *, lag(kind) OVER (PARTITION BY stock_id ORDER BY alert_id) AS before
	          FROM inv_alert) a
	 WHERE a.previous <> replace(coalesce(a.before, 'recovered'), 'recovered', 'ok')
	    OR a.kind = a.previous};

1;
