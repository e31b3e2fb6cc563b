# The worker while databases and extensions come and go under it, settings
# change, and its work fails.  t/046 has what happens to the server.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvSession;
use InvWorker;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

InvWorker::be_patient();
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
inventory.databases = 'shop, "Second Shop"'
inventory.worker_nap = 50ms
autovacuum = off
});
$node->start;
my $worker = InvWorker->new($node);
my ($err, $offset, $session);

sub sql { return $node->safe_psql('shop', $_[0]); }
sub server_sql { return $node->safe_psql('postgres', $_[0]); }

sub reload
{
	my ($settings) = @_;
	$node->append_conf('postgresql.conf', $settings);
	$node->reload;
	return;
}

sub in_log
{
	my ($text) = @_;
	my $count = () = slurp_file($node->logfile) =~ /\Q$text\E/g;
	return $count;
}

# --- databases and extensions that come and go -------------------------------

my $missing = 'no inventory worker for database "%s": there is no such database';
foreach my $name ('shop', 'Second Shop')
{
	my $message = sprintf $missing, $name;
	ok($node->wait_for_log(qr/$message/), "$name: not there, and told");
}
server_sql('CREATE DATABASE shop');
my $pid = $worker->arrived('shop');
like($pid, qr/^\d+$/, 'a database that is made gets its worker');
server_sql('CREATE DATABASE "Second Shop"');
like($worker->arrived('Second Shop'), qr/^\d+$/, 'a name in quotes');
is(in_log(sprintf $missing, 'Second Shop'), 1, 'looked for often, told once');
is($worker->pid('postgres'), '', 'no other database has one');

$worker->make_shop('shop');
is($worker->hold('first', 'shop'), 'held', 'a hold');
ok($worker->expired('first', 'shop'), 'expired by the worker');
is(sql('SELECT reserved FROM inv_stock_level'), '0', 'and given back');
ok( $node->poll_query_until('shop',
		q{SELECT runs > 0 FROM inv_worker_status() WHERE verb = 'housekeeping'}),
	'housekeeping, too');
is( sql(qq{SELECT verb, running, pid = $pid, started_at < last_loop_at,
		          last_run_at > started_at, runs > 0, backlog, errors,
		          last_error, last_error_at, hint
		     FROM inv_worker_status() WHERE verb IN ('expire', 'housekeeping')
		    ORDER BY verb}),
	"expire|t|t|t|t|t|0|0|||\nhousekeeping|t|t|t|t|t||0|||",
	'inv_worker_status: all is well');

# the leaves of the ledger are ordinary tables, and stay
sub drop_leaves
{
	sql(q{SELECT format('DROP TABLE %s', oid::regclass) FROM pg_class
	       WHERE relkind = 'r' AND relname LIKE 'inv\_movement\_%' \gexec});
	return;
}
sql('DROP EXTENSION inventory CASCADE');
drop_leaves();
sql(q{CREATE SCHEMA there; CREATE EXTENSION inventory SCHEMA there;
      ALTER DATABASE shop SET search_path = there});
sql(q{INSERT INTO inv_item (sku) VALUES ('A'); SELECT inv_receive('A', 1000)});
$worker->hold('second', 'shop');
ok($worker->expired('second', 'shop'), 'the extension made again, elsewhere');
is($worker->pid('shop'), $pid, 'it is the same worker');

# DROP EXTENSION in the middle of a transaction of the worker
$session = $worker->block('third', 'shop');
ok($session, 'the worker waits for a row');
is( sql(qq{SELECT count(*) FROM pg_locks
	       WHERE pid = $pid AND granted AND classid = 'pg_extension'::regclass}),
	'1', 'and has locked the extension, as DROP EXTENSION does first');
my $output = '';
my $drop = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('shop'), '-c', 'DROP EXTENSION inventory CASCADE' ],
	'<', \undef, '>', \$output, '2>', \$err);
ok( $node->poll_query_until('postgres', q{
		SELECT count(*) = 1 FROM pg_stat_activity
		 WHERE query LIKE 'DROP EXTENSION%' AND wait_event_type = 'Lock'}),
	'DROP EXTENSION waits for it');
$session->query_safe('COMMIT');
$session->quit;
ok($drop->finish, 'and then drops') or diag($err);
is($worker->pid('shop'), $pid, 'the worker goes on');
sql('DROP SCHEMA there CASCADE; ALTER DATABASE shop RESET search_path');
foreach my $round (1 .. 20)
{
	drop_leaves();
	$worker->make_shop('shop');
	sql(q{SELECT inv_try('x' || g, '{A}', '{1}') FROM generate_series(1, 50) g;
	      SET session_replication_role = replica;
	      UPDATE inv_hold SET expires_at = clock_timestamp()});
	sql('DROP EXTENSION inventory CASCADE');
}
is(in_log('deadlock detected'), 0, 'dropped 20 times under its hands: no deadlock');
drop_leaves();
$worker->make_shop('shop');

# --- commands that need the database for themselves --------------------------

$pid = $worker->pid('shop');
server_sql('CREATE DATABASE copy TEMPLATE shop');
pass('CREATE DATABASE TEMPLATE: the worker makes room');
like($pid = $worker->arrived('shop', $pid), qr/^\d+$/, 'and comes back');
server_sql('ALTER DATABASE shop RENAME TO moved');
pass('ALTER DATABASE RENAME: the worker makes room');
is($worker->pid('moved'), '', 'another name, no worker');
server_sql('ALTER DATABASE moved RENAME TO shop');
like($pid = $worker->arrived('shop'), qr/^\d+$/, 'the name is back, and the worker');

# kept out for as long as the transaction takes, and no longer than its session
$session = $node->background_psql('postgres', on_error_stop => 0);
my $renaming = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; ALTER DATABASE shop RENAME TO moved');
is($worker->pid('shop'), '', 'a transaction keeps it out');
ok( $node->poll_query_until('postgres', qq{
		SELECT xact_start < clock_timestamp() - interval '300 ms'
		  FROM pg_stat_activity WHERE pid = $renaming}),
	'for some turns of the launcher');
is($worker->pid('shop'), '', 'it still does');
is( server_sql(q{SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'object'}),
	'0', 'and no other waits in line for the database');
server_sql("SELECT pg_terminate_backend($renaming)");
like($pid = $worker->arrived('shop'), qr/^\d+$/, 'its session is ended: the worker comes back');
eval { $session->quit };

server_sql('CREATE ROLE stranger CREATEDB');
foreach my $command ('DROP DATABASE shop', 'ALTER DATABASE shop RENAME TO mine',
	'CREATE DATABASE mine TEMPLATE shop',
	'ALTER DATABASE shop SET TABLESPACE pg_default')
{
	$node->psql('postgres', "SET ROLE stranger; $command", stderr => \$err);
	like($err, qr/must be owner|permission denied/, "a stranger: $command");
}
is($worker->pid('shop'), $pid, 'the worker takes no notice');
$node->psql('shop', 'DROP DATABASE shop', stderr => \$err);
like($err, qr/currently open/, 'DROP DATABASE of the current one');
is($worker->pid('shop'), $pid, 'nor of that');

$worker->make_shop('Second Shop');
server_sql('DROP DATABASE "Second Shop"');
pass('DROP DATABASE: the worker makes room');
server_sql('CREATE DATABASE "Second Shop"');
like($worker->arrived('Second Shop'), qr/^\d+$/, 'a database of that name again');
$worker->make_shop('Second Shop');
$session = $worker->block('busy', 'Second Shop');
ok($session, 'the worker waits for a row');
server_sql('DROP DATABASE "Second Shop" WITH (FORCE)');
pass('DROP DATABASE then, with the session it waits for');
eval { $session->quit };

# --- settings ----------------------------------------------------------------

reload(q{inventory.databases = ''});
ok($worker->left('shop'), 'not named any more: it leaves');
like(sql('SELECT DISTINCT running, hint FROM inv_worker_status()'),
	qr/^f\|.*inventory\.databases/, 'inv_worker_status says what to do');
reload(q{inventory.databases = 'shop,template1,shop'});
like($pid = $worker->arrived('shop'), qr/^\d+$/, 'named again: it comes');
ok($node->wait_for_log(qr/"template1": it is a template/), 'a template has none');
$offset = -s $node->logfile;
reload(q{inventory.databases = '"shop'});
ok($node->wait_for_log(qr/invalid value for parameter "inventory.databases"/, $offset),
	'a quote without its end');
is($worker->pid('shop'), $pid, 'changes nothing');
reload(q{inventory.databases = 'shop'});

# asked of the worker itself: its nap
my $runs = q{(SELECT runs FROM inv_worker_status() WHERE verb = 'expire')};
reload('inventory.worker_nap = 1h');
ok( $node->poll_query_until('shop', qq{
		SELECT last_run_at < clock_timestamp() - interval '400 ms'
		  FROM inv_worker_status() WHERE verb = 'expire'}),
	'a long nap');
reload('inventory.worker_nap = 50ms');
my $then = sql("SELECT $runs");
server_sql("SELECT pg_terminate_backend($pid)");
like($pid = $worker->arrived('shop', $pid), qr/^\d+$/, 'ended by hand, it is started again');
ok($node->poll_query_until('shop', "SELECT $runs > $then + 2"), 'with short naps');

# what is set for all sessions
my %for_all = (
	lock_timeout => '1ms',
	statement_timeout => '1ms',
	idle_in_transaction_session_timeout => '1ms',
	idle_session_timeout => '1ms',
	default_transaction_read_only => 'on',
	default_transaction_isolation => 'serializable');
# PostgreSQL 17 has one that counts from the first moment of a session, when its
# options are not known yet: so much time must be left to the sessions of others
my $patience = 200;    # ms
if (server_sql(q{SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'}))
{
	$for_all{transaction_timeout} = '2s';
	$patience = 2500;
	$ENV{PGOPTIONS} .= ' -c transaction_timeout=0';
}
$node->append_conf('postgresql.conf', "$_ = '$for_all{$_}'") foreach sort keys %for_all;
$node->restart;
$pid = $worker->arrived('shop');
$session = $worker->block('patient', 'shop');
ok($session, 'all timeouts are a millisecond or two seconds: the worker waits for a row');
ok( $node->poll_query_until('postgres', qq{
		SELECT query_start < clock_timestamp() - interval '$patience ms'
		  FROM pg_stat_activity WHERE pid = $pid AND wait_event_type = 'Lock'}),
	'for longer');
$session->query_safe('COMMIT');
$session->quit;
ok($worker->expired('patient', 'shop'), 'has the patience, and writes');
is(sql('SELECT sum(errors) FROM inv_worker_status()'), '0', 'without an error');
is($worker->pid('shop'), $pid, 'nor an end');
$node->adjust_conf('postgresql.conf', $_, undef) foreach keys %for_all;
$node->restart;

# Where a timeout counts from the first moment, nobody gets in who does not know
# better: the launcher and its workers do.  We are in already.
if ($for_all{transaction_timeout})
{
	$worker->arrived('shop');
	$session = InvSession->open($node, undef, 'postgres');
	my $processes = q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'inventory %'
		AND (backend_type LIKE '%launcher' OR datname = 'shop')};
	my @before = map { $_->{pid} } $session->rows($processes);
	is(scalar @before, 2, 'a launcher and a worker');
	reload(q{transaction_timeout = '1ms'});
	$offset = -s $node->logfile;
	$session->run('SELECT pg_terminate_backend($1)', $_) foreach @before;
	my @now;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	do
	{
		usleep(10_000);
		@now = map { $_->{pid} } $session->rows($processes);
	} while ((@now < 2 || "@now" =~ /\b($before[0]|$before[1])\b/) && time < $end);
	is(scalar @now, 2, 'a millisecond for any transaction: both come again');
	unlike(substr(slurp_file($node->logfile), $offset), qr/transaction timeout/, 'at the first attempt');
	$node->adjust_conf('postgresql.conf', 'transaction_timeout', undef);
	$node->restart;
}

# --- errors ------------------------------------------------------------------

$pid = $worker->arrived('shop');
sql(q{ALTER TABLE inv_stock ADD CONSTRAINT nothing_back CHECK (reserved > 0) NOT VALID});
$worker->hold('spoiled', 'shop');
ok( $node->poll_query_until('shop', q{
		SELECT errors >= 2 AND last_error <> '' AND last_error_at IS NOT NULL
		   AND hint LIKE '%last_error%' AND backlog = 1
		  FROM inv_worker_status() WHERE verb = 'expire'}),
	'an error is noted, and the verb runs again');
is( sql(q{SELECT errors, hint FROM inv_worker_status() WHERE verb = 'housekeeping'}),
	'0|', 'the other verb is well');
cmp_ok(sql(q{SELECT errors FROM inv_worker_status() WHERE verb = 'expire'}),
	'<', 10, 'not every nap');
sql(q{ALTER TABLE inv_stock DROP CONSTRAINT nothing_back});
ok($worker->expired('spoiled', 'shop'), 'what was wrong is mended, and it works');
ok( $node->poll_query_until('shop',
		q{SELECT bool_and(hint IS NULL) FROM inv_worker_status()}),
	'and is well');
is($worker->pid('shop'), $pid, 'it was the same worker all along');

done_testing();
