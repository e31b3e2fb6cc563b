# The relay to Redis: what each mode does to a cache, whoever dies, in whatever
# order lines come, and however long a synchronous standby is away.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvRedis;
use InvRelay qw(wait_until http_get);
use InvStreamNode;
use JSON::PP;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

$SIG{PIPE} = 'IGNORE';
my $json = JSON::PP->new->utf8->canonical;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = InvStreamNode::start(q{
autovacuum = off
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(0, 99) g;
	INSERT INTO inv_location (location) VALUES ('shop');
	SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku),
		ARRAY(SELECT 1000000 FROM inv_item))});

my $redis = InvRedis->start("$folder/redis");
my $url = "redis://127.0.0.1:$redis->{port}";
my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
my $metrics = $probe->sockport;
close $probe;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub make_slot { return sql("SELECT pg_create_logical_replication_slot('$_[0]', 'inventory')"); }

sub deduct { return sql("SELECT status FROM inv_deduct('$_[0]', 1)"); }

# relay(MODE, SLOT, OPTIONS...) - running, and known to the server
sub relay
{
	my ($mode, $slot, @options) = @_;
	my $relay = InvRelay->start($folder, '--dbname', $node->connstr('postgres'), '--slot', $slot,
		'--sink', 'redis', '--redis', $url, '--mode', $mode, '--listen', "127.0.0.1:$metrics",
		'--breaker-pause', '100ms', '--timeout', '500ms', @options);

	wait_until(sub { health()->{status} eq 'ok' && health()->{confirmed_lsn} ne '0/0' });
	return $relay;
}

sub health
{
	my ($status, $body) = http_get($metrics, '/health');
	return $status ? $json->decode($body) : { status => 'none', confirmed_lsn => '0/0', breaker => '' };
}

sub metric
{
	my ($name) = @_;
	my ($status, $body) = http_get($metrics, '/metrics');
	return $body =~ /^inv_relay_$name (\S+)$/m ? $1 : undef;
}

# settled(SLOT) - once all that is committed by now has been confirmed
sub settled { return InvRelay::settled($node, $_[0]) }

sub gone { my ($key) = @_; return wait_until(sub { $redis->call('EXISTS', $key) eq '0' }); }

# --- delete -----------------------------------------------------------------------

make_slot('delete');
$redis->call('SET', 'inventory:S9', 'from before');
my $relay = relay('delete', 'delete');
is($redis->call('EXISTS', 'inventory:S9'), 0, 'a Redis that the relay does not know is begun anew');
$redis->call('SET', "inventory:S$_", 'old') foreach 1 .. 3;
$redis->call('SET', 'other:S1', 'old');
deduct('S1');
ok(gone('inventory:S1'), 'what has changed is deleted');
is($redis->call('EXISTS', 'inventory:S2', 'inventory:S3', 'other:S1'), 3, 'and nothing else');
ok(settled('delete'), 'and then confirmed');
$relay->end('TERM');
deduct('S2');
$relay = relay('delete', 'delete');
ok(gone('inventory:S2'), 'what changed while the relay was away is deleted when it is back');
is($redis->call('GET', 'inventory:S3'), 'old', 'and what did not stays: this Redis is known');

# --- Redis away -------------------------------------------------------------------

$redis->signal('STOP');
deduct('S3');
ok(wait_until(sub { health()->{breaker} eq 'open' }), 'a Redis that does not answer opens the breaker');
is((http_get($metrics, '/health'))[0], 503, 'which health tells');
is(health()->{problem}, 'the sink fails', 'and why');
cmp_ok(metric('sink_failures_total'), '>=', 3, 'after three failures');
is(metric('connected'), 1, 'the server stays connected');
my $waiting = sql(q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'delete'});
deduct('S4');
ok(wait_until(sub { (metric('lag_bytes') // 0) > 0 && metric('queue_lines') >= 2 }), 'what is committed waits');
is(sql(q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'delete'}), $waiting, 'and is not confirmed');
$redis->signal('CONT');
ok(gone('inventory:S3'), 'once it answers, what waited is done');
ok(wait_until(sub { health()->{status} eq 'ok' }), 'and health is well again');
unlike($relay->said, qr/redis:\/\//, 'no URL in what it says');

$redis->call('SET', 'inventory:S5', 'old');
$redis->call('SAVE');
deduct('S5');
ok(gone('inventory:S5'), 'deleted');
ok(settled('delete'), 'and confirmed');
$redis->down;
deduct('S6');
$redis->up;
ok(gone('inventory:S5'), 'a Redis that comes back with what it had on disk does not bring back old values');
ok(settled('delete'), 'and all goes on');
$redis->call('SET', 'inventory:S5', 'old');
$redis->call('SAVE');
deduct('S5');
ok(gone('inventory:S5'), 'deleted once more');
ok(settled('delete'), 'and nothing waits');
$redis->down;
$redis->up;
ok(gone('inventory:S5'), 'nor if nothing is sold after that');
$redis->call('SET', "inventory:S$_", 'old') foreach 1 .. 9;
sql(q{BEGIN; ALTER TABLE inv_stock DISABLE TRIGGER USER; TRUNCATE inv_stock CASCADE; ROLLBACK});
is($redis->call('EXISTS', 'inventory:S9'), 1, 'a truncation that is rolled back is none');
$relay->end('TERM');

# --- a stalled standby ---------------------------------------------------------------

# stalled(ACTION) - while a commit waits for a standby that is not there
sub stalled
{
	my ($action) = @_;
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
	$node->reload;
	my ($in, $out, $err) = ('', '', '');
	my $writer = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
		"SELECT status FROM inv_deduct('S1', 1)" ], '<', \$in, '>', \$out, '2>', \$err);
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'});
	$action->();
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$node->reload;
	$writer->finish;
	return;
}

# level(SKU) - as any reader sees it
sub level { return sql("SELECT on_hand FROM inv_stock_level WHERE sku = '$_[0]' AND location = 'main'"); }

foreach my $mode ('delete', 'double-delete')
{
	make_slot("stalled_$mode" =~ tr/-/_/r);
	$relay = relay($mode, "stalled_$mode" =~ tr/-/_/r, '--delay', '10ms');
	my $old = level('S1');
	$redis->call('SET', 'inventory:S1', $old);
	stalled(sub {
		wait_until(sub { (metric('invisible_lines') // 0) > 0 || $redis->call('EXISTS', 'inventory:S1') eq '0' });
		ok(metric('invisible_lines'), "$mode: the line is there, and nobody can see it");
		is(level('S1'), $old, "$mode: readers see the old value");
		# what a cache without leases does: whoever misses reads and fills
		$redis->call('SET', 'inventory:S1', level('S1')) if $redis->call('EXISTS', 'inventory:S1') eq '0';
		is($redis->call('GET', 'inventory:S1'), $old, "$mode: so the cache has it too");
	});
	ok(gone('inventory:S1'), "$mode: once readers see the new value, the old one is deleted");
	isnt(level('S1'), $old, "$mode: there is a new one");
	$relay->end('TERM');
}

# --- double-delete -------------------------------------------------------------------

make_slot('twice');
$relay = relay('double-delete', 'twice', '--delay', '400ms');
$redis->call('SET', 'inventory:S7', 'old');
deduct('S7');
ok(gone('inventory:S7'), 'deleted at once');
$redis->call('SET', 'inventory:S7', 'a late filler');
ok(gone('inventory:S7'), 'and again, for who filled in between');
ok(settled('twice'), 'confirmed after that');
$relay->end('TERM');

$relay = relay('double-delete', 'twice', '--delay', '1h');
$redis->call('SET', 'inventory:S8', 'old');
deduct('S8');
ok(gone('inventory:S8'), 'deleted, and the second time is far away');
$redis->call('SET', 'inventory:S8', 'a late filler');
is($relay->end('KILL'), -9, 'the relay is killed before it');
$relay = relay('double-delete', 'twice', '--delay', '10ms');
ok(gone('inventory:S8'), 'the next one does it');
$relay->end('TERM');

# --- refresh ---------------------------------------------------------------------------

make_slot('refresh');
$relay = relay('refresh', 'refresh', '--ttl', '100s', '--ttl-spread', '20');
my $key = 'inventory:S1:main';

# entry(KEY) - its fields
sub entry
{
	my ($name) = @_;
	my $fields = $redis->call('HGETALL', $name);
	return ref $fields ? {@$fields} : {};
}

# as_database(KEY, SKU) - whether the entry is what the database says
sub as_database
{
	my ($name, $sku) = @_;
	return (entry($name)->{value} // '') eq sql("SELECT format('{\"on_hand\":%s,\"reserved\":%s,\"available\":%s,\"version\":%s}',
		on_hand, reserved, available, version) FROM inv_stock_level WHERE sku = '$sku' AND location = 'main'");
}

deduct('S1');
ok(wait_until(sub { as_database($key, 'S1') }), 'the new value is there');
sql(q{SELECT * FROM inv_set_limits('S1', safety_stock => 7)});
ok(wait_until(sub { as_database($key, 'S1') }), 'new limits as well, which leave the version as it was');
my %ttls;
deduct("S$_") foreach 1 .. 30;
ok(settled('refresh'), 'thirty values');
$ttls{ int($redis->call('PTTL', "inventory:S$_:main") / 1000) }++ foreach 1 .. 30;
cmp_ok(scalar keys %ttls, '>=', 5, 'do not expire together');
my ($shortest, $longest) = (sort { $a <=> $b } keys %ttls)[ 0, -1 ];
ok($shortest >= 70 && $longest <= 120, "but within the spread ($shortest to $longest s)");

my $is = entry($key);
is($redis->script('refresh', $key, 'stock', 'FFFFFFFFFFFFFFFF', 1000, $is->{stock_id}, $is->{version} - 1, 'older'), 0,
	'an older version that comes late is not taken');
is($redis->script('refresh', $key, 'stock', '0000000000000001', 1000, $is->{stock_id}, $is->{version}, 'older'), 0,
	'nor the same version with an older lsn');
is_deeply(entry($key), $is, 'nothing has changed');
is($redis->script('refresh', $key, 'gone', '0000000000000001', 1000), 0, 'nor what is gone since before');
is($redis->script('refresh', 'big', 'stock', '0000000000000001', 0, 1, '9007199254740993', 'new'), 1, 'versions may be large:');
is($redis->script('refresh', 'big', 'stock', '0000000000000001', 0, 1, '9007199254740992', 'old'), 0, 'they are compared to the last digit');
is($redis->script('refresh', 'big', 'stock', '0000000000000001', 0, 1, '10000000000000000', 'newer'), 1, 'and as numbers');
$redis->call('SET', $key, 'somebody else');
deduct('S1');
ok(wait_until(sub { as_database($key, 'S1') }), 'what is no entry of ours is replaced');

# every order of four lines, with a deletion: the last one stands
my @events = (
	[ 'stock', '00000000000000A0', 0, 1, 8, 'eight' ], [ 'stock', '00000000000000A1', 0, 1, 9, 'nine' ],
	[ 'gone', '00000000000000A2', 0 ], [ 'stock', '00000000000000A3', 0, 2, 1, 'reborn' ]);
sub orders
{
	my (@rest) = @_;
	return ([]) unless @rest;
	return map { my $i = $_; map { [ $rest[$i], @$_ ] } orders(@rest[ grep { $_ != $i } 0 .. $#rest ]) } 0 .. $#rest;
}
my $wrong = 0;
foreach my $order (orders(0 .. 3))
{
	foreach my $until (2, 3)
	{
		$redis->call('DEL', 'order');
		$redis->script('refresh', 'order', @{ $events[$_] }) foreach grep { $_ <= $until } @$order;
		$wrong++ if (entry('order')->{value} // 'none') ne ($until == 3 ? 'reborn' : 'none');
	}
}
is($wrong, 0, 'in any order of arrival the newest stands');

sql(q{SELECT inv_rename_sku('S30', 'R30')}) if sql(q{SELECT count(*) FROM pg_proc WHERE proname = 'inv_rename_sku'});
# another name: the key of the old one has the stock_id, too, that the row keeps
sql(q{SELECT pg_create_logical_replication_slot('named', 'inventory')});
my $stock_id = sql(q{SELECT stock_id FROM inv_stock WHERE sku = 'S29'});
sql(q{INSERT INTO inv_item (sku) VALUES ('R29'); ALTER TABLE inv_stock DISABLE TRIGGER USER;
	UPDATE inv_stock SET sku = 'R29' WHERE sku = 'S29'; ALTER TABLE inv_stock ENABLE TRIGGER USER});
is(join(' ', map { $json->decode($_)->{key} } split /\n/,
		sql(q{SELECT data FROM pg_logical_slot_get_changes('named', NULL, NULL, 'key', '{sku}/{stock_id}')})),
	"S29/$stock_id R29/$stock_id", 'a renamed row is named by both keys');
sql(q{SELECT pg_drop_replication_slot('named')});

sql(q{BEGIN; SELECT inv_deduct('S1', 1); ALTER TABLE inv_stock DISABLE TRIGGER USER; TRUNCATE inv_stock CASCADE; COMMIT;
	ALTER TABLE inv_stock ENABLE TRIGGER USER});
ok(settled('refresh'), 'a truncation');
ok(gone($key), 'after it nothing is cached, nor what the same transaction sold before');
is($redis->call('EXISTS', 'other:S1'), 1, 'and what is not ours stays');
sql(q{SELECT inv_receive('S1', 5)});
ok(wait_until(sub { as_database($key, 'S1') }), 'a new row with a lower version is taken');
$relay->end('TERM');

# --- leases -------------------------------------------------------------------------------

sub lease { return $redis->script('read', 'leased', $_[0], $_[1] // 10_000); }
is_deeply(lease('a'), ['lease'], 'who misses gets the lease');
is_deeply(lease('b'), ['wait'], 'the next one waits');
is($redis->script('fill', 'leased', 'b', 'x', 1000), 0, 'and may not fill');
is($redis->script('fill', 'leased', 'a', 'value', 1000), 1, 'who has it fills');
is_deeply(lease('b'), [ 'hit', 'value' ], 'then it is there');
$redis->call('DEL', 'leased');
lease('slow');
$redis->call('DEL', 'leased');
is($redis->script('fill', 'leased', 'slow', 'old', 1000), 0, 'a filler that was overtaken by a deletion does not fill');
lease('slow');
$redis->call('DEL', 'leased');
lease('quick');
is($redis->script('fill', 'leased', 'slow', 'old', 1000), 0, 'nor when another one has the lease by now');
is($redis->script('fill', 'leased', 'quick', 'new', 1000), 1, 'which can fill');
$redis->call('DEL', 'leased');
lease('slow');
$redis->script('refresh', 'leased', 'stock', '00000000000000A0', 0, 1, 8, 'fresh');
is($redis->script('fill', 'leased', 'slow', 'old', 1000, 1, 7), 0, 'a refresh ends a lease, too');
$redis->script('refresh', 'leased', 'gone', '00000000000000A1', 0);
is_deeply(lease('a'), ['lease'], 'what is gone reads as a miss');
is($redis->script('fill', 'leased', 'a', 'none', 1000), 1, 'and can be filled');
is($redis->script('refresh', 'leased', 'stock', '00000000000000A0', 0, 1, 8, 'fresh'), 0, 'without forgetting since when it is gone');
$redis->call('DEL', 'leased');
lease('dead', 1);
ok(wait_until(sub { lease('next')->[0] eq 'lease' }), 'a lease that nobody uses ends');

# --- the filter --------------------------------------------------------------------------

make_slot('filter');
$relay = relay('delete', 'filter', '--filter', 'skus', '--filter-keys', '1000');
sub maybe { return $redis->script('filter_check', 'skus', $_[0]); }
ok(wait_until(sub { $redis->call('EXISTS', 'skus') eq '1' }), 'the filter is made where there is none');
is(join('', map { maybe("S$_") } 0 .. 99), '1' x 100, 'it lets pass every SKU');
my $strangers = grep { maybe("stranger $_") eq '1' } 1 .. 1000;
cmp_ok($strangers, '<', 50, "and few strangers ($strangers of 1000)");
sql(q{INSERT INTO inv_item (sku) VALUES ('new'); SELECT inv_receive('new', 1)});
ok(wait_until(sub { maybe('new') eq '1' }), 'what is received comes into it');
sql(q{INSERT INTO inv_item (sku) VALUES ('rare')});
$relay->signal('USR1');
ok(wait_until(sub { maybe('rare') eq '1' }), 'SIGUSR1 makes it anew, of all items');
$redis->call('DEL', 'skus');
is(maybe('stranger'), 1, 'without a filter everything may be');
sql(q{INSERT INTO inv_item (sku) VALUES ('newer'); SELECT inv_receive('newer', 1)});
ok(wait_until(sub { $redis->call('EXISTS', 'skus') eq '1' }), 'one that got lost is made again');
is(maybe('S1') . maybe('newer'), '11', 'whole');
$redis->call('CONFIG', 'SET', 'maxmemory', '0');
is($relay->end('TERM'), 0, 'the relay ends well');

# a role that may not read the items, and soon not for long either
sql(q{CREATE ROLE carrier LOGIN REPLICATION; ALTER ROLE carrier SET idle_in_transaction_session_timeout = 1});
make_slot('carried');
$relay = relay('delete', 'carried', '--dbname', $node->connstr('postgres') . ' user=carrier', '--filter', 'carried',
	'--filter-keys', '1000');
my $deleted = 0;
foreach (1 .. 20)
{
	$redis->call('SET', 'inventory:S1', 'old');
	sql(q{SELECT inv_receive('S1', 1)});
	$deleted += gone('inventory:S1');
}
is($deleted, 20, 'who may not read the items carries on without the filter');
is(metric('sink_failures_total'), 0, 'it is no fault of Redis');
my $denied = () = $relay->said =~ /permission denied/g;
ok($denied >= 1 && $denied <= 3, "it is told, but not each time ($denied)");
sql(q{GRANT SELECT ON inv_item TO carrier});
ok(wait_until(sub { $redis->call('EXISTS', 'carried') eq '1' }), 'and once it may, there is the filter');
unlike($relay->said, qr/idle-in-transaction/, 'no time-out of the role ends it');
$relay->end('TERM');

# --- readers: the examples ------------------------------------------------------------------

make_slot('readers');
sql(q{INSERT INTO inv_item (sku) VALUES ('SHOWN'); SELECT inv_receive('SHOWN', 8)});
$relay = relay('delete', 'readers', '--filter', 'inventory-filter', '--filter-keys', '1000',
	'--publish', 'inventory-changes');
ok(wait_until(sub { $redis->call('EXISTS', 'inventory-filter') eq '1' }), 'the filter of the examples');
ok(settled('readers'), 'all is quiet');

# reader(COMMAND...) - a function: what the example answers for an SKU
sub reader
{
	my (@command) = @_;
	my ($in, $out, $err) = ('', '', '');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres', PGUSER => 'postgres',
		GOPATH => '/usr/share/gocode', GO111MODULE => 'off',
		GOCACHE => PostgreSQL::Test::Utils::tempdir());
	my $run = IPC::Run::start([ @command, $url ], '<', \$in, '>', \$out, '2>', \$err);
	return sub {
		my ($sku) = @_;
		return $run->kill_kill unless defined $sku;
		$out = '';
		$in .= "$sku\n";
		$run->pump while $out !~ /\n/ && $run->pumpable;
		chomp $out;
		return $out || $err;
	};
}

foreach my $example ([ 'Python', '/usr/bin/python3', 'examples/cache/reader.py' ],
	[ 'Go', qw(go run examples/cache/reader.go) ])
{
	my ($language, @command) = @$example;
	my $ask = reader(@command);
	$redis->call('DEL', 'inventory:SHOWN', 'inventory:STRANGER', 'inventory:S1');
	my $level = sql(q{SELECT available FROM inv_item_level WHERE sku = 'SHOWN'});

	is($ask->('SHOWN'), "SHOWN $level database", "$language: who misses asks the database");
	like($ask->('SHOWN'), qr/^SHOWN $level (memory|Redis)$/, "$language: then it is cached");
	ok(wait_until(sub { $ask->('SHOWN') eq "SHOWN $level Redis" }), "$language: in memory for a moment only");
	is($ask->('SHOWN'), "SHOWN $level memory", "$language: and from there again");
	is($ask->('STRANGER'), 'STRANGER unknown filter', "$language: what never was is not asked for");
	deduct('SHOWN');
	$level--;
	ok(wait_until(sub { $ask->('SHOWN') =~ /^SHOWN $level (database|Redis)$/ }), "$language: what is sold is told");

	# a filler that is overtaken: it has the lease, and the change comes before it fills
	deduct('SHOWN');
	gone('inventory:SHOWN');
	$redis->script('read', 'inventory:SHOWN', 'slow', 10_000);
	deduct('SHOWN');
	$level -= 2;
	ok(settled('readers'), "$language: a change overtakes a slow filler");
	is($redis->script('fill', 'inventory:SHOWN', 'slow', '{"on_hand":99,"reserved":0,"available":99}', 1000), 0,
		"$language: which is refused");
	ok(wait_until(sub { $ask->('SHOWN') =~ /^SHOWN $level / }), "$language: nobody sees what it had read");

	$node->stop('fast');
	$redis->call('DEL', 'inventory:SHOWN');
	ok(wait_until(sub { $ask->('SHOWN') eq "SHOWN $level last known" }),
		"$language: without PostgreSQL there is the last known answer");
	like($ask->('S1'), qr/^S1 unavailable/, "$language: or none");
	$redis->down;
	like($ask->('S2'), qr/^S2 unavailable/, "$language: nor without Redis as well");
	$redis->up;
	$node->start;
	ok(wait_until(sub { $redis->call('EXISTS', 'inventory-filter') eq '1' }), "$language: both are back");
	$redis->call('DEL', 'inventory:SHOWN');
	ok(wait_until(sub { $ask->('SHOWN') =~ /^SHOWN $level (database|Redis)$/ }), "$language: and then the truth again");
	$ask->();
}
$relay->end('TERM');

# --- a password ------------------------------------------------------------------------------

$redis->call('CONFIG', 'SET', 'requirepass', 'open sesame');
open my $file, '>', "$folder/password" or die;
print $file "open sesame\n";
close $file;
$relay = relay('delete', 'filter', '--redis-password-file', "$folder/password");
is(health()->{status}, 'ok', 'with a password');
my $everywhere = $relay->said . join '', map { (http_get($metrics, $_))[1] } '/metrics', '/health', '/';
$everywhere .= InvRelay::slurp("/proc/$relay->{pid}/cmdline");
unlike($everywhere, qr/sesame/, 'which is to be seen nowhere');
$relay->end('TERM');
open my $config, '>', "$folder/relay.conf" or die;
print $config 'dbname = ' . $node->connstr('postgres') . "\nslot = filter\nsink = redis\n"
  . "redis = redis://:wrong\@127.0.0.1:$redis->{port}\nlisten = 127.0.0.1:$metrics\n";
close $config;
$relay = InvRelay->start($folder, '--config', "$folder/relay.conf");
ok(wait_until(sub { health()->{breaker} =~ /open/ }), 'a wrong one opens the breaker');
like($relay->said, qr/error: Redis at 127.0.0.1:\d+: .*(WRONGPASS|invalid password)/, 'and is told');
$relay->end('TERM');

done_testing();
