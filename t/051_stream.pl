# Slots of the change stream: made, watched, kept alive by heartbeats, and lost.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvWorker;
use InvStreamNode;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

InvWorker::be_patient();
my $json = JSON::PP->new->utf8;
my $node = InvStreamNode::start(q{
inventory.databases = 'postgres'
inventory.stream_heartbeat = 100
inventory.worker_nap = 20
max_replication_slots = 4
checkpoint_timeout = 1h
max_wal_size = 1GB
autovacuum = off
}, extra => ['--wal-segsize=1']);
$node->safe_psql('postgres', q{
	CREATE DATABASE neighbour;
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) VALUES ('A');
	SELECT inv_receive('A', 1000);
	CREATE ROLE admin LOGIN;
	CREATE ROLE replicator LOGIN REPLICATION;
	CREATE ROLE reader LOGIN;
	SELECT inv_grant('admin', 'admin'), inv_grant('replicator', 'admin'), inv_grant('reader', 'reader')});
$node->safe_psql('neighbour', 'CREATE TABLE busy (x text)');

sub sql
{
	return $node->safe_psql('postgres', @_);
}

# refusal(SQL) - SQLSTATE and message, then whatever else was said
sub refusal
{
	my ($sql, $db) = @_;
	my ($out, $err);

	$node->psql($db // 'postgres', $sql, stdout => \$out, stderr => \$err,
		on_error_stop => 1, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err;
}

# status(COLUMNS) - of the slot shop
sub status
{
	my ($columns) = @_;
	return sql("SELECT $columns FROM inv_stream_status() WHERE slot = 'shop'");
}

sub wait_for
{
	my ($condition, $what) = @_;
	return ok($node->poll_query_until('postgres',
			"SELECT $condition FROM inv_stream_status() WHERE slot = 'shop'"), $what);
}

# rounds(N) - lets the worker come to its heartbeats so many times more
sub rounds
{
	my ($count) = @_;
	my $runs = sql(q{SELECT runs FROM inv_worker_status() WHERE verb = 'heartbeat'});

	return $node->poll_query_until('postgres',
		"SELECT runs > $runs + $count FROM inv_worker_status() WHERE verb = 'heartbeat'");
}

# --- making one -----------------------------------------------------------------

sql(q{SELECT inv_deduct('A', 1)});
like(sql(q{SELECT * FROM inv_stream_create('shop')}), qr{^shop\|[0-9A-F]+/[0-9A-F]+$},
	'a slot is made, and where it begins is told');
is(sql(q{SELECT plugin, slot_type, two_phase, temporary FROM pg_replication_slots}), 'inventory|logical|f|f',
	'it is the server\'s own, with our plugin');
sql(q{SELECT inv_deduct('A', 2)});
like(sql(q{SELECT data FROM pg_logical_slot_peek_changes('shop', NULL, NULL) WHERE data LIKE '%"stock"%'}),
	qr/^[^\n]*"on_hand":997[^\n]*$/, 'it has what comes after it, and not what was before');

like(refusal(q{SELECT inv_stream_create('shop')}), qr/ERROR:  42710: there is a replication slot "shop" already.*\nDETAIL:  \{.*\nHINT:  .*pg_drop_replication_slot/,
	'a name that is taken');
like(refusal(q{SELECT inv_stream_create('No!')}), qr/ERROR:  42602/, 'a name that cannot be');
like(refusal(q{SELECT inv_stream_create(repeat('x', 64))}), qr/ERROR:  22023/, 'a name that is too long');
like(refusal(q{SELECT inv_stream_create(NULL)}), qr/ERROR:  22004/, 'no name');
like(refusal(q{BEGIN; SELECT inv_deduct('A', 1); SELECT inv_stream_create('late')}), qr/ERROR:  25001/,
	'after a write in the same transaction');

# who may: whom the server lets, and by whom it was granted
like(refusal(q{SET ROLE reader; SELECT inv_stream_create('r')}),
	qr/42501: permission denied for function inv_stream_create/, 'a reader of levels makes no slots');
like(refusal(q{SET ROLE admin; SELECT inv_stream_create('r')}),
	qr/42501: (?:must be superuser or replication role|permission denied to use replication slots)/,
	'nor does an admin without REPLICATION: it is done as the caller');
is(sql(q{SET ROLE replicator; SELECT slot FROM inv_stream_create('r')}), 'r', 'with REPLICATION he does');
is(sql(q{SET ROLE reader; SELECT string_agg(slot, ' ') FROM inv_stream_status()}), 'r shop',
	'a reader sees the slots');
sql(q{REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pg_catalog FROM PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pg_catalog TO PUBLIC;
	REVOKE EXECUTE ON FUNCTION pg_create_logical_replication_slot FROM PUBLIC});
like(refusal(q{SET ROLE replicator; SELECT inv_stream_create('r2')}),
	qr/42501: permission denied for function pg_create_logical_replication_slot/,
	'but not if the administrator took that function away');
sql(q{GRANT EXECUTE ON FUNCTION pg_create_logical_replication_slot TO PUBLIC});

# others' slots are not ours
sql(q{SELECT pg_create_logical_replication_slot('other', 'test_decoding')});
$node->safe_psql('neighbour', q{CREATE EXTENSION inventory; SELECT inv_stream_create('theirs')});
is(sql(q{SELECT string_agg(slot, ' ') FROM inv_stream_status()}), 'r shop',
	'slots of another plugin and of another database are not shown');
like(refusal(q{SELECT inv_stream_create('fifth')}),
	qr/ERROR:  53400: all replication slots are in use\nDETAIL:  \{"setting": ?"max_replication_slots", ?"value": ?4\}\nHINT:  .*max_replication_slots/,
	'no slot is free');
$node->safe_psql('neighbour', q{SELECT pg_drop_replication_slot('theirs')});
sql(q{SELECT pg_drop_replication_slot('r')});

# --- nobody reads it -------------------------------------------------------------

is(status('active, pid IS NULL, healthy, left_bytes, wal_status'), 'f|t|f||reserved', 'a slot that nobody reads is not well');
like(status('advice'), qr/Nobody reads it.*pg_drop_replication_slot\('shop'\)/, 'and what to do is told');

# --- heartbeats -------------------------------------------------------------------

my ($lines, $errors) = ('', '');
my $reader;

sub start_reader
{
	$lines = '';
	$reader = IPC::Run::start(
		[ 'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', 'shop', '--start', '-f', '-',
			'--status-interval=1', '--fsync-interval=1', '--no-loop' ],
		'>', \$lines, '2>', \$errors);
	return wait_for('active', 'somebody reads it');
}

# lines - what has come so far, decoded
sub lines
{
	$reader->pump_nb;
	return map { $json->decode($_) } grep { /\}$/ } split /\n/, $lines =~ s/[^\n]*\z//r;
}

sub beats
{
	return grep { $_->{kind} eq 'heartbeat' } lines();
}

sub number
{
	my ($high, $low) = split m{/}, $_[0];
	return hex($high) * 2**32 + hex($low);
}

# arrives(LSN) - waits for a heartbeat after that position
sub arrives
{
	my ($lsn) = @_;

	foreach (1 .. 500)
	{
		return 1 if grep { number($_->{lsn}) > number($lsn) } beats();
		rounds(1);
	}
	return 0;
}

start_reader();
my $written = sql('SELECT pg_current_wal_lsn()');
sql(q{SELECT inv_deduct('A', 1)});
ok(arrives($written), 'where there is work, heartbeats come');

# a neighbour at work holds no log here
my $before = () = lines();
$written = sql('SELECT pg_current_wal_lsn()');
$node->safe_psql('neighbour', q{INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 3000)});
ok(arrives($written), 'a quiet shop hears of itself while a neighbour works');
is(scalar(grep { $_->{kind} ne 'heartbeat' } (lines())[ $before .. scalar(my @now = lines()) - 1 ]), 0,
	'and of nothing else');
wait_for("confirmed_lsn > '$written'", 'what the reader confirms moves on');
wait_for('lag_ms = 0', 'it is not late');
is(status(q{active, pid > 0, lag_bytes < 100000, healthy, advice}), 't|t|t|t|', 'it is well');

# what has no transaction id moves on, too, if it is much
rounds(20);
$written = sql('SELECT pg_current_wal_lsn()');
sql(q{SELECT pg_logical_emit_message(false, 'test', repeat('x', 2000000))});
ok(arrives($written), 'much that has no transaction id is followed by a heartbeat');

# rest: neither checkpoints nor heartbeats have heartbeats follow
rounds(20);
my $count = beats();
sql('CHECKPOINT');
rounds(20);
sql('CHECKPOINT');
rounds(20);
is(scalar(beats()), $count, 'a server that rests is left in peace');
sql('SELECT txid_current()');
rounds(20);
is(scalar(beats()), $count + 1, 'and is heard again when something happens, once');

# off
$node->append_conf('postgresql.conf', 'inventory.stream_heartbeat = 0');
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('inventory.stream_heartbeat') = '0'});
rounds(5);
$count = beats();
sql('SELECT txid_current()');
rounds(20);
is(scalar(beats()), $count, 'switched off there is none');
$node->append_conf('postgresql.conf', 'inventory.stream_heartbeat = 100');
$node->reload;

# --- late -------------------------------------------------------------------------

my $pid = $reader->{KIDS}[0]{PID};
kill 'STOP', $pid;
sql('SELECT txid_current()');
wait_for('lag_ms > 500 AND lag_bytes > 0', 'a reader that hangs is late');
kill 'CONT', $pid;
wait_for('lag_ms = 0', 'until it has caught up');

# more heartbeats than are remembered: the oldest still tells
kill 'STOP', $pid;
sql('SELECT txid_current()');
wait_for('lag_ms > 0', 'it hangs again');
my $since = sql(q{SELECT extract(epoch FROM clock_timestamp())});
$node->append_conf('postgresql.conf', "inventory.stream_heartbeat = 5\ninventory.worker_nap = 10");
$node->reload;
append_to_file("$node->{_basedir}/busy.sql", "SELECT txid_current();\n");
my $runs = sql(q{SELECT runs FROM inv_worker_status() WHERE verb = 'heartbeat'});
do
{
	$node->command_ok([ 'pgbench', '-n', '-t', 2000, '-f', "$node->{_basedir}/busy.sql", 'postgres' ], 'work');
} while sql(qq{SELECT runs < $runs + 400 FROM inv_worker_status() WHERE verb = 'heartbeat'}) eq 't';
is(status(qq{lag_ms > 900 * (extract(epoch FROM clock_timestamp()) - $since)}), 't',
	'a long time is told with few heartbeats');
$node->append_conf('postgresql.conf', 'inventory.stream_heartbeat = 100');
$node->reload;
kill 'CONT', $pid;
wait_for('lag_ms = 0', 'and forgotten when it is over');

# --- a limit, and a slot that is lost ------------------------------------------------

$node->append_conf('postgresql.conf', 'max_slot_wal_keep_size = 8MB');
$node->reload;
wait_for('left_bytes BETWEEN 1 AND 10000000', 'with a limit it is told how far it is');
is(status('healthy'), 't', 'far is well');
$reader->kill_kill;
wait_for('NOT active', 'the reader is gone');

# consume(N) - so many segments of log, of 1 MB
sub consume
{
	my ($segments) = @_;

	sql('SELECT pg_logical_emit_message(false, \'test\', \'x\'); SELECT pg_switch_wal()') foreach 1 .. $segments;
	return;
}

consume(4);
is(status('left_bytes < 6000000, retained_bytes > 3000000'), 't|t', 'it comes nearer');
start_reader();
kill 'STOP', $reader->{KIDS}[0]{PID};
consume(3);
like(status('advice'), qr/about to be lost/, 'a reader that hangs is warned of, near the limit');
kill 'CONT', $reader->{KIDS}[0]{PID};
$reader->kill_kill;
wait_for('NOT active', 'the reader is gone again');
consume(10);
sql('CHECKPOINT');
wait_for(q{wal_status = 'lost'}, 'beyond the limit it is lost');
is(status('healthy, left_bytes, retained_bytes, active'), 'f|||f', 'which is not well');
like(status('advice'), qr/lost.*pg_drop_replication_slot\('shop'\).*inv_stream_create\('shop'\).*inv_changes_since/,
	'and what to do is told');

# heartbeats are for slots that can be read: counted by another plugin
sub messages
{
	return sql(q{SELECT count(*) FROM pg_logical_slot_peek_changes('other', NULL, NULL) WHERE data LIKE 'message:%prefix: inventory%'});
}

sql(q{SELECT pg_drop_replication_slot('other')});
sql(q{SELECT pg_create_logical_replication_slot('other', 'test_decoding')});
sql('SELECT txid_current()');
rounds(20);
is(messages(), 0, 'nobody writes heartbeats for a slot that is lost');
sql(q{SELECT pg_drop_replication_slot('shop')});
sql('SELECT txid_current()');
rounds(20);
is(messages(), 0, 'nor for slots of another plugin');
is(sql(q{SELECT slot FROM inv_stream_create('shop')}), 'shop', 'a lost one is made anew');
sql('SELECT txid_current()');
rounds(20);
cmp_ok(messages(), '>', 0, 'and then there are heartbeats');
is(sql(q{SELECT string_agg(verb, ' ') FROM inv_worker_status() WHERE errors > 0}), '', 'all without an error');

# --- where it cannot be ----------------------------------------------------------------

sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots});
$node->append_conf('postgresql.conf', 'wal_level = replica');
$node->append_conf('postgresql.conf', q{output_plugin_libraries = 'pgoutput'}) if InvStreamNode::asks_for_plugins();
$node->restart;
like(refusal(q{SELECT inv_stream_create('shop')}),
	qr/ERROR:  55000: .*\nDETAIL:  \{"setting": ?"wal_level", ?"value": ?"replica"\}\nHINT:  Set wal_level = logical, and restart/,
	'without wal_level = logical');
is(sql('SELECT count(*) FROM inv_stream_status()'), 0, 'there is no slot to show');
SKIP:
{
	skip 'this server does not ask which plugins there may be', 1 if !InvStreamNode::asks_for_plugins();
	$node->append_conf('postgresql.conf', 'wal_level = logical');
	$node->restart;
	like(refusal(q{SELECT inv_stream_create('shop')}),
		qr/ERROR:  55000: .*\nDETAIL:  .*output_plugin_libraries.*\nHINT:  Add inventory to output_plugin_libraries/,
		'without its name in output_plugin_libraries');
}
$node->stop;

done_testing();
