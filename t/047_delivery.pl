# Alerts are told to real receivers: what is sent, what becomes of failures, and
# to whom nothing is sent.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvHttpReceiver;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $json = JSON::PP->new->utf8;
my $receiver = InvHttpReceiver->start;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
inventory.databases = 'postgres, restored, copy'
inventory.webhook_allow = '127.0.0.1'
inventory.webhook_retry_delay = 50ms
inventory.webhook_timeout = 2s
inventory.worker_nap = 50ms
log_statement = all
log_min_duration_statement = 0
CONF
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, reorder_point, attributes)
		SELECT 'S' || g, 5, jsonb_build_object('group', g % 2) FROM generate_series(1, 2000) g;
	SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item), ARRAY(SELECT 1000 FROM inv_item))});

sub sql
{
	my ($sql, $database) = @_;
	return $node->safe_psql($database // 'postgres', $sql);
}

sub refusal
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);
	return $err;
}

# wait_until(CONDITION, NAME)
sub wait_until
{
	my ($condition, $name) = @_;
	return ok($node->poll_query_until('postgres', "SELECT $condition"), $name);
}

# cross(SKU) - low, then well above it again
sub cross
{
	my ($sku) = @_;
	sql("SELECT inv_adjust('$sku', 3); SELECT inv_adjust('$sku', 1000)");
	return;
}

sub secret_of
{
	my ($name) = @_;
	return sql("SELECT secrets[1] FROM inv_endpoint_secret JOIN inv_endpoint USING (endpoint_id) WHERE name = '$name'");
}

# signature(SECRET, REQUEST) - by openssl
sub signature
{
	my ($secret, $request) = @_;
	my $headers = $request->{headers};
	my $key = unpack 'H*', decode_base64($secret =~ s/^whsec_//r);
	my $folder = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$folder/content", join '.', @$headers{qw(webhook-id webhook-timestamp)}, $request->{body});
	my $digest = `openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary $folder/content`;
	return 'v1,' . encode_base64($digest, '');
}

# --- the three formats ---------------------------------------------------------

sql(sprintf q{SELECT inv_add_endpoint('standard', '%s')}, $receiver->url('/ok'));
sql(sprintf q{SELECT inv_add_endpoint('events', '%s', 'cloudevents', events => '{low}')}, $receiver->url('/events'));
sql(sprintf q{SELECT inv_add_endpoint('manager', '%s', 'alertmanager', "authorization" => 'Bearer abc')}, $receiver->url('/manager'));
my $begin = time;
cross('S1');
my ($low, $recovered) = $receiver->wait_for(2, '/ok');
cmp_ok($low->{at} - $begin, '<', 5, 'it is told soon');
my $body = $json->decode($low->{body});
is($body->{type}, 'inventory.low', 'what has happened');
is_deeply([ @{ $body->{data} }{qw(sku location kind previous on_hand available threshold reorder_point)} ],
	[ 'S1', 'main', 'low', 'ok', 3, 3, 5, 5 ], 'with the numbers');
like($body->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/, 'and when');
is($json->decode($recovered->{body})->{type}, 'inventory.recovered', 'and that it is over');
is($low->{headers}{'webhook-signature'}, signature(secret_of('standard'), $low), 'openssl signs it alike');
like($low->{headers}{'webhook-id'}, qr/^evt_[0-9a-f-]{36}$/, 'under an id');
my ($event) = $receiver->wait_for(1, '/events');
$body = $json->decode($event->{body});
is_deeply([ @$body{qw(specversion type subject source)} ], [ '1.0', 'inventory.low', 'S1', '/inventory/postgres' ], 'a CloudEvent');
is($event->{headers}{'content-type'}, 'application/cloudevents+json; charset=utf-8', 'as such');
is($body->{id}, $low->{headers}{'webhook-id'}, 'under the same id');
my ($firing, $resolved) = map { $json->decode($_->{body}) } $receiver->wait_for(2, '/manager/api/v2/alerts');
is_deeply($firing->[0]{labels}, { alertname => 'InventoryLow', sku => 'S1', location => 'main', severity => 'warning' }, 'an alert that fires');
is_deeply($resolved->[0]{labels}, $firing->[0]{labels}, 'and is resolved');
is(($receiver->requests('/manager/api/v2/alerts'))[0]{headers}{authorization}, 'Bearer abc', 'authorized');
is(scalar $receiver->requests('/events'), 1, 'events that are not wanted are not sent');

# --- rotation of secrets -------------------------------------------------------

my $old = secret_of('standard');
my $new = 'whsec_' . encode_base64('0123456789abcdef0123456789abcdef', '');
sql("SELECT inv_change_endpoint('standard', secrets => ARRAY['$old', '$new'])");
cross('S2');
my $both = ($receiver->wait_for(3, '/ok'))[2];
is($both->{headers}{'webhook-signature'}, join(' ', map { signature($_, $both) } $old, $new), 'two secrets, two signatures');

# --- failures ------------------------------------------------------------------

sql("SELECT inv_disable_endpoint(name) FROM inv_endpoints");
foreach ([ 500 => '/status/500' ], [ 404 => '/status/404' ], [ 302 => '/redirect' ], [ undef, '/drop' ])
{
	my ($status, $path) = @$_;
	sql(sprintf q{SELECT inv_add_endpoint('failing', '%s', secrets => '{}', max_attempts => 3, events => '{low}')}, $receiver->url($path));
	cross('S3');
	wait_until(q{EXISTS (SELECT FROM inv_deliveries WHERE endpoint = 'failing' AND state = 'dead')}, "$path: given up");
	my @attempts = $receiver->requests($path);
	# where a connection is hung up on that was used before, curl asks again
	my $asked = $path eq '/drop' ? @attempts / 2 : @attempts;
	is(sql(q{SELECT attempts FROM inv_deliveries WHERE endpoint = 'failing' ORDER BY delivery_id LIMIT 1}), 3, 'after three attempts');
	cmp_ok($asked, '<=', 3, 'and no more');
	my %ids = map { ($_->{headers}{'webhook-id'} => 1) } @attempts;
	is(keys %ids, 1, 'all under one id');
	is(sql(q{SELECT last_status FROM inv_deliveries WHERE endpoint = 'failing'}), $status // '', 'the reason is kept');
	isnt(sql(q{SELECT last_error FROM inv_deliveries WHERE endpoint = 'failing'}), '', 'in words, too');
	sql(q{SELECT inv_remove_endpoint('failing')});
}
is(scalar $receiver->requests('/redirected'), 0, 'no redirect is followed');

sql(sprintf q{SELECT inv_add_endpoint('endless', '%s', secrets => '{}', events => '{low}')}, $receiver->url('/endless'));
cross('S4');
wait_until(q{EXISTS (SELECT FROM inv_deliveries WHERE endpoint = 'endless' AND state = 'delivered')}, 'an endless body is cut, its status counts');
sql(q{SELECT inv_remove_endpoint('endless')});

sql(sprintf q{SELECT inv_add_endpoint('gone', '%s', secrets => '{}')}, $receiver->url('/status/410'));
cross('S5');
wait_until(q{(SELECT NOT enabled AND off_because LIKE '%410%' FROM inv_endpoints WHERE name = 'gone')}, '410 switches the endpoint off');
is(sql(q{SELECT count(*) FROM inv_deliveries WHERE endpoint = 'gone' AND state = 'pending'}), '0', 'and nothing waits for it');

sql(sprintf q{SELECT inv_add_endpoint('busy', '%s', secrets => '{}', events => '{low}')}, $receiver->url('/after/2'));
cross('S6');
$receiver->wait_for(2, '/after/2');
my @busy = $receiver->requests('/after/2');
cmp_ok($busy[1]{at} - $busy[0]{at}, '>=', 1.9, 'Retry-After is honoured');
sql(q{SELECT inv_remove_endpoint('busy')});

# --- redelivery ------------------------------------------------------------------

$receiver->answer_with(500);
sql(sprintf q{SELECT inv_add_endpoint('switch', '%s', secrets => '{}', max_attempts => 1, events => '{low}')}, $receiver->url('/switch'));
cross('S7');
wait_until(q{EXISTS (SELECT FROM inv_deliveries WHERE endpoint = 'switch' AND state = 'dead')}, 'dead');
$receiver->answer_with(200);
is(sql(q{SELECT inv_redeliver('switch')}), '1', 'it shall be delivered again');
wait_until(q{EXISTS (SELECT FROM inv_deliveries WHERE endpoint = 'switch' AND state = 'delivered')}, 'and is');
my @again = $receiver->requests('/switch');
is($again[0]{headers}{'webhook-id'}, $again[1]{headers}{'webhook-id'}, 'under the same id');

# --- order and breaker ------------------------------------------------------------

$receiver->answer_with(503);
sql(q{SELECT inv_change_endpoint('switch', max_attempts => 100)});
sql(q{SELECT inv_enable_endpoint('switch')});
my $before = scalar $receiver->requests('/switch');
cross('S8') foreach 1 .. 6;
wait_until(q{(SELECT breaker <> 'closed' FROM inv_endpoints WHERE name = 'switch')}, 'five failures open the breaker');
cross('S9');
$receiver->answer_with(200);
wait_until(q{NOT EXISTS (SELECT FROM inv_deliveries WHERE endpoint = 'switch' AND state = 'pending')}, 'when it is well again all is told');
is(sql(q{SELECT breaker FROM inv_endpoints WHERE name = 'switch'}), 'closed', 'and the breaker closed');
my %first;
my @order = grep { !$first{ $_->{headers}{'webhook-id'} }++ } splice @{ [ $receiver->requests('/switch') ] }, $before;
my @ids = map { $json->decode($_->{body})->{data}{alert_id} } grep { $json->decode($_->{body})->{data}{sku} eq 'S8' } @order;
is_deeply(\@ids, [ sort { $a <=> $b } @ids ], 'of one SKU in order');
sql(q{SELECT inv_remove_endpoint('switch')});

# a dead endpoint delays no other: 500 alerts with and without it
sub tell_all
{
	my ($from, $to, $done) = @_;
	my $start = time;
	sql("SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT 'S' || g FROM generate_series($from, $to) g), ARRAY(SELECT 997 FROM generate_series($from, $to)))");
	$receiver->wait_for($done, '/fast');
	return time - $start;
}
sql(sprintf q{SELECT inv_add_endpoint('fast', '%s', secrets => '{}', events => '{low}')}, $receiver->url('/fast'));
my $alone = tell_all(101, 600, 500);
sql(sprintf q{SELECT inv_add_endpoint('never', '%s', secrets => '{}', events => '{low}', timeout_ms => 500)}, $receiver->url('/never'));
my $beside = tell_all(601, 1100, 1000);
note(sprintf '500 alerts: %.2f s alone, %.2f s beside a dead endpoint', $alone, $beside);
is(scalar $receiver->requests('/fast'), 1000, 'a dead endpoint keeps nothing from another');
cmp_ok($beside, '<', 3 * $alone + 1, 'nor makes it wait');
sql("SELECT inv_remove_endpoint(name) FROM inv_endpoints WHERE name IN ('never', 'fast')");

# --- who may be called -----------------------------------------------------------

foreach ('http://localhost:1/', 'http://10.0.0.1/', 'http://[::1]/', 'http://2130706433/', 'http://127.0.0.1@example.com/', 'ftp://127.0.0.1/')
{
	like(refusal("SELECT inv_add_endpoint('x', '$_')"), qr/nothing may be sent to/, "$_ is refused");
}
$node->append_conf('postgresql.conf', q{inventory.webhook_allow = '127.0.0.1, localhost, *.example'});
$node->reload;
sql(sprintf q{SELECT inv_add_endpoint('named', 'http://localhost:%d/named', secrets => '{}')}, $receiver->{port});
like(sql(q{SELECT ok, status FROM inv_test_endpoint('named')}), qr/^t\|200$/, 'a name is sent to if its address is listed');
$node->append_conf('postgresql.conf', q{inventory.webhook_allow = 'localhost'});
$node->reload;
like(sql(q{SELECT ok, error FROM inv_test_endpoint('named')}), qr/^f\|the address is not public/, 'and not if it resolves to a private one that is not');
is(scalar $receiver->requests('/named'), 1, 'nothing came there');
$node->append_conf('postgresql.conf', q{inventory.webhook_allow = '127.0.0.1'});
$node->reload;

# --- secrets ----------------------------------------------------------------------

my $dump = $node->data_dir . '/../dump.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'a dump');
unlike(slurp_file($dump), qr/whsec_/, 'has no secret');
sql("CREATE ROLE boss LOGIN; SELECT inv_grant('boss', 'admin')");
foreach my $table ('inv_endpoint_secret', 'inv_endpoint', 'inv_delivery')
{
	like(refusal("SET ROLE boss; SELECT * FROM $table"), qr/permission denied/, "an admin does not read $table");
}
unlike(sql("SET ROLE boss; SELECT e::text FROM inv_endpoints e"), qr/whsec|\/manager|Bearer/, 'nor a secret in a view, nor the path of a URL');
my $generated = secret_of('gone') || $old;
unlike(slurp_file($node->logfile), qr/\Q$old\E(?!', ')/, 'a secret that was made here is in no log, but for our own statements');

# --- a restored dump, and a copy, say nothing ---------------------------------------

sql(sprintf q{SELECT inv_add_endpoint('home', '%s')}, $receiver->url('/home'));
command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', "$dump.c" ], 'another dump');
sql('CREATE DATABASE restored');
command_ok([ 'pg_restore', '-d', $node->connstr('restored'), "$dump.c" ], 'restored');
sql('CREATE DATABASE copy TEMPLATE postgres');
foreach my $database ('restored', 'copy')
{
	sql(q{SELECT inv_adjust('S20', 2)}, $database);
	$node->poll_query_until($database, q{SELECT count(*) > 0 FROM inv_deliveries WHERE endpoint = 'home' AND sku = 'S20'});
	like(sql(q{SELECT off_because FROM inv_endpoints WHERE name = 'home'}, $database), qr/inv_endpoints_enable/, "$database: it says why it is silent");
}
is(scalar $receiver->requests('/home'), 0, 'and is');
like(sql(q{SELECT inv_endpoints_enable()}, 'copy'), qr/^\d+$/, 'until somebody says so');
$receiver->wait_for(1, '/home');
is(scalar $receiver->requests('/home'), 1, 'then what was pending is told');
my ($status, $out, $err) = $node->psql('restored', 'SELECT inv_endpoints_enable()');
like($err, qr/have lost their secrets/, 'in a restored one the secrets are missing');
like(sql(q{SELECT off_because FROM inv_endpoints WHERE name = 'home'}, 'restored'), qr/secrets are missing/, 'and it says that it is silent');

# --- the end in mid-request -----------------------------------------------------

sql(q{SELECT inv_remove_endpoint(name) FROM inv_endpoints}, $_) foreach 'postgres', 'restored', 'copy';
sql(sprintf q{SELECT inv_add_endpoint('never', '%s', secrets => '{}', timeout_ms => 60000)}, $receiver->url('/never'));
my $had = scalar $receiver->requests('/never');
cross('S30');
$receiver->wait_for($had + 1, '/never');
$begin = time;
$node->stop('fast');
cmp_ok(time - $begin, '<', 2, 'a shutdown does not wait for an answer');
$node->start;
$receiver->wait_for($had + 2, '/never');
my @twice = splice @{ [ $receiver->requests('/never') ] }, $had;
is($twice[0]{headers}{'webhook-id'}, $twice[1]{headers}{'webhook-id'}, 'what was under way is sent again, under its id');

$receiver->stop;
done_testing();
