# Alerts: every crossing, in the transaction that makes it, and none other.
#
# The second half is a random walk of many stock rows with random limits, each
# alert of which is compared with a model of the contract
# (t/lib/InvAlertModel.pm).  INVENTORY_LONG=1 walks further; INV_SEED=NUMBER
# for a certain walk, INV_CALLS=NUMBER for so many calls.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlertModel;
use InvAlertNode;
use InvReceiver;
use InvSession;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{INV_SEED} || time;
my $calls = $ENV{INV_CALLS} || ($ENV{INVENTORY_LONG} ? 100_000 : 2_500);
my $shown = 5;     # differences that are told

my $receiver = InvReceiver->start;
my $node = InvAlertNode::start('alerts');
my $session = InvSession->open($node, undef, 'shop');
my $json = JSON::PP->new->canonical->allow_nonref;
my $last = 0;      # alert

# --- one at a time -----------------------------------------------------------

# raised() - the alerts since we last asked, by row, as "kind previous sku
# location on_hand reserved available threshold"
sub raised
{
	my @alerts =
	  sort { "$a->{sku} $a->{location}" cmp "$b->{sku} $b->{location}" }
	  new_alerts();

	return map {
		my $alert = $_;
		join ' ', map { $alert->{$_} // '-' }
		  qw(kind previous sku location on_hand reserved available threshold);
	} @alerts;
}

sub new_alerts
{
	my @alerts = $session->rows(
		"SELECT alert_id, $InvAlertNode::columns FROM inv_alert
		  WHERE alert_id > \$1 ORDER BY alert_id", $last);

	$last = $alerts[-1]{alert_id} if @alerts;
	return @alerts;
}

# raises(SQL, WHAT, ALERT...) - running it raises these
sub raises
{
	my ($sql, $what, @expected) = @_;
	my @answers = map { $session->answer($_) } ref $sql ? @$sql : $sql;
	my @errors = map { $_->{error}{message} // () } @answers;

	is_deeply([ raised(), @errors ], \@expected, $what);
	return;
}

# refuses(SQL, ERROR, WHAT)
sub refuses
{
	my ($sql, $state, $what) = @_;
	my $answer = $session->answer($sql);

	is($answer->{error}{state}, $state, $what);
	is_deeply([ raised() ], [], "$what: and raises nothing");
	return;
}

# margins of 20 %: over 12 is over a reorder point of 10
$session->run($_) foreach
	q{INSERT INTO inv_location (location, name) VALUES ('main', 'Shop'), ('back', 'Back room')},
	q{INSERT INTO inv_item (sku, reorder_point, target_level, safety_stock, backorder_limit)
	  VALUES ('A', 10, 40, 0, 0), ('B', NULL, NULL, 0, 0), ('S', 10, NULL, 4, 0), ('O', NULL, NULL, 0, 5)};

raises(q{SELECT inv_receive('A', 30)}, 'enough');
raises(q{SELECT inv_deduct('A', 19)}, 'over the reorder point');
raises(q{SELECT inv_deduct('A', 1)}, 'at it: low',
	'low ok A main 10 0 10 10');
raises(q{SELECT inv_deduct('A', 1)}, 'under it: it is low already');
raises(q{SELECT inv_receive('A', 3)}, 'two over it: within the margin');
raises(q{SELECT inv_deduct('A', 2)}, 'under it again: nothing new');
raises(q{SELECT inv_receive('A', 3)}, 'three over it: recovered',
	'recovered low A main 13 0 13 10');
raises(q{SELECT inv_deduct('A', 13)}, 'all sold: out, and only out',
	'out ok A main 0 0 0 0');
raises(q{SELECT inv_receive('A', 5)}, 'a few: still out, until it has recovered');
raises(q{SELECT inv_deduct('A', 5)}, 'none again: out already');
raises(q{SELECT inv_receive('A', 12)}, 'as far as the margin');
raises(q{SELECT inv_receive('A', 1)}, 'over it', 'recovered out A main 13 0 13 10');
raises(q{SELECT inv_adjust('A', 3)}, 'low by a count', 'low ok A main 3 0 3 10');
raises(q{SELECT inv_deduct('A', 3)}, 'from low to out', 'out low A main 0 0 0 0');
raises(q{SELECT inv_adjust('A', 100)}, 'recovered by a count',
	'recovered out A main 100 0 100 10');

# without a reorder point, the floor is what there is
raises(q{SELECT inv_receive('B', 2)}, 'B: enough');
raises(q{SELECT inv_deduct('B', 2)}, 'B: out', 'out ok B main 0 0 0 0');
raises(q{SELECT inv_receive('B', 1)}, 'B: within the margin of one');
raises(q{SELECT inv_receive('B', 1)}, 'B: recovered', 'recovered out B main 2 0 2 0');

# the safety stock is not for sale, backorders are
raises(q{SELECT inv_receive('S', 20)}, 'S: enough');
raises(q{SELECT inv_deduct('S', 16)}, 'S: out at the safety stock',
	'out ok S main 4 0 0 4');
raises(q{SELECT inv_receive('O', 1)}, 'O: enough');
raises(q{SELECT inv_deduct('O', 5)}, 'O: backorders');
raises(q{SELECT inv_deduct('O', 1)}, 'O: out when all backorders are taken',
	'out ok O main -5 0 0 -5');
raises(q{SELECT inv_receive('O', 20)}, 'O: recovered', 'recovered out O main 15 0 20 -5');
raises(q{SELECT inv_try('o', '{O}', '{20}')}, 'O: out when all backorders are held',
	'out ok O main 15 20 0 -5');
raises(q{SELECT inv_adjust('O', 14)}, 'O: short when a count finds less',
	'short out O main 14 20 -1 -5');
raises(q{SELECT inv_receive('O', 1)}, 'O: covered again: out',
	'out short O main 15 20 0 -5');
raises(q{SELECT inv_confirm('o')}, 'O: confirmed, and still out');

# units that are promised count as gone
raises(q{SELECT inv_try('h', '{A}', '{90}')}, 'a hold', 'low ok A main 100 90 10 10');
raises(q{SELECT inv_cancel('h')}, 'cancelled', 'recovered low A main 100 0 100 10');
raises(q{SELECT inv_try('h2', '{A}', '{100}')}, 'all held', 'out ok A main 100 100 0 0');
raises(q{SELECT inv_confirm('h2', quantities => '{50}', release_rest => false)},
	'a part confirmed changes no level');
raises(q{SELECT inv_adjust('A', 40)}, 'a count below what is held: short',
	'short out A main 40 50 -10 0');
raises(q{SELECT inv_receive('A', 11)}, 'covered again, but low',
	'low short A main 51 50 1 10');
raises(q{SELECT inv_cancel('h2')}, 'and recovered by the cancel',
	'recovered low A main 51 0 51 10');
raises(q{SELECT inv_try('h3', '{A}', '{51}', ttl_seconds => 1)}, 'held for a second',
	'out ok A main 51 51 0 0');
InvAlertNode::wait_for($node,
	q{SELECT reserved = 0 FROM inv_stock_level WHERE sku = 'A' AND location = 'main'})
  or die 'the hold does not expire';
raises('SELECT', 'expired, by the worker', 'recovered out A main 51 0 51 10');

# other calls
raises(q{SELECT inv_transfer('A', 41, 'main', 'back')}, 'a transfer: low here',
	'low ok A main 10 0 10 10');
raises(q{SELECT inv_transfer('A', 41, 'back', 'main')}, 'and back',
	'out ok A back 0 0 0 0', 'recovered low A main 51 0 51 10');
raises(q{SELECT inv_deduct('A', 51, key => 'sale')}, 'a sale with a key',
	'out ok A main 0 0 0 0');
raises(q{SELECT inv_deduct('A', 51, key => 'sale')}, 'replayed: not again');
raises(q{SELECT inv_return('sale')}, 'a return', 'recovered out A main 51 0 51 10');
raises(q{SELECT inv_deduct_many('{A,B,A}', '{40,2,11}')}, 'several rows, each once',
	'out ok A main 0 0 0 0', 'out ok B main 0 0 0 0');
raises(q{SELECT inv_receive_many('{B,A}', '{50,50}')}, 'and received',
	'recovered out A main 50 0 50 10', 'recovered out B main 50 0 50 0');
raises(
	q{SELECT inv_apply('{"lines": [{"op": "deduct", "sku": "B", "quantity": 50},
		{"op": "receive", "sku": "B", "quantity": 50},
		{"op": "deduct", "sku": "A", "quantity": 50},
		{"op": "receive", "sku": "A", "quantity": 5}]}')},
	'what is crossed twice within a call counts at its end',
	'low ok A main 5 0 5 10');
raises(q{SELECT inv_receive('A', 45)}, 'recovered', 'recovered low A main 50 0 50 10');
raises(q{SELECT inv_deduct_each('{A,B,nothing}', '{45,50,1}')}, 'each line of its own',
	'low ok A main 5 0 5 10', 'out ok B main 0 0 0 0');
raises(q{SELECT inv_receive_many('{A,B}', '{45,50}')}, 'recovered',
	'recovered low A main 50 0 50 10', 'recovered out B main 50 0 50 0');

# refusals cross nothing
refuses(q{SELECT inv_deduct('A', 51)}, 'IV001', 'a refused sale');
raises(q{SELECT inv_deduct('A', 51, strict => false)}, 'a sale refused by status');
refuses(q{SELECT inv_deduct_many('{A,B}', '{50,51}')}, 'IV001', 'all or nothing');
refuses(q{SELECT inv_deduct('A', 50, expected_version => 1)}, 'IV002', 'a wrong version');

# limits
raises(q{SELECT inv_set_limits('A', reorder_point => 60)}, 'a higher reorder point',
	'low ok A main 50 0 50 60');
raises(q{SELECT inv_set_limits('A', reorder_point => 45)}, 'lower: within its margin');
raises(q{SELECT inv_set_limits('A', reorder_point => 40)}, 'lower still: recovered',
	'recovered low A main 50 0 50 40');
raises(q{UPDATE inv_item SET safety_stock = 50 WHERE sku = 'B'}, 'an item keeps all back',
	'out ok B main 50 0 0 50');
raises(q{UPDATE inv_item SET safety_stock = 0 WHERE sku = 'B'}, 'and sells it again',
	'recovered out B main 50 0 50 0');
raises(q{UPDATE inv_item SET reorder_point = CASE sku WHEN 'A' THEN 70 WHEN 'B' THEN 50 END
	  WHERE sku IN ('A', 'B')}, 'a row with limits of its own does not follow its item',
	'low ok B main 50 0 50 50');

# items that are not sold, and locations where nothing is
raises(q{UPDATE inv_item SET active = false WHERE sku = 'B'}, 'nobody misses an inactive item',
	'recovered low B main 50 0 50 0');
raises(q{SELECT inv_adjust('B', 0)}, 'not even when it is gone');
raises(q{SELECT inv_adjust('B', 60)}, 'or there again');
raises(q{SELECT inv_adjust('B', 40)}, 'low, and nobody cares');
raises(q{UPDATE inv_item SET active = true WHERE sku = 'B'}, 'active again',
	'low ok B main 40 0 40 50');
raises(q{UPDATE inv_location SET sellable = false WHERE location = 'back'},
	'a location is closed to sale', 'recovered out A back 0 0 0 0');
raises(q{SELECT inv_receive('B', 1, 'back')}, 'a new row there');
raises([ q{SELECT inv_receive('A', 1, 'back')}, q{SELECT inv_adjust('A', 0, 'back')} ],
	'a row there, emptied');
raises(q{UPDATE inv_location SET sellable = true}, 'and opened: rows in the order of their keys',
	'out ok A back 0 0 0 0', 'low ok B back 1 0 1 50');
raises(q{UPDATE inv_location SET name = 'Shop floor', sellable = sellable}, 'a name raises nothing');

# what is held has to be there, sold or not
$session->run(q{INSERT INTO inv_item (sku) VALUES ('H')});
$session->run(q{SELECT inv_receive('H', 10), inv_try('i', '{H}', '{9}')});
raises(q{UPDATE inv_item SET active = false WHERE sku = 'H'}, 'inactive, with a hold');
raises(q{SELECT inv_adjust('H', 8)}, 'short', 'short ok H main 8 9 -1 0');
raises(q{SELECT inv_receive('H', 1)}, 'covered again: that is all one wants',
	'recovered short H main 9 9 0 0');

# a new row
raises(q{SELECT inv_receive('S', 3, 'back')}, 'the first units of a row: not enough',
	'out ok S back 3 0 -1 4');

# who, when and in which transaction
$session->run(q{SET inventory.actor = 'Anna'});
my ($now) = $session->rows('SELECT clock_timestamp() AS now, current_user AS me');
$session->run('BEGIN');
raises(q{SELECT inv_adjust('A', 0)}, 'seen in its own transaction', 'out ok A main 0 0 0 0');
my ($alert) = $session->rows(
	'SELECT alert_id, actor, txid = pg_current_xact_id() AS mine, pending,
			raised_at BETWEEN $2 AND clock_timestamp() AS just_now,
			acknowledged_at, event_id
	   FROM inv_alert WHERE alert_id = $1', $last, $now->{now});
$session->run('COMMIT');
$session->run('RESET inventory.actor');
ok($alert->{mine}, 'with the transaction');
ok($alert->{just_now}, 'the time');
is($alert->{actor}, 'Anna', 'and the actor');
ok($alert->{pending} && !$alert->{acknowledged_at}, 'to be told, not acknowledged');
my ($events) = $session->rows('SELECT count(DISTINCT event_id) = count(*) AS one FROM inv_alert');
ok($events->{one}, 'every alert is an event of its own');

# no margin: recovered as soon as it is over
InvAlertNode::configure($node, 'inventory.alert_margin', 0);
$session->run(q{INSERT INTO inv_item (sku, reorder_point) VALUES ('N', 10)});
$session->run(q{SELECT inv_receive('N', 11)});
raises(q{SELECT inv_deduct('N', 1)}, 'no margin: low', 'low ok N main 10 0 10 10');
raises(q{SELECT inv_receive('N', 1)}, 'no margin: recovered', 'recovered low N main 11 0 11 10');
InvAlertNode::configure($node, 'inventory.alert_margin', 20);

# --- transactions ------------------------------------------------------------

raises([ 'BEGIN', q{SELECT inv_deduct('N', 11)}, 'ROLLBACK' ], 'rolled back: no alert');
raises(q{SELECT inv_deduct('N', 1)}, 'and the state neither', 'low ok N main 10 0 10 10');
raises([ 'BEGIN', 'SAVEPOINT s', q{SELECT inv_deduct('N', 10)}, 'ROLLBACK TO s',
	q{SELECT inv_receive('N', 1)}, 'COMMIT' ], 'rolled back to a savepoint: no alert');
raises([ 'BEGIN', 'SAVEPOINT s', q{SELECT inv_deduct('N', 11)}, 'RELEASE s', 'COMMIT' ],
	'a savepoint released', 'out low N main 0 0 0 0');
raises([ 'BEGIN', 'SAVEPOINT s', q{SELECT inv_receive('N', 20)}, 'RELEASE s', 'ROLLBACK' ],
	'and one whose transaction is rolled back');
raises([ 'BEGIN', q{SELECT inv_receive('N', 20)}, q{SELECT inv_deduct('N', 15)},
	q{SELECT inv_receive('N', 15)}, 'COMMIT' ],
	'calls in one transaction each raise what they cross',
	'recovered out N main 20 0 20 10', 'low ok N main 5 0 5 10',
	'recovered low N main 20 0 20 10');
raises(q{DO $$ BEGIN PERFORM inv_deduct('N', 20); RAISE 'no';
	EXCEPTION WHEN raise_exception THEN PERFORM inv_receive('N', 1); END $$},
	'an exception that is caught');

# --- open alerts -------------------------------------------------------------

sub is_open
{
	my ($what, @expected) = @_;

	is_deeply([ map { join ' ', @$_{qw(kind sku location available who)} }
		  $session->rows(q{SELECT kind, sku, location, available,
				coalesce(acknowledged_by, '-') AS who FROM inv_open_alerts
			  WHERE sku <> 'H' ORDER BY sku, location}) ],
		\@expected, $what);
	return;
}

is_open('open alerts', 'out A back 0 -', 'out A main 0 -', 'low B back 1 -',
	'low B main 40 -', 'out O main 0 -', 'out S back -1 -', 'out S main 0 -');
$session->run(q{SELECT inv_receive('B', 2, 'back')});
is_open('with the stock of now', 'out A back 0 -', 'out A main 0 -', 'low B back 3 -',
	'low B main 40 -', 'out O main 0 -', 'out S back -1 -', 'out S main 0 -');

sub acknowledge
{
	my ($id) = @_;
	my $answer = $session->answer('SELECT inv_acknowledge($1) AS done', $id);

	return $answer->{rows} ? ($answer->{rows}[0]{done} ? 'yes' : 'no')
	  : $answer->{error}{state};
}

my ($open) = $session->rows(
	q{SELECT alert_id FROM inv_open_alerts WHERE sku = 'A' AND location = 'main'});
my ($me) = $session->rows('SELECT current_user AS name');
is(acknowledge($open->{alert_id}), 'yes', 'acknowledged');
is(acknowledge($open->{alert_id}), 'no', 'a second time: it was already');
is(acknowledge(1_000_000_000), '22023', 'an alert that nobody knows');
is_open('who has acknowledged it', 'out A back 0 -', "out A main 0 $me->{name}",
	'low B back 3 -', 'low B main 40 -', 'out O main 0 -', 'out S back -1 -',
	'out S main 0 -');
raises(q{SELECT inv_receive('A', 500)}, 'recovered', 'recovered out A main 500 0 500 40');
is(acknowledge($open->{alert_id}), 'no', 'nothing to acknowledge of one that is over');
is_open('and it is not open', 'out A back 0 -', 'low B back 3 -', 'low B main 40 -',
	'out O main 0 -', 'out S back -1 -', 'out S main 0 -');

# who may
$session->run($_) foreach 'CREATE ROLE reader', 'CREATE ROLE clerk',
	q{SELECT inv_grant('reader', 'reader'), inv_grant('clerk', 'clerk')};
foreach my $attempt (
	[ reader => 'SELECT * FROM inv_open_alerts', undef ],
	[ reader => 'SELECT * FROM inv_alert_log', undef ],
	[ reader => 'SELECT * FROM inv_reorder_list()', undef ],
	[ reader => 'SELECT inv_acknowledge(1)', '42501' ],
	[ clerk => 'SELECT inv_acknowledge(1)', undef ],
	[ clerk => 'UPDATE inv_alert SET pending = false', '42501' ],
	[ clerk => 'DELETE FROM inv_alert', '42501' ],
	[ clerk => q{INSERT INTO inv_alert (kind) VALUES ('low')}, '42501' ],
	[ clerk => q{SELECT inv_receive('S', 1)}, undef ])
{
	my ($role, $sql, $state) = @$attempt;

	$session->run("SET ROLE $role");
	is($session->answer($sql)->{error}{state}, $state, "as $role: $sql");
	$session->run('RESET ROLE');
}

# what a clerk's call crosses is written, though a clerk may not write it
$session->run('SET ROLE clerk');
$session->run(q{SELECT inv_deduct('N', 21)});
$session->run('RESET ROLE');
is_deeply([ raised() ], ['out ok N main 0 0 0 0'], 'a clerk crosses');

# --- prepared transactions ---------------------------------------------------

# They are committed by somebody else, whom nobody tells of an alert: the
# worker finds it by itself, within its nap.
$session->run(q{SELECT inv_add_endpoint('told', $1, secrets => '{}')}, $receiver->url('/told'));

sub told
{
	my ($sku) = @_;
	return grep { $_->{data}{sku} eq $sku } $receiver->sent('/told');
}

foreach my $end ('COMMIT', 'ROLLBACK')
{
	my $sku = "P$end";

	$session->run(q{INSERT INTO inv_item (sku) VALUES ($1)}, $sku);
	$session->run(q{SELECT inv_receive($1, 5)}, $sku);
	$session->run('BEGIN');
	$session->run(q{SELECT inv_deduct($1, 5)}, $sku);
	$session->run(qq{PREPARE TRANSACTION '$sku'});
	is_deeply([ raised() ], [], "prepared: nothing is seen, before $end");
	$session->close;
	$node->stop('immediate');
	$node->start;
	$session = InvSession->open($node, undef, 'shop');
	is_deeply([ raised() ], [], "nor after a crash, before $end");
	$session->run(qq{$end PREPARED '$sku'});
	is_deeply([ raised() ], $end eq 'COMMIT' ? ["out ok $sku main 0 0 0 0"] : [],
		"$end PREPARED");
}
ok($receiver->wait_for(sub { told('PCOMMIT') }), 'what was prepared is told');
$session->run(q{INSERT INTO inv_item (sku) VALUES ('after')});
$session->run(q{SELECT inv_receive('after', 5), inv_deduct('after', 5)});
ok($receiver->wait_for(sub { told('after') }), 'what came later, too');
is(scalar told('PROLLBACK'), 0, 'what was rolled back is not');
raised();

# --- a random walk -----------------------------------------------------------

# Each call may change several rows: what it has done to them is read, and the
# model says what it should have raised.
my @skus = map { "w$_" } 1 .. 12;
my @places = qw(main back yard);
my %state;       # by row
my @held;        # holds that are not decided
my $serial = 0;
my %counts;

sub look
{
	return map { ("$_->{sku} $_->{location}" => $_) } $session->rows(
		q{SELECT s.sku, s.location, s.on_hand, s.reserved, s.safety_stock,
				 s.backorder_limit, s.reorder_point, s.target_level,
				 s.active, l.sellable
			FROM inv_stock_level s JOIN inv_location l USING (location)
		   WHERE s.sku ~ '^w'});
}

sub pick { return $_[ rand @_ ] }
sub few { return 1 + int rand 12 }
sub limit { return pick('NULL', int(rand 4), int(rand 30)) }

# step() - one random call, as SQL
sub step
{
	my ($sku, $place, $other) = (pick(@skus), pick(@places), pick(@places));
	my ($second, $third) = (pick(@skus), pick(@skus));
	my @step = (
		(sub { "SELECT inv_receive('$sku', " . few() . ", '$place')" }) x 3,
		(sub { "SELECT inv_deduct('$sku', " . few() . ", '$place', strict => false)" }) x 5,
		(sub { "SELECT inv_adjust('$sku', " . int(rand pick(4, 40)) . ", '$place')" }) x 2,
		sub { "SELECT inv_transfer('$sku', " . few() . ", '$place', '$other', strict => false)" },
		sub { "SELECT inv_deduct_many('{$sku,$second,$third}', '{1,2," . few() . "}', '{$place}', strict => false)" },
		sub { "SELECT inv_receive_many('{$sku,$second}', '{1," . few() . "}', '{$place}')" },
		sub { "SELECT inv_deduct_each('{$sku,$second}', '{3," . few() . "}', '{$place}')" },
		sub { apply_several($sku, $second) },
		(sub { try_some($sku, $second, $place) }) x 4,
		(sub { decide() }) x 2,
		sub { set_limits($sku, $place) },
		sub { update_item($sku, $second) },
		sub { "UPDATE inv_location SET sellable = " . pick('true', 'true', 'false') . " WHERE location = '$place'" });

	return pick(@step)->();
}

sub apply_several
{
	my @lines = map {
		{ op => pick(qw(deduct receive adjust)), sku => pick(@_), location => pick(@places) }
	} 1 .. 4;

	$_->{ $_->{op} eq 'adjust' ? 'counted' : 'quantity' } = few() foreach @lines;
	return "SELECT inv_apply('" . $json->encode({ strict => JSON::PP::false, lines => \@lines }) . "')";
}

sub try_some
{
	my ($sku, $second, $place) = @_;
	my $xid = 'x' . ++$serial;

	push @held, $xid;
	return "SELECT inv_try('$xid', '{$sku,$second}', '{1," . few() . "}', '{$place}', strict => false)";
}

sub decide
{
	my $xid = splice @held, rand @held, 1;

	return step() if !defined $xid;
	return "SELECT " . pick("inv_confirm('$xid')", "inv_cancel('$xid')");
}

sub set_limits
{
	my ($sku, $place) = @_;
	my @limits = map { "$_ => " . limit() }
	  grep { rand() < 0.5 } qw(safety_stock backorder_limit reorder_point target_level);

	return "SELECT inv_set_limits(" . join(', ', "'$sku'", "'$place'", @limits) . ')';
}

sub update_item
{
	my @skus = @_;
	my @changes = (
		sub { 'safety_stock = ' . int rand 6 },
		sub { 'backorder_limit = ' . int rand 6 },
		sub { 'reorder_point = ' . limit() },
		sub { 'active = ' . pick('true', 'true', 'false') },
		sub { "name = 'another'" });

	return 'UPDATE inv_item SET ' . pick(@changes)->()
	  . " WHERE sku IN ('" . join("', '", @skus) . "')";
}

# expected(NOW) - what the model says of the difference to what was before
sub expected
{
	my ($now) = @_;
	my %alerts;

	foreach my $row (sort keys %$now)
	{
		my $alert = InvAlertModel::alert($state{$row} // 'ok', $now->{$row}, 20)
		  or next;

		$alerts{$row} = $alert;
		$state{$row} = $alert->{kind} eq 'recovered' ? 'ok' : $alert->{kind};
		$counts{"$alert->{previous} to $alert->{kind}"}++;
	}
	return \%alerts;
}

# compare(CALL) - what it raised, and what it should have
sub compare
{
	my ($call) = @_;
	my %now = look();
	my $expected = expected(\%now);
	my (%found, @twice);

	foreach my $alert (grep { $_->{sku} =~ /^w/ } new_alerts())
	{
		my $row = "$alert->{sku} $alert->{location}";

		delete $alert->{alert_id};
		push @twice, $row if $found{$row};
		$found{$row} = $alert;
	}
	# an order does not matter, and all numbers are told alike
	my ($is, $should) = map {
		$json->encode({ map { my %a = %$_; ("$a{sku} $a{location}" =>
			{ map { ($_ => defined $a{$_} ? "$a{$_}" : undef) } keys %a }) } values %$_ })
	} \%found, $expected;
	return if $is eq $should && !@twice;
	# the model goes on from what was found: one difference is told once
	$state{$_} = $found{$_}{kind} =~ s/recovered/ok/r foreach keys %found;
	return "$call\n  expected $should\n  found    $is";
}

sub walk
{
	my ($number) = @_;
	my (@differences, $left);

	while ($number > 0)
	{
		# single calls, and transactions that may come to nothing
		my $in_transaction = rand() < 0.2;
		my %kept = %state;
		my $kept = $last;
		my @decided = @held;

		$session->run('BEGIN') if $in_transaction;
		foreach (1 .. ($in_transaction ? few() / 3 + 1 : 1))
		{
			my $call = step();
			my $answer = $session->answer($call);

			$number--;
			$counts{calls}++;
			# a hold that was not held, an order that counts and changes a row
			if ($answer->{error})
			{
				$counts{"refused $answer->{error}{state}"}++;
				last if $in_transaction;
			}
			push @differences, compare($call);
		}
		next if !$in_transaction;
		my $end = pick('COMMIT', 'ROLLBACK');
		my $tag = $session->answer($end)->{tag} // '';
		next if $tag eq 'COMMIT';
		%state = %kept;
		$last = $kept;
		@held = @decided;
		push @differences, compare('ROLLBACK');
	}
	return @differences;
}

# windows() - rows whose quiet window is not the levels within which their
# state stays
sub windows
{
	my %number = (0 => 'ok', 1 => 'low', 2 => 'out', 3 => 'short');
	my %now = look();
	my @wrong;

	foreach my $stock ($session->rows(
		q{SELECT sku, location, alert_state, quiet_from, quiet_to FROM inv_stock
		   WHERE sku ~ '^w'}))
	{
		my $row = $now{"$stock->{sku} $stock->{location}"};
		my $state = $number{ $stock->{alert_state} };
		my $stays = sub {
			my ($level) = @_;
			return InvAlertModel::next_state($state,
				{ %$row, on_hand => $level, reserved => 0 }, 20) eq $state;
		};
		my ($from, $to) = @$stock{qw(quiet_from quiet_to)};

		push @wrong, "$state from $from to $to: " . $json->encode($row)
		  if $state ne ($state{"$stock->{sku} $stock->{location}"} // 'ok')
		  || !$stays->($from) || !$stays->($to)
		  || ($from > -1e15 && $stays->($from - 1))
		  || ($to < 1e15 && $stays->($to + 1));
	}
	return @wrong;
}

note("seed $seed");
srand $seed;
$session->run(q{INSERT INTO inv_location (location) VALUES ('yard')});
$session->run(q{INSERT INTO inv_item (sku, safety_stock, backorder_limit, reorder_point, target_level)
	VALUES ($1, $2, $3, $4, 50)}, $_, int rand 4, int rand 4, pick(undef, int rand 20))
  foreach @skus;
raised();
my @differences = walk($calls);
my @wrong = windows();

is(scalar @differences, 0, "the walk (seed $seed) raises what the model says");
diag($_) foreach splice @differences, 0, $shown;
is(scalar @wrong, 0, 'and every row knows its window')
  or diag(join "\n", splice @wrong, 0, $shown);
note("$_: $counts{$_}") foreach sort keys %counts;
cmp_ok($counts{calls}, '>=', 2_000, 'many calls');
foreach my $move ('ok to low', 'ok to out', 'low to out', 'low to recovered',
	'out to recovered', 'ok to short', 'short to low', 'short to out',
	'short to recovered')
{
	cmp_ok($counts{$move} // 0, '>', 0, "some of them from $move");
}

# all alerts of a row follow from each other
is( $node->safe_psql('shop', q{
		SELECT count(*) FROM (
			SELECT previous, lag(CASE kind WHEN 'recovered' THEN 'ok' ELSE kind END, 1, 'ok')
				OVER (PARTITION BY stock_id ORDER BY alert_id) AS was FROM inv_alert) a
		 WHERE previous <> was}), '0', 'each begins where the one before ended');
is($node->safe_psql('shop', 'SELECT * FROM inv_verify()'), '', 'inv_verify() finds nothing');

done_testing();
