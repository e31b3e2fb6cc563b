# 64 clients buy, the server is killed under them: a backend first, then all of
# it. bench/storm plays the clients and knows what each of them was told: all
# that was acknowledged is there, and nothing is there twice.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $storm = "$FindBin::RealBin/../bench/storm";
plan skip_all => 'bench/storm is not built' unless -x $storm;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
restart_after_crash = on
max_connections = 100
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
	SELECT inv_receive('A', 50000);
	SELECT inv_receive('B', 50000);
});

# wait_for_sales - wait until so many more movements are there than now
sub wait_for_sales
{
	my ($more) = @_;
	my $sql = q{SELECT count(*) FROM inv_movement};
	my $was;

	# the server may be starting up yet
	$node->poll_query_until('postgres', 'SELECT true') or die 'no server';
	$was = $node->safe_psql('postgres', $sql);
	$node->poll_query_until('postgres', "SELECT ($sql) >= $was + $more")
	  or die 'nobody buys';
}

# start_again - start a server whose backends may take a moment to notice that
# the postmaster is gone
sub start_again
{
	my $attempts = 10 * $PostgreSQL::Test::Utils::timeout_default;

	while ($attempts-- > 0)
	{
		return 1 if $node->start(fail_ok => 1);
		# what is left of an attempt that was given up half-way
		$node->stop('fast', fail_ok => 1);
		usleep(100_000);
	}
	return 0;
}

my ($out, $err) = ('', '');
my $sale = IPC::Run::start(
	[
		$storm, 'sale', '--dsn', $node->connstr('postgres'),
		'--clients', 64, '--seconds', $ENV{INVENTORY_LONG} ? 60 : 20,
		'--restock', 10, '--sku', 'A', '--sku', 'B', '--reconnect', 60
	],
	'>' => \$out, '2>' => \$err);

wait_for_sales(500);
my $pid = $node->safe_psql('postgres', q{
	SELECT pid FROM pg_stat_activity
	 WHERE query LIKE '%inv_deduct%' AND pid <> pg_backend_pid() LIMIT 1});
is(kill('KILL', $pid), 1, 'one backend is killed');
ok( $node->poll_query_until('postgres', q{
		SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%inv_deduct%' AND pid <> pg_backend_pid()}),
	'the clients come back');
wait_for_sales(500);
$node->kill9;
ok(start_again(), 'the server is killed and started again');
wait_for_sales(500);

ok($sale->finish, 'what the clients were told is what happened')
  or diag("$out$err");
note($out);
is($node->safe_psql('postgres', 'SELECT * FROM inv_verify()'), '', 'verified');

done_testing();
