# Many sessions whose calls take the same rows and keys in other orders: no call
# ever deadlocks, and what clients were told is what the tables say.  Then
# sessions are ended, or the server is stopped, in the middle of it: each call
# repeated with its key has one effect.
#
# INVENTORY_LONG=1 for minutes; INV_STORM=SECONDS and INV_SEED=NUMBER for a
# certain one (its order of events is still its own).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvRush;
use InvSession;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable qw(retrieve);
use Test::More;

my $clients = 8;
my $seconds = $ENV{INV_STORM} || ($ENV{INVENTORY_LONG} ? 300 : 8);
my $kills = $ENV{INVENTORY_LONG} ? 20 : 2;
my $seed = $ENV{INV_SEED} || time;
my $patience = 60;    # seconds without a call: something hangs

my $node = PostgreSQL::Test::Cluster->new('deadlocks');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
inventory.leaf_size = 5000
log_statement = none
deadlock_timeout = 10ms
CONF
$node->start;
my $setup = InvSession->open($node);
$setup->run($_) foreach InvRush::catalogue();
$setup->close;

note("seed $seed, $seconds seconds");

my $folder = PostgreSQL::Test::Utils::tempdir_short();
my @told;
my %count;

# --- clients -----------------------------------------------------------------

# rush(NAME, HOW, UNTIL) - so many clients at once; UNTIL is called with the
# handle that ticks with every call, and ends them
sub rush
{
	my ($name, $how, $until) = @_;
	pipe my ($ticks, $tick) or die "pipe: $!";
	my @pids = map { start_client($name, $_, $tick, $how) } 1 .. $clients;

	close $tick;
	$until->($ticks, "$folder/$name-stop");
	1 while wait_for_tick($ticks);
	my @brought;
	foreach my $number (1 .. $clients)
	{
		waitpid $pids[ $number - 1 ], 0;
		is($?, 0, "$name: client $number came through");
		my $file = "$folder/$name-$number";
		push @brought, @{ retrieve($file) } if -e $file;
	}
	return @brought;
}

sub start_client
{
	my ($name, $number, $tick, $how) = @_;
	my $pid = fork // die "fork: $!";

	return $pid if $pid;
	my $done = eval {
		InvRush->new(
			node => $node,
			name => $name,
			number => $number,
			seed => $seed + $number,
			tick => $tick,
			stop => "$folder/$name-stop",
			%$how)->run("$folder/$name-$number");
		1;
	};
	warn $@ if !$done;
	POSIX::_exit($done ? 0 : 1);    # the server is the parent's to stop
}

# false when all clients have ended
sub wait_for_tick
{
	my ($ticks) = @_;
	my $ready = '';

	vec($ready, fileno $ticks, 1) = 1;
	hangs() if !select $ready, undef, undef, $patience;
	return sysread $ticks, $ready, 1000;
}

sub wait_for_ticks
{
	my ($ticks, $left) = @_;

	while ($left > 0)
	{
		$left -= wait_for_tick($ticks) || last;
	}
	return;
}

# half of the clients; the others go on, over what they have left behind
sub end_some_sessions
{
	my $session = InvSession->open($node);

	$session->run(
		q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		   WHERE application_name = 'tests' AND pid <> pg_backend_pid()
		   ORDER BY pid LIMIT $1}, $clients / 2);
	$session->close;
	return;
}

# Nothing moves any more: say what everybody waits for.
sub hangs
{
	my $session = InvSession->open($node) or die 'the server is gone';

	diag("$_->{text}") foreach $session->rows(
		q{SELECT concat_ws(' ', pid, state, wait_event,
				pg_blocking_pids(pid)::text, left(query, 100)) AS text
			FROM pg_stat_activity WHERE application_name = 'tests'});
	die 'no call ends any more';
}

sub end_clients
{
	my ($stop) = @_;
	open my $file, '>', $stop or die "$stop: $!";
	close $file;
	return;
}

# --- what they were told -----------------------------------------------------

# none(CONTRADICTIONS, NAME)
sub none
{
	my ($found, $name) = @_;
	my @first = @$found > 10 ? @$found[ 0 .. 9 ] : @$found;

	ok(!@$found, $name) or diag(join "\n", @$found . ' times:', @first);
	return;
}

# errors that no call of these may have; a return may find that nothing was
# sold, or nothing is left
sub surprises
{
	my @found;

	foreach my $call (@_)
	{
		my $error = $call->{answer}{error} or next;
		$count{"$call->{name} $error->{state}"}++;
		push @found, "$call->{name}: $error->{state} $error->{message}"
		  unless $call->{name} =~ /^inv_(?:return|apply)$/
		  && $error->{state} =~ /^IV00[89]$/;
	}
	return @found;
}

sub note_counts
{
	foreach my $call (@_)
	{
		my %seen;
		$count{"$call->{name} $_"}++
		  foreach grep { !$seen{$_}++ }
		  map { $_->{status} . ($_->{replayed} ? ' again' : '') }
		  @{ $call->{answer}{rows} // [] };
	}
	return;
}

# the sum of what was told, item by item, beside the tables'
sub wrong_sums
{
	my ($session) = @_;
	my %sum = map { $_ => 0 } @InvRush::skus;
	my %there = map { $_->{sku} => $_->{on_hand} } $session->rows(
		'SELECT sku, sum(on_hand) AS on_hand FROM inv_stock GROUP BY sku');

	foreach my $call (@told)
	{
		my $effects = InvRush::effects($call);
		$sum{$_} += $effects->{$_} foreach keys %$effects;
	}
	return map { "$_: told $sum{$_}, there " . ($there{$_} // 0) }
	  grep { $sum{$_} != ($there{$_} // 0) } @InvRush::skus;
}

# Items in no bundle: the movements are those that were told, no more, no less.
sub wrong_movements
{
	my ($session) = @_;
	my @alone = grep { my $sku = $_;
		!grep { $_->{$sku} } values %InvRush::component
	} @InvRush::skus, @InvRush::counted;
	my %alone = map { $_ => 1 } @alone;
	my %there = map { $_->{id} => $_->{sku} } $session->rows(
		'SELECT movement_id AS id, sku FROM inv_movement
		  WHERE sku = ANY ($1)', \@alone);
	my %told;

	foreach my $row (map { @{ $_->{answer}{rows} // [] } } @told)
	{
		$told{ $row->{movement_id} } = $row->{sku}
		  if defined $row->{movement_id} && $alone{ $row->{sku} };
	}
	return (
		(map { "movement $_ of $there{$_} was not told" }
			grep { !$told{$_} } sort keys %there),
		(map { "movement $_ of $told{$_} is not there" }
			grep { ($there{$_} // '') ne $told{$_} } sort keys %told));
}

# below its floor after any call; what was counted has no say
sub oversold
{
	my ($session) = @_;
	return map { "$_->{sku} at $_->{location} version $_->{version}: "
		  . "$_->{level}, floor $_->{floor}" } $session->rows(q{
		SELECT * FROM (
			SELECT m.sku, m.location, m.version,
				   i.safety_stock - i.backorder_limit AS floor,
				   sum(m.on_hand_delta) OVER w AS level,
				   lead(m.txid) OVER w IS DISTINCT FROM m.txid AS last,
				   sum(m.on_hand_delta)
					OVER (PARTITION BY m.stock_id, m.txid) AS difference
			  FROM inv_movement m JOIN inv_item i USING (sku)
			 WHERE m.sku LIKE 'S%'
			WINDOW w AS (PARTITION BY m.stock_id ORDER BY m.version)) m
		 WHERE last AND difference < 0 AND level < floor});
}

# one row of the ledger for each key, stock row and kind
sub doubled
{
	my ($session) = @_;
	return map { "$_->{key} $_->{sku} $_->{kind}: $_->{n}" } $session->rows(q{
		SELECT key, sku, kind, count(*) AS n FROM inv_movement
		 WHERE key IS NOT NULL
		 GROUP BY key, stock_id, sku, kind, original_id HAVING count(*) > 1});
}

sub check
{
	my ($name) = @_;
	my $session = InvSession->open($node);
	my ($stat) = $session->rows(
		'SELECT deadlocks AS n FROM pg_stat_database
		  WHERE datname = current_database()');

	is($stat->{n}, 0, "$name: the server met no deadlock");
	none([ map { join ' ', %$_ }
			  $session->rows('SELECT * FROM inv_verify()') ],
		"$name: inv_verify() finds nothing");
	none([ wrong_sums($session) ], "$name: what was told is what is there");
	none([ wrong_movements($session) ],
		"$name: each movement was told, and each told is there");
	none([ oversold($session) ], "$name: nothing is oversold");
	none([ doubled($session) ], "$name: no key has two effects");
	$session->close;
	return;
}

# --- without harm ------------------------------------------------------------

my @first = InvSession->open($node)->rows(
	'SELECT * FROM inv_receive_many($1::text[], $2::bigint[])',
	\@InvRush::skus, [ (200) x @InvRush::skus ]);
push @told,
  { name => 'inv_receive_many', ops => [ ('receive') x @InvRush::skus ],
	answer => { rows => \@first } };

my @storm = rush('storm', {}, sub {
	my ($ticks, $stop) = @_;
	my $end = time + $seconds;

	1 while time < $end && wait_for_tick($ticks);
	end_clients($stop);
});
note_counts(@storm);
note(scalar(@storm) . ' calls');
none([ surprises(@storm) ], 'storm: every call is answered');
push @told, @storm;
check('storm');

# --- and with it -------------------------------------------------------------

foreach my $round (1 .. $kills)
{
	my $name = "kill $round";
	my @calls = rush("kill$round", { unique_keys => 1 }, sub {
		my ($ticks, $stop) = @_;

		wait_for_ticks($ticks, 300 + 100 * $round);
		if ($round % 2)
		{
			end_some_sessions();
			wait_for_ticks($ticks, 200);
			end_clients($stop);
		}
		else
		{
			$node->stop('immediate');
		}
	});
	$node->start if $round % 2 == 0;
	my $session = InvSession->open($node);
	my @doubt = grep { $_->{answer}{lost} } @calls;
	my @changed;

	note(@calls . ' calls, ' . @doubt . ' in doubt');
	cmp_ok(scalar(@doubt), '>', 0, "$name: it came in between");
	foreach my $call (@calls)
	{
		my $answer = InvRush::carry_out($session, $call);
		my @rows = @{ $answer->{rows} // [] };

		$call->{again} = 1;
		push @changed, "$call->{name} $call->{turn}"
		  if !$call->{answer}{lost} && !same($call->{answer}, $answer);
		$call->{answer} = $answer if $call->{answer}{lost};
	}
	none(\@changed, "$name: who was answered is answered alike");
	none([ surprises(@calls) ], "$name: who was not, is");
	push @told, @calls;
	check($name);
}

# same(ANSWER, ANSWER) - but for the word that it is a replay
sub same
{
	my @texts = map {
		join "\n", ($_->{error} // {})->{state} // 'ok', map {
			my $row = $_;
			join ' ', map { $row->{$_} // 'null' }
			  grep { $_ ne 'replayed' } sort keys %$row
		} @{ $_->{rows} // [] }
	} @_;
	return $texts[0] eq $texts[1];
}

note("$_: $count{$_}") foreach sort keys %count;
done_testing();
