# Requests that are under way when something else happens: the server stops, the
# database is dropped, the extension is dropped and made again.  Nothing waits
# for an answer, and what was under way is told again.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlertNode;
use InvReceiver;
use InvSession;
use InvWorker;
use List::Util qw(uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $receiver = InvReceiver->start(qw(http dead));
my $node = InvAlertNode::start('delivery', <<'CONF');
inventory.databases = 'shop, short'
inventory.webhook_timeout = 60s
CONF
my $worker = InvWorker->new($node);
my $session = InvSession->open($node, undef, 'shop');

# out(SKU, SESSION) - that has just been sold out
sub out
{
	my ($sku, $in) = @_;
	my $where = $in // $session;

	$where->run('INSERT INTO inv_item (sku) VALUES ($1)', $sku);
	$where->run('SELECT inv_receive($1, 1), inv_deduct($1, 1)', $sku);
	return $sku;
}

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

# starts_again - the server, and our connection
sub starts_again
{
	$node->start;
	$session = InvSession->open($node, undef, 'shop');
	return;
}

# --- a shutdown in the middle of a request -----------------------------------

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

# --- a database that is dropped meanwhile ------------------------------------

$session->run('CREATE DATABASE short');
my $short = InvSession->open($node, undef, 'short');
$short->run('CREATE EXTENSION inventory');
$receiver->answers('/dropped', 'never');
endpoint('dropped', undef, $short);
out('D', $short);
ok(told('D', '/dropped', 1), 'a request of another database is under way');
$short->close;
my $began = time;
$session->run('DROP DATABASE short');
cmp_ok(time - $began, '<', 10, 'DROP DATABASE does not wait for the answer');
ok($worker->left('short'), 'its worker has left');

# --- the extension dropped and made again meanwhile --------------------------

my $runs = q{(SELECT runs FROM inv_worker_status() WHERE verb = 'deliver')};

# after_turns() - wait until the worker has looked several times more
sub after_turns
{
	my $then = $node->safe_psql('shop', "SELECT $runs");
	return InvAlertNode::wait_for($node, "SELECT $runs > $then + 3");
}

# worker_looked() - wait until it has looked for deliveries, whether or not the
# extension is here
sub worker_looked
{
	my $now = $node->safe_psql('shop', 'SELECT clock_timestamp()');
	return InvAlertNode::wait_for($node, qq{
		SELECT query = 'deliver' AND state = 'idle' AND query_start > '$now'
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
		ok(worker_looked(), 'the extension is dropped, and the worker sees it');
		$session->run('CREATE EXTENSION inventory');
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
	$receiver->close_listener('dead');
}

is($node->safe_psql('shop', 'SELECT * FROM inv_verify()'), '', 'inv_verify() finds nothing');
done_testing();
