# A dump, restored elsewhere, gives the same numbers, and goes on from there.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# all that a user can see of items, stock and ledger, as one text
my $everything = q{
	SELECT i::text FROM shop.inv_item i ORDER BY sku;
	SELECT l::text FROM shop.inv_location l ORDER BY location;
	SELECT b::text FROM shop.inv_bundle b ORDER BY sku, component_sku;
	SELECT s::text FROM shop.inv_stock s ORDER BY stock_id;
	SELECT l::text FROM shop.inv_stock_level l ORDER BY sku, location;
	SELECT l::text FROM shop.inv_item_level l ORDER BY sku;
	SELECT h::text FROM shop.inv_history('A', max_rows => 1000) h;
	SELECT m::text FROM shop.inv_movement m ORDER BY movement_id;
	SELECT h::text FROM shop.inv_hold h ORDER BY xid, branch;
	SELECT l::text FROM shop.inv_hold_line l ORDER BY hold_id, position;
	SELECT xid, branch, state, lines, units, value FROM shop.inv_open_holds
	 ORDER BY xid, branch;
	SELECT a::text FROM shop.inv_alert a ORDER BY alert_id;
	SELECT alert_id, kind, sku, on_hand, available, acknowledged_by
	  FROM shop.inv_open_alerts ORDER BY alert_id;
	SELECT r::text FROM shop.inv_reorder_list() r;
};

# the leaves with their bounds, indexes and triggers
my $leaves = q{
	SELECT c.relname, pg_get_expr(c.relpartbound, c.oid),
	       (SELECT string_agg(pg_get_indexdef(indexrelid), '; ' ORDER BY pg_get_indexdef(indexrelid))
	          FROM pg_index WHERE indrelid = c.oid),
	       (SELECT string_agg(pg_get_triggerdef(t.oid), '; ' ORDER BY tgname)
	          FROM pg_trigger t WHERE tgrelid = c.oid AND NOT tgisinternal)
	  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	 WHERE i.inhparent = 'shop.inv_movement'::regclass ORDER BY c.relname;
};

sub refusal
{
	my ($node, $db, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($db, $sql, stderr => \$err, on_error_stop => 1,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err;
}

# same - two long texts; says the first line that differs
sub same
{
	my ($got, $expected, $what) = @_;
	my @got = split /\n/, $got;
	my @expected = split /\n/, $expected;

	while (@got && @expected && $got[0] eq $expected[0])
	{
		shift @got;
		shift @expected;
	}
	return is($got[0], $expected[0], $what);
}

# goes_on - the restored database is as good as the first one
sub goes_on
{
	my ($node, $db, $what, $was, $was_leaves) = @_;

	same($node->safe_psql($db, $everything), $was, "$what: the same numbers");
	same($node->safe_psql($db, $leaves), $was_leaves, "$what: the same leaves");
	is($node->safe_psql($db, 'SELECT * FROM shop.inv_verify()'),
		'', "$what: verified");

	my $last = $node->safe_psql($db,
		'SELECT max(movement_id) FROM shop.inv_movement');
	is( $node->safe_psql($db, qq{
			SELECT status, on_hand, version, movement_id > $last
			  FROM shop.inv_deduct('A', 1)}),
		'ok|819|41|t',
		"$what: the next call goes on where the dump ended");
	is( $node->safe_psql($db, q{
			INSERT INTO shop.inv_item (sku, name) VALUES ('NEW', 'New');
			SELECT status, on_hand, version FROM shop.inv_receive('NEW', 3)}),
		'ok|3|1',
		"$what: a new row does not collide");
	is( $node->safe_psql($db, q{
			SET inventory.leaf_size = 10;
			SELECT count(o.status) FROM generate_series(1, 60) g,
			  LATERAL shop.inv_receive('A', g) o;
			SELECT count(*) >= 2 FROM pg_inherits
			  WHERE inhparent = 'shop.inv_movement'::regclass
			    AND substring(inhrelid::regclass::text, '\d+$')::bigint >
			        (SELECT max(movement_id) FROM shop.inv_movement)}),
		"60\nt",
		"$what: new leaves are made");

	holds_go_on($node, $db, $what);
	alerts_go_on($node, $db, $what);
	my %column = (inv_hold => 'state', inv_hold_line => 'held');
	foreach my $table ('inv_stock', 'inv_movement', 'inv_movement_1',
		sort keys %column)
	{
		my $set = ($column{$table} // 'version') . ' = NULL';

		foreach my $command ("DELETE FROM shop.$table",
			"UPDATE shop.$table SET $set", "TRUNCATE shop.$table")
		{
			like(refusal($node, $db, $command), qr/ERROR:  42501/,
				"$what: guarded against $command");
		}
	}
	is( $node->safe_psql($db, q{
			UPDATE shop.inv_item SET safety_stock = 7 WHERE sku = 'B';
			SELECT safety_stock, available FROM shop.inv_stock_level WHERE sku = 'B'}),
		'7|5',
		"$what: stock still follows its item");
	is( $node->safe_psql($db, q{
			SET ROLE till;
			SELECT status FROM shop.inv_deduct('A', 1);
			SELECT sku, location FROM shop.inv_stock_level WHERE sku = 'A' ORDER BY 2}),
		"ok\nA|berlin\nA|main",
		"$what: who could sell still can");
	like(
		refusal($node, $db, q{SET ROLE till; SELECT shop.inv_receive('A', 1)}),
		qr/permission denied for function inv_receive/,
		"$what: and no more than that");
	bundles_go_on($node, $db, $what);
	is($node->safe_psql($db, 'SELECT * FROM shop.inv_verify()'),
		'', "$what: verified again");
}

# bundles are still bundles, and their rules rules
sub bundles_go_on
{
	my ($node, $db, $what) = @_;

	is( $node->safe_psql($db, q{
			SELECT status, on_hand FROM shop.inv_deduct_many('{a box,cup}', '{2,1}', reference => 'boxes', key => 'boxes');
			SELECT status, on_hand FROM shop.inv_deduct_each('{a box,set,saucer}', '{1,1,1}');
			SELECT sku, quantity FROM shop.inv_return('boxes') ORDER BY sku;
			SELECT sku, on_hand, reserved, available, bundle FROM shop.inv_item_level WHERE bundle ORDER BY sku}),
		"ok|14\nok|87\nok|13\nok|39\nok|49\ncup|13\nsaucer|6\nK|19||19|t\na box|15||15|t\nset|46||46|t",
		"$what: a bundle is still sold as its components");
	is( $node->safe_psql($db, q{
			SELECT kind, sku, on_hand_delta FROM shop.inv_movements_of('boxes')}),
		"deduct|cup|-13\ndeduct|saucer|-6\nreturn|cup|13\nreturn|saucer|6",
		"$what: an order has all its movements");
	like(refusal($node, $db, "INSERT INTO shop.inv_bundle VALUES ($_)"),
		qr/ERROR:  23514/, "$what: guarded against a bundle of $_")
	  foreach ("'set', 'a box', 1", "'cup', 'unused', 1");
	like(refusal($node, $db, "DELETE FROM shop.inv_item WHERE sku = '$_'"),
		qr/ERROR:  23503/, "$what: $_ is kept")
	  foreach ('a box', 'set');
	return;
}

# alerts_go_on - what was told is not told again, and what comes is
sub alerts_go_on
{
	my ($node, $db, $what) = @_;

	is( $node->safe_psql($db, q{
			SELECT shop.inv_acknowledge(alert_id), kind, acknowledged_by
			  FROM shop.inv_open_alerts WHERE sku IN ('W', 'w') ORDER BY sku;
			SELECT status FROM shop.inv_deduct('W', 1);
			SELECT previous, kind FROM shop.inv_alert_log WHERE sku = 'W' ORDER BY alert_id;
			SELECT status FROM shop.inv_deduct('w', 6);
			SELECT status FROM shop.inv_receive('W', 30);
			SELECT previous, kind FROM shop.inv_alert WHERE sku = 'W' ORDER BY alert_id;
			SELECT count(*) = count(DISTINCT event_id), bool_and(pending) FROM shop.inv_alert;
			SELECT kind FROM shop.inv_open_alerts WHERE sku = 'w' ORDER BY alert_id;
			UPDATE shop.inv_location SET sellable = false WHERE location = 'berlin';
			UPDATE shop.inv_location SET sellable = true WHERE location = 'berlin';
			SELECT kind FROM shop.inv_alert ORDER BY alert_id DESC LIMIT 2}),
		join("\n", 'f|low|Ann', 't|out|', 'ok', 'ok|low', 'ok', 'ok', 'ok|low',
			'low|recovered', 't|t', 'out', 'low', 'out', 'recovered'),
		"$what: alerts go on");
	return;
}

# holds_go_on - what was held is held, what was decided stays so
sub holds_go_on
{
	my ($node, $db, $what) = @_;

	is( $node->safe_psql($db, q{
			SELECT state, replayed FROM shop.inv_try('open', '{H,K}', '{2,1}');
			SELECT state, replayed FROM shop.inv_confirm('sold');
			SELECT state, replayed FROM shop.inv_cancel('late', 'b');
			SELECT status, state, replayed
			  FROM shop.inv_try('much', '{H}', '{999}', strict => false)}),
		"held|t\nconfirmed|t\ncancelled|t\ninsufficient_stock|refused|t",
		"$what: holds are answered as before");
	like(
		refusal($node, $db, q{SELECT shop.inv_try('late', '{H}', '{1}', branch => 'b')}),
		qr/ERROR:  IV012/, "$what: a try that comes late is still late");
	like(refusal($node, $db, q{SELECT shop.inv_confirm('over')}),
		qr/ERROR:  IV013/, "$what: what has expired stays so");
	is( $node->safe_psql($db, q{
			SELECT state FROM shop.inv_try('new', '{H}', '{3}');
			SELECT count(*) = count(DISTINCT hold_id) FROM shop.inv_hold;
			SELECT state FROM shop.inv_confirm('open', quantities => '{1,1}', release_rest => false);
			SELECT state FROM shop.inv_cancel('open');
			SELECT state FROM shop.inv_confirm('part');
			SELECT state FROM shop.inv_confirm('again');
			SELECT state FROM shop.inv_cancel('new');
			SELECT on_hand, reserved FROM shop.inv_stock_level WHERE sku = 'H'}),
		"held\nt\nheld\ncancelled\nconfirmed\nconfirmed\ncancelled\n33|0",
		"$what: and decided as if nothing had been");
	return;
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->start;

$node->safe_psql('postgres', q{
	CREATE ROLE till;
	CREATE SCHEMA shop;
	CREATE EXTENSION inventory SCHEMA shop;
	GRANT USAGE ON SCHEMA shop TO till;
	GRANT EXECUTE ON FUNCTION shop.inv_deduct TO till;
	GRANT SELECT ON shop.inv_stock_level TO till;
	INSERT INTO shop.inv_item (sku, name, safety_stock, backorder_limit, attributes)
	  VALUES ('A', 'Apple', 0, 0, '{"colour": "red"}'), ('B', 'Bread', 3, 5, '{}'),
	         ('unused', 'Unused', 1, 2, '{}'), ('cup', 'Cup', 0, 0, '{}'),
	         ('saucer', 'Saucer', 0, 0, '{}'), ('set', 'Set', 0, 0, '{}'),
	         ('a box', 'Box of sets', 0, 0, '{}');
	INSERT INTO shop.inv_bundle (sku, component_sku, quantity)
	  VALUES ('set', 'cup', 2), ('set', 'saucer', 1), ('a box', 'set', 3);
	INSERT INTO shop.inv_location (location, name) VALUES ('berlin', 'Berlin');
	SET inventory.leaf_size = 10;
	SELECT count(o.status) FROM generate_series(1, 40) g, LATERAL shop.inv_receive('A', g) o;
	SELECT shop.inv_deduct('B', 2, reference => 'a "quoted" ünï', reason => E'tab\there');
	SELECT shop.inv_receive('B', 9);
	SELECT shop.inv_receive_many('{cup,saucer}', '{100,60}');
	SELECT shop.inv_deduct_many('{a box,cup}', '{2,1}', reference => 'boxes', key => 'boxes');
	SELECT shop.inv_receive('A', 9, 'berlin');
	UPDATE shop.inv_item SET active = false WHERE sku = 'unused';
	BEGIN; SELECT shop.inv_receive('A', 99); ROLLBACK;
});
# holds in every state; of 40 units 3 are sold
$node->safe_psql('postgres', q{
	INSERT INTO shop.inv_item (sku, name, unit_price, currency)
	  VALUES ('H', 'Hat', 9.95, 'EUR'), ('h', 'Part of a kit', 1, 'EUR'), ('K', 'Kit', 0, 'EUR');
	INSERT INTO shop.inv_bundle VALUES ('K', 'h', 2);
	SELECT shop.inv_receive('H', 40), shop.inv_receive('h', 40);
	SELECT shop.inv_try('open', '{H,K}', '{2,1}'), shop.inv_try('sold', '{H}', '{2}'),
	       shop.inv_try('part', '{H}', '{3}', on_expiry => 'keep', reference => 'a "quoted" ünï'),
	       shop.inv_try('again', '{H}', '{1}', on_expiry => 'reacquire'),
	       shop.inv_try('over', '{H}', '{5}'),
	       shop.inv_try('much', '{H}', '{999}', strict => false);
	SELECT shop.inv_confirm('sold'), shop.inv_cancel('late', 'b'),
	       shop.inv_confirm('part', quantities => '{1}', release_rest => false);
	BEGIN;
	SET LOCAL session_replication_role = replica;
	UPDATE shop.inv_hold SET expires_at = expires_at - interval '1 hour' WHERE xid IN ('over', 'again');
	COMMIT;
	SELECT shop.inv_expire_holds();
	SELECT shop.inv_extend('open', 31536000), shop.inv_extend('part', 31536000);
});
# alerts: one that was seen; stock that is about to be low; one at a place
$node->safe_psql('postgres', q{
	INSERT INTO shop.inv_item (sku, reorder_point, target_level) VALUES ('W', 5, 20), ('w', 5, NULL);
	SELECT shop.inv_receive('W', 9), shop.inv_receive('w', 11), shop.inv_receive('w', 1, 'berlin');
	SELECT shop.inv_adjust('w', 0, 'berlin');
	SET inventory.actor = 'Ann';
	SELECT shop.inv_deduct('W', 5);
	SELECT shop.inv_acknowledge(alert_id) FROM shop.inv_open_alerts WHERE sku = 'W';
});
my $was = $node->safe_psql('postgres', $everything);
my $was_leaves = $node->safe_psql('postgres', $leaves);
cmp_ok(length($was), '>', 5000, 'there is something to lose');
my $dir = PostgreSQL::Test::Utils::tempdir;

# every way to dump and restore: what is said to each of the two programs
my %way = (
	'plain' => [ ['--format=plain'], undef ],
	'plain with inserts' => [ [ '--format=plain', '--inserts' ], undef ],
	'custom' => [ ['--format=custom'], [] ],
	'custom by two jobs' => [ ['--format=custom'], ['--jobs=2'] ],
	'directory by two jobs' =>
	  [ [ '--format=directory', '--jobs=2' ], ['--jobs=2'] ]);

sub database_of
{
	my ($what) = @_;
	$what =~ s/\W/_/g;
	return "restored_$what";
}

foreach my $what (sort keys %way)
{
	my $db = database_of($what);
	my ($dump, $restore) = @{ $way{$what} };
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok([ 'pg_dump', @$dump, '-f', "$dir/$db", 'postgres' ],
		"$what: dumped");
	my @restore = $restore
	  ? ('pg_restore', '--exit-on-error', @$restore, '-d', $db, "$dir/$db")
	  : ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $db,
		'-o', "$dir/log", '-f', "$dir/$db");
	ok($node->run_log(\@restore), "$what: restored") or next;
	goes_on($node, $db, $what, $was, $was_leaves);
}

# the dump of what was restored, after new leaves were made there
$was = $node->safe_psql('restored_custom', $everything);
$was_leaves = $node->safe_psql('restored_custom', $leaves);
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok(
	[ 'pg_dump', '--format=custom', '-f', "$dir/again", 'restored_custom' ],
	'again: dumped');
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '-d', 'again', "$dir/again" ],
	'again: restored');
same($node->safe_psql('again', $everything), $was, 'again: the same numbers');
same($node->safe_psql('again', $leaves), $was_leaves, 'again: the same leaves');
is($node->safe_psql('again', 'SELECT * FROM shop.inv_verify()'),
	'', 'again: verified');

# a whole cluster, roles included, on another server
$was = $node->safe_psql('postgres', $everything);
$was_leaves = $node->safe_psql('postgres', $leaves);
$node->safe_psql('postgres', "DROP DATABASE $_")
  foreach ('again', map { database_of($_) } keys %way);
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$other->start;
$node->command_ok([ 'pg_dumpall', '-f', "$dir/all" ], 'cluster: dumped');
# the superuser is there already: the only error there may be
my $errors;
$other->psql('postgres', slurp_file("$dir/all"), stderr => \$errors, on_error_stop => 0);
my @errors = grep { /ERROR/ && !/role "\S+" already exists/ } split /\n/, $errors;
is("@errors", '', 'cluster: restored');
goes_on($other, 'postgres', 'cluster', $was, $was_leaves);

done_testing();
