# The worker through what happens to its server: crashes, shutdowns, the death
# of the postmaster, standbys and promotion; and its memory.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvWorker;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

InvWorker::be_patient();
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
inventory.databases = 'postgres'
inventory.worker_nap = 20ms
max_prepared_transactions = 5
restart_after_crash = on
autovacuum = off
});
$node->start;
my $worker = InvWorker->new($node);
my $db = 'postgres';

sub sql { return $node->safe_psql($db, $_[0]); }

# --- shutting down -----------------------------------------------------------

sub stops_at_once
{
	my ($what) = @_;
	$node->stop('fast');
	cmp_ok($worker->exit_time, '<', 1, "shutdown $what: within a second");
	$node->start;
	return;
}

my $pid = $worker->arrived($db);
like($pid, qr/^\d+$/, 'a worker');
stops_at_once('without the extension');
$worker->arrived($db);
$worker->make_shop($db);
stops_at_once('while it sleeps');
$worker->arrived($db);

# a row that nobody ever gives back
sql(q{SELECT state FROM inv_try('held up', '{A}', '{3}')});
sql(q{BEGIN; SELECT inv_deduct('A', 1); PREPARE TRANSACTION 'forgotten'});
$worker->end_time('held up', $db);
ok($worker->stands_at_lock($worker->pid($db)), 'it waits for a row');
stops_at_once('while it waits for a row');
sql(q{ROLLBACK PREPARED 'forgotten'});
$worker->arrived($db);
ok($worker->expired('held up', $db), 'what it could not do is done later');

# a standby that never answers: the worker does not wait for it
$node->append_conf('postgresql.conf', q{synchronous_standby_names = 'nobody'});
$node->reload;
sql(q{SET synchronous_commit = local;
      SELECT state FROM inv_try('lonely', '{A}', '{3}')});
sql(q{SET synchronous_commit = local; SET session_replication_role = replica;
      UPDATE inv_hold SET expires_at = clock_timestamp() WHERE xid = 'lonely'});
ok($worker->expired('lonely', $db), 'it waits for no standby');
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}), '0', 'nor afterwards');
stops_at_once('with a standby that does not answer');
$node->adjust_conf('postgresql.conf', 'synchronous_standby_names', undef);
$node->reload;

# many holds: in the middle of its work
sub many_holds
{
	my ($prefix) = @_;
	sql(qq{SELECT count(inv_try('$prefix' || g, '{A}', '{1}')) FROM generate_series(1, 4000) g;
	       SET session_replication_role = replica;
	       UPDATE inv_hold SET expires_at = clock_timestamp() WHERE xid LIKE '$prefix%'});
	return;
}
sql(q{SELECT inv_receive('A', 100000)});
many_holds('busy');
stops_at_once('while it works');
$worker->arrived($db);
my $all_expired = q{SELECT count(*) = 0 FROM inv_hold WHERE decided_at IS NULL};
ok($node->poll_query_until($db, $all_expired), 'the rest is done afterwards');
is(sql('SELECT reserved FROM inv_stock_level'), '0', 'nothing is reserved');
is(sql('SELECT * FROM inv_verify()'), '', 'verified');

# --- crashes -----------------------------------------------------------------

many_holds('crash');
$pid = $worker->arrived($db);
kill 'KILL', $pid;
ok($node->poll_query_until($db, 'SELECT true'), 'the worker is killed');
like($worker->arrived($db, $pid), qr/^\d+$/, 'and started again');
ok($node->poll_query_until($db, $all_expired), 'nothing was lost');
is(sql('SELECT reserved FROM inv_stock_level'), '0', 'nothing is reserved');
is(sql('SELECT * FROM inv_verify()'), '', 'verified');

sub launcher
{
	return sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'inventory launcher'});
}
my $launcher = launcher();
$pid = $worker->pid($db);
sql("SELECT pg_terminate_backend($launcher)");
ok( $node->poll_query_until($db, qq{
		SELECT count(*) = 1 FROM pg_stat_activity
		 WHERE backend_type = 'inventory launcher' AND pid <> $launcher}),
	'the launcher is ended, and started again');
like($worker->arrived($db, $pid), qr/^\d+$/, 'with a worker of its own');

# the postmaster dies: nobody stays behind
$launcher = launcher();
$pid = $worker->pid($db);
$node->kill9;
my $left = 1;
for (1 .. 300)
{
	$left = kill 0, $launcher, $pid;
	last if !$left;
	usleep(100_000);
}
is($left, 0, 'the postmaster is killed: launcher and worker end');
$node->start;
like($worker->arrived($db), qr/^\d+$/, 'started again');

# --- standby and promotion ---------------------------------------------------

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
my $there = InvWorker->new($standby);
sql(q{SELECT state FROM inv_try('handed over', '{A}', '{3}')});
$node->wait_for_catchup($standby);
is( $standby->safe_psql($db, q{
		SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'inventory%'}),
	'0', 'on a standby neither launcher nor worker');
like($standby->safe_psql($db, 'SELECT DISTINCT running, hint FROM inv_worker_status()'),
	qr/^f\|This is a standby/, 'and inv_worker_status says so');
$node->stop('immediate');
$standby->promote;
like($there->arrived($db), qr/^\d+$/, 'promoted: the worker runs');
$there->end_time('handed over', $db);
ok($there->expired('handed over', $db), 'and takes over');
is($standby->safe_psql($db, 'SELECT * FROM inv_verify()'), '', 'verified');

# --- memory ------------------------------------------------------------------

$standby->append_conf('postgresql.conf', 'inventory.worker_nap = 10ms');
$standby->reload;

# private_memory(RUNS) - of the worker in kB, after so many runs
sub private_memory
{
	my ($runs) = @_;
	$standby->poll_query_until($db, qq{
		SELECT runs >= $runs FROM inv_worker_status() WHERE verb = 'expire'})
	  or return 0;
	my $status = slurp_file('/proc/' . $there->pid($db) . '/status');
	my ($size) = $status =~ /^RssAnon:\s+(\d+)/m;
	return $size;
}

sub work
{
	my ($rounds) = @_;
	foreach my $round (1 .. $rounds)
	{
		$standby->safe_psql($db, q{
			SELECT count(inv_try('m' || clock_timestamp() || g, '{A}', '{1}')) FROM generate_series(1, 100) g;
			SET session_replication_role = replica;
			UPDATE inv_hold SET expires_at = clock_timestamp() WHERE decided_at IS NULL});
		$standby->poll_query_until($db, $all_expired);
	}
	return;
}

SKIP:
{
	skip 'reads /proc, which this system has not', 2 if !-r '/proc/self/status';
	work(10);
	my $first = private_memory(300);
	work(30);
	my $last = private_memory(1500);
	cmp_ok($first, '>', 0, "memory: $first kB");
	cmp_ok($last - $first, '<=', 256, "and $last kB after five times as many turns");
}

done_testing();
