# The output plugin as its clients see it: by the streaming protocol, in large
# transactions and those in progress, over crashes, in other encodings.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvStreamNode;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $lines = $ENV{INVENTORY_LONG} ? 1_000_000 : 100_000;
my $json = JSON::PP->new->utf8;

my $node = InvStreamNode::start(q{
logical_decoding_work_mem = 64kB
max_prepared_transactions = 10
autovacuum = off
inventory.max_lines = 1000000
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(0, 9999) g;
	SELECT count(*) FROM inv_receive_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku),
		ARRAY(SELECT 1000000 FROM inv_item));
	SELECT inv_deduct('S0', 1)});

sub make_slot
{
	my ($name, $two_phase) = @_;
	$node->safe_psql('postgres',
		"SELECT pg_create_logical_replication_slot('$name', 'inventory', false, "
		  . ($two_phase ? 'true' : 'false') . ')');
	return;
}

# receive(SLOT, UNTIL, OPTIONS...) - the lines up to that position
sub receive
{
	my ($slot, $until, @options) = @_;
	my ($out, $err) = ('', '');
	my @command = (
		'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', $slot,
		'--start', '-f', '-', '-E', $until, '--no-loop',
		map { ('-o', $_) } @options);

	IPC::Run::run(\@command, '>', \$out, '2>', \$err) or diag($err);
	return grep { $_->{kind} ne 'heartbeat' } map { $json->decode($_) } split /\n/, $out;
}

# now - a position after all that was committed, at which there is a line
sub now
{
	my $now = $node->safe_psql('postgres',
		"SELECT pg_logical_emit_message(false, 'inventory', 'heartbeat')");

	$node->safe_psql('postgres', 'SELECT txid_current()');    # has it flushed, soon
	return $now;
}

# --- the same lines again ------------------------------------------------------

make_slot('again');
$node->safe_psql('postgres', 'BEGIN; ' . join('', map { "SELECT inv_deduct('S$_', 1);" } 1 .. 3) . 'COMMIT');
my $until = now();
my @first = $node->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_peek_changes('again', NULL, NULL, 'emit', 'both')});
my @second = map { $json->canonical->encode($_) } receive('again', $until, 'emit=both');
my @lines = grep { $_->{kind} ne 'heartbeat' } map { $json->decode($_) } split /\n/, $first[0];
is(join("\n", map { $json->canonical->encode($_) } @lines), join("\n", @second),
	'what is read twice is the same, by whatever way');
is(scalar @second, 6, 'three movements and three stock rows');

# --- a large transaction -------------------------------------------------------

make_slot('large');
$node->safe_psql('postgres', qq{
	DO \$\$
	BEGIN
	  FOR i IN 1..$lines / 10000 LOOP
	    PERFORM count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku),
			ARRAY(SELECT 1 FROM inv_item));
	  END LOOP;
	END \$\$});

# The memory of the process that decodes, in kB, when it has read it all: of
# the lines themselves the server keeps what does not fit to disk.
my @large = split /\|/, $node->safe_psql('postgres', q~
	SELECT n, stock, substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)')
	  FROM (SELECT count(*) AS n, count(*) FILTER (WHERE data LIKE '{"kind":"stock"%') AS stock
			  FROM pg_logical_slot_get_changes('large', NULL, NULL, 'emit', 'both')) lines~);
is($large[0], $lines + 10_000, "a transaction of $lines lines has all of them");
is($large[1], 10_000, 'and each stock row once');
note("memory at the peak: $large[2] kB");
cmp_ok($large[2], '<', 200_000, 'in memory that does not grow with it');

# --- transactions in progress -----------------------------------------------------

make_slot('progress');
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku), ARRAY(SELECT 1 FROM inv_item));
	SAVEPOINT s;
	SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku), ARRAY(SELECT 2 FROM inv_item));
	ROLLBACK TO s;
	SELECT inv_deduct('S7', 5);
	COMMIT;
	BEGIN;
	SELECT count(*) FROM inv_deduct_many(ARRAY(SELECT sku FROM inv_item ORDER BY sku), ARRAY(SELECT 3 FROM inv_item));
	ROLLBACK});
$until = now();
my @plain = map { $json->decode($_) } split /\n/, $node->safe_psql('postgres',
	q{SELECT data FROM pg_logical_slot_peek_changes('progress', NULL, NULL, 'emit', 'both', 'commits', 'on')});
is(scalar(grep { $_->{kind} eq 'movement' } @plain), 10_001,
	'without streaming what was rolled back never shows');
is(scalar(grep { $_->{kind} eq 'commit' } @plain), 1, 'and one transaction was committed');

my @streamed = receive('progress', $until, 'emit=both', 'streaming=on');
my %void = map { ("$_->{stream} $_->{xid}" => 1) } grep { $_->{kind} eq 'stream-abort' } @streamed;
my %committed = map { ($_->{stream} => $_->{lsn}) } grep { $_->{kind} eq 'stream-commit' } @streamed;
my @valid = grep {
	$_->{stream} && $_->{kind} !~ /^stream/ && $committed{ $_->{stream} }
	  && !$void{"$_->{stream} $_->{xid}"}
} @streamed;
cmp_ok(scalar(grep { $_->{stream} } @streamed), '>', 10_000, 'with it there are lines before the commit');
ok(!(grep { $_->{lsn} && $_->{kind} !~ /^stream/ } @streamed), 'which have no lsn');
is(keys %committed, 1, 'one of the transactions is told to be committed');
my $key = sub { join ' ', map { $_[0]{$_} // '' } qw(movement_id sku location on_hand_delta version) };
is_deeply([ sort map { $key->($_) } grep { $_->{kind} eq 'movement' } @valid ],
	[ sort map { $key->($_) } grep { $_->{kind} eq 'movement' } @plain ],
	'and what is not void is what others see');
my %last = map { ($_->{sku} => $_->{version}) } grep { $_->{kind} eq 'stock' } @valid;
is_deeply(\%last, { map { ($_->{sku} => $_->{version}) } grep { $_->{kind} eq 'stock' } @plain },
	'the last line of a stock row is right');

# --- two phases -----------------------------------------------------------------

make_slot('phases', 1);
$node->safe_psql('postgres', q{BEGIN; SELECT inv_deduct('S1', 1); PREPARE TRANSACTION 'p';
	BEGIN; SELECT inv_deduct('S2', 1); PREPARE TRANSACTION 'q'});
my $peek = q{SELECT string_agg(data::json->>'sku', ' ') FROM pg_logical_slot_get_changes('phases', NULL, NULL)};
is($node->safe_psql('postgres', $peek), '', 'prepared is not committed, whatever the slot allows');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'q'});
is($node->safe_psql('postgres', $peek), 'S1', 'what is committed then is told then');

# --- crashes ------------------------------------------------------------------------

make_slot('crash');
my (%told, @others);
foreach my $round (1 .. 5)
{
	$node->safe_psql('postgres', "SELECT inv_deduct('S$_', 1)") foreach 1 .. 10;
	foreach my $line (receive('crash', now(), 'emit=movements'))
	{
		my $place = "$line->{lsn} $line->{seq}";
		push @others, $place
		  if ($told{$place} // $line->{movement_id}) != $line->{movement_id};
		$told{$place} = $line->{movement_id};
	}
	$node->stop('immediate');
	$node->start;
}
is_deeply(\@others, [], 'a line that comes again is the same');
is(keys %told, 50, 'after crashes every movement was told');

# --- other encodings -------------------------------------------------------------

$node->safe_psql('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin', q{SET client_encoding = 'UTF8';
	CREATE EXTENSION inventory; INSERT INTO inv_item (sku) VALUES (U&'caf\00E9"\005C')});
$node->safe_psql('latin', q{SELECT pg_create_logical_replication_slot('latin', 'inventory');
	SELECT inv_receive(sku, 1) FROM inv_item});
my $latin = $node->safe_psql('latin', q{SELECT data FROM pg_logical_slot_get_changes('latin', NULL, NULL)});
like($latin, qr/"sku":"caf\\u00e9\\"\\\\"/, 'what is not UTF-8 is escaped');
is($json->decode($latin)->{sku}, "caf\x{e9}\"\\", 'and is read as it was written');

# bytes that are no character, which nobody refuses
$node->safe_psql('postgres', q{CREATE DATABASE latin3 ENCODING 'LATIN3' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin3', q{CREATE EXTENSION inventory; INSERT INTO inv_item (sku) VALUES ('a' || chr(165) || chr(230)), ('b')});
$node->safe_psql('latin3', q{SELECT pg_create_logical_replication_slot('latin3', 'inventory');
	SELECT inv_receive(sku, 1) IS NULL FROM inv_item ORDER BY sku});
my @latin3 = split /\n/, $node->safe_psql('latin3', q{SELECT data FROM pg_logical_slot_get_changes('latin3', NULL, NULL)});
is_deeply([ sort map { $json->decode($_)->{sku} } grep { /"sku"/ } @latin3 ], [ "a\x{fffd}\x{109}", 'b' ],
	'what is no character does not stop the stream');

done_testing();
