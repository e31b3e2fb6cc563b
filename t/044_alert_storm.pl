# A storm of crossings: clients sell and receive around the limits, commit and
# roll back, while sessions, the worker and the whole server are killed and the
# receiver has moods.  What the clients know was committed implies which alerts
# there were: each must have come to the receiver at least once, those of a SKU
# in their order, and nothing else.
#
# INVENTORY_LONG=1 for ten minutes; INV_STORM=SECONDS and INV_SEED=NUMBER for a
# certain one (its order of events is still its own).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlertClient;
use InvAlertModel;
use InvAlertNode;
use InvReceiver;
use InvSession;
use InvStorm;
use InvWeather;
use List::Util qw(shuffle uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $seconds = $ENV{INV_STORM} || ($ENV{INVENTORY_LONG} ? 600 : 30);
my $seed = $ENV{INV_SEED} || int time;
my %limits = (safety_stock => 2, backorder_limit => 0, reorder_point => 10,
	target_level => undef, active => 1, sellable => 1);

my $receiver = InvReceiver->start;
my $node = InvAlertNode::start('alert_storm', <<'CONF', 'postgres');
restart_after_crash = on
deadlock_timeout = 20ms
inventory.webhook_timeout = 1000
inventory.webhook_retry_delay = 20
CONF
my $session = InvSession->open($node);

$session->run($_) foreach $InvStorm::schema,
  q{INSERT INTO inv_location (location) VALUES ('main')};
$session->run('SELECT inv_add_endpoint($1, $2, secrets => $3, max_attempts => 100)',
	'storm', $receiver->url('/storm'), '{}');
$session->run('INSERT INTO inv_item (sku, safety_stock, reorder_point) VALUES ($1, 2, 10)', $_)
  foreach @InvAlertClient::skus;
my @told = map { $session->rows('SELECT * FROM inv_receive($1, 20)', $_) } @InvAlertClient::skus;

# mood() - how the receiver answers from now on; each in its turn
my @moods = shuffle(
	['ok'],
	[ { times => 20, delay => 0.05 }, 'ok' ],
	[ { times => 25, how => 'drop' }, 'ok' ],
	[ { times => 2, status => 503, headers => { 'Retry-After' => 1 } }, 'ok' ],
	[ (map { ({ times => 1, status => 500 }, { times => 2 }) } 1 .. 10), 'ok' ]);

sub mood
{
	push @moods, shift @moods;
	$receiver->answers('/storm', @{ $moods[0] });
	return;
}

# deliveries() - what comes next happens when there are some under way
sub deliveries
{
	$receiver->wait_for_requests('/storm', $receiver->requests('/storm') + 5 + rand 40, 20);
	return;
}

# kill_worker() - which the server takes for a crash, and starts all over
sub kill_worker
{
	my ($storm) = @_;
	my $answer = $storm->ask('SELECT DISTINCT pid FROM inv_worker_status() WHERE pid IS NOT NULL');

	kill 'KILL', map { $_->{pid} } ($answer->{rows} // [])->@*;
	return;
}

sub stop_at_once
{
	$node->stop('immediate', fail_ok => 1);
	usleep(10_000) until $node->start(fail_ok => 1);
	return;
}

my $storm;
$storm = InvWeather->new(node => $node, client => 'InvAlertClient',
	clients => 6, seconds => $seconds, seed => $seed,
	day => [ map { ('mood', 'cancel', 'deliveries', $_, 'terminate') }
		  'kill the worker', 'kill the server', 'terminate the worker',
		  'kill a backend', 'stop at once' ],
	weather => {
		deliveries => \&deliveries,
		mood => \&mood,
		'kill the worker' => sub { kill_worker($storm) },
		'terminate the worker' => sub {
			$storm->ask('SELECT pg_terminate_backend(pid) FROM inv_worker_status() WHERE pid IS NOT NULL') },
		'stop at once' => \&stop_at_once });
$storm->run;
push @told, @{ $storm->{told} };
$receiver->answers('/storm', 'ok');

# --- what must have been told ------------------------------------------------

InvWeather::none($storm->{surprises}, 'calls fail only for good reasons');
InvWeather::none($storm->{discrepancies}, 'inv_verify() finds nothing, at any time');
$session = $storm->connection;
ok($node->poll_query_until('postgres',
	q{SELECT NOT EXISTS (SELECT FROM inv_alert WHERE pending)
		AND NOT EXISTS (SELECT FROM inv_delivery WHERE state <> 'delivered')
		AND NOT EXISTS (SELECT FROM pg_prepared_xacts)}),
	'in the end everything is delivered');

# implied(SKU) - the alerts, from what the clients were told of its movements
sub implied
{
	my ($sku) = @_;
	my $state = 'ok';
	my ($version, @alerts) = (0);

	foreach my $outcome (sort { $a->{version} <=> $b->{version} } grep { $_->{sku} eq $sku } @told)
	{
		my $alert = InvAlertModel::alert($state, { %$outcome, %limits }, 20);

		return ['a gap before version ' . $outcome->{version}] if $outcome->{version} != ++$version;
		next if !$alert;
		push @alerts, "$alert->{kind} at $alert->{on_hand}";
		$state = $alert->{kind} =~ s/recovered/ok/r;
	}
	return \@alerts;
}

my @requests = $receiver->requests('/storm');
my (%known, $alerts, $again);
foreach my $sku (@InvAlertClient::skus)
{
	my $implied = implied($sku);
	my @there = $session->rows(
		'SELECT event_id, kind, on_hand FROM inv_alert WHERE sku = $1 ORDER BY alert_id', $sku);
	my %told = map { ("evt_$_->{event_id}" => "$_->{kind} at $_->{on_hand}") } @there;
	my @arrived = grep { InvReceiver::body($_)->{data}{sku} eq $sku } @requests;
	my @first = uniq map { $_->{headers}{'webhook-id'} } @arrived;
	my @taken = uniq map { $_->{headers}{'webhook-id'} } grep { $_->{answer} eq '200' } @arrived;
	my @due = map { "evt_$_->{event_id}" } @there;

	is_deeply([ map { "$_->{kind} at $_->{on_hand}" } @there ], $implied,
		"$sku: the alerts are what the clients' commits imply");
	is_deeply([ map { $told{$_} // "nobody raised $_" } @first ], $implied,
		"$sku: each has come, and no other, in this order");
	is_deeply(\@taken, \@due, "$sku: and was taken, in this order");
	# nothing goes out before what came earlier was taken
	my ($next, @early) = (0);
	foreach my $request (@arrived)
	{
		my ($place) = grep { $due[$_] eq $request->{headers}{'webhook-id'} } 0 .. $#due;

		next if !defined $place;
		push @early, $request->{headers}{'webhook-id'} if $place > $next;
		$next++ if $place == $next && $request->{answer} eq '200';
	}
	is_deeply(\@early, [], "$sku: none is sent before the one before was taken");
	$alerts += @there;
	$again += @arrived - @first;
}
note("$alerts alerts, " . @requests . " requests, $again of them again");
my %answers;
$answers{ $_->{answer} }++ foreach @requests;
note("answered $_: $answers{$_}") foreach sort keys %answers;
cmp_ok($alerts, '>', 100, 'there was a storm');
my ($rolled_back) = @{ $storm->{count} }{'ROLLBACK'};
cmp_ok($rolled_back, '>', 10, 'and transactions were rolled back in it');

done_testing();
