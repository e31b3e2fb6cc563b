# Order lines from a file, replayed from several connections, checked by the
# program itself against a computation that does not use the extension.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $bench = "$FindBin::RealBin/../bench";
plan skip_all => 'bench/replay is not built' unless -x "$bench/replay";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->start;
foreach my $calls ('lines', 'orders', 'apply')
{
	foreach my $opening ('full', 'half')
	{
		my $what = "$calls, opening $opening";
		my $db = "${calls}_$opening";

		$node->safe_psql('postgres', "CREATE DATABASE $db");
		$node->safe_psql($db, 'CREATE EXTENSION inventory');
		command_ok(
			[
				"$bench/replay", '--dsn', $node->connstr($db),
				'--file', "$bench/sample.csv", '--calls', $calls,
				'--opening', $opening
			],
			"$what: replayed and checked");
		is($node->safe_psql($db, 'SELECT * FROM inv_verify()'),
			'', "$what: verified");
		is( $node->safe_psql(
				$db, 'SELECT count(*) FROM inv_stock WHERE on_hand < 0'),
			'0', "$what: nothing below zero");
		cmp_ok(
			$node->safe_psql($db,
				q{SELECT count(*) FROM inv_movement WHERE kind = 'deduct'}),
			'>', 100, "$what: there were sales");
		next if $calls eq 'lines';
		cmp_ok(
			$node->safe_psql($db,
				q{SELECT count(*) FROM inv_movement WHERE kind = 'return'}),
			'>', 0, "$what: sales were given back");
	}
}
command_ok([ "$bench/replay", 'self-test' ], 'spoilt answers are found');

done_testing();
