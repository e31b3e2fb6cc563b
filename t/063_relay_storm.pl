# A storm: clients sell, readers fill the cache with random delays, and the relay,
# Redis and the server are killed at random. Afterwards no cached value may differ
# from the database, for readers with leases and in refresh mode; for readers
# without, in double-delete mode, the share that does is measured.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use DBI;
use InvRedis;
use InvRelay qw(wait_until http_get);
use InvStreamNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

$SIG{PIPE} = 'IGNORE';
my $skus = 20;
my $rounds = $ENV{INVENTORY_LONG} ? 120 : 9;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = InvStreamNode::start(q{
autovacuum = off
log_statement = none
max_connections = 50
});
$node->safe_psql('postgres', qq{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(1, $skus) g;
	SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku),
		ARRAY(SELECT 100000000 FROM inv_item))});

# what it wrote to its file it has again after a kill
my $redis = InvRedis->start("$folder/redis", '--appendonly', 'yes', '--appendfsync', 'no');

my $database;

sub sql { return $node->safe_psql('postgres', $_[0]); }

# child(BODY) - runs it again and again, until SIGTERM, which it lets finish what it
# is about; what fails, fails
sub child
{
	my ($body) = @_;
	my $pid = fork // die;

	setpgrp $pid, 0;
	return $pid if $pid;
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	delete $redis->{socket};
	$database = undef;
	srand $$;
	my $end = time + ($ENV{INVENTORY_LONG} ? 3600 : 300);
	local $SIG{TERM} = sub { $end = 0; };
	while (time < $end)
	{
		eval { $body->(); 1 } or usleep(20_000);
	}
	POSIX::_exit(0);
}

my $load_script = "$folder/load.sql";
open my $file, '>', $load_script or die;
print $file qq{\\set a random(1, $skus)
SELECT count(*) FROM inv_deduct('S' || :a, 1);
};
close $file;

# level(SKU) - as the database has it, as ("value", stock_id, version)
sub level
{
	my ($sku) = @_;
	$database = undef if $database && !$database->ping;
	$database //= DBI->connect('dbi:Pg:' . ($node->connstr('postgres') =~ s/ /;/gr), 'postgres', '',
		{ RaiseError => 1, PrintError => 0, AutoCommit => 1, AutoInactiveDestroy => 1 });
	return $database->selectrow_array(q{
		SELECT format('{"on_hand":%s,"reserved":%s,"available":%s,"version":%s}', l.on_hand, l.reserved, l.available, l.version),
			   s.stock_id, l.version
		  FROM inv_stock_level l JOIN inv_stock s USING (sku, location) WHERE sku = ? AND location = 'main'}, undef, $sku);
}

# a little while, and now and then a long one
sub dawdle { usleep(rand() < 0.1 ? 600_000 * rand : 20_000 * rand); return; }

sub read_with_lease
{
	my ($key, $sku, $kind) = @_;
	my $token = "$$." . rand;
	my $answer = $redis->script('read', $key, $token, 2_000);
	die unless ref $answer;
	return usleep(500) if $answer->[0] ne 'lease';
	my ($value, $stock_id, $version) = level($sku);
	dawdle();
	$redis->script('fill', $key, $token, $value, 0, $kind eq 'refresh' ? ($stock_id, $version) : ());
	return;
}

sub read_plainly
{
	my ($key, $sku) = @_;
	my $found = $redis->call('GET', $key);
	return usleep(500) if defined $found;
	my ($value) = level($sku);
	dawdle();
	$redis->call('SET', $key, $value);
	return;
}

sub version { return sql('SELECT sum(version) FROM inv_stock'); }

# settled(SLOT) - all that is committed has been carried
sub settled { return InvRelay::settled($node, $_[0]) }

# stale(KEY_OF) - of how many values, and how many of them the database denies
sub stale
{
	my ($key_of) = @_;
	my ($cached, $stale) = (0, 0);

	foreach my $sku (map { "S$_" } 1 .. $skus)
	{
		my $key = $key_of->($sku);
		my $value = $redis->call('TYPE', $key) eq 'hash' ? $redis->call('HGET', $key, 'value') : $redis->call('GET', $key);
		my ($true) = level($sku);
		next unless defined $value;
		$cached++;
		$stale++ if $value ne $true;
	}
	return ($cached, $stale);
}

# rush(READER, BODY) - clients sell and readers fill while BODY runs; then the
# former end, and the latter when all of it has been carried and every key filled
sub rush
{
	my ($slot, $reader, $body) = @_;
	my $load = child(sub {
		system('pgbench', '-n', '-c', '2', '-R', '200', '-T', '60', '-f', $load_script, $node->connstr('postgres'));
		usleep(20_000);
	});
	my @readers = map { child($reader) } 1 .. 8;

	$body->();
	kill '-KILL', $load;
	waitpid $load, 0;
	wait_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'}) eq '0' });
	my $well = settled($slot) && wait_until(sub { $redis->call('DBSIZE') >= $skus + 1 });
	kill 'TERM', @readers;
	waitpid $_, 0 foreach @readers;
	return $well;
}

# storm(SLOT, MODE, READ) - of how many values, and how many of them were stale
# whenever all had been carried
sub storm
{
	my ($slot, $mode, $read) = @_;
	my $key_of = sub { return "inventory:$_[0]" . ($mode eq 'refresh' ? ':main' : ''); };
	my $reader = sub { my $sku = 'S' . (1 + int rand $skus); $read->($key_of->($sku), $sku, $mode) };
	my $start = sub {
		return InvRelay->start($folder, '-d', $node->connstr('postgres'), '-S', $slot, '--sink', 'redis',
			'--redis', "redis://127.0.0.1:$redis->{port}", '--mode', $mode, '--delay', '100ms', '--ttl', '0',
			'--breaker-pause', '50ms', '--timeout', '500ms', '-s', '50ms');
	};
	my ($well, $cached, $stale) = (0, 0, 0);

	sql("SELECT pg_create_logical_replication_slot('$slot', 'inventory')");
	my $relay = $start->();
	foreach my $round (1 .. $rounds)
	{
		my $had = version();
		$well += rush($slot, $reader, sub {
			wait_until(sub { version() > $had + 100 });
			my $victim = $round % 3;
			if ($victim == 0) { $node->stop('immediate'); $node->start; }
			elsif ($victim == 1) { $relay->end('KILL'); $relay = $start->(); }
			else { $redis->down; $redis->up; }
			wait_until(sub { version() > $had + 200 });
		});
		my ($values, $wrong) = stale($key_of);
		$cached += $values;
		$stale += $wrong;
	}
	is($well, $rounds, "$slot: all was carried, and every key filled, $rounds times");
	is($relay->end('TERM'), 0, "$slot: the last relay ends well");
	sql("SELECT pg_drop_replication_slot('$slot')");
	$redis->call('FLUSHALL');
	return ($cached, $stale);
}

my ($cached, $stale) = storm('leases', 'delete', \&read_with_lease);
is($stale, 0, "delete, readers with leases: none of $cached values is stale");
($cached, $stale) = storm('refresh', 'refresh', \&read_with_lease);
is($stale, 0, "refresh: none of $cached values is stale");
($cached, $stale) = storm('twice', 'double-delete', \&read_plainly);
note("double-delete, readers without leases: $stale of $cached values are stale");
($cached, $stale) = storm('plain', 'delete', \&read_plainly);
note("delete, readers without leases: $stale of $cached values are stale");

done_testing();
