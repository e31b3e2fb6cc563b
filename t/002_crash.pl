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

# ask - what the server answers, nothing while it cannot. The query is given as
# an argument: psql would not read its input where it cannot connect.
sub ask
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $sql ],
		'<' => \undef, '>' => \$out, '2>' => \$err) or return '';
	chomp $out;
	return $out;
}

sub wait_until
{
	my ($sql) = @_;
	my $attempts = 10 * $PostgreSQL::Test::Utils::timeout_default;

	while ($attempts-- > 0)
	{
		return 1 if ask($sql) eq 't';
		usleep(100_000);
	}
	return 0;
}

# wait_for_sales - wait until so many more movements are there than now
sub wait_for_sales
{
	my ($more) = @_;
	my $was;

	wait_until('SELECT true') or die 'no server';
	$was = ask('SELECT count(*) FROM inv_movement') || 0;
	wait_until("SELECT count(*) >= $was + $more FROM inv_movement")
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
my $buys = q{FROM pg_stat_activity WHERE query LIKE '%inv_deduct%' AND pid <> pg_backend_pid()};
my $pid = ask("SELECT pid $buys LIMIT 1");
is(kill('KILL', $pid), 1, 'one backend is killed');
# all sessions end with it, and the clients connect anew
ok( wait_until("SELECT count(*) > 0 AND bool_and(pid <> $pid) $buys"),
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
