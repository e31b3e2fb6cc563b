# Deliveries of which one might stand in the way of all others: an endpoint that
# says come back in a thousand years, an alert that is old, text that is not JSON.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvReceiver;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $receiver = InvReceiver->start;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
inventory.databases = 'postgres, latin3'
inventory.webhook_allow = '127.0.0.1'
inventory.webhook_retry_delay = 50ms
inventory.worker_nap = 50ms
CONF
$node->start;

sub sql
{
	my ($sql, $database) = @_;
	return $node->safe_psql($database // 'postgres', $sql);
}

# wait_until(CONDITION, NAME)
sub wait_until
{
	my ($condition, $name, $database) = @_;
	return ok($node->poll_query_until($database // 'postgres', "SELECT $condition"), $name);
}

# open_shop(DATABASE) - with items that are low below 5
sub open_shop
{
	sql(q{
		CREATE EXTENSION inventory;
		INSERT INTO inv_item (sku, reorder_point) SELECT 'S' || g, 5 FROM generate_series(1, 400) g;
		SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item), ARRAY(SELECT 1000 FROM inv_item))}, $_[0]);
	return;
}

sub endpoint
{
	my ($name, $path, $more, $database) = @_;
	sql(sprintf(q{SELECT inv_add_endpoint('%s', '%s', secrets => '{}' %s)}, $name, $receiver->url($path), $more // ''), $database);
	return;
}

sub remove { return sql("SELECT inv_remove_endpoint(name) FROM inv_endpoints") }

# cross(SKU) - low, then well above it again
sub cross { return sql("SELECT inv_adjust('$_[0]', 3); SELECT inv_adjust('$_[0]', 1000)") }

# delivered(ENDPOINT, SKU) - a condition: all that was to be told of it was
sub delivered
{
	my ($endpoint, $sku) = @_;
	return sprintf q{coalesce((SELECT every(state = 'delivered') FROM inv_deliveries WHERE endpoint = '%s' AND sku = '%s'), false)}, $endpoint, $sku;
}

open_shop('postgres');

# --- come back in a thousand years -----------------------------------------------

my $year_9999 = 'Fri, 31 Dec 9999 23:59:59 GMT';
my $number = 0;
foreach my $after ('9223372036854775807', '99999999999', $year_9999)
{
	my $sku = 'S' . ++$number;

	$receiver->answers("/far/$sku", { status => 429, headers => { 'Retry-After' => $after } });
	endpoint('far', "/far/$sku", ", events => '{low}'");
	endpoint('near', '/near', ", events => '{low}'");
	cross($sku);
	wait_until(delivered('near', $sku), "Retry-After: $after: others are told");
	wait_until(q{(SELECT count(*) = 1 FROM inv_deliveries WHERE endpoint = 'far' AND attempts = 1)}, 'its failure is noted');
	is(scalar $receiver->requests("/far/$sku"), 1, 'it was asked once');
	is(sql(q{SELECT max(next_at) < now() + '2 hours' FROM inv_delivery WHERE state = 'pending'}), 't', 'and is asked again today');
	is(sql(q{SELECT retry_at < now() + '2 hours' FROM inv_endpoint_state JOIN inv_endpoint USING (endpoint_id) WHERE name = 'far'}),
		't', 'as is the endpoint');
	remove();
}

# --- an alert whose time is over ----------------------------------------------------

$receiver->answers('/switch', 500);
endpoint('switch', '/switch', q{, max_attempts => 1, events => '{low}'});
cross('S10');
wait_until(q{EXISTS (SELECT FROM inv_deliveries WHERE sku = 'S10' AND state = 'dead')}, 'given up');
sql(q{UPDATE inv_alert SET raised_at = raised_at - interval '1 year' WHERE sku = 'S10'});
sql(q{SELECT inv_maintain()});
$receiver->answers('/switch', 'ok');
is(sql(q{SELECT inv_redeliver('switch')}), 1, 'an old alert shall be told again');
cross('S10');
wait_until(delivered('switch', 'S10') . q{ AND (SELECT count(*) = 2 FROM inv_deliveries WHERE sku = 'S10')},
	'it is, and so is what comes after it');
sql(q{UPDATE inv_delivery SET decided_at = decided_at - interval '1 year' WHERE sku = 'S10'});
sql(q{SELECT inv_maintain()});
is(sql(q{SELECT count(*) FROM inv_deliveries WHERE sku = 'S10'}), 0, 'deliveries go when their time is over');
sql(q{SELECT inv_maintain()});
is(sql(q{SELECT count(*) FROM inv_alert WHERE sku = 'S10' AND raised_at < now() - interval '300 days'}), 0, 'and then their alerts');
remove();

# --- a transaction that somebody leaves open -----------------------------------------

# it holds the row of an endpoint that the worker has to write: holds expire
# meanwhile, and afterwards all is told
endpoint('kept', '/kept', q{, events => '{low}'});
my $open = $node->background_psql('postgres');
$open->query_safe(q{BEGIN; SELECT inv_endpoints_enable()});
cross('S20');
wait_until(q{(SELECT errors > 0 AND last_error LIKE '%lock timeout%' FROM inv_worker_status() WHERE verb = 'deliver')},
	'the worker does not wait for it, and says so');
sql(q{SELECT inv_try('left', ARRAY['S21'], ARRAY[1], ttl_seconds => 1)});
wait_until(q{NOT EXISTS (SELECT FROM inv_open_holds)}, 'holds expire');
$open->query_safe('COMMIT');
$open->quit;
wait_until(delivered('kept', 'S20'), 'then all is told');
remove();

# --- a half-open breaker ----------------------------------------------------------------

$receiver->answers('/picky', { times => 5, status => 500 }, 400);
endpoint('picky', '/picky', q{, max_attempts => 1, events => '{low}'});
cross("S$_") foreach 30 .. 39;
wait_until(q{(SELECT count(*) = 10 FROM inv_deliveries WHERE endpoint = 'picky' AND state = 'dead')}, 'nothing is taken');
is(sql(q{SELECT breaker, failures, retry_at FROM inv_endpoints WHERE name = 'picky'}), 'closed|0|',
	'who only dislikes what is sent is well');
remove();

# --- text that cannot be JSON -----------------------------------------------------------

sql(q{CREATE DATABASE latin3 ENCODING 'LATIN3' LOCALE 'C' TEMPLATE template0});
open_shop('latin3');
sql(q{INSERT INTO inv_item (sku, reorder_point) VALUES (chr(165), 5); SELECT inv_receive(chr(165), 1000) IS NULL}, 'latin3');
endpoint('latin3', '/latin3', q{, max_attempts => 2}, 'latin3');
sql(q{SELECT inv_adjust(chr(165), 3) IS NULL; SELECT inv_adjust('S1', 3)}, 'latin3');
wait_until(delivered('latin3', 'S1'), 'what cannot be told keeps nothing from being told', 'latin3');
wait_until(q{(SELECT count(*) = 1 FROM inv_deliveries WHERE state = 'dead' AND last_error LIKE '%UTF-8%')}, 'and says why', 'latin3');

$receiver->stop;
done_testing();
