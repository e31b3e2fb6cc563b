# Deliveries beside what else happens to a server: it stops in the middle of a
# request, also beside a standby that does not answer; the database is dropped,
# or the extension is, and made again.  Nothing waits for an answer, and what
# was under way is told again.  And when deliveries begin: at the commit that
# gives a reason, however long the worker would nap.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlertNode;
use InvReceiver;
use InvSession;
use InvWorker;
use IPC::Run;
use List::Util qw(uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $receiver = InvReceiver->start(qw(http dead));
my $node = InvAlertNode::start('delivery', <<'CONF');
inventory.databases = 'shop, short'
inventory.webhook_timeout = 60s
wal_level = replica
max_wal_senders = 5
CONF
my $worker = InvWorker->new($node);
my $session = InvSession->open($node, undef, 'shop');

# out(SKU, SESSION) - that has just been sold out
sub out { return InvAlertNode::out($_[1] // $session, $_[0]) }

# endpoint(NAME, LISTENER, SESSION) - at the path of the same name
sub endpoint
{
	my ($name, $listener, $in) = @_;
	return ($in // $session)->run(q{SELECT inv_add_endpoint($1, $2, secrets => '{}', max_attempts => 100)},
		$name, $receiver->url("/$name", $listener));
}

# told(SKU, PATH, NUMBER) - the requests about it, once there are so many
sub told
{
	my ($sku, $path, $number) = @_;
	my @found;

	$receiver->wait_for(sub {
		@found = grep { InvReceiver::body($_)->{data}{sku} eq $sku } $receiver->requests($path);
		return @found >= $number;
	});
	return @found;
}

# starts_again(OPTIONS) - the server, and our connection
sub starts_again
{
	my ($options) = @_;

	$node->start;
	$session = InvSession->open($node, $options, 'shop');
	return;
}

# --- a shutdown in the middle of a request -----------------------------------

my $began;
$receiver->answers('/stopped', 'never');
endpoint('stopped');
out('S');
my ($first) = told('S', '/stopped', 1);
ok($first, 'a request is under way');
$receiver->answers('/stopped', 'ok');
$session->close;
$node->stop('fast');
cmp_ok($worker->exit_time, '<', 1, 'a shutdown does not wait for the answer');
starts_again();
my @both = told('S', '/stopped', 2);
is(scalar @both, 2, 'it is sent again');
is(scalar(uniq map { $_->{headers}{'webhook-id'} } @both), 1, 'under the same id');
is(scalar(uniq map { $_->{body} } @both), 1, 'with the same body');
ok(InvAlertNode::wait_for($node, q{SELECT state = 'delivered' FROM inv_deliveries WHERE sku = 'S'}),
	'and delivered');
$session->run(q{SELECT inv_remove_endpoint('stopped')});

# --- the extension dropped and made again meanwhile --------------------------

my $runs = q{(SELECT runs FROM inv_worker_status() WHERE verb = 'deliver')};

# after_turns() - wait until the worker has looked several times more
sub after_turns
{
	my $then = $node->safe_psql('shop', "SELECT $runs");
	return InvAlertNode::wait_for($node, "SELECT $runs > $then + 3");
}

sub now { return $node->safe_psql('shop', 'SELECT clock_timestamp()') }

# worker_looked(SINCE) - wait until it has looked for work after that time,
# whether or not the extension is here; each time it looks for deliveries
sub worker_looked
{
	my ($since) = @_;
	return InvAlertNode::wait_for($node, qq{
		SELECT state = 'idle' AND query_start > '$since'
		  FROM pg_stat_activity
		 WHERE backend_type = 'inventory worker' AND datname = 'shop'});
}

# drop_everything() - the leaves of the ledger are ordinary tables, and stay
sub drop_everything
{
	$session->run('DROP EXTENSION inventory CASCADE');
	$session->run($_->{drop}) foreach $session->rows(
		q{SELECT format('DROP TABLE %s', oid::regclass) AS drop FROM pg_class
		   WHERE relkind = 'r' AND relname LIKE 'inv\_movement\_%'});
	return;
}

# What is answered then was asked for by an endpoint that is no more: it tells
# nothing of the new one, though that has the same numbers.
my $numbers = q{SELECT endpoint_id, delivery_id, alert_id FROM inv_delivery WHERE sku = $1};
my %again = (
	'dropped and made again' => sub {
		drop_everything();
		ok(worker_looked(now()), 'the extension is dropped, and the worker sees it');
		$session->run('CREATE EXTENSION inventory');
	},
	'made again before the worker looks' => sub {
		$session->run('BEGIN');
		drop_everything();
		$session->run($_) foreach 'CREATE EXTENSION inventory', 'COMMIT';
	});
foreach my $how (sort keys %again)
{
	my $round = $how =~ s/\W/-/gr;

	$receiver->answers("/old-$round", 'hold');
	endpoint("old-$round");
	out('E');
	ok(told('E', "/old-$round", 1), "$how: a request is under way");
	my $pid = $worker->pid('shop');
	my @old = $session->rows($numbers, 'E');
	$again{$how}->();
	$session->close;
	$session = InvSession->open($node, undef, 'shop');
	endpoint("before$_"), $session->run('SELECT inv_remove_endpoint($1)', "before$_")
	  foreach 2 .. $old[0]{endpoint_id};
	endpoint("new-$round", 'dead');
	out("before $_") foreach 2 .. $old[0]{delivery_id};
	ok(InvAlertNode::wait_for($node, q{SELECT count(*) = 0 FROM inv_alert WHERE pending}), 'alerts');
	out('F');
	my @new;
	ok( $receiver->wait_for(sub {
			@new = $session->rows(q{SELECT * FROM inv_deliveries WHERE sku = 'F'});
			return @new && $new[0]{attempts} > 0;
		}, 20),
		'of which a new endpoint is told, where nobody is');
	is_deeply([ $session->rows($numbers, 'F') ], \@old, 'all has the old numbers');
	$receiver->release("/old-$round");
	ok(after_turns(), 'the old request is answered');
	@new = $session->rows(q{SELECT * FROM inv_deliveries WHERE sku = 'F'});
	is($new[0]{state}, 'pending', 'that is no word about the new one');
	like($new[0]{last_error}, qr/connect|refused/i, 'where still nobody is');
	$receiver->open_listener('dead');
	ok(told('F', "/new-$round", 1), 'and to which it is told when somebody is');
	is($worker->pid('shop'), $pid, 'by the same worker');
	is($node->safe_psql('shop', 'SELECT sum(errors) FROM inv_worker_status()'), '0', 'without an error');
	$session->run('SELECT inv_remove_endpoint($1)', "new-$round");
	$receiver->close_listener('dead');
}

# --- a database that is dropped meanwhile ------------------------------------

$session->run('CREATE DATABASE short');
my $short = InvSession->open($node, undef, 'short');
$short->run('CREATE EXTENSION inventory');
$receiver->answers('/dropped', 'never');
endpoint('dropped', undef, $short);
out('D', $short);
ok(told('D', '/dropped', 1), 'a request of another database is under way');
$short->close;
$began = time;
$session->run('DROP DATABASE short');
cmp_ok(time - $began, '<', 10, 'DROP DATABASE does not wait for the answer');
ok($worker->left('short'), 'its worker has left');

# --- a shutdown beside a standby that does not answer ------------------------

# Who waits for it could not leave before it answers: the worker does not wait,
# whatever is set for the database.
my $local = '--synchronous_commit=local';

# sold_out(PREFIX, NUMBER) - so many new SKUs, by one transaction
sub sold_out
{
	my ($prefix, $number) = @_;
	my @skus = map { "$prefix$_" } 1 .. $number;

	$session->run('INSERT INTO inv_item (sku) SELECT unnest($1::text[])', \@skus);
	$session->run('SELECT inv_receive_many($1, array_fill(1::bigint, ARRAY[$2::int]))', \@skus, $number);
	$session->run('SELECT inv_deduct_each($1, array_fill(1::bigint, ARRAY[$2::int]))', \@skus, $number);
	return @skus;
}

# hold(XID) - of A, whose time is over at once
sub hold
{
	my ($xid) = @_;

	$session->run(q{SELECT inv_try($1, '{A}', '{3}')}, $xid);
	$session->run('SET session_replication_role = replica');
	$session->run('UPDATE inv_hold SET expires_at = clock_timestamp() WHERE xid = $1', $xid);
	$session->run('RESET session_replication_role');
	return;
}

$session->run($_) foreach 'ALTER DATABASE shop SET synchronous_commit = remote_apply',
  q{INSERT INTO inv_item (sku) VALUES ('A')}, q{SELECT inv_receive('A', 1000)};
InvAlertNode::configure($node, 'synchronous_standby_names', 'nobody');
$session->close;
$node->restart;
$session = InvSession->open($node, $local, 'shop');
$worker->arrived('shop');
my $waiting = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('shop'), '-c', 'CREATE TABLE waiting ()' ],
	'<', \undef, '>', \my $output, '2>', \my $error);
ok($node->poll_query_until('postgres', q{
		SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'}),
	'a standby does not answer: others wait for it');
$receiver->answers('/standby', { delay => 0.2 });
endpoint('standby');
my @skus = sold_out('many', 1000);
hold('beside');
ok($worker->expired('beside', 'shop'), 'holds expire');
ok(scalar $receiver->wait_for_requests('/standby', 50) >= 50, 'alerts are told');
ok(InvAlertNode::wait_for($node, q{SELECT count(*) > 20 FROM inv_deliveries WHERE state = 'delivered'}),
	'and that is noted');
my $sent = $receiver->requests('/standby');
$session->close;
$node->stop('fast');
cmp_ok($worker->exit_time, '<', 1, 'a shutdown in the middle of that: within a second');
cmp_ok($sent, '<', 1000, 'it was the middle');
$waiting->finish;
starts_again($local);
hold('afterwards');
ok($worker->expired('afterwards', 'shop'), 'it goes on');
ok(InvAlertNode::wait_for($node, q{SELECT count(*) = 0 FROM inv_deliveries WHERE state = 'pending'}),
	'to the end');
is_deeply([ sort { $a cmp $b } uniq map { $_->{data}{sku} } $receiver->sent('/standby') ], [ sort @skus ],
	'and misses nothing');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}),
	'0', 'all the time without waiting');
InvAlertNode::configure($node, 'synchronous_standby_names', '');
$session->close;
$session = InvSession->open($node, undef, 'shop');
$session->run($_) foreach 'ALTER DATABASE shop RESET synchronous_commit',
  q{SELECT inv_remove_endpoint('standby')};

# --- the wake at commit ------------------------------------------------------

# The worker would nap for an hour, and has not been asked for anything.
endpoint('awake');
my $before_nap = now();
InvAlertNode::configure($node, 'inventory.worker_nap', '1h');
ok(worker_looked($before_nap), 'the worker begins a long nap');
$session->run('INSERT INTO inv_item (sku) SELECT unnest($1::text[])', [ map { "w$_" } 1 .. 9 ]);
$session->run(q{SELECT inv_receive(sku, 100) FROM inv_item WHERE sku LIKE 'w_'});
my %wakes = (
	'1 a call' => [ 'out', q{SELECT inv_deduct('w1', 100)} ],
	'2 a call that gives back' => [ 'recovered', q{SELECT inv_receive('w1', 100)} ],
	'3 a hold' => [ 'out', q{SELECT inv_try('w2', '{w2}', '{100}')} ],
	'4 its end' => [ 'recovered', q{SELECT inv_cancel('w2')} ],
	'5 a limit' => [ 'low', q{SELECT inv_set_limits('w3', reorder_point => 200)} ],
	'6 a change of an item' => [ 'low', q{UPDATE inv_item SET reorder_point = 200 WHERE sku = 'w4'} ],
	'7 a count' => [ 'out', q{SELECT inv_adjust('w5', 0)} ],
	'8 a call of many lines' => [ 'out', q{SELECT inv_deduct_many('{w6}', '{100}')} ]);
foreach my $what (sort keys %wakes)
{
	my ($kind, $sql) = @{ $wakes{$what} };
	my ($sku) = $sql =~ /(w\d)/;
	my $since = time;

	$session->run($sql);
	my $found;
	$receiver->wait_for(sub {
		($found) = grep { my $told = InvReceiver::body($_);
			$told->{data}{sku} eq $sku && $told->{type} eq "inventory.$kind" } $receiver->requests('/awake');
	});
	cmp_ok($found ? $found->{at} / 1e6 - $since : 1e9, '<', 1, "told at once: $what");
}

# told at the commit, not before; and of what was rolled back nothing
my $other = InvSession->open($node, undef, 'shop');
$other->run($_) foreach 'BEGIN', q{SELECT inv_deduct('w7', 100)};
$session->run($_) foreach 'BEGIN', q{SELECT inv_deduct('w8', 100)}, 'SAVEPOINT s',
  q{SELECT inv_deduct('w9', 100)}, 'ROLLBACK TO s';
$began = time;
$session->run('COMMIT');
($first) = told('w8', '/awake', 1);
cmp_ok($first->{at} / 1e6, '>=', $began, 'told when it is committed');
cmp_ok($first->{at} / 1e6, '<', $began + 1, 'and at once');
$other->run('ROLLBACK');
out('witness');
ok(told('witness', '/awake', 1), 'others are told');
is(scalar(grep { InvReceiver::body($_)->{data}{sku} =~ /^w[79]$/ } $receiver->requests('/awake')),
	0, 'what was rolled back is not');
InvAlertNode::configure($node, 'inventory.worker_nap', '1s');
$session->run(q{SELECT inv_remove_endpoint('awake')});

is($node->safe_psql('shop', 'SELECT * FROM inv_verify()'), '', 'inv_verify() finds nothing');
done_testing();
