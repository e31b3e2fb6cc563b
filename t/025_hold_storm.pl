# A storm of holds: several clients try, confirm, cancel and extend the same few
# holds, in random transactions, while calls are cancelled, connections ended,
# sweeps run, and server processes and the whole server are killed.  Whatever
# the clients were told must hold (t/lib/InvHoldJudge.pm).
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
use InvStorm;
use InvWeather;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable qw(dclone);
use Test::More;

my $seconds = $ENV{INV_STORM} || ($ENV{INVENTORY_LONG} ? 600 : 20);
my $seed = $ENV{INV_SEED} || time;

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
my @told = set_up();

# the first goods, told like everything else
sub set_up
{
	my $session = InvSession->open($node);
	my @first;

	$session->run($_)
	  foreach 'CREATE EXTENSION inventory', $InvStorm::schema,
	  q{INSERT INTO inv_location (location) VALUES ('main'), ('north')};
	foreach my $sku (@InvHoldStorm::skus)
	{
		$session->run('INSERT INTO inv_item (sku) VALUES ($1)', $sku);
		foreach my $location ('main', 'north')
		{
			my %given =
			  (sku => $sku, quantity => 40, location => $location);
			push @first,
			  { name => 'inv_receive', given => \%given, in => 'the beginning',
				rows => $session->call('inv_receive', \%given)->{rows} };
		}
	}
	return @first;
}

my $storm;
my $sweep = sub { $storm->ask('SELECT inv_expire_holds(20)') };

# the time of half of the holds is over at once, wherever nobody has locked them
my $time = sub {
	$storm->ask(q{
		SET session_replication_role = replica;
		UPDATE inv_hold SET expires_at = clock_timestamp() WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM inv_hold WHERE state = 'held' AND random() < 0.5
			   FOR NO KEY UPDATE SKIP LOCKED))});
};
$storm = InvWeather->new(
	node => $node, client => 'InvHoldStorm', clients => 6,
	seconds => $seconds, seed => $seed,
	weather => { sweep => $sweep, 'time passes' => $time },
	day => [
		('cancel', 'time passes', 'sweep', 'terminate', 'sweep', 'verify') x 3,
		'kill a backend', 'time passes', 'sweep', 'verify', 'maintain',
		('cancel', 'terminate', 'time passes', 'sweep') x 3,
		'kill the server'
	]);
$storm->run;
push @told, @{ $storm->{told} };
$storm->verify;

my $judge = InvHoldJudge->new(\@told);
my $session = $storm->connection;
my ($open) = $session->rows('SELECT count(*) AS n FROM pg_prepared_xacts');

InvWeather::none($storm->{surprises}, 'calls fail only for good reasons');
InvWeather::none([ $judge->doubled ], 'nothing is done twice');
InvWeather::none([ $judge->undecided ], 'no hold is confirmed and cancelled');
InvWeather::none([ $judge->resurrected ], 'a decision is final');
InvWeather::none([ $judge->refused_wrongly ], 'refusals have their reason');
InvWeather::none([ $judge->sold_below_zero ], 'nothing is oversold');
is($open->{n}, 0, 'no transaction is left prepared');
is_deeply(levels('on_hand'), $judge->on_hand,
	'on hand is what clients know of');
is_deeply(states(), $judge->decided, 'so are the holds that were decided');

# the coordinators come to an end: what nobody confirmed is cancelled
$session->rows(
	q{SELECT inv_cancel(xid, branch) FROM inv_hold
	   WHERE state NOT IN ('confirmed', 'cancelled')});
is_deeply(levels('reserved'), { map { $_ => 0 } keys %{ $judge->on_hand } },
	'when all holds are decided nothing is reserved');
is_deeply(levels('on_hand'), $judge->on_hand, 'and what was sold is sold');
$storm->verify;
InvWeather::none($storm->{discrepancies},
	'inv_verify() finds nothing, at any time');

# levels(COLUMN) - by stock row
sub levels
{
	my ($column) = @_;
	return { map { ("$_->{sku}\@$_->{location}" => $_->{$column}) }
		  $session->rows('SELECT * FROM inv_stock_level') };
}

sub states
{
	return { map { ($_->{xid} => $_->{state}) }
		  $session->rows(
			q{SELECT xid, state FROM inv_hold
			   WHERE state IN ('confirmed', 'cancelled')}) };
}

# --- the judge itself --------------------------------------------------------

# What was told, with one thing spoiled: the judge must see it.
sub spoilt_by
{
	my ($what, $spoil, $judges) = @_;
	my $copy = dclone(\@told);

	ok($spoil->($copy) && $judges->(InvHoldJudge->new($copy)),
		"the judge sees $what");
	return;
}

# one_told(TOLD, NAME, STATE) - an answer of that kind
sub one_told
{
	my ($told, $name, $state) = @_;

	foreach my $call (@$told)
	{
		return $call
		  if $call->{rows} && $call->{name} eq $name
		  && $call->{rows}[0]{state} eq $state
		  && !$call->{rows}[0]{replayed};
	}
	return;
}

foreach ([ inv_try => 'held' ], [ inv_confirm => 'confirmed' ],
	[ inv_cancel => 'cancelled' ])
{
	my ($name, $state) = @$_;

	spoilt_by(
		"$name that has two effects",
		sub { push @{ $_[0] }, dclone(one_told($_[0], $name, $state)) },
		sub { $_[0]->doubled });
	spoilt_by(
		"$name that is forgotten",
		sub {
			my $gone = one_told($_[0], $name, $state);
			my $xid = $gone->{given}{xid};

			@{ $_[0] } = grep {
				!($_->{name} eq $name && ($_->{given}{xid} // '') eq $xid)
			} @{ $_[0] };
			push @{ $_[0] },
			  { name => 'inv_try', given => { xid => $xid }, in => 'a test',
				sent => 9e9, answered => 9e9,
				state => { held => 'IV013', confirmed => 'IV011',
					cancelled => 'IV012' }->{$state} };
		},
		sub { $_[0]->refused_wrongly });
}
spoilt_by(
	'a hold that is confirmed and cancelled',
	sub {
		my $call = dclone(one_told($_[0], 'inv_cancel', 'cancelled'));
		@$call{qw(name rows)} = ('inv_confirm', [ { state => 'confirmed' } ]);
		push @{ $_[0] }, $call;
	},
	sub { $_[0]->undecided });
spoilt_by(
	'a try after the cancel',
	sub {
		my $call = dclone(one_told($_[0], 'inv_cancel', 'cancelled'));
		@$call{qw(name rows sent)} = ('inv_try', [ { state => 'held' } ], 9e9);
		push @{ $_[0] }, $call;
	},
	sub { $_[0]->resurrected });
spoilt_by(
	'a hold that is not found',
	sub {
		my $call = one_told($_[0], 'inv_try', 'held');
		push @{ $_[0] },
		  { name => 'inv_confirm', given => $call->{given}, in => 'a test',
			sent => 9e9, answered => 9e9, state => 'IV010' };
	},
	sub { $_[0]->refused_wrongly });
spoilt_by(
	'a sale that is forgotten',
	sub {
		my $gone = one_told($_[0], 'inv_confirm', 'confirmed');
		@{ $_[0] } = grep {
			!($_->{name} eq 'inv_confirm'
				&& $_->{given}{xid} eq $gone->{given}{xid})
		} @{ $_[0] };
	},
	sub {
		join(' ', %{ $_[0]->on_hand }{ sort keys %{ $_[0]->on_hand } }) ne
		  join(' ', %{ $judge->on_hand }{ sort keys %{ $judge->on_hand } });
	});

done_testing();
