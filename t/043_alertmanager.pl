# The real Alertmanager, started here: alerts fire there, stay as long as they
# are true, and are resolved; and what it then tells others is right, too.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use HTTP::Tiny;
use InvAlertNode;
use InvReceiver;
use InvSession;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# runtests fetches it; elsewhere it is the one that is installed
my $program = $ENV{INV_ALERTMANAGER} || 'prometheus-alertmanager';
my $resolve_timeout = 2;    # seconds after which Alertmanager forgets

my $receiver = InvReceiver->start;
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $http = HTTP::Tiny->new(timeout => 10);
my $manager = start();
my $node = InvAlertNode::start('alertmanager');
my $session = InvSession->open($node, undef, 'shop');

END { local $?; stop() }

# start() - an Alertmanager that tells our receiver of all it hears, at once
sub start
{
	append_to_file("$dir/config.yml", <<"CONFIG") if !-e "$dir/config.yml";
global:
  resolve_timeout: ${resolve_timeout}s
route:
  receiver: us
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: us
    webhook_configs:
      - url: @{[ $receiver->url('/told') ]}
        send_resolved: true
CONFIG
	my $run = IPC::Run::start(
		[ $program, "--config.file=$dir/config.yml", "--storage.path=$dir/data",
			"--web.listen-address=127.0.0.1:$port", '--cluster.listen-address=' ],
		'<' => \undef, '>' => "$dir/log", '2>' => "$dir/log");

	$receiver->wait_for(sub { $http->get("http://127.0.0.1:$port/-/ready")->{success} })
	  or die 'Alertmanager does not start: ' . slurp_file("$dir/log");
	return $run;
}

sub stop
{
	$manager->kill_kill if $manager;
	undef $manager;
	return;
}

# alerts(SKU) - what Alertmanager says is firing, by its API
sub alerts
{
	my ($sku) = @_;
	my $answer = $http->get(
		"http://127.0.0.1:$port/api/v2/alerts?filter=" . HTTP::Tiny->_uri_escape(qq(sku="$sku")));

	return if !$answer->{success};
	return @{ JSON::PP->new->utf8->decode($answer->{content}) };
}

# fires(SKU, ALERTNAME...) - wait until these do, and no others
sub fires
{
	my ($sku, @names) = @_;
	my @found;

	$receiver->wait_for(sub {
		@found = sort map { $_->{labels}{alertname} } alerts($sku);
		return "@found" eq "@names";
	});
	is("@found", "@names", "$sku: " . (@names ? "@names fires" : 'nothing fires'));
	return;
}

# told(SKU) - what Alertmanager has told us, as "status alertname"
sub told
{
	my ($sku) = @_;
	return map { "$_->{status} $_->{labels}{alertname}" }
	  grep { $_->{labels}{sku} eq $sku } map { @{ $_->{alerts} } } $receiver->sent('/told');
}

# is_told(SKU, WHAT...)
sub is_told
{
	my ($sku, @expected) = @_;
	$receiver->wait_for(sub { told($sku) >= @expected });
	is_deeply([ told($sku) ], \@expected, "$sku: what it tells others");
	return;
}

$session->run(q{SELECT inv_add_endpoint('alertmanager', $1, 'alertmanager', secrets => '{}')},
	"http://127.0.0.1:$port");
$session->run(q{INSERT INTO inv_item (sku, name, reorder_point) VALUES
	('A', 'Apple', 10), ('B', 'Bread', NULL), ('C "quoted" ünï', 'Cheese', 10), ('D', 'Date', 10), ('T', 'Tea', 10)});
$session->run(q{SELECT inv_receive(sku, 100) FROM inv_item});

my ($tested) = $session->rows(q{SELECT * FROM inv_test_endpoint('alertmanager')});
ok($tested->{ok}, 'Alertmanager takes a test') or diag explain $tested;

# --- fires, and is resolved --------------------------------------------------

fires('A');
$session->run(q{SELECT inv_deduct('A', 90)});
fires('A', 'InventoryLow');
my ($alert) = alerts('A');
my ($raised) = $session->rows(
	q{SELECT extract(epoch FROM raised_at - $1::timestamptz) AS off FROM inv_alert WHERE sku = 'A'},
	$alert->{startsAt});
is($alert->{labels}{location}, 'main', 'with its location');
ok($alert->{labels}{severity}, 'and a severity');
cmp_ok(scalar keys %{ $alert->{annotations} }, '>', 0, 'and words for people');
cmp_ok(abs $raised->{off}, '<', 0.01, 'since it was raised');
is($alert->{status}{state}, 'active', 'it is active');

# It stays, though it is not told again at once: longer than an alert of
# somebody who says neither when it ends nor that it goes on.
my $probe = $http->post("http://127.0.0.1:$port/api/v2/alerts",
	{ headers => { 'Content-Type' => 'application/json' },
		content => '[{"labels": {"alertname": "Probe", "sku": "probe"}}]' });
ok($probe->{success}, 'another alert, by somebody else');
fires('probe', 'Probe');
fires('probe');
fires('A', 'InventoryLow');

$session->run(q{SELECT inv_receive('A', 90)});
fires('A');
is_told('A', 'firing InventoryLow', 'resolved InventoryLow');

# from low to out and back: one at a time
$session->run(q{SELECT inv_deduct('D', 95)});
fires('D', 'InventoryLow');
$receiver->wait_for(sub { told('D') >= 1 });
$session->run(q{SELECT inv_deduct('D', 5)});
fires('D', 'InventoryOut');
$receiver->wait_for(sub { told('D') >= 3 });
$session->run(q{SELECT inv_receive('D', 100)});
fires('D');
$receiver->wait_for(sub { told('D') >= 4 });
is_deeply([ sort(told('D')) ],
	[ 'firing InventoryLow', 'firing InventoryOut', 'resolved InventoryLow', 'resolved InventoryOut' ],
	'D: each is told, and resolved');

# holds that are not covered
$session->run(q{SELECT inv_try('h', '{B}', '{50}'), inv_adjust('B', 40)});
fires('B', 'InventoryShort');
$session->run(q{SELECT inv_cancel('h'), inv_receive('B', 10)});
fires('B');

# any SKU
$session->run(q{SELECT inv_deduct('C "quoted" ünï', 95)});
ok($receiver->wait_for(sub {
	grep { $_->{labels}{sku} eq "C \"quoted\" \x{fc}n\x{ef}" } map { @{ $_->{alerts} } } $receiver->sent('/told');
}), 'a SKU of strange characters');

# --- an Alertmanager that is away for a while --------------------------------

stop();
$session->run(q{SELECT inv_deduct('T', 95)});
$session->run(q{SELECT inv_receive('T', 95)});
$session->run(q{SELECT inv_deduct('T', 92)});
ok(InvAlertNode::wait_for($node, q{SELECT count(*) > 0 FROM inv_delivery WHERE sku = 'T' AND attempts > 0}),
	'Alertmanager is away: it is tried');
$manager = start();
fires('T', 'InventoryLow');
$session->run(q{SELECT inv_receive('T', 95)});
fires('T');

done_testing();
