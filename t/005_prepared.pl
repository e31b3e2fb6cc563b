# Calls in transactions that are prepared, lost sight of, and ended later.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
max_prepared_transactions = 10
});
$node->start;

sub stock
{
	return $node->safe_psql('postgres',
		q{SELECT sku, on_hand, version FROM inv_stock_level ORDER BY sku});
}

# what a call answers that may not wait
sub impatient
{
	my ($call) = @_;
	my $err;
	my $out;
	$node->psql('postgres', "SET lock_timeout = '50ms';\n\\set VERBOSITY verbose\nSELECT status FROM $call",
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	return "$out$err";
}

# the very first call of a database, with its location and leaves
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread'), ('C', 'Cheese');
	BEGIN;
	SELECT inv_receive('A', 10);
	PREPARE TRANSACTION 'first';
});
like(impatient(q{inv_receive('B', 1)}), qr/55P03/,
	'who needs what is being made waits');
$node->stop('immediate');
$node->start;
is(stock(), '', 'nothing is there yet');
$node->safe_psql('postgres', q{COMMIT PREPARED 'first'});
is(stock(), 'A|10|1', 'then it is');
is($node->safe_psql('postgres', q{SELECT on_hand FROM inv_receive('B', 5)}),
	'5', 'and others go on');

# two orders prepared, one on each row; the server is lost
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT inv_deduct('A', 3, reference => 'order-1');
	PREPARE TRANSACTION 'order-1';
	BEGIN;
	SELECT inv_deduct('B', 4, reference => 'order-2');
	SELECT inv_receive('C', 2, reference => 'order-2');
	PREPARE TRANSACTION 'order-2';
});
foreach my $when ('before the crash', 'after the crash')
{
	is(stock(), "A|10|1\nB|5|1", "$when: not sold yet");
	is($node->safe_psql('postgres', q{SELECT * FROM inv_verify()}),
		'', "$when: verified");
	like(impatient(q{inv_deduct('A', 1)}), qr/55P03/, "$when: A is kept");
	like(impatient(q{inv_receive('B', 1)}), qr/55P03/, "$when: B is kept");
	like(impatient(q{inv_receive('C', 1)}), qr/55P03/, "$when: C is kept");
	like(impatient(q{inv_deduct('A', 11, strict => false)}),
		qr/insufficient_stock/, "$when: a refusal needs no wait");
	next if $when eq 'after the crash';
	$node->stop('immediate');
	$node->start;
}
$node->safe_psql('postgres', q{
	COMMIT PREPARED 'order-1';
	ROLLBACK PREPARED 'order-2';
});
is(stock(), "A|7|2\nB|5|1", 'one sold, the other never happened');
is( $node->safe_psql('postgres', q{
		SELECT kind, on_hand_delta, reference FROM inv_movement ORDER BY movement_id}),
	"receive|10|\nreceive|5|\ndeduct|-3|order-1",
	'so says the ledger');
is( $node->safe_psql('postgres', q{
		SELECT status, on_hand, version FROM inv_deduct('A', 7);
		SELECT status, on_hand, version FROM inv_deduct('B', 5);
		SELECT status, on_hand, version FROM inv_receive('C', 1)}),
	"ok|0|3\nok|0|2\nok|1|1",
	'and both rows sell on');

# a session that waits when the prepared transaction is ended
foreach my $end ('COMMIT', 'ROLLBACK')
{
	$node->safe_psql('postgres', q{
		SELECT inv_receive('A', 5);
		BEGIN;
		SELECT inv_deduct('A', 3);
		PREPARE TRANSACTION 'order-3'});
	my $session = $node->background_psql('postgres');
	$session->query_until(qr/waiting/, q{
		\echo waiting
		SELECT status, on_hand FROM inv_deduct('A', 3, strict => false);
	});
	$node->poll_query_until('postgres', q{
		SELECT count(*) = 1 FROM pg_stat_activity
		 WHERE wait_event_type = 'Lock' AND query LIKE '%inv_deduct%'})
	  or die 'nobody waits';
	$node->safe_psql('postgres', "$end PREPARED 'order-3'");
	is( $session->query('SELECT'),
		$end eq 'COMMIT' ? 'insufficient_stock|2' : 'ok|2',
		"$end PREPARED wakes who waits");
	$session->quit;
	$node->safe_psql('postgres', q{SELECT inv_deduct('A', 2)});
}

# holds, each step of them in a transaction that is prepared (XA): who comes to
# the same hold waits, also when the server was lost meanwhile
sub hold
{
	return $node->safe_psql('postgres', q{
		SELECT xid, state, coalesce(units, 0) FROM inv_hold
		  LEFT JOIN inv_open_holds USING (xid, branch, state) ORDER BY xid;
		SELECT on_hand, reserved FROM inv_stock_level WHERE sku = 'H'});
}
my %answer = (
	q{inv_try('h', '{H}', '{4}')} => qr/^ok$/m,
	q{inv_confirm('h')} => qr/^ok$/m,
	q{inv_cancel('h')} => qr/IV011/);
$node->safe_psql('postgres', q{
	INSERT INTO inv_item (sku, name) VALUES ('H', 'Hat');
	SELECT inv_receive('H', 10)});
foreach my $step ([ q{inv_try('h', '{H}', '{4}')} => "h|held|4\n10|4" ],
	[ q{inv_extend('h', 600)} => "h|held|4\n10|4" ],
	[ q{inv_confirm('h', quantities => '{1}', release_rest => false)} => "h|held|3\n9|3" ],
	[ q{inv_confirm('h')} => "h|confirmed|0\n6|0" ],
	[ q{inv_cancel('none')} => "h|confirmed|0\nnone|cancelled|0\n6|0" ])
{
	my ($call, $after) = @$step;
	my $before = hold();

	foreach my $end ('ROLLBACK', 'COMMIT')
	{
		$node->safe_psql('postgres',
			"BEGIN; SELECT $call; PREPARE TRANSACTION 'hold'");
		like(impatient($call), qr/55P03/, "$call, prepared: the same waits");
		is(hold(), $before, "$call, prepared: nothing is decided yet");
		if ($end eq 'COMMIT')
		{
			$node->stop('immediate');
			$node->start;
			like(impatient($call), qr/55P03/,
				"$call, after a crash: the same waits");
		}
		is($node->safe_psql('postgres', 'SELECT inv_expire_holds()'),
			'0', "$call, prepared: the sweep waits for nobody");
		$node->safe_psql('postgres', "$end PREPARED 'hold'");
		is(hold(), $end eq 'COMMIT' ? $after : $before, "$call: $end PREPARED");
	}
}
like(impatient(q{inv_try('none', '{H}', '{1}')}), qr/IV012/,
	'an empty rollback that was prepared keeps the late try out');
foreach my $call (sort keys %answer)
{
	like(impatient($call), $answer{$call}, "$call after all that");
}

# leaves that are made in a transaction that is prepared
$node->safe_psql('postgres', q{
	CREATE DATABASE small});
$node->safe_psql('small', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
	SET inventory.leaf_size = 10;
	SELECT inv_receive('A', 1);
	BEGIN;
	SELECT count(inv_receive('A', g)) FROM generate_series(1, 15) g;
	PREPARE TRANSACTION 'leaves'});
is( $node->safe_psql('small', q{SELECT status FROM inv_receive('B', 1)}),
	'ok', 'nobody waits for a leaf that is made ahead');
$node->stop('immediate');
$node->start;
$node->safe_psql('small', q{ROLLBACK PREPARED 'leaves'});
is( $node->safe_psql('small', q{
		SET inventory.leaf_size = 10;
		SELECT count(inv_receive('B', g)) FROM generate_series(1, 60) g;
		SELECT * FROM inv_verify()}),
	'60', 'and they are made again if that is rolled back');

# a crossing that is prepared is told when it is committed, and not before
$node->safe_psql('postgres', q{
	INSERT INTO inv_item (sku, reorder_point) VALUES ('W', 5);
	SELECT inv_receive('W', 9);
	BEGIN;
	SELECT inv_deduct('W', 4);
	PREPARE TRANSACTION 'low';
});
my $warnings = q{
	SELECT kind, on_hand FROM inv_open_alerts WHERE sku = 'W' UNION ALL
	SELECT previous || ' > ' || kind, on_hand FROM inv_alert_log WHERE sku = 'W'};
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $warnings), '', 'no alert while it is prepared');
$node->safe_psql('postgres', q{COMMIT PREPARED 'low'});
is($node->safe_psql('postgres', $warnings), "low|5\nok > low|5",
	'one when it is committed');
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT inv_deduct('W', 5);
	PREPARE TRANSACTION 'out';
	ROLLBACK PREPARED 'out'});
is($node->safe_psql('postgres', $warnings), "low|5\nok > low|5",
	'none of what is rolled back');

is($node->safe_psql('postgres', q{SELECT * FROM inv_verify()}), '', 'verified');

done_testing();
