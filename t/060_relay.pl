# The relay to standard output: what it says of wrong options, that nothing is
# missing whoever dies, that it confirms what it wrote and no more.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvRelay qw(wait_until http_get);
use InvStreamNode;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $json = JSON::PP->new->utf8;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = InvStreamNode::start(q{
autovacuum = off
wal_sender_timeout = 3s
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(0, 99) g;
	SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku),
		ARRAY(SELECT 1000000 FROM inv_item))});

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub make_slot
{
	my ($name, $plugin) = @_;
	return sql("SELECT lsn FROM pg_create_logical_replication_slot('$name', '" . ($plugin // 'inventory') . "')");
}

sub database { return ('--dbname', $node->connstr('postgres')); }

sub relay { return InvRelay->start($folder, database(), @_); }

sub deduct { return sql('SELECT status FROM inv_deduct(\'S' . int(rand 100) . '\', 1)'); }

# --- options ------------------------------------------------------------------------

# refused(NAME, STATUS, MESSAGE, OPTIONS...) - it ends so, having said this
sub refused
{
	my ($name, $status, $message, @options) = @_;
	my $relay = InvRelay->start($folder, @options);

	is($relay->end, $status, "$name: the exit status");
	like($relay->said, $message, "$name: what it says");
	return;
}

my ($help) = run_command([ $InvRelay::program, '--help' ]);
like($help, qr/^Usage:.*--slot=NAME.*The exit status is 0/ms, 'there is help');
my ($version) = run_command([ $InvRelay::program, '--version' ]);
like($version, qr/^inv_relay \(inventory\) \d/, 'there is a version');

open my $config, '>', "$folder/wrong.conf" or die;
print $config "# a comment\nslot = shop\nslott = shop\n";
close $config;

refused('no slot', 2, qr/error: no slot was named.*hint: .*inv_stream_create/s, database());
refused('an unknown option', 2, qr/unrecognized option.*--help/s, '--slott', 'x');
refused('a rest', 2, qr/too many.*"rest"/, '--slot', 'x', 'rest');
refused('no time', 2, qr/"2 weeks" is no value.*hint: It is a time/s, '-S', 'x', '--timeout', '2 weeks');
refused('no number', 2, qr/"many" is no value/, '-S', 'x', '--max-lines', 'many');
refused('no sink', 2, qr/"bucket" is no value of option "sink"/, '-S', 'x', '--sink', 'bucket');
refused('an option that is ours', 2, qr/"streaming" of the stream is set by the relay/, '-S', 'x', '-o', 'streaming=on');
refused('no file', 2, qr/could not open/, '-S', 'x', '--config', "$folder/none.conf");
refused('a wrong file', 2, qr/wrong.conf, line 3: there is no option "slott"/, '--config', "$folder/wrong.conf");
refused('a visible password', 2, qr/command line can be seen/, '-S', 'x', '-d', 'host=a password=sesame');
refused('a visible password of Redis', 2, qr/command line can be seen/, '-S', 'x', '--redis', 'redis://:sesame@localhost');
refused('a visible password of a key', 2, qr/command line can be seen/, '-S', 'x', '-d', 'host=a sslpassword=sesame');
refused('a Redis database without number', 2, qr/no URL of Redis/, '-S', 'x', '--sink', 'redis', '--redis', $_)
  foreach 'redis://localhost/shop', 'redis://localhost:6379x', 'redis://[::1]:0', 'redis://[::1]x:6379';
refused('a bad connection string', 2, qr/not well-formed(?!.*sesame)/s, '-S', 'x', '-d', 'host=a password=sesame x');
refused('one key for several rows', 2, qr/key of its own.*location/s, '-S', 'x', '--sink', 'redis', '--mode', 'refresh', '-o', 'key=a:{sku}');
refused('a key without prefix', 2, qr/prefix/, '-S', 'x', '--sink', 'redis', '-o', 'key={sku}');
refused('no address', 1, qr/no address to listen on/, '-S', 'x', '--listen', 'here');

refused('no such slot', 1, qr/slot "none" does not exist.*hint: .*inv_stream_create\('none'\)/s, database(), '-S', 'none');
make_slot('strange', 'test_decoding');
refused('another plugin', 1, qr/"strange" is not one of inventory, but of "test_decoding"/, database(), '-S', 'strange');
make_slot('options');
refused('an option that the plugin refuses', 1, qr/option "emit" of the change stream must be/, database(), '-S', 'options', '-o', 'emit=all');
sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots});
refused('nobody there, and no loop', 1, qr/error: /, '-S', 'x', '-n', '-d', "host=$folder port=1");

# --- what it writes -----------------------------------------------------------------

my @both = ('-o', 'emit=both');
make_slot('plain');
make_slot('reference');
sql('SELECT count(*) FROM inv_deduct_many(ARRAY[\'S1\', \'S2\', \'S3\'], ARRAY[1, 2, 3])');
deduct() foreach 1 .. 20;
my @expected = split /\n/, sql(q{SELECT data FROM pg_logical_slot_get_changes('reference', NULL, NULL,
	'emit', 'both', 'include', 'lsn,xid,time')});
my $relay = my $first = relay('-S', 'plain', @both);
ok(wait_until(sub { $relay->lines >= @expected }), 'all lines come');
is(join("\n", $relay->lines), join("\n", @expected), 'as the plugin writes them, and in order');

# --- SIGTERM ---------------------------------------------------------------------------

deduct() foreach 1 .. 10;
wait_until(sub { $relay->lines >= @expected + 20 });
is($relay->end('TERM'), 0, 'SIGTERM ends it well');
like($relay->said, qr{^inv_relay: ended at [0-9A-F]+/[0-9A-F]+, 0 lines will come again$}m, 'it says where');
my $last = $json->decode(($relay->lines)[-1])->{lsn};
is(sql("SELECT confirmed_flush_lsn >= '$last' FROM pg_replication_slots WHERE slot_name = 'plain'"), 't',
	'what was written has been confirmed by then');
$relay = relay('-S', 'plain', @both, '-o', 'commits=on');
deduct();
ok(wait_until(sub { $relay->lines >= 3 }), 'another one goes on');
is(join(' ', map { $json->decode($_)->{kind} } $relay->lines), 'movement stock commit',
	'with what is new, and nothing else; commits show if wanted');
$relay->end('INT');

# --- deaths -----------------------------------------------------------------------------

# a load in the background; it bears that the server is away
sub start_load
{
	my $script = "$folder/load.sql";
	open my $file, '>', $script or die;
	print $file q{\set a random(0, 49)
\set b random(50, 99)
SELECT count(*) FROM inv_deduct_many(ARRAY['S' || :a, 'S' || :b], ARRAY[1, 1]);
};
	close $file;
	my $pid = fork // die;
	setpgrp $pid, 0;
	if ($pid == 0)
	{
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		# not without end, should the test die
		foreach (1 .. 2000)
		{
			system('pgbench', '-n', '-c', '2', '-T', '60', '-f', $script, $node->connstr('postgres'));
			usleep(50_000);
		}
		POSIX::_exit(0);
	}
	return $pid;
}

# movements(RELAYS...) - their lines, those that came again included
sub movements
{
	return grep { $_->{kind} eq 'movement' } map { $json->decode($_) } map { $_->lines } @_;
}

my $rounds = $ENV{INVENTORY_LONG} ? 60 : 12;
my $load = start_load();
my @earlier = ($first, $relay);    # a server that crashes goes back to before
my @relays = (relay('-S', 'plain', @both));
my $next = sub {
	my $had = $relays[-1]->lines;
	return wait_until(sub { $relays[-1]->lines > $had + 200 });
};
my $grew = 0;
foreach my $round (1 .. $rounds)
{
	$grew += $next->();
	if ($round % 3 == 0)
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		$relays[-1]->end('KILL');
		push @relays, relay('-S', 'plain', @both);
	}
}
is($grew, $rounds, "lines went on coming in all of $rounds rounds");
kill '-TERM', $load;
waitpid $load, 0;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'}),
	'the load has ended');
my @made = split /\n/, sql(q{SELECT movement_id FROM inv_movement ORDER BY movement_id});
my $end = sql(q{SELECT pg_current_wal_insert_lsn()});
sql(q{SELECT inv_deduct('S0', 1)});
ok(wait_until(sub {
	sql("SELECT confirmed_flush_lsn > '$end' FROM pg_replication_slots WHERE slot_name = 'plain'") eq 't'
}), 'all was confirmed in the end');
is($relays[-1]->end('TERM'), 0, 'the last relay, which has seen the server die, ends well');

my (%place, %told, $different, $disorder);
my $before = '';
foreach my $line (movements(@earlier, @relays))
{
	my $place = sprintf '%s %09d', join('', map { sprintf '%08s', $_ } split m{/}, $line->{lsn}), $line->{seq};
	$different++ if ($place{$place} // $line->{movement_id}) != $line->{movement_id};
	$disorder++ if !$place{$place} && $place lt $before;
	$before = $place unless $place{$place};
	$place{$place} = $line->{movement_id};
	$told{ $line->{movement_id} } = 1;
}
ok(!$different, 'what came again bears the same lsn and seq');
ok(!$disorder, 'what is new came in order');
my ($oldest) = sort { $a <=> $b } keys %told;
my @missing = grep { $_ >= $oldest && !$told{$_} } @made;
is(scalar @missing, 0, 'no movement is missing, of ' . keys %told);
cmp_ok(scalar keys %told, '>', 500, 'and there were many');

# --- a reader that takes its time ----------------------------------------------------

pipe my $read, my $write or die;
my $before_all = sql('SELECT max(movement_id) FROM inv_movement');
$relay = InvRelay->start_into($write, $folder, database(), '-S', 'plain', @both);
close $write;
# one transaction, of which the pipe holds a part
sql(q{SELECT pg_replication_slot_advance('reference', pg_current_wal_insert_lsn())});
sql('BEGIN; ' . 'SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item), ARRAY(SELECT 1 FROM inv_item));' x 20 . 'COMMIT');
my $stat = sub { return sql("SELECT $_[0] FROM pg_stat_replication") };
wait_until(sub { $stat->('count(*)') eq '1' });
my $walsender = $stat->('pid');
my $since = sql('SELECT now()');
ok(wait_until(sub { $stat->("reply_time > timestamptz '$since' + interval '5 s'") eq 't' }),
	'while nobody reads, the server hears from the relay');
is($stat->('pid'), $walsender, 'for longer than its time-out, by the same connection');
# positions within the transaction may be confirmed, its end may not
my ($commit_lsn) = sql(q{SELECT data FROM pg_logical_slot_peek_changes('reference', NULL, 1)}) =~ /"lsn":"([^"]+)"/;
is(sql("SELECT confirmed_flush_lsn < '$commit_lsn' FROM pg_replication_slots WHERE slot_name = 'plain'"), 't',
	'and does not hear that a transaction is done which was written in part');
my $began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 20, 'nor does it hold up a shutdown');
$node->start;
my %wait_for = map { ($_ => 1) } split /\n/, sql("SELECT movement_id FROM inv_movement WHERE movement_id > $before_all");
my $wanted = keys %wait_for;
my $text = '';
while (%wait_for && sysread $read, $text, 65536, length $text)
{
	while ($text =~ s/^([^\n]*)\n//)
	{
		my $line = $json->decode($1);
		delete $wait_for{ $line->{movement_id} // 0 };
	}
}
is($wanted - keys %wait_for, 2000, 'once it reads, every line comes, and none is broken');
close $read;
deduct();
is($relay->end, 1, 'when nobody can read any more, the relay ends');
like($relay->said, qr/could not write to standard output: Broken pipe/, 'and says why');

# --- a disk that is full ------------------------------------------------------------------

# A file that may not grow behaves like one: a write is cut off within a line, the
# next one fails. One transaction, of which the relay has much at once.
make_slot($_) foreach 'full', 'whole';
{
	local $SIG{XFSZ} = 'IGNORE';
	$relay = relay('-S', 'full', @both, '--breaker-pause', '100ms');
}
wait_until(sub { $stat->('count(*)') eq '1' });
system('prlimit', '--pid', $relay->{pid}, '--fsize=20000:') == 0 or die;
$relay->signal('STOP');
sql('BEGIN; ' . 'SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item), ARRAY(SELECT 1 FROM inv_item));' x 3 . 'COMMIT');
my $all = sql('SELECT pg_current_wal_flush_lsn()');
ok(wait_until(sub {
	sql("SELECT count(*) FROM pg_stat_replication JOIN pg_stat_activity USING (pid)
		WHERE sent_lsn >= '$all' OR wait_event = 'WalSenderWriteData'") eq '1'
}), 'many lines at a time');
$relay->signal('CONT');
ok(wait_until(sub { $relay->ended || $relay->said =~ /the sink failed [4-9] times in a row/ }), 'a file that cannot grow opens the breaker');
system('prlimit', '--pid', $relay->{pid}, '--fsize=unlimited:');
my @whole = split /\n/, sql(q{SELECT data FROM pg_logical_slot_get_changes('whole', NULL, NULL,
	'emit', 'both', 'include', 'lsn,xid,time')});
ok(wait_until(sub { $relay->ended || $relay->lines >= @whole }), 'and when it can again, it gets');
is(join("\n", $relay->lines), join("\n", @whole), 'every line, once and in order');
is($relay->end('TERM'), 0, 'by a relay that lives');

# --- no loop ---------------------------------------------------------------------------

$relay = relay('-S', 'plain', '--no-loop');
wait_until(sub { $stat->('count(*)') eq '1' });
$node->stop('immediate');
is($relay->end, 1, 'without a loop it ends when the server does');
$node->start;

done_testing();
