# Keys over crashes, prepared transactions and dumps: whoever repeats a call
# with its key has one effect, whatever became of the server meanwhile.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
max_prepared_transactions = 10
fsync = on
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
	INSERT INTO inv_location (location) VALUES ('shop');
	SELECT inv_receive('A', 1000);
	SELECT inv_receive('B', 100);
});

sub sql
{
	my ($sql, $db) = @_;
	return $node->safe_psql($db // 'postgres', $sql);
}

# crash - end the server by SIGKILL and start it, which may take some attempts
# until the backends have noticed
sub crash
{
	my $attempts = 10 * $PostgreSQL::Test::Utils::timeout_default;

	$node->kill9;
	while ($attempts-- > 0)
	{
		return if $node->start(fail_ok => 1);
		$node->stop('fast', fail_ok => 1);
		usleep(100_000);
	}
	die 'the server does not start';
}

# waits - until a session waits for a lock in that call
sub waits
{
	my ($call) = @_;
	$node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM pg_stat_activity
		 WHERE wait_event_type = 'Lock' AND query LIKE '%$call%'
		   AND pid <> pg_backend_pid()})
	  or die "nobody waits in $call";
}

# every function, acknowledged, then the crash
my @calls = (
	[ q{inv_receive('A', 5, key => 'receive')}, 'ok|1005' ],
	[ q{inv_deduct('A', 5, key => 'deduct')}, 'ok|1000' ],
	[ q{inv_adjust('A', 900, key => 'adjust')}, 'ok|900' ],
	[ q{inv_transfer('A', 100, 'main', 'shop', key => 'transfer')},
		"ok|800\nok|100" ],
	[ q{inv_return('deduct', 2, key => 'return')}, 'ok|802' ],
	[ q{inv_deduct('A', 9999, key => 'refused', strict => false)},
		'insufficient_stock|802' ]);
foreach my $call (@calls)
{
	is(sql("SELECT status, on_hand FROM $call->[0]"),
		$call->[1], "$call->[0]: done");
}
# and one that was raised, which nobody remembers
$node->psql('postgres', q{SELECT inv_deduct('A', 9999, key => 'raised')});
my $stock = q{SELECT sku, location, on_hand, version FROM inv_stock_level ORDER BY 1, 2};
my $was = sql($stock);
crash();
is(sql($stock), $was, 'the crash takes nothing that was acknowledged');
foreach my $call (@calls)
{
	(my $again = $call->[1]) =~ s/$/|t/mg;
	is(sql("SELECT status, on_hand, replayed FROM $call->[0]"),
		$again, "$call->[0]: replayed after the crash");
}
is(sql($stock), $was, 'without a second effect');
is( sql(q{SELECT status, replayed FROM inv_deduct('A', 1, key => 'raised')}),
	'ok|f', 'a refusal that was raised is tried afresh');

# one order: sold, and bought again, so that the stock never ends
my $each = q{SELECT 'done ' || NUMBER FROM
	inv_deduct('B', 1, reference => 'NUMBER', key => 'ROUND-NUMBER') o,
	LATERAL (SELECT inv_receive('B', 1, key => 'ROUND-rNUMBER')) r;
};

# calls that were under way: nobody knows what became of them, all are repeated
my $dir = PostgreSQL::Test::Utils::tempdir;
foreach my $round (1 .. 3)
{
	my $key = "round-$round";
	my $before = sql(q{SELECT on_hand FROM inv_stock_level WHERE sku = 'A' AND location = 'main'});
	my $movements = sql(q{SELECT count(*) FROM inv_movement});
	my @sessions;

	# one not committed, one that waits for it, and many of which some are done
	my $open = $node->background_psql('postgres');
	$open->query_safe(qq{BEGIN; SELECT inv_deduct('A', 1, key => '$key-open')});
	push @sessions, $open;
	my $waiting = $node->background_psql('postgres', on_error_stop => 0);
	$waiting->query_until(qr/going/,
		qq{\\echo going\nSELECT inv_deduct('A', 1, key => '$key-open');\n});
	push @sessions, $waiting;
	waits("$key-open");
	my ($out, $err) = ('', '');
	my $orders = "$dir/orders";
	append_to_file($orders, join '', map { $each =~ s/ROUND/$key/gr =~ s/NUMBER/$_/gr } 1 .. 2000);
	my $many = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $orders ],
		'>' => \$out, '2>' => \$err);
	$node->poll_query_until('postgres',
		qq{SELECT count(*) >= 20 FROM inv_request WHERE key LIKE '$key-%'})
	  or die 'nothing is done';
	crash();
	$many->finish;
	unlink $orders;
	eval { $_->quit } foreach @sessions;

	my @told = $out =~ /^done (\d+)$/mg;
	cmp_ok(scalar(@told), '<', 2000, "round $round: the crash came in between");
	my $told = join(',', @told);
	is( sql(qq{SELECT count(*) FROM unnest('{$told}'::int[]) t
		  WHERE NOT EXISTS (SELECT FROM inv_request WHERE key = '$key-' || t)}),
		'0', "round $round: what was acknowledged is remembered");
	my $last = @told ? $told[-1] : 0;
	# the one that was under way, and those that were still to come
	my @retry = map { "SELECT replayed FROM inv_deduct('A', 1, key => '$key-open');" } 1 .. 2;
	is(sql(join("\n", @retry)), "f\nt", "round $round: the open one is done once");
	is( sql(qq{
			SELECT bool_and(o.replayed) FILTER (WHERE g <= $last),
			       count(*) FROM generate_series(1, $last + 50) g,
			  LATERAL inv_deduct('B', 1, reference => g::text, key => '$key-' || g) o,
			  LATERAL (SELECT inv_receive('B', 1, key => '$key-r' || g)) r}),
		($last ? 't' : '') . '|' . ($last + 50),
		"round $round: all are repeated");
	is( sql(qq{SELECT count(*), count(DISTINCT key), sum(on_hand_delta) FROM inv_movement
			WHERE key LIKE '$key-%' AND sku = 'B'}),
		join('|', 2 * ($last + 50), 2 * ($last + 50), 0),
		"round $round: each has one effect");
	is( sql(q{SELECT on_hand FROM inv_stock_level WHERE sku = 'A' AND location = 'main'}),
		$before - 1, "round $round: and so has the open one");
	is(sql(q{SELECT * FROM inv_verify()}), '', "round $round: verified");
}

# prepared with a key: the second caller waits for COMMIT or ROLLBACK PREPARED,
# also after a crash
foreach my $end ('COMMIT', 'ROLLBACK')
{
	my $before = sql(q{SELECT on_hand FROM inv_stock_level WHERE sku = 'B'});
	my $call = qq{inv_deduct('B', 3, key => 'prepared-$end')};
	sql(qq{BEGIN; SELECT $call; PREPARE TRANSACTION 'order'});
	crash();
	my $err;
	$node->psql('postgres', "SET lock_timeout = '50ms';\n\\set VERBOSITY verbose\nSELECT $call",
		stderr => \$err, on_error_stop => 0);
	like($err, qr/ERROR:  55P03/, "$end PREPARED: the second waits");
	my $second = $node->background_psql('postgres');
	$second->query_until(qr/going/, qq{\\echo going\nSELECT on_hand, replayed FROM $call;\n});
	waits("prepared-$end");
	sql("$end PREPARED 'order'");
	is($second->query('SELECT'),
		$before - 3 . ($end eq 'COMMIT' ? '|t' : '|f'),
		"$end PREPARED: and is answered");
	$second->quit;
	is( sql(q{SELECT on_hand FROM inv_stock_level WHERE sku = 'B'}),
		$before - 3, "$end PREPARED: one effect");
	is(sql("SELECT replayed FROM $call"), 't', "$end PREPARED: remembered");
}
# a remembered refusal can be prepared, too
sql(q{
	BEGIN;
	SELECT inv_deduct('B', 9999, key => 'prepared-refusal', strict => false);
	PREPARE TRANSACTION 'refusal'});
crash();
sql(q{COMMIT PREPARED 'refusal'});
is( sql(q{SELECT status, replayed FROM inv_deduct('B', 9999, key => 'prepared-refusal', strict => false)}),
	'insufficient_stock|t', 'a refusal that was prepared is remembered');

# a dump holds the keys: who repeats a call on the restored database is answered
$was = sql($stock);
my $requests = q{SELECT md5(string_agg(r::text, ';' ORDER BY key)) FROM inv_request r};
my $requests_were = sql($requests);
my $dump = "$dir/dump";
$node->command_ok([ 'pg_dump', '--format=custom', '-f', $dump, 'postgres' ], 'dumped');
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'restored');
is(sql($requests, 'restored'), $requests_were, 'restored: the same keys');
foreach my $call (@calls)
{
	(my $again = $call->[1]) =~ s/$/|t/mg;
	is(sql("SELECT status, on_hand, replayed FROM $call->[0]", 'restored'),
		$again, "restored: $call->[0] is replayed");
}
is(sql($stock, 'restored'), $was, 'restored: without a second effect');
is( sql(q{SELECT status, quantity FROM inv_return('deduct', key => 'rest')}, 'restored'),
	'ok|3', 'restored: returns know what was given back');
my $err;
foreach my $command ('DELETE FROM inv_request', 'TRUNCATE inv_request',
	'UPDATE inv_request SET key = key')
{
	$node->psql('restored', "\\set VERBOSITY verbose\n$command",
		stderr => \$err, on_error_stop => 0);
	like($err, qr/ERROR:  42501: /, "restored: guarded against $command");
}
$node->psql('restored', "\\set VERBOSITY verbose\nSELECT inv_deduct('A', 6, key => 'deduct')",
	stderr => \$err, on_error_stop => 0);
like($err, qr/ERROR:  IV007: /, 'restored: with other arguments');
is(sql('SELECT * FROM inv_verify()', 'restored'), '', 'restored: verified');

done_testing();
