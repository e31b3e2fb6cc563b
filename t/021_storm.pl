# Storms: several clients with random transactions, while calls are cancelled,
# connections ended, server processes and the whole server killed.  Whatever
# the clients were told must hold (t/lib/InvChecker.pm).
#
# INVENTORY_LONG=1 for ten minutes; INV_STORM=SECONDS and INV_SEED=NUMBER for a
# certain one (its order of events is still its own).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvChecker;
use InvSession;
use InvStorm;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable qw(retrieve);
use Test::More;
use Time::HiRes qw(usleep);

my $clients = 6;
my $seconds = $ENV{INV_STORM} || ($ENV{INVENTORY_LONG} ? 600 : 20);
my $seed = $ENV{INV_SEED} || time;
my $patience = 60;    # seconds without a transaction: something hangs

# limits that stay as they are, and so the levels below which nothing is sold
my %limits = (A => [ 0, 0 ], B => [ 5, 0 ], C => [ 0, 10 ], L => [ 0, 0 ]);
my %floors = map { $_ => $limits{$_}[0] - $limits{$_}[1] } qw(A B C);

my $node = PostgreSQL::Test::Cluster->new('storm');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
inventory.leaf_size = 1000
log_statement = none
restart_after_crash = on
max_prepared_transactions = 20
deadlock_timeout = 20ms
CONF
$node->start;

note("seed $seed, $seconds seconds");
srand $seed;

my @told = set_up();
my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $stop = "$folder/stop";
my %count;
my @discrepancies;

# the first goods, told like everything else
sub set_up
{
	my $session = InvSession->open($node);
	my @first;

	$session->run($_)
	  foreach 'CREATE EXTENSION inventory', $InvStorm::schema,
	  q{INSERT INTO inv_location (location) VALUES ('main'), ('north')};
	foreach my $sku (sort keys %limits)
	{
		$session->run(
			'INSERT INTO inv_item (sku, safety_stock, backorder_limit)
			 VALUES ($1, $2, $3)', $sku, $limits{$sku}->@*);
		my %given = (sku => $sku, quantity => 100);
		push @first,
		  { name => 'inv_receive', given => \%given, in => 'the beginning',
			rows => $session->call('inv_receive', \%given)->{rows} };
	}
	return @first;
}

# --- clients -----------------------------------------------------------------

sub start_client
{
	my ($number, $tick) = @_;
	my $file = "$folder/client-$number";
	my $pid = fork // die "fork: $!";

	return { pid => $pid, file => $file } if $pid;
	my $done = eval {
		InvStorm->new(node => $node, number => $number, tick => $tick,
			seed => $seed + $number, stop => $stop)->run($file);
		1;
	};
	warn $@ if !$done;
	POSIX::_exit($done ? 0 : 1);    # the server is the parent's to stop
}

# wait_for_ticks(HANDLE, NUMBER) - until so many transactions have ended, or
# all clients
sub wait_for_ticks
{
	my ($ticks, $number) = @_;

	while ($number > 0)
	{
		my $ready = '';
		vec($ready, fileno $ticks, 1) = 1;
		hangs() if !select $ready, undef, undef, $patience;
		my $read = sysread $ticks, $ready, $number;
		return 0 if !$read;
		$number -= $read;
	}
	return 1;
}

# Nothing moves any more: say what everybody waits for.
sub hangs
{
	my $session = InvSession->open($node) or die 'the server is gone';

	diag(join ' ', map { "$_->{word}: $_->{text};" } $session->rows($_))
	  foreach
	  q{SELECT 'client' AS word, concat_ws(' ', pid, state, wait_event,
			pg_blocking_pids(pid)::text, query) AS text
		  FROM pg_stat_activity WHERE application_name = 'tests'},
	  q{SELECT 'prepared' AS word, gid AS text FROM pg_prepared_xacts},
	  q{SELECT 'waits for' AS word, l::text AS text
		  FROM pg_locks l WHERE NOT granted};
	die 'no transaction ends any more';
}

# --- weather -----------------------------------------------------------------

# a connection, as soon as the server takes us
sub connection
{
	my $session;

	usleep(10_000) until $session = InvSession->open($node);
	return $session;
}

# a server process of a client
my $victim = q{
	SELECT pid FROM pg_stat_activity
	 WHERE application_name = 'tests' AND pid <> pg_backend_pid()
	 ORDER BY state <> 'active', random() LIMIT 1};

my %weather = (
	cancel => sub {
		connection()->answer("SELECT pg_cancel_backend(($victim))");
	},
	terminate => sub {
		connection()->answer("SELECT pg_terminate_backend(($victim))");
	},
	'kill a backend' => sub {
		my $answer = connection()->answer($victim);
		kill 'KILL', map { $_->{pid} } ($answer->{rows} // [])->@*;
	},
	'kill the server' => sub {
		my $file = slurp_file($node->data_dir . '/postmaster.pid');
		my ($server) = $file =~ /(\d+)/;

		$node->kill9;
		usleep(1000) while kill 0, $server;
		# as long as processes of the old server live, it does not start
		usleep(10_000) until $node->start(fail_ok => 1);
		verify();
	},
	maintain => sub {
		connection()->answer('SELECT * FROM inv_maintain()');
	},
	verify => \&verify,
);

# A crash may still be under way: then ask again.
sub verify
{
	my $answer;

	do
	{
		$answer = connection()->answer('SELECT * FROM inv_verify()');
	} while ($answer->{lost} || going_down($answer));
	push @discrepancies, $answer->{error}{message} if $answer->{error};
	push @discrepancies, map { join ' ', %$_ } ($answer->{rows} // [])->@*;
	return;
}

sub going_down
{
	my ($answer) = @_;
	return $answer->{error} && $answer->{error}{state} =~ /^57P0/;
}

my @day = (
	('cancel', 'terminate', 'cancel', 'verify') x 3,
	'kill a backend', 'verify', 'maintain',
	('cancel', 'terminate', 'cancel') x 2,
	'kill the server');

# --- the storm ---------------------------------------------------------------

pipe my ($ticks, $tick) or die "pipe: $!";
my @clients = map { start_client($_, $tick) } 1 .. $clients;
close $tick;

my $end = time + $seconds;
my $days = 0;
while ($days++ == 0 || time < $end)
{
	foreach my $event (@day)
	{
		wait_for_ticks($ticks, 10 + int rand 30);
		$weather{$event}->();
		$count{$event}++;
	}
}
open my $file, '>', $stop or die "$stop: $!";
close $file;
1 while wait_for_ticks($ticks, 1000);

my @surprises;
foreach my $client (@clients)
{
	waitpid $client->{pid}, 0;
	is($?, 0, 'a client came through');
	my $brought = -e $client->{file} ? retrieve($client->{file}) : {};
	push @told, @{ $brought->{told} // [] };
	push @surprises, @{ $brought->{surprises} // [] };
	$count{$_} += $brought->{count}{$_} foreach keys %{ $brought->{count} };
}
note("$_: $count{$_}") foreach sort keys %count;

# --- what is left ------------------------------------------------------------

# none(CONTRADICTIONS, NAME)
sub none
{
	my ($found, $name) = @_;
	my @first = @$found > 10 ? @$found[ 0 .. 9 ] : @$found;

	ok(!@$found, $name) or diag(join "\n", @$found . ' times:', @first);
	return;
}

verify();
my $checker = InvChecker->new(\@told);
my $session = connection();
my %level =
  map { ("$_->{sku}\@$_->{location}" =>
		{ on_hand => $_->{on_hand}, version => $_->{version} }) }
  $session->rows(
	'SELECT sku, location, on_hand, version FROM inv_stock_level
	  WHERE version > 0');
my @keys = map { $_->{key} } $session->rows('SELECT key FROM inv_request');
my ($open) = $session->rows('SELECT count(*) AS n FROM pg_prepared_xacts');

none(\@surprises, 'calls fail only for good reasons');
none([ $checker->broken_chains ], 'nothing is lost, nothing doubled');
none([ $checker->oversold(\%floors) ], 'nothing is oversold');
none([ $checker->doubled_keys ], 'a key has one effect and one answer');
none([ $checker->returned_too_much ], 'no more is returned than was sold');
none([ $checker->levels_that_never_were ], 'every level that was told was');
is_deeply(\%level, $checker->levels, 'the database has what clients know');
is_deeply([ sort @keys ], [ sort $checker->keys_told ],
	'the keys remembered are those that were answered');
none(\@discrepancies, 'inv_verify() finds nothing, at any time');
is($open->{n}, 0, 'no transaction is left prepared');

done_testing();
