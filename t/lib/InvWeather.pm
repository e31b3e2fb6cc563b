# InvWeather - what happens to the clients of a storm
#
# It starts them, each a process of its own, and after every few of their
# transactions cancels a call, ends a connection, kills a server process or
# the whole server.  In the end it has what all of them were told.
package InvWeather;

use strict;
use warnings;

use InvAlerts;
use InvSession;
use InvStorm;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable qw(retrieve);
use Test::More;
use Time::HiRes qw(usleep);

my $patience = 60;    # seconds without a transaction: something hangs

# server - one that crashes often, fills many leaves, and finds deadlocks soon
sub server
{
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
	return $node;
}

# open_shop(SESSION) - the extension, and what the clients have beside it
sub open_shop
{
	my ($session) = @_;

	$session->run($_)
	  foreach 'CREATE EXTENSION inventory', $InvStorm::schema,
	  q{INSERT INTO inv_location (location) VALUES ('main'), ('north')};
	return;
}

# new(node =>, client => CLASS, clients => NUMBER, seconds =>, seed =>,
#     day => [ EVENT... ], weather => { EVENT => sub })
#
# client: made by new(node, number, seed, stop, tick), see InvStorm.pm. day: what
# happens, again and again; weather: events beside our own.
sub new
{
	my ($class, %given) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();

	return bless {
		%given,
		folder => $folder,
		stop => "$folder/stop",
		told => [],
		surprises => [],
		discrepancies => [],
		count => {},
	}, $class;
}

# run - the whole storm
sub run
{
	my ($self) = @_;
	my %weather = ($self->events, %{ $self->{weather} // {} });

	note("seed $self->{seed}, $self->{seconds} seconds");
	srand $self->{seed};
	pipe $self->{ticks}, my $tick or die "pipe: $!";
	my @clients = map { $self->start_client($_, $tick) } 1 .. $self->{clients};
	close $tick;

	my $end = time + $self->{seconds};
	do
	{
		foreach my $event (@{ $self->{day} })
		{
			$self->wait_for_ticks(10 + int rand 30);
			$weather{$event}->();
			$self->{count}{$event}++;
		}
	} while (time < $end);
	append_to_file($self->{stop}, '');
	1 while $self->wait_for_ticks(1000);
	$self->gather($_) foreach @clients;
	note("$_: $self->{count}{$_}") foreach sort keys %{ $self->{count} };
	return;
}

# --- clients -----------------------------------------------------------------

sub start_client
{
	my ($self, $number, $tick) = @_;
	my $file = "$self->{folder}/client-$number";
	my $pid = fork // die "fork: $!";

	return { pid => $pid, file => $file } if $pid;
	my $done = eval {
		$self->{client}->new(
			node => $self->{node},
			number => $number,
			tick => $tick,
			seed => $self->{seed} + $number,
			stop => $self->{stop})->run($file);
		1;
	};
	warn $@ if !$done;
	POSIX::_exit($done ? 0 : 1);    # the server is the parent's to stop
}

# gather(CLIENT) - what it was told
sub gather
{
	my ($self, $client) = @_;

	waitpid $client->{pid}, 0;
	is($?, 0, 'a client came through');
	my $brought = -e $client->{file} ? retrieve($client->{file}) : {};
	push @{ $self->{$_} }, @{ $brought->{$_} // [] }
	  foreach 'told', 'surprises';
	$self->{count}{$_} += $brought->{count}{$_}
	  foreach keys %{ $brought->{count} };
	return;
}

# wait_for_ticks(NUMBER) - until so many transactions have ended, or all
# clients
sub wait_for_ticks
{
	my ($self, $number) = @_;

	while ($number > 0)
	{
		my $ready = '';
		vec($ready, fileno $self->{ticks}, 1) = 1;
		$self->hangs if !select $ready, undef, undef, $patience;
		my $read = sysread $self->{ticks}, $ready, $number;
		return 0 if !$read;
		$number -= $read;
	}
	return 1;
}

# Nothing moves any more: say what everybody waits for.
sub hangs
{
	my ($self) = @_;
	my $session = InvSession->open($self->{node})
	  or die 'the server is gone';

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

# connection - as soon as the server takes us
sub connection
{
	my ($self) = @_;
	my $session;

	usleep(10_000) until $session = InvSession->open($self->{node});
	return $session;
}

# ask(SQL) - the answer, if the server lives that long
sub ask
{
	my ($self, $sql) = @_;
	return $self->connection->answer($sql);
}

# a server process of a client
my $victim = q{
	SELECT pid FROM pg_stat_activity
	 WHERE application_name = 'tests' AND pid <> pg_backend_pid()
	 ORDER BY state <> 'active', random() LIMIT 1};

sub events
{
	my ($self) = @_;

	return (
		cancel => sub { $self->ask("SELECT pg_cancel_backend(($victim))") },
		terminate =>
		  sub { $self->ask("SELECT pg_terminate_backend(($victim))") },
		'kill a backend' => sub {
			my $answer = $self->ask($victim);
			kill 'KILL', map { $_->{pid} } ($answer->{rows} // [])->@*;
		},
		'stop the server' => sub { $self->stop_server },
		'kill the server' => sub { $self->kill_server },
		maintain => sub { $self->ask('SELECT * FROM inv_maintain()') },
		verify => sub { $self->verify });
}

# without a checkpoint, and not asking anybody
sub stop_server
{
	my ($self) = @_;

	$self->{node}->stop('immediate');
	$self->{node}->start;
	$self->verify;
	return;
}

sub kill_server
{
	my ($self) = @_;
	my $node = $self->{node};
	my $file = slurp_file($node->data_dir . '/postmaster.pid');
	my ($server) = $file =~ /(\d+)/;

	$node->kill9;
	usleep(1000) while kill 0, $server;
	# as long as processes of the old server live, it does not start
	usleep(10_000) until $node->start(fail_ok => 1);
	$self->verify;
	return;
}

sub verify
{
	my ($self) = @_;

	$self->look_for('SELECT * FROM inv_verify()');
	$self->look_for($InvAlerts::astray);
	return;
}

# look_for - what the question finds is a discrepancy
#
# A crash may still be under way: then ask again.
sub look_for
{
	my ($self, $question) = @_;
	my $answer;

	do
	{
		$answer = $self->ask($question);
	} while ($answer->{lost} || going_down($answer));
	push @{ $self->{discrepancies} }, $answer->{error}{message}
	  if $answer->{error};
	push @{ $self->{discrepancies} },
	  map { join ' ', %$_ } ($answer->{rows} // [])->@*;
	return;
}

sub going_down
{
	my ($answer) = @_;
	return $answer->{error} && $answer->{error}{state} =~ /^57P0/;
}

# none(CONTRADICTIONS, NAME) - a test that there are none
sub none
{
	my ($found, $name) = @_;
	my @first = @$found > 10 ? @$found[ 0 .. 9 ] : @$found;

	ok(!@$found, $name) or diag(join "\n", @$found . ' times:', @first);
	return;
}

1;
