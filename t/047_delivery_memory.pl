# A worker that delivers on and on does not grow: 18,000 deliveries, or 102,000
# with INVENTORY_LONG set in the environment, in all formats, most of them taken
# and some not.
#
# Memory goes up and down a little, by plans that are made anew as tables grow.
# What is left behind only goes up: so the lowest of the last fifth is compared
# with the highest of the first, in which every cache is filled.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlertNode;
use InvReceiver;
use InvSession;
use InvWorker;
use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'reads /proc, which this system has not'
  unless -r '/proc/self/status';

my $skus = 200;
my %formats = (standard => '/standard', cloudevents => '/cloud', alertmanager => '/manager');
# in each two alerts of each SKU, of which each endpoint is told
my $rounds = $ENV{INVENTORY_LONG} ? 85 : 15;

my $receiver = InvReceiver->start;
my $node = InvAlertNode::start('memory', <<'CONF');
inventory.webhook_retry_delay = 10
inventory.worker_nap = 20ms
inventory.webhook_timeout = 2000
synchronous_commit = off
autovacuum = off
max_wal_size = 4GB
CONF
my $worker = InvWorker->new($node);
my $session = InvSession->open($node, undef, 'shop');
my @skus = map { "s$_" } 1 .. $skus;
my @sizes;    # of the worker, after each round

# private_memory - of the worker, in kB: not what it shares with others, of
# which it touches more and more
sub private_memory
{
	my ($size) = slurp_file('/proc/' . $worker->pid('shop') . '/status') =~ /^RssAnon:\s+(\d+)/m;
	return $size;
}

# deliver(NUMBER) - so many rounds
sub deliver
{
	my ($number) = @_;

	foreach (1 .. $number)
	{
		# failures of every kind, but too few of them in a row for a breaker
		$receiver->answers($_, (map {
			({ times => 30 }, { status => 503, times => 1 }, { times => 30 }, { how => 'drop', times => 1 },
				{ times => 30 }, { how => 'garbage', times => 1 })
		} 1 .. 3), 'ok') foreach '/standard', '/cloud', '/manager/api/v2/alerts';
		$session->run('SELECT inv_deduct_each($1, array_fill(10::bigint, ARRAY[$2::int]))', \@skus, $skus);
		$session->run('SELECT inv_receive_many($1, array_fill(10::bigint, ARRAY[$2::int]))', \@skus, $skus);
		InvAlertNode::wait_for($node, q{SELECT NOT EXISTS (SELECT FROM inv_alert WHERE pending)
			AND NOT EXISTS (SELECT FROM inv_delivery WHERE state = 'pending')})
		  or die 'deliveries do not end';
		push @sizes, private_memory();
	}
	return;
}

$session->run('INSERT INTO inv_item (sku) SELECT unnest($1::text[])', \@skus);
$session->run('SELECT inv_receive_many($1, array_fill(10::bigint, ARRAY[$2::int]))', \@skus, $skus);
$session->run('SELECT inv_add_endpoint($1, $2, $1, max_attempts => 100)', $_, $receiver->url($formats{$_}))
  foreach sort keys %formats;
my $pid = $worker->arrived('shop');

deliver($rounds);
my $first = max(@sizes[ 0 .. $rounds / 5 - 1 ]);
my $last = min(@sizes[ -$rounds / 5 .. -1 ]);
note("kB after each round: @sizes");

my ($found) = $session->rows(
	q{SELECT count(*) AS deliveries, count(*) FILTER (WHERE state = 'delivered') AS delivered,
			sum(attempts) - count(*) AS failures FROM inv_delivery});
is($found->{deliveries}, 3 * 2 * $skus * $rounds, "$found->{deliveries} deliveries");
is($found->{delivered}, $found->{deliveries}, 'all delivered');
cmp_ok($found->{failures}, '>=', 9 * $rounds, "after $found->{failures} failures");
is($worker->pid('shop'), $pid, 'by one worker');
is($node->safe_psql('shop', 'SELECT sum(errors) FROM inv_worker_status()'), '0', 'without an error');
cmp_ok($first, '>', 0, "memory: $first kB");
cmp_ok($last - $first, '<=', 512, "and $last kB after five times as many deliveries");

done_testing();
