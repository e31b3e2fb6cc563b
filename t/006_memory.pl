# A session that calls on and on does not grow: 200,000 calls, or a million
# with INVENTORY_LONG set in the environment. Memory is looked at after a fifth of
# the way, when every cache is filled, and at the end.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'reads /proc, which this system has not'
  unless -r '/proc/self/status';

my $calls = $ENV{INVENTORY_LONG} ? 1_000_000 : 200_000;
my $patience = 20 * $PostgreSQL::Test::Utils::timeout_default;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
synchronous_commit = off
autovacuum = off
max_wal_size = 4GB
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) SELECT 'S' || g, 'Item' FROM generate_series(0, 1999) g;
	SELECT count(inv_receive(sku, 10000000)) FROM inv_item;
	CREATE TABLE mark (what text, percent int, contexts bigint, private bigint);
	CREATE FUNCTION remember(what text, percent int) RETURNS void LANGUAGE sql AS $$
	  INSERT INTO mark SELECT what, percent,
	         (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) / 1024,
	         substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s+(\d+)')::bigint $$;
	-- what the calls are compared with where PostgreSQL itself must remember
	CREATE TABLE plain (id int PRIMARY KEY, quantity bigint);
	INSERT INTO plain SELECT g, 10000000 FROM generate_series(0, 1999) g;
	CREATE FUNCTION plain_deduct(wanted int) RETURNS bigint LANGUAGE sql AS $$
	  UPDATE plain SET quantity = quantity - 1 WHERE id = wanted RETURNING quantity $$;
});

# growth - kB of memory contexts and of private memory, from 20 to 100 percent
sub growth
{
	my ($what) = @_;
	my @grown = split /\|/, $node->safe_psql('postgres', qq{
		SELECT z.contexts - a.contexts, z.private - a.private
		  FROM mark a, mark z WHERE a.what = '$what' AND z.what = '$what'
		   AND a.percent = 20 AND z.percent = 100});
	is(scalar @grown, 2, "$what: measured");
	note("$what: contexts $grown[0] kB, private memory $grown[1] kB");
	return @grown;
}

# each call in a transaction of its own, done and refused, as drivers send them
foreach my $mode ('simple', 'prepared')
{
	my $rounds = $calls / 10;
	my $script = PostgreSQL::Test::Utils::tempdir . "/$mode.sql";
	append_to_file($script, qq{
\\set round :round + 1
\\set n :round % 2000
SELECT * FROM inv_receive('S' || :n, 2, reference => 'in-' || :round);
SELECT * FROM inv_deduct('S' || :n, 1, reference => 'out-' || :round);
SELECT * FROM inv_deduct('S' || :n, 1000000000, strict => false);
SELECT inv_available('S' || :n);
DO \$\$ BEGIN PERFORM inv_deduct('S5', 1000000000); EXCEPTION WHEN SQLSTATE 'IV001' THEN NULL; END \$\$;
\\if :round = @{[ $rounds / 5 ]}
SELECT remember('$mode', 20);
\\endif
\\if :round = $rounds
SELECT remember('$mode', 100);
\\endif
});
	command_ok(
		[
			'pgbench', '--no-vacuum', '--client=1', "--protocol=$mode",
			"--transactions=$rounds", '--define=round=0', "--file=$script",
			$node->connstr('postgres')
		],
		"$mode: called");
	my ($contexts, $private) = growth($mode);
	cmp_ok($contexts, '<=', 64, "$mode: memory contexts do not grow");
	cmp_ok($private, '<=', 512, "$mode: private memory does not grow");
	is( $node->safe_psql('postgres',
			q{SELECT count(*) FROM inv_movement WHERE reference LIKE 'in-%'}),
		$rounds * ($mode eq 'simple' ? 1 : 2), "$mode: they were all there");
}

# calls of one statement and one transaction: no more than as many updates
my %of = (
	plain => 'plain_deduct(g % 2000)',
	deduct => q{inv_deduct('S' || g % 2000, 1)});
my %grown;
foreach my $what (sort keys %of)
{
	my ($first, $rest) = ($calls / 5, $calls * 4 / 5);
	$node->safe_psql('postgres', qq{
		BEGIN;
		SELECT count($of{$what}) FROM generate_series(1, $first) g;
		SELECT remember('$what', 20);
		SELECT count($of{$what}) FROM generate_series(1, $rest) g;
		SELECT remember('$what', 100);
		COMMIT}, timeout => $patience);
	$grown{$what} = [ growth($what) ];
}
cmp_ok($grown{deduct}[0] - $grown{plain}[0],
	'<=', 512, 'one transaction: contexts grow as for plain updates');
cmp_ok($grown{deduct}[1] - $grown{plain}[1],
	'<=', 1024, 'one transaction: private memory grows as for plain updates');

is($node->safe_psql('postgres', q{SELECT * FROM inv_verify()}), '', 'verified');

done_testing();
