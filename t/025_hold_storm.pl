# A storm of holds: several clients try, confirm, cancel and extend the same few
# holds, in random transactions, while calls are cancelled, connections ended,
# sweeps run, and server processes and the whole server are killed.  Whatever
# the clients were told must be a history that the contract allows
# (t/lib/InvHoldJudge.pm), and the stock what follows from it.
#
# INVENTORY_LONG=1 for ten minutes; INV_STORM=SECONDS and INV_SEED=NUMBER for a
# certain one (its order of events is still its own).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvHoldJudge;
use InvHoldStorm;
use InvSession;
use InvWeather;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seconds = $ENV{INV_STORM} || ($ENV{INVENTORY_LONG} ? 600 : 20);
my $seed = $ENV{INV_SEED} || int time;

my $node = InvWeather::server();

my $session = InvSession->open($node);
my @told = set_up();

# the first goods, told like everything else
sub set_up
{
	InvWeather::open_shop($session);
	$session->run('INSERT INTO inv_item (sku) VALUES ($1)', $_)
	  foreach @InvHoldStorm::skus;
	return map {
		my $location = $_;
		map { call('inv_receive',
				{ sku => $_, quantity => 40, location => $location }) }
		  @InvHoldStorm::skus
	} @InvHoldStorm::locations;
}

# call(NAME, GIVEN) - when there is no storm
sub call
{
	my ($name, $given) = @_;
	my $sent = time;
	my $answer = $session->call($name, $given);

	return told_calmly({ verb => 'call', name => $name, given => $given,
		sent => $sent, answered => time, %$answer });
}

sub told_calmly
{
	my ($step) = @_;
	return { fate => $step->{error} ? 'rolled back' : 'committed',
		known => time, in => 'the calm', log => [$step] };
}

my $storm;
$storm = InvWeather->new(
	node => $node, client => 'InvHoldStorm', clients => 8,
	seconds => $seconds, seed => $seed,
	weather =>
	  { sweep => sub { $storm->ask('SELECT inv_expire_holds(20)') } },
	day => [
		('cancel', 'sweep', 'terminate', 'sweep', 'verify') x 2,
		'kill a backend', 'sweep', 'verify', 'maintain', 'stop the server',
		('cancel', 'sweep', 'terminate', 'sweep', 'verify') x 2,
		'kill the server'
	]);
$storm->run;

# --- what is left ------------------------------------------------------------

$session = $storm->connection;
$storm->verify;
my ($open) = $session->rows('SELECT count(*) AS n FROM pg_prepared_xacts');
is($open->{n}, 0, 'no transaction is left prepared');
InvWeather::none($storm->{surprises}, 'calls fail only for good reasons');

my $judge = InvHoldJudge->new(\&InvHoldStorm::variant_of);
push @told, @{ $storm->{told} };
push @told, look();
InvWeather::none([ $judge->hear(@told) ],
	'what was told is a history that the contract allows');
is_deeply(levels($_), $judge->stock($_), "$_ is what clients know of")
  foreach 'on_hand', 'reserved';

# the coordinators come to an end: what nobody confirmed is cancelled
my @holds = $session->rows('SELECT xid, branch FROM inv_hold');
my @end = ((map { call('inv_cancel', $_) } @holds), look());
InvWeather::none([ $judge->hear(@end) ], 'and so it goes on');
is_deeply(levels($_), $judge->stock($_), "$_ still is")
  foreach 'on_hand', 'reserved';
is_deeply([ grep { $_ } values %{ levels('reserved') } ],
	[], 'when all holds are decided nothing is reserved');
$storm->verify;
InvWeather::none($storm->{discrepancies},
	'inv_verify() finds nothing, at any time');

# look - sweep, and tell what became of each hold that anybody was told of
sub look
{
	my $sent = time;
	my %given = map { InvHoldJudge::name($_) => $_ }
	  grep { $_->{xid} } map { $_->{given} // {} } map { @{ $_->{log} } } @told;

	$session->rows('SELECT inv_expire_holds(100000)');
	my %state = map { InvHoldJudge::name($_) => $_->{state} }
	  $session->rows('SELECT xid, branch, state FROM inv_hold');
	return map {
		told_calmly({ verb => 'look', state => $state{$_} // 'none',
			sent => $sent, answered => time, given => $given{$_} })
	} sort keys %given;
}

# levels(COLUMN) - by stock row
sub levels
{
	my ($column) = @_;
	return { map { ("$_->{sku}\@$_->{location}" => $_->{$column}) }
		  $session->rows('SELECT * FROM inv_stock_level') };
}

done_testing();
