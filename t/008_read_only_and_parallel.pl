# Sessions that are read-only by default, and servers that like to run
# everything in parallel workers.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) SELECT 'S' || g, 'Item' FROM generate_series(1, 500) g;
	CREATE TABLE wish AS SELECT 'S' || g AS sku, g AS quantity FROM generate_series(1, 500) g;
	ANALYZE wish;
});

# the setting that makes every plan that may be parallel so
my $parallel = $node->safe_psql('postgres', q{
	SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')});
$node->append_conf('postgresql.conf', qq{
$parallel = on
parallel_setup_cost = 0
parallel_tuple_cost = 0
min_parallel_table_scan_size = 0
min_parallel_index_scan_size = 0
max_parallel_workers_per_gather = 4
});
$node->reload;

is( $node->safe_psql('postgres', q{
		SELECT count(*), count(DISTINCT o.movement_id), bool_and(o.on_hand = w.quantity)
		  FROM wish w, LATERAL inv_receive(w.sku, w.quantity) o}),
	'500|500|t', 'receipts, once each');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE (inv_deduct(sku, 2, strict => false)).status = 'ok') FROM wish}),
	'499', 'sales, once each');
is($node->safe_psql('postgres', q{SELECT count(*) FROM inv_movement}),
	'999', 'so says the ledger');
is( $node->safe_psql('postgres', q{
		SELECT count(*), sum(inv_available(sku)) FROM wish}),
	'500|' . (500 * 501 / 2 - 998), 'looks, from the workers');
like(
	$node->safe_psql('postgres', q{
		EXPLAIN (COSTS off) SELECT count(*), sum(inv_available(sku)) FROM wish}),
	qr/Workers Planned/, 'they are from the workers');
is( $node->safe_psql('postgres', q{
		SELECT sum(available), sum(on_hand) FROM inv_stock_level}),
	join('|', (500 * 501 / 2 - 998) x 2), 'levels');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM wish w, LATERAL inv_history(w.sku) h}),
	'999', 'history');
is($node->safe_psql('postgres', q{SELECT count(*) FROM inv_verify()}),
	'0', 'verified');
# 499 are sold out or have one unit left, as far as alerts go
$node->safe_psql('postgres', q{
	UPDATE inv_item SET reorder_point = 10, target_level = 20;
	ANALYZE inv_stock, inv_alert, inv_item, inv_movement});
is( $node->safe_psql('postgres', q{
		SELECT kind, count(*) FROM inv_open_alerts GROUP BY kind ORDER BY kind;
		SELECT count(*), sum(suggested) FROM inv_reorder_list();
		SELECT sum(received), sum(sold) FROM inv_daily_movements;
		SELECT count(*), sum(sold) FROM inv_turnover;
		SELECT sum(units) FROM inv_stock_value;
		SELECT count(*) FROM inv_dead_stock}),
	join("\n", 'low|11', 'out|1', '12|184', '125250|998', '500|998',
		500 * 501 / 2 - 998, 1),
	'alerts and statistics');
# in a function that claims to be parallel safe, and is not
my $err;
$node->safe_psql('postgres', q{
	CREATE FUNCTION lies(sku text) RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS $$
	BEGIN RETURN (inv_deduct(sku, 1)).on_hand; END $$});
isnt( $node->psql('postgres', q{SELECT sum(lies(sku)) FROM wish WHERE quantity > 10},
		stderr => \$err), 0, 'a call from a worker is refused');
like($err, qr/parallel/, 'by its reason');
is( $node->safe_psql('postgres', q{
		SELECT sum(on_hand) FROM inv_stock_level; SELECT count(*) FROM inv_verify()}),
	(500 * 501 / 2 - 998) . "\n0", 'and changes nothing');

# read-only by default
$node->append_conf('postgresql.conf', 'default_transaction_read_only = on');
$node->reload;
is( $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT inv_deduct('S5', 1)", stderr => \$err),
	3, 'a call is refused');
like($err, qr/ERROR:  25006: /, 'as read-only');
is( $node->safe_psql('postgres', q{
		SELECT inv_available('S5');
		SELECT count(*) FROM inv_history('S5');
		SELECT count(*) FROM inv_verify();
		SELECT count(*) FROM inv_open_alerts, inv_alert_log;
		SELECT suggested FROM inv_reorder_list() WHERE sku = 'S5'}),
	"3\n2\n0\n144\n17", 'reading goes on');
isnt( $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT inv_acknowledge(1)", stderr => \$err),
	0, 'to say that one was read does not');
like($err, qr/ERROR:  25006: /, 'as it writes');
is( $node->safe_psql('postgres', q{
		BEGIN READ WRITE; SELECT on_hand FROM inv_deduct('S5', 1); COMMIT}),
	'2', 'unless the transaction says otherwise');
# a transaction that becomes read-only on the way
isnt( $node->psql('postgres', q{
		BEGIN READ WRITE;
		SELECT on_hand FROM inv_deduct('S5', 1);
		SET TRANSACTION READ ONLY;
		SELECT inv_deduct('S5', 1)}, stderr => \$err),
	0, 'read-only from here on');
like($err, qr/read-only transaction/, 'as it should be');
is($node->safe_psql('postgres', q{SELECT inv_available('S5')}), '2', 'rolled back');

done_testing();
