# Following the ledger by a cursor: no movement is left out and none comes twice,
# in whatever order transactions end, and whatever becomes of the database.
use strict;
use warnings;

use Cwd;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INVENTORY_LONG} ? 120 : 10;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
max_prepared_transactions = 50
max_connections = 60
autovacuum = off
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE DATABASE neighbour;
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(1, 40) g;
	SELECT inv_receive(sku, 1000000) FROM inv_item});

# --- a consumer ------------------------------------------------------------------

# follow(CONSUMER, ROWS) - one call; a consumer is { node, database, cursor, ids }
sub follow
{
	my ($consumer, $rows) = @_;
	my $cursor = defined $consumer->{cursor} ? "'$consumer->{cursor}'" : 'NULL';
	my $answer = ($consumer->{node} // $node)->safe_psql($consumer->{database} // 'postgres',
		"SELECT cursor, movement_id FROM inv_changes_since($cursor, $rows)");
	my $count = 0;

	foreach (split /\n/, $answer)
	{
		my ($next, $id) = split /\|/;

		$consumer->{cursor} = $next;
		next if $id eq '';
		push @{ $consumer->{ids} }, $id;
		$count++;
	}
	return $count;
}

# catch_up(CONSUMER, ROWS) - until it has all; there is no transaction under way
sub catch_up
{
	my ($consumer, $rows) = @_;
	1 while follow($consumer, $rows // 1000);
	return @{ $consumer->{ids} // [] };
}

# ledger(NODE) - all that is in it, in order
sub ledger
{
	return split /\n/, ($_[0] // $node)->safe_psql('postgres',
		'SELECT movement_id FROM inv_movement ORDER BY movement_id');
}

sub error_of
{
	my ($on, $sql) = @_;
	my ($out, $err);
	$on->psql('postgres', $sql, stdout => \$out, stderr => \$err,
		on_error_stop => 1, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err;
}

# what it has got since it was last asked
sub news
{
	my ($consumer) = @_;
	my @ids = catch_up($consumer);
	my $from = $consumer->{seen} // 0;

	$consumer->{seen} = @ids;
	return join ' ', @ids[ $from .. $#ids ];
}

sub deduct
{
	my ($session, $sku) = @_;
	return $session->query_safe("SELECT movement_id FROM inv_deduct('$sku', 1)");
}

# --- pages -------------------------------------------------------------------------

my $first = {};
is(follow($first, 7), 7, 'a page is as long as it may be');
is_deeply([ catch_up($first, 7) ], [ 1 .. 40 ], 'pages follow each other, in order');
my $kept = $first->{cursor};
is(follow($first, 7), 0, 'and there is an end');
is_deeply([ split /\|/, $node->safe_psql('postgres',
			"SELECT movement_id IS NULL, txid IS NULL, cursor IS NOT NULL FROM inv_changes_since('$kept')") ],
	[qw(t t t)], 'where one row says how to go on');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM inv_changes_since(NULL, 40) f JOIN inv_movement m USING (movement_id)
		 WHERE f.sku = m.sku AND f.txid = m.txid AND f.recorded_at = m.recorded_at AND f.kind = m.kind
		   AND f.version = m.version AND f.on_hand_delta = m.on_hand_delta AND f.actor = m.actor}),
	40, 'a movement comes as it is in the ledger');
my $middle = $node->safe_psql('postgres',
	'SELECT cursor FROM inv_changes_since(NULL, 100) WHERE movement_id = 13');
is($node->safe_psql('postgres', "SELECT min(movement_id), count(*) FROM inv_changes_since('$middle', 100)"),
	'14|27', 'every row has a cursor to go on from');

# --- transactions that end in another order ---------------------------------------------

news($first);
my @session = map { $node->background_psql('postgres') } 1 .. 3;
my @id;
$session[0]->query_safe('BEGIN');
push @id, deduct($session[0], 'S1');
push @id, deduct($session[1], 'S2');
is(news($first), '', 'what is committed waits for what was before it');
my $late = { cursor => $first->{cursor} };
push @id, deduct($session[1], 'S3');
is(news($first), '', 'and so does what comes after');
$session[0]->query_safe('COMMIT');
is(news($first), "@id", 'then all come, in order');
is(news($late), "@id", 'whenever the cursor was made');

# one that is rolled back; a part of one
$session[0]->query_safe('BEGIN');
deduct($session[0], 'S1');
$session[1]->query_safe('BEGIN');
@id = (deduct($session[1], 'S2'));
$session[1]->query_safe('SAVEPOINT s');
deduct($session[1], 'S3');
$session[1]->query_safe('ROLLBACK TO s');
push @id, deduct($session[1], 'S4');
$session[1]->query_safe('COMMIT');
is(news($first), '', 'nobody knows yet what becomes of the first');
$session[0]->query_safe('ROLLBACK');
is(news($first), "@id", 'what was rolled back never comes');

# a prepared one, over a restart
$session[0]->query_safe('BEGIN');
@id = (deduct($session[0], 'S1'));
$session[0]->query_safe(q{PREPARE TRANSACTION 'p'});
$session[0]->query_safe('BEGIN');
deduct($session[0], 'S5');
$session[0]->query_safe(q{PREPARE TRANSACTION 'q'});
push @id, deduct($session[1], 'S2');
is(news($first), '', 'a prepared transaction is one');
$_->quit foreach @session;
$node->restart;
is(news($first), '', 'also over a restart');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
is(news($first), '', 'each of them');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'q'});
is(news($first), "@id", 'until they are decided');

# in overlapping ones, where at no time none is under way
@session = map { $node->background_psql('postgres') } 1 .. 2;
my $overlap = { cursor => $first->{cursor} };
$session[0]->query_safe('BEGIN');
@id = (deduct($session[0], 'S1'));
foreach my $turn (1 .. 6)
{
	my ($ending, $next) = @session[ ($turn + 1) % 2, $turn % 2 ];

	$next->query_safe('BEGIN');
	push @id, deduct($next, 'S' . ($turn + 20));
	follow($overlap, 100);
	$ending->query_safe('COMMIT');
	follow($overlap, 100);
}
cmp_ok(scalar @{ $overlap->{ids} // [] }, '>=', 3, 'movements come though somebody always moves');
is("@{ $overlap->{ids} }", join(' ', @id[ 0 .. $#{ $overlap->{ids} } ]), 'in order');
$session[0]->query_safe('COMMIT');
$_->quit foreach @session;

# --- the end ----------------------------------------------------------------------------

@session = ($node->background_psql('postgres'));
$session[0]->query_safe('BEGIN');
deduct($session[0], 'S1');
$node->safe_psql('postgres', q{SELECT inv_deduct('S2', 1)});
like(error_of($node, q{SET lock_timeout = '100ms'; SELECT inv_changes_end()}), qr/ERROR:  55P03/,
	'the end waits for who moves stock');
$session[0]->query_safe('COMMIT');
my $end = { cursor => $node->safe_psql('postgres', q{SET lock_timeout = '10s'; SELECT inv_changes_end()}) };
is(news($end), '', 'at the end nothing is left');
@id = (deduct($session[0], 'S3'));
is(news($end), "@id", 'what comes after it comes');
$session[0]->quit;
like(error_of($node, q{BEGIN; SELECT inv_deduct('S1', 1); SELECT inv_changes_end()}), qr/ERROR:  25001/,
	'nobody waits for himself');
is($node->safe_psql('postgres', q{BEGIN; SELECT inv_deduct('S1', 1) IS NULL; SELECT count(movement_id) FROM inv_changes_since(}
	  . "'$end->{cursor}'" . q{); ROLLBACK}) =~ s/\s+/ /gr, 'f 0', 'what is not committed is not told to its own transaction');

# --- cursors that are none ------------------------------------------------------------------

foreach my $bad ('', 'x', $end->{cursor} . '0x', uc $end->{cursor} . ' ', '-' . $end->{cursor})
{
	like(error_of($node, "SELECT inv_changes_since('$bad')"), qr/ERROR:  22023: cursor ".*" was not made/, "no cursor: '$bad'");
}
like(error_of($node, "SELECT inv_changes_since('" . ($end->{cursor} =~ s/^1-\w+/1-7/r) . "')"),
	qr/ERROR:  IV016.*\nDETAIL:  \{"movement_id": ?7\}/, 'a movement that is another');

# --- old snapshots ---------------------------------------------------------------------------

my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', q{SELECT inv_deduct('S1', 1)});
news($end);
is($old->query_safe("SELECT count(movement_id) FROM inv_changes_since('$end->{cursor}')"), 0,
	'an old snapshot is behind the cursor, which is no error');
$old->query_safe('COMMIT');
$old->quit;

# --- many writers ------------------------------------------------------------------------------

# Each takes his time between a movement and its end.  A third of what they do is
# rolled back, as a whole or in part.
my %work = (
	commit => q{BEGIN; SELECT inv_deduct('S' || :a, 1, strict => false); SELECT pg_sleep(:s * 0.001); COMMIT;},
	single => q{SELECT inv_deduct('S' || :a, 1, strict => false);},
	many => q{SELECT count(*) FROM inv_deduct_many(ARRAY['S' || :a, 'S' || (:a + 1), 'S' || (:a + 2)], '{1,1,1}');},
	rollback => q{BEGIN; SELECT inv_deduct('S' || :a, 1, strict => false); SELECT pg_sleep(:s * 0.001); ROLLBACK;},
	savepoint => q{BEGIN; SELECT inv_deduct('S' || :a, 1, strict => false); SAVEPOINT s; SELECT inv_deduct('S' || (:a + 1), 1, strict => false);
		ROLLBACK TO s; SELECT pg_sleep(:s * 0.001); SELECT inv_deduct('S' || (:a + 2), 1, strict => false); COMMIT;},
	prepared => q{BEGIN; SELECT inv_deduct('S' || :a, 1, strict => false); PREPARE TRANSACTION 'w:client_id'; SELECT pg_sleep(:s * 0.001); COMMIT PREPARED 'w:client_id';},
	discarded => q{BEGIN; SELECT inv_deduct('S' || :a, 1, strict => false); PREPARE TRANSACTION 'w:client_id'; SELECT pg_sleep(:s * 0.001); ROLLBACK PREPARED 'w:client_id';});
my $dir = PostgreSQL::Test::Utils::tempdir;
my @files;
foreach my $name (sort keys %work)
{
	my $text = $work{$name} =~ s/;\s*/;\n/gr;

	append_to_file("$dir/$name.sql", "\\set a random(1, 38)\n\\set s random(0, 20)\n$text");
	push @files, '-f', "$dir/$name.sql";
}
my $start = $node->safe_psql('postgres', 'SELECT inv_changes_end()');
my $had = () = ledger();

# Consumers beside them, which keep what they got and where they are in one
# transaction, and so are never without one themselves.
$node->safe_psql('postgres', q{
	CREATE TABLE got (reader int, place bigserial, id bigint);
	CREATE TABLE place (reader int, cursor text, pages int);
	CREATE TABLE stop ()});
my @pages = ('1 + floor(random() * 50)::int', 3, 1000);
my @readers = map {
	IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', qq{
		DO \$\$
		DECLARE
		  c text := '$start';
		BEGIN
		  INSERT INTO place VALUES ($_, c, 0);
		  COMMIT;
		  WHILE NOT EXISTS (SELECT FROM stop) LOOP
			WITH page AS (
			  SELECT f.cursor, f.movement_id, row_number() OVER () AS n FROM inv_changes_since(c, $pages[$_]) f
			), kept AS (
			  INSERT INTO got (reader, id) SELECT $_, movement_id FROM page WHERE movement_id IS NOT NULL ORDER BY n
			)
			SELECT (array_agg(cursor ORDER BY n DESC))[1] INTO c FROM page;
			UPDATE place SET cursor = c, pages = pages + 1 WHERE reader = $_;
			COMMIT;
		  END LOOP;
		END \$\$} ])
} 0 .. 2;
$node->command_ok([ 'pgbench', '-n', '-M', 'simple', '-c', 12, '-j', 2, '-T', $seconds, '--max-tries=100', @files, 'postgres' ],
	'many move stock at once');
$node->safe_psql('postgres', 'INSERT INTO stop DEFAULT VALUES');
ok($_->finish, 'a reader had no error') foreach @readers;
my @expected = ledger();
splice @expected, 0, $had;
cmp_ok(scalar @expected, '>', 100 * $seconds, 'they did something: ' . @expected . ' movements');
foreach my $number (0 .. 2)
{
	my ($cursor, $pages) = split /\|/, $node->safe_psql('postgres', "SELECT cursor, pages FROM place WHERE reader = $number");
	my @got = split /\n/, $node->safe_psql('postgres', "SELECT id FROM got WHERE reader = $number ORDER BY place");

	cmp_ok(scalar @got, '>', 100, "reader $number came along: " . @got . " movements, $pages pages");
	$readers[$number] = { cursor => $cursor, ids => [@got] };
	is_deeply([ catch_up($readers[$number]) ], \@expected, 'and has every movement once, in order');
}
is(join('', $node->safe_psql('postgres', 'SELECT count(*) FROM inv_verify()')), 0, 'verified');

# --- a standby ------------------------------------------------------------------------------------

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
like(error_of($standby, q{SELECT inv_changes_end()}), qr/ERROR:  25006/, 'a standby cannot tell the end');
like(error_of($standby, q{SELECT inv_stream_create('shop')}), qr/ERROR:  25006/, 'nor does a stream begin there');
my $reader = { cursor => $readers[0]{cursor}, node => $standby };
$node->safe_psql('postgres', q{SELECT inv_deduct('S1', 1)});
$node->wait_for_catchup($standby);
is(news($reader), (ledger())[-1], 'a cursor of the primary is good on a standby');

@session = map { $node->background_psql('postgres') } 1 .. 2;
$session[0]->query_safe('BEGIN');
@id = (deduct($session[0], 'S1'));
push @id, deduct($session[1], 'S2');
$node->wait_for_catchup($standby);
is(news($reader), '', 'there, too, what is under way is awaited');
$session[0]->query_safe('COMMIT');
$node->wait_for_catchup($standby);
is(news($reader), "@id", 'and comes in order');

# behind: the cursor is of what the standby does not have yet
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'});
@id = map { deduct($session[1], "S$_") } 1 .. 2;
news($readers[0]);
my $behind = { node => $standby, cursor => $readers[0]{cursor} };
is(news($behind), '', 'a standby that is behind has nothing to tell');
push @id, deduct($session[1], 'S3');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$node->wait_for_catchup($standby);
is(news($behind), $id[2], 'until it has caught up');
is(news($reader), "@id", 'which its own reader sees, too');

news($readers[1]);

# promoted, with a transaction that the standby knows of, and is lost by it
$session[0]->query_safe('BEGIN');
deduct($session[0], 'S1');
push @id, deduct($session[1], 'S2');
$node->wait_for_catchup($standby);
news($reader);
$node->stop('immediate');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(news($reader), $id[-1], 'after a promotion what was under way is over');
$readers[1]{node} = $standby;
my $fresh = $standby->safe_psql('postgres', q{SELECT movement_id FROM inv_deduct('S9', 1)});
is(news($readers[1]), "$id[-1] $fresh", 'a cursor of the old primary goes on');
is_deeply([ catch_up({ node => $standby }) ], [ ledger($standby) ], 'nothing is missing');

# --- cloned -------------------------------------------------------------------------------------------

# Both go on from the same movement.  What a cursor remembers of one of them
# means nothing in the other, where the same ids are other transactions'.
news($reader);
$standby->safe_psql('template1', 'CREATE DATABASE clone TEMPLATE postgres');
@session = map { $standby->background_psql($_) } qw(postgres postgres clone clone);
$session[0]->query_safe('BEGIN');
@id = (deduct($session[0], 'S1'));
push @id, deduct($session[1], "S$_") foreach 2 .. 5;
is(news($reader), '', 'a cursor that remembers something');
my $clone = { node => $standby, database => 'clone', cursor => $reader->{cursor} };
$session[0]->query_safe('COMMIT');
is(news($reader), "@id", 'and finds it, where it was');
$session[2]->query_safe('BEGIN');
my @there = (deduct($session[2], 'S6'));
push @there, deduct($session[3], 'S7');
is("@there", "@id[0, 1]", 'the clone gives the same ids');
is(news($clone), '', 'there it awaits what is under way there');
$session[2]->query_safe('COMMIT');
is(news($clone), "@there", 'and finds that');
$_->quit foreach @session;

# --- dumped and restored ------------------------------------------------------------------------------

# transaction ids of the ledger are beyond those of the new server
append_to_file("$dir/burn.sql", "SELECT txid_current();\n");
$standby->command_ok([ 'pgbench', '-n', '-t', 3000, '-f', "$dir/burn.sql", 'postgres' ], 'transaction ids go by');
$standby->safe_psql('postgres', q{SELECT inv_deduct('S' || g, 1) FROM generate_series(1, 20) g});
my $half = $standby->safe_psql('postgres', 'SELECT movement_id FROM inv_movement ORDER BY movement_id OFFSET 60 LIMIT 1');
my $moved = { cursor => $standby->safe_psql('postgres',
		"SELECT cursor FROM inv_changes_since(NULL, 100000) WHERE movement_id = $half") };
my $whole = { node => $standby };
catch_up($whole);
$standby->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", 'postgres' ], 'dumped');
my $lost = { node => $standby, cursor => $whole->{cursor} };
$standby->safe_psql('postgres', q{SELECT inv_deduct('S1', 1)});
catch_up($lost);

my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->append_conf('postgresql.conf', 'autovacuum = off');
$other->start;
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'postgres', "$dir/dump" ], 'restored');
is($other->safe_psql('postgres', 'SELECT max(txid) > pg_current_xact_id() FROM inv_movement'), 't',
	'where transaction ids are smaller');
is_deeply([ catch_up({ node => $other }) ], [ ledger($other) ], 'the whole ledger is there at once');
$moved->{node} = $other;
is_deeply([ catch_up($moved) ], [ grep { $_ > $half } ledger($other) ], 'a cursor of before goes on in the middle');
$whole->{node} = $other;
$whole->{ids} = [];
my $new = $other->background_psql('postgres');
$new->query_safe('BEGIN');
@id = (deduct($new, 'S1'));
push @id, $other->safe_psql('postgres', q{SELECT movement_id FROM inv_deduct('S2', 1)});
is_deeply([ catch_up($whole) ], [], 'what is under way in the new place is awaited');
my $newer = $other->background_psql('postgres');
$newer->query_safe('BEGIN');
push @id, deduct($newer, 'S3');
$new->query_safe('COMMIT');
is_deeply([ catch_up($whole) ], [ @id[ 0, 1 ] ], 'and goes on where the dump ended');
$newer->query_safe('COMMIT');
$_->quit foreach $new, $newer;
is_deeply([ catch_up($whole) ], \@id, 'as before');
is_deeply([ catch_up({ node => $other }, 50) ], [ ledger($other) ], 'for everybody in the same order');
$lost->{node} = $other;
like(error_of($other, "SELECT inv_changes_since('$lost->{cursor}')"), qr/ERROR:  IV016.*\nDETAIL:.*\nHINT:.*inv_changes_end/,
	'who saw what the dump does not have is told so');

# --- upgraded ----------------------------------------------------------------------------------------

# transaction ids go on, in a server with another name
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init;
my $before = { node => $other };
catch_up($before);
my $last = $other->safe_psql('postgres', q{SELECT movement_id FROM inv_deduct('S3', 1)});
my @all = ledger($other);
$other->stop;
my ($bindir) = $other->config_data('--bindir');
my $here = Cwd::getcwd();
chdir $dir;
$other->command_ok([ 'pg_upgrade', '-b', $bindir, '-B', $bindir, '-d', $other->data_dir, '-D', $upgraded->data_dir,
		'-s', $upgraded->host, '-p', $other->port, '-P', $upgraded->port ], 'upgraded');
chdir $here;
$upgraded->start;
$before->{node} = $upgraded;
$before->{ids} = [];
is_deeply([ catch_up($before) ], [$last], 'a cursor of before goes on after an upgrade');
@id = ($upgraded->safe_psql('postgres', q{SELECT movement_id FROM inv_deduct('S3', 1)}));
is_deeply([ catch_up($before) ], [ $last, @id ], 'and further');
is_deeply([ catch_up({ node => $upgraded }) ], [ @all, @id ], 'nothing is missing');

done_testing();
