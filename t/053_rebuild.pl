# What the change stream is for: from its lines alone stock is rebuilt.  Clients
# do everything that moves stock, at random, some of it rolled back; then the last
# stock line of each row, the sum of its movement lines, and what
# inv_changes_since() tells are each just what is there.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvStreamNode;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INVENTORY_LONG} ? 30 : 5;
my $node = InvStreamNode::start(q{
deadlock_timeout = 50ms
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	SELECT inv_stream_create('shop');
	INSERT INTO inv_location (location) VALUES ('main'), ('shop');
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(0, 19) g;
	CREATE FUNCTION attempt(call text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE 'SELECT ' || call;
	EXCEPTION WHEN OTHERS THEN
	END $$});

# a transaction of some calls; one that is refused or deadlocks is rolled back
append_to_file($node->basedir . '/calls.sql', <<'SQL');
\set a random(0, 19)
\set b random(0, 19)
\set n random(1, 9)
\set what random(1, 12)
\set end random(1, 4)
\set hold random(1, 1000000000)
BEGIN;
\if :what <= 2
SELECT attempt(format('inv_receive(%L, %s, %L, reference => %L)', 'S' || :a, :n * 10, 'main', 'r' || :hold));
\elif :what <= 4
SELECT attempt(format('inv_deduct(%L, %s, %L, key => %L)', 'S' || :a, :n, 'main', 'k' || :hold));
SELECT attempt(format('inv_return(%L, 1)', 'k' || :hold));
\elif :what = 5
SELECT attempt(format('inv_transfer(%L, %s, %L, %L)', 'S' || :a, :n, 'main', 'shop'));
\elif :what = 6
SELECT attempt(format('inv_adjust(%L, %s, %L)', 'S' || :a, :n, 'shop'));
\elif :what = 7
SELECT attempt(format('inv_try(%L, ARRAY[%L], ARRAY[%s])', 'x' || :hold, 'S' || :a, :n));
SAVEPOINT s;
SELECT attempt(format('inv_cancel(%L)', 'x' || :hold));
ROLLBACK TO s;
\elif :what = 8
SELECT attempt(format('inv_try(%L, ARRAY[%L], ARRAY[%s])', 'x' || :hold, 'S' || :a, :n));
SELECT attempt(format('inv_cancel(%L)', 'x' || :hold));
\elif :what = 9
SELECT attempt(format('inv_deduct_many(ARRAY[%L, %L], ARRAY[1, %s])', 'S' || :a, 'S' || :b, :n));
\elif :what = 10
SELECT attempt(format('inv_deduct_each(ARRAY[%1$L, %2$L, %1$L], ARRAY[1, %3$s, 2])', 'S' || :a, 'S' || :b, :n));
\elif :what = 11
SELECT attempt(format('inv_set_limits(%L, %L, safety_stock => %s)', 'S' || :a, 'main', :n));
\else
SELECT attempt(format('inv_receive_many(ARRAY[%L, %L], ARRAY[3, %s])', 'S' || :a, 'S' || :b, :n));
\endif
\if :end = 1
ROLLBACK;
\else
COMMIT;
\endif
SQL
my ($out, $err);
ok(IPC::Run::run([ 'pgbench', '-n', '-c', 6, '-T', $seconds, '--max-tries=100',
		'-h', $node->host, '-p', $node->port, '-f', $node->basedir . '/calls.sql', 'postgres' ],
	'>', \$out, '2>', \$err), 'the clients came through') or diag("$out\n$err");

# rows(SQL) - hashes
sub rows
{
	my ($sql) = @_;
	return @{ decode_json($node->safe_psql('postgres', "SELECT coalesce(json_agg(r), '[]') FROM ($sql) r")) };
}

my @lines = map { decode_json($_) } split /\n/, $node->safe_psql('postgres',
	q{SELECT data FROM pg_logical_slot_get_changes('shop', NULL, NULL, 'emit', 'both')});
my (%level, %sum, @told);
foreach my $line (@lines)
{
	my $row = join q{ }, map { $line->{$_} // q{} } qw(sku location);

	if ($line->{kind} eq 'stock')
	{
		$level{$row} = join ' ', @$line{qw(on_hand reserved available version)};
	}
	elsif ($line->{kind} eq 'movement')
	{
		$sum{$row}[0] += $line->{on_hand_delta};
		$sum{$row}[1] += $line->{reserved_delta};
		push @told, $line;
	}
}
my @there = rows('SELECT sku, location, on_hand, reserved, available, version FROM inv_stock_level');
cmp_ok(scalar @told, '>', 500, scalar(@told) . ' movements');
my %kinds = map { $_->{movement} => 1 } @told;
is(join(' ', sort keys %kinds), 'adjust deduct receive release return transfer try', 'of all kinds');
is_deeply(\%level, { map { ("$_->{sku} $_->{location}" => join ' ', @$_{qw(on_hand reserved available version)}) } @there },
	'the stock lines are inv_stock_level');
is_deeply({ map { ($_ => "@{ $sum{$_} }") } keys %sum },
	{ map { ("$_->{sku} $_->{location}" => "$_->{on_hand} $_->{reserved}") } grep { $_->{version} > 0 } @there },
	'the movement lines add up to it');

# what a movement is, in both
my @columns = qw(movement_id stock_id sku location on_hand_delta reserved_delta version reference hold);
sub movements
{
	my ($kind, @movements) = @_;
	return [ map { my $one = $_; join ' ', $one->{$kind}, map { $one->{$_} // '-' } @columns }
		  sort { $a->{movement_id} <=> $b->{movement_id} } @movements ];
}
is_deeply(movements('kind', grep { defined $_->{movement_id} } rows('SELECT * FROM inv_changes_since(NULL, 100000)')),
	movements('movement', @told), 'inv_changes_since() tells the same movements');
is($node->safe_psql('postgres', 'SELECT count(*) FROM inv_verify()'), 0, 'verified');

done_testing();
