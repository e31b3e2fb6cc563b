# Storms: several clients with random transactions, while calls are cancelled,
# connections ended, server processes and the whole server killed.  Whatever
# the clients were told must hold (t/lib/InvChecker.pm).
#
# INVENTORY_LONG=1 for ten minutes; INV_STORM=SECONDS and INV_SEED=NUMBER for a
# certain one (its order of events is still its own).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvChecker;
use InvSession;
use InvStorm;
use InvWeather;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INV_STORM} || ($ENV{INVENTORY_LONG} ? 600 : 20);
my $seed = $ENV{INV_SEED} || time;

# limits that stay as they are, and so the levels below which nothing is sold
my %limits = (A => [ 0, 0 ], B => [ 5, 0 ], C => [ 0, 10 ], L => [ 0, 0 ]);
my %floors = map { $_ => $limits{$_}[0] - $limits{$_}[1] } qw(A B C);

my $node = InvWeather::server();

my @told = set_up();

# the first goods, told like everything else
sub set_up
{
	my $session = InvSession->open($node);
	my @first;

	InvWeather::open_shop($session);
	foreach my $sku (sort keys %limits)
	{
		$session->run(
			'INSERT INTO inv_item (sku, safety_stock, backorder_limit, reorder_point)
			 VALUES ($1, $2, $3, 60)', $sku, $limits{$sku}->@*);
		my %given = (sku => $sku, quantity => 100);
		push @first,
		  { name => 'inv_receive', given => \%given, in => 'the beginning',
			rows => $session->call('inv_receive', \%given)->{rows} };
	}
	return @first;
}

my @day = (
	('cancel', 'terminate', 'cancel', 'verify') x 3,
	'kill a backend', 'verify', 'maintain',
	('cancel', 'terminate', 'cancel') x 2,
	'kill the server');
my $storm = InvWeather->new(node => $node, client => 'InvStorm',
	clients => 6, seconds => $seconds, seed => $seed, day => \@day);

$storm->run;
push @told, @{ $storm->{told} };

# --- what is left ------------------------------------------------------------

$storm->verify;
my $checker = InvChecker->new(\@told);
my $session = $storm->connection;
my %level =
  map { ("$_->{sku}\@$_->{location}" =>
		{ on_hand => $_->{on_hand}, version => $_->{version} }) }
  $session->rows(
	'SELECT sku, location, on_hand, version FROM inv_stock_level
	  WHERE version > 0');
my @keys = map { $_->{key} } $session->rows('SELECT key FROM inv_request');
my ($alerts) = $session->rows('SELECT count(*) AS n FROM inv_alert');
my ($open) = $session->rows('SELECT count(*) AS n FROM pg_prepared_xacts');

InvWeather::none($storm->{surprises}, 'calls fail only for good reasons');
InvWeather::none([ $checker->broken_chains ], 'nothing is lost, nothing doubled');
InvWeather::none([ $checker->oversold(\%floors) ], 'nothing is oversold');
InvWeather::none([ $checker->doubled_keys ], 'a key has one effect and one answer');
InvWeather::none([ $checker->returned_too_much ], 'no more is returned than was sold');
InvWeather::none([ $checker->levels_that_never_were ], 'every level that was told was');
is_deeply(\%level, $checker->levels, 'the database has what clients know');
is_deeply([ sort @keys ], [ sort $checker->keys_told ],
	'the keys remembered are those that were answered');
InvWeather::none($storm->{discrepancies},
	'inv_verify() finds nothing, no alert is astray, at any time');
cmp_ok($alerts->{n}, '>', 0, 'some alerts were raised');
is($open->{n}, 0, 'no transaction is left prepared');

done_testing();
