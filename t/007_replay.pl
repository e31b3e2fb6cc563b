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
foreach my $opening ('full', 'half')
{
	my $db = "opening_$opening";
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION inventory');
	command_ok(
		[
			"$bench/replay", '--dsn', $node->connstr($db),
			'--file', "$bench/sample.csv", '--opening', $opening
		],
		"opening $opening: replayed and checked");
	is($node->safe_psql($db, 'SELECT * FROM inv_verify()'),
		'', "opening $opening: verified");
	is( $node->safe_psql($db, 'SELECT count(*) FROM inv_stock WHERE on_hand < 0'),
		'0', "opening $opening: nothing below zero");
	cmp_ok(
		$node->safe_psql($db,
			q{SELECT count(*) FROM inv_movement WHERE kind = 'deduct'}),
		'>', 100, "opening $opening: there were sales");
}

done_testing();
