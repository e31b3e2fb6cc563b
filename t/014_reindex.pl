# What administrators do to the tables between two calls of a session that goes
# on and on: indexes replaced, made and dropped, tables rewritten.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
autovacuum = off
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('H', 'Held');
	INSERT INTO inv_item (sku) SELECT 'filler-' || g FROM generate_series(1, 100) g;
	INSERT INTO inv_location (location) VALUES ('shop');
	SELECT count(inv_receive(sku, 1000, l)) FROM inv_item, unnest('{main,shop}'::text[]) l;
});

# The session that goes on, and how much it has taken so far.
my $till = $node->background_psql('postgres');
my ($main, $shop, $version, $key) = (1000, 1000, 1, 0);

$till->query_safe(q{
	PREPARE sell(text) AS SELECT status, on_hand, version, replayed
	  FROM inv_deduct('A', 1, key => $1, reference => $1);
	PREPARE ask AS SELECT inv_available('A');
	PREPARE move AS SELECT location, on_hand FROM inv_transfer('A', 1, 'main', 'shop');
	PREPARE give(text) AS SELECT on_hand FROM inv_return($1);
	PREPARE past AS SELECT count(*) FROM inv_history('A', max_rows => 100000);
	PREPARE hold(text) AS SELECT state, replayed FROM inv_try($1, '{H}', '{1}');
	PREPARE take(text) AS SELECT state, replayed FROM inv_confirm($1);
	PREPARE drop(text) AS SELECT state, replayed FROM inv_cancel($1);
	PREPARE expire AS SELECT inv_expire_holds();
});

# goes_on - every kind of call once, by the session that goes on
sub goes_on
{
	my ($what) = @_;
	my @answers = ();
	my @expected = ();

	$key++;
	push @answers, scalar $till->query("EXECUTE sell('k$key')");
	push @expected, join('|', 'ok', --$main, ++$version, 'f');
	push @answers, scalar $till->query("EXECUTE sell('k$key')");
	push @expected, join('|', 'ok', $main, $version, 't');
	push @answers, scalar $till->query('EXECUTE ask');
	push @expected, $main;
	push @answers, scalar $till->query('EXECUTE move');
	push @expected, 'main|' . --$main . "\nshop|" . ++$shop;
	push @answers, scalar $till->query("EXECUTE give('k$key')");
	push @expected, ++$main;
	$version += 2;
	push @answers, scalar $till->query('EXECUTE past');
	push @expected, $version;
	foreach my $step (
		[ "hold('h$key')" => 'held|f' ], [ "hold('h$key')" => 'held|t' ],
		[ "take('h$key')" => 'confirmed|f' ], [ "take('h$key')" => 'confirmed|t' ],
		[ "hold('x$key')" => 'held|f' ], [ "drop('x$key')" => 'cancelled|f' ],
		[ "drop('x$key')" => 'cancelled|t' ], [ expire => 0 ])
	{
		push @answers, scalar $till->query("EXECUTE $step->[0]");
		push @expected, $step->[1];
	}
	is(join("\n", @answers), join("\n", @expected), "$what: calls go on");
	return;
}

# entries - how many rows of a leaf a condition finds by an index, and without
sub entries
{
	my ($leaf, $index, $condition, $what) = @_;
	my $count = "SELECT count(*) FROM $leaf WHERE $condition";
	my $by_index = 'SET enable_seqscan = off;';

	like($node->safe_psql('postgres', "$by_index EXPLAIN (COSTS OFF) $count"),
		qr/\b$index\b/, "$what: the index is used");
	is( $node->safe_psql('postgres', "$by_index $count"),
		$node->safe_psql('postgres', "SET enable_indexscan = off;"
			  . "SET enable_bitmapscan = off; SET enable_indexonlyscan = off; $count"),
		"$what: its entries are complete");
	return;
}

sub indexes_of
{
	my ($table, $condition) = @_;
	$condition //= 'true';
	return split /\n/, $node->safe_psql('postgres', qq{
		SELECT indexrelid::regclass FROM pg_index
		 WHERE indrelid = '$table'::regclass AND $condition ORDER BY 1});
}

goes_on('before');
my $leaf = $node->safe_psql('postgres',
	'SELECT DISTINCT tableoid::regclass FROM inv_movement');

# each index is replaced by another one of the same name
foreach my $table ('inv_stock', 'inv_request', 'inv_location', 'inv_item',
	'inv_hold', 'inv_hold_line', $leaf)
{
	my @indexes = indexes_of($table);

	cmp_ok(scalar @indexes, '>=', 1, "$table has indexes");
	foreach my $index (@indexes)
	{
		my $oid = $node->safe_psql('postgres', "SELECT '$index'::regclass::oid");

		$node->safe_psql('postgres', "REINDEX INDEX CONCURRENTLY $index");
		isnt($node->safe_psql('postgres', "SELECT '$index'::regclass::oid"),
			$oid, "$index is another one");
		goes_on("reindexed $index");
		# in a transaction that began before: nothing tells it the news by then
		$till->query_safe('BEGIN; SELECT 1');
		$node->safe_psql('postgres', "REINDEX INDEX CONCURRENTLY $index");
		goes_on("reindexed $index meanwhile");
		$till->query_safe('COMMIT');
	}
}

# an index that is about to be dropped, and no more kept, is not asked: the
# replacement waits in that state for a reader of the table
sub phase
{
	my ($phase) = @_;
	return $node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM pg_stat_progress_create_index
		 WHERE phase = '$phase'}) || die "never $phase";
}
foreach my $index ('inv_stock_key', 'inv_request_pkey', 'inv_hold_pkey')
{
	my ($table) = $index =~ /^(inv_[a-z]+)_/;
	my ($first, $second, $admin) =
	  map { $node->background_psql('postgres') } 1 .. 3;

	$first->query_safe("BEGIN; SELECT count(*) FROM $table");
	$admin->query_until(qr/begun/,
		"\\echo begun\nREINDEX INDEX CONCURRENTLY $index;\n");
	phase('waiting for readers before marking dead');
	goes_on("$index: both are kept");
	$second->query_safe("BEGIN; SELECT count(*) FROM $table");
	$first->query_safe('COMMIT');
	phase('waiting for readers before dropping');
	goes_on("$index: the old one is no more kept");
	$second->query_safe('COMMIT');
	$admin->query_safe('SELECT 1');
	goes_on("$index: the old one is gone");
	$_->quit foreach $first, $second, $admin;
}

# indexes that somebody makes on a leaf, and drops
my %mine = (
	plain => [ '(on_hand_delta)', 'on_hand_delta = -1' ],
	expression => [ '((on_hand_delta * 2 + reserved_delta))',
		'on_hand_delta * 2 + reserved_delta = -2' ],
	partial => [ "(version) WHERE kind = 'deduct' AND movement_id % 2 = 1",
		"kind = 'deduct' AND movement_id % 2 = 1 AND version > 0" ],
	'function' => [ '(upper(reference), (length(reference) > 2))',
		"upper(reference) LIKE 'K%' AND upper(reference) >= 'K' AND upper(reference) < 'L'" ],
	hash => [ 'USING hash (sku)', "sku = 'A'" ],
	unique => [ '(stock_id, version)', 'stock_id > 0 AND version > 1' ]);
foreach my $what (sort keys %mine)
{
	my ($columns, $condition) = @{ $mine{$what} };
	my $unique = $what eq 'unique' ? 'UNIQUE' : '';
	my $concurrently = $what eq 'partial' ? 'CONCURRENTLY' : '';

	$node->safe_psql('postgres',
		"CREATE $unique INDEX $concurrently mine_$what ON $leaf $columns");
	goes_on("made: $what");
	$till->query_safe('BEGIN');
	goes_on("made, in a transaction: $what");
	$till->query_safe('ROLLBACK; BEGIN; SAVEPOINT s');
	($main, $version) = ($main + 1, $version - 3);
	$shop--;
	goes_on("made, again: $what");
	$till->query_safe('COMMIT');
	entries($leaf, "mine_$what", $condition, $what);
}
is(scalar $till->query('SELECT count(*) FROM inv_verify()'), '0', 'verified');
foreach my $what (sort keys %mine)
{
	my $concurrently = $what eq 'hash' ? 'CONCURRENTLY' : '';

	$node->safe_psql('postgres', "DROP INDEX $concurrently mine_$what");
	goes_on("dropped: $what");
}

# tables rewritten, analysed, altered
foreach my $table ('inv_stock', 'inv_request', 'inv_location', 'inv_item',
	'inv_hold', 'inv_hold_line', $leaf)
{
	foreach my $command ("ANALYZE $table", "VACUUM FULL $table",
		"VACUUM (FREEZE, ANALYZE) $table",
		"ALTER TABLE $table SET (fillfactor = 60)",
		"ALTER TABLE $table SET (autovacuum_enabled = off)",
		"ALTER TABLE $table ALTER " . ($table eq 'inv_request' ? 'function' :
			$table eq 'inv_item' ? 'sku' : 'location') . ' SET STATISTICS 10',
		"ALTER TABLE $table RESET (fillfactor)",
		"ALTER TABLE $table SET UNLOGGED",
		"ALTER TABLE $table SET LOGGED",
		"CLUSTER $table USING " . (indexes_of($table, 'indpred IS NULL'))[0],
		"REINDEX TABLE $table")
	{
		next if $command =~ /^CLUSTER.*_recorded_at_idx|UNLOGGED/ && $table eq $leaf;
		$node->safe_psql('postgres', $command);
		goes_on($command);
	}
}
$node->safe_psql('postgres', 'ANALYZE inv_movement');
goes_on('ANALYZE inv_movement');

# every index is complete in the end
foreach my $index (indexes_of($leaf))
{
	next if $index =~ /recorded_at/;
	my ($column) = $node->safe_psql('postgres', qq{
		SELECT pg_get_indexdef('$index'::regclass, 1, true)});
	entries($leaf, $index, "$column IS NOT NULL", $index);
}
is(scalar $till->query('SELECT count(*) FROM inv_verify()'), '0', 'verified again');
is( $node->safe_psql('postgres', q{
		SELECT location, on_hand FROM inv_stock_level WHERE sku = 'A' ORDER BY 1}),
	"main|$main\nshop|$shop",
	'and a new session says the same');
ok($till->quit, 'the session lived through it');

done_testing();
