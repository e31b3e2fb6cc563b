# Columns that somebody adds to our tables are kept, whatever the calls do
# beside them. On a server of its own: what goes wrong here may end the server.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
restart_after_crash = on
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread'), ('C', 'Cheese');
	SELECT inv_receive('A', 10);
	SELECT inv_receive('B', 10);
});

# answer - what psql prints, be it an error; then waits for the server, should
# that have gone
sub answer
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $attempts = 10 * $PostgreSQL::Test::Utils::timeout_default;

	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
	while (!run_log([ 'pg_isready', '-q', '-d', $node->connstr('postgres') ]))
	{
		die 'the server is gone' unless $attempts--;
		usleep(100_000);
	}
	return $out . $err;
}

# on the stock row
$node->safe_psql('postgres', q{
	ALTER TABLE inv_stock ADD COLUMN shelf text DEFAULT 'unknown';
	ALTER TABLE inv_stock ADD COLUMN bin integer});
is(answer(q{SELECT on_hand, version FROM inv_deduct('A', 1)}), '9|2', 'stock row: sold');
is(answer(q{SELECT on_hand, version FROM inv_receive('C', 4)}), '4|1', 'stock row: a new one');
is(answer(q{SELECT on_hand, version FROM inv_deduct('C', 1)}), '3|2', 'stock row: sold from it');
is( answer(q{SELECT sku, on_hand, shelf, bin FROM inv_stock ORDER BY sku}),
	"A|9|unknown|\nB|10|unknown|\nC|3|unknown|", 'stock row: own columns kept');

# on the ledger: as any INSERT that does not name them
foreach my $column ('note text', 'till integer DEFAULT 7',
	q{tags text[] DEFAULT '{"a","b"}'})
{
	my ($name) = $column =~ /(\w+)/;
	my $default = { note => '', till => '7', tags => '{a,b}' }->{$name};
	$node->safe_psql('postgres', "ALTER TABLE inv_movement ADD COLUMN $column");
	like(answer(q{SELECT status FROM inv_deduct('B', 1)}), qr/^ok$/, "ledger: sold beside $column");
	is( answer(qq{SELECT on_hand_delta, $name FROM inv_history('B', max_rows => 1)}),
		"-1|$default", "ledger: $column as any INSERT that does not name it");
}

# on holds: as any INSERT that does not name them, and kept when others decide
foreach my $table ('inv_hold', 'inv_hold_line')
{
	$node->safe_psql('postgres', qq{
		ALTER TABLE $table ADD COLUMN gone integer DEFAULT 3;
		ALTER TABLE $table DROP COLUMN gone;
		ALTER TABLE $table ADD COLUMN tenant text DEFAULT current_setting('app.tenant', true),
		  ADD COLUMN twice bigint GENERATED ALWAYS AS (hold_id * 2) STORED});
}
my $kept = q{
	SELECT h.state, h.tenant, h.twice = 2 * hold_id, l.held, l.tenant, l.twice = 2 * hold_id
	  FROM inv_hold h LEFT JOIN inv_hold_line l USING (hold_id)};
is(answer(q{SET app.tenant = 'one'; SELECT state FROM inv_try('own', '{A}', '{2}')}),
	'held', 'hold: tried beside columns');
is(answer($kept), 'held|one|t|2|one|t', 'hold: columns as any INSERT that does not name them');
is( answer(q{
		SET app.tenant = 'two';
		SELECT state FROM inv_confirm('own', quantities => '{1}', release_rest => false)}),
	'held', 'hold: confirmed in part by another');
is(answer($kept), 'held|one|t|1|one|t', 'hold: own columns kept');
is(answer(q{SET app.tenant = 'two'; SELECT state FROM inv_cancel('own')}), 'cancelled', 'hold: decided by another');
is(answer($kept), 'cancelled|one|t|||', 'hold: own columns kept in what is remembered');

# dropped again; then with leaves made before, between and after
$node->safe_psql('postgres', q{
	ALTER TABLE inv_stock DROP COLUMN shelf;
	ALTER TABLE inv_movement DROP COLUMN note, DROP COLUMN till});
like(answer(q{SELECT status FROM inv_deduct('B', 1)}), qr/^ok$/, 'dropped: sold');
is( answer(q{
		SET inventory.leaf_size = 10;
		SELECT count(o.movement_id) FROM generate_series(1, 60) g, LATERAL inv_receive('A', g) o}),
	'60', 'dropped: leaves made');
is( answer(q{SELECT count(*), count(DISTINCT tags) FROM inv_history('A', max_rows => 1000)}),
	'65|1', 'dropped: all movements are there');
is(answer('SELECT * FROM inv_verify()'), '', 'verified');
ok(!$node->log_contains('terminated by signal'), 'the server lived through it');

done_testing();
