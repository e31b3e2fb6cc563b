# The relay to a Redis Cluster: keys everywhere, slots that move meanwhile, and a
# primary of PostgreSQL that is another one afterwards.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvRedis;
use InvRelay qw(wait_until http_get);
use InvStreamNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$SIG{PIPE} = 'IGNORE';
my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = InvStreamNode::start(q{
autovacuum = off
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(0, 299) g;
	SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku),
		ARRAY(SELECT 1000000 FROM inv_item));
	SELECT pg_create_logical_replication_slot('cluster', 'inventory')});

sub sql { return $node->safe_psql('postgres', $_[0]); }

# --- three nodes, which share the slots ------------------------------------------------

my @redis = map { InvRedis->start("$folder/redis-$_", '--cluster-enabled', 'yes') } 0 .. 2;
my @ports = map { $_->{port} } @redis;
my @bounds = (0, 5461, 10923, 16384);
foreach my $i (0 .. 2)
{
	$redis[$i]->call('CLUSTER', 'ADDSLOTSRANGE', $bounds[$i], $bounds[ $i + 1 ] - 1);
	$redis[$i]->call('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
	$redis[0]->call('CLUSTER', 'MEET', '127.0.0.1', $ports[$i]) if $i;
}
foreach my $i (0 .. 2)
{
	wait_until(sub { $redis[$i]->call('CLUSTER', 'INFO') =~ /cluster_state:ok.*cluster_known_nodes:3/s })
	  or die 'no cluster';
}
my @ids = map { $_->call('CLUSTER', 'MYID') } @redis;

sub slot_of { return $redis[0]->call('CLUSTER', 'KEYSLOT', $_[0]); }

# owner(KEY) - as the slots were shared at first
sub owner { my $slot = slot_of($_[0]); return (grep { $slot < $bounds[ $_ + 1 ] } 0 .. 2)[0]; }

sub keys_left { my $n = 0; $n += $_->call('DBSIZE') foreach @redis; return $n; }

sub start_relay
{
	my ($slot, $mode, @options) = @_;
	return InvRelay->start($folder, '--dbname', $node->connstr('postgres'), '--slot', $slot,
		'--sink', 'redis', '--redis', "redis://127.0.0.1:$ports[0]", '--mode', $mode, '--breaker-pause', '100ms', @options);
}

my $relay = start_relay('cluster', 'refresh', '-o', 'key=inventory:{stock_id}/{sku}', '--filter', 'skus');
my $all = q{SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item WHERE sku LIKE 'S%' ORDER BY sku),
	ARRAY(SELECT 1 FROM inv_item WHERE sku LIKE 'S%'))};
wait_until(sub { $redis[ owner('skus') ]->call('EXISTS', 'skus') eq '1' });
sql($all);
ok(wait_until(sub { keys_left() == 300 + 4 }), 'every value is on some node, a marker on each, and the filter on one');
my @shares = map { $_->call('DBSIZE') } @redis;
cmp_ok((sort { $a <=> $b } @shares)[0], '>', 50, "shared out (@shares)");
is($relay->end('TERM'), 0, 'the relay ends well');
unlike($relay->said, qr/error/, 'without an error');

$_->call('FLUSHALL') foreach @redis;
sql(q{SELECT pg_create_logical_replication_slot('delete', 'inventory')});
$relay = start_relay('delete', 'delete');
ok(wait_until(sub { keys_left() == 3 }), 'a marker on each');
$redis[ owner("inventory:S$_") ]->call('SET', "inventory:S$_", 'old') foreach 0 .. 299;
sql($all);
ok(wait_until(sub { keys_left() == 3 }), 'every key is deleted on its node');

# --- a slot that moves -------------------------------------------------------------------

my $slot = slot_of('inventory:S7');
my $from = owner('inventory:S7');
my $to = ($from + 1) % 3;
$redis[$from]->call('SET', 'inventory:S7', 'old');
$redis[$to]->call('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $ids[$from]);
$redis[$from]->call('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $ids[$to]);
is($redis[$from]->call('MIGRATE', '127.0.0.1', $ports[$to], 'inventory:S7', 0, 1000), 'OK', 'a key has moved before its slot');
is($redis[$to]->call('CLUSTER', 'COUNTKEYSINSLOT', $slot), 1, 'to another node');
sql(q{SELECT inv_deduct('S7', 1)});
ok(wait_until(sub { $redis[$to]->call('CLUSTER', 'COUNTKEYSINSLOT', $slot) eq '0' }), 'and is deleted there');

$redis[$_]->call('CLUSTER', 'SETSLOT', $slot, 'NODE', $ids[$to]) foreach $to, $from, 3 - $from - $to;
is($redis[$to]->call('SET', 'inventory:S7', 'old'), 'OK', 'then the slot has moved');
sql(q{SELECT inv_deduct('S7', 1)});
ok(wait_until(sub { $redis[$to]->call('EXISTS', 'inventory:S7') eq '0' }), 'which is followed');
unlike($relay->said, qr/error/, 'without an error');

# --- a node that is away --------------------------------------------------------------------

# It has no slots, so nothing is missing; but it is the one that the relay was told of.
$relay->end('TERM');
my $seed = InvRedis->start("$folder/redis-seed", '--cluster-enabled', 'yes');
$redis[0]->call('CLUSTER', 'MEET', '127.0.0.1', $seed->{port});
ok(wait_until(sub { $seed->call('CLUSTER', 'INFO') =~ /cluster_state:ok.*cluster_slots_assigned:16384.*cluster_known_nodes:4/s }),
	'a fourth node');
$relay = start_relay('delete', 'delete', '--redis', "redis://127.0.0.1:$seed->{port}");
my $sold = sub {
	my ($key) = @_;
	$redis[ owner($key) ]->call('SET', $key, 'old');
	sql("SELECT inv_deduct('" . substr($key, 10) . "', 1)");
	return wait_until(sub { $redis[ owner($key) ]->call('EXISTS', $key) eq '0' });
};
ok($sold->('inventory:S1'), 'tells the relay of the others');
$seed->down;
$redis[ owner('inventory:S2') ]->call('CLIENT', 'KILL', 'TYPE', 'normal');
ok($sold->('inventory:S2'), 'without which it finds them again');
$relay->end('TERM');
$relay = start_relay('delete', 'delete');

# --- everything ---------------------------------------------------------------------------

$redis[ owner("inventory:S$_") ]->call('SET', "inventory:S$_", 'old') foreach 10 .. 299;
sql(q{BEGIN; ALTER TABLE inv_stock DISABLE TRIGGER USER; TRUNCATE inv_stock CASCADE; COMMIT;
	ALTER TABLE inv_stock ENABLE TRIGGER USER});
ok(wait_until(sub { keys_left() == 3 }), 'a truncation is told to every node');
is($relay->end('TERM'), 0, 'the relay ends well');

# --- another primary -------------------------------------------------------------------------

# Before PostgreSQL 17 a standby has a slot only if somebody copies it, as
# Patroni does: while the standby is stopped.
sql(q{SELECT count(*) FROM (SELECT inv_receive('S' || g, 1000) FROM generate_series(0, 9) g) x});
sql(q{SELECT pg_create_physical_replication_slot('standby'); SELECT pg_create_logical_replication_slot('moved', 'inventory')});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{primary_slot_name = 'standby'});
$standby->start;
my $hosts = sprintf 'host=%s,%s port=%s,%s dbname=postgres', $node->host, $standby->host, $node->port, $standby->port;
my $stdout = InvRelay->start($folder, '-d', $hosts, '-S', 'moved', '-s', '50ms', '-o', 'emit=movements');
sql(qq{SELECT inv_deduct('S$_', 1, reference => 'before')}) foreach 0 .. 9;
ok(wait_until(sub { $stdout->lines >= 10 }), 'the relay reads from the primary');
$node->wait_for_catchup($standby);
$standby->stop;
system('cp', '-r', $node->data_dir . '/pg_replslot/moved', $standby->data_dir . '/pg_replslot/') == 0 or die;
$standby->start;

# The standby is behind when the primary dies: that commit is lost.
$standby->stop;
sql(q{SELECT inv_deduct('S' || g % 10, 1, reference => 'lost') FROM generate_series(1, 1000) g});
ok(wait_until(sub { $stdout->lines >= 1010 }), 'what the standby has not got');
my $lost = sql('SELECT pg_current_wal_insert_lsn()');
wait_until(sub { sql(qq{SELECT confirmed_flush_lsn >= '$lost' FROM pg_replication_slots WHERE slot_name = 'moved'}) eq 't' || do { sql('SELECT txid_current()'); 0 } });
$node->stop('immediate');
$standby->start;
$standby->promote;
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE reply_time > backend_start}),
	'the relay finds the new primary');
is($standby->safe_psql('postgres', qq{SELECT pg_current_wal_insert_lsn() < '$lost'}), 't', 'whose log is shorter');
is($standby->safe_psql('postgres', q{SELECT confirmed_flush_lsn <= pg_current_wal_insert_lsn() FROM pg_replication_slots}), 't',
	'and confirms no position of the old one');
$standby->safe_psql('postgres', qq{SELECT inv_deduct('S$_', 1, reference => 'after')}) foreach 0 .. 9;
my $count = sub { my ($word) = @_; return scalar grep { /"reference":"$word"/ } $stdout->lines; };
ok(wait_until(sub { $count->('after') >= 10 }),
	'after a failover the relay reads from the other one, all of what it has, though its positions were passed before');
is($count->('lost'), 1000, 'what was lost is not told twice');
is($stdout->end('TERM'), 0, 'and ends well');

done_testing();
