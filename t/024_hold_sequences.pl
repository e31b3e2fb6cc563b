# Every sequence of up to five calls about one hold, in every variant of
# t/lib/InvHoldWalk.pm: each answer and each number compared with a model of
# the contract.
#
# INVENTORY_LONG=1 walks the variants with more steps as deep as the others.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvHoldWalk;
use InvSession;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable qw(retrieve store);
use Test::More;

my $shown = 5;    # differences of a variant that are told

my $node = PostgreSQL::Test::Cluster->new('sequences');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
log_statement = none
CONF
$node->start;
$node->safe_psql('postgres', $InvHoldWalk::schema);

# walk(NUMBER) - what differs in a variant, as pairs, and how many calls it had
sub walk
{
	my ($number) = @_;
	my $variant = $InvHoldWalk::variants[$number];
	my $depth = $ENV{INVENTORY_LONG} ? 5 : $variant->{depth};
	my $session = InvSession->open($node);

	$session->run(InvHoldWalk::walker($variant, "walk_$number"));
	my ($start) = $session->rows(
		'SELECT max(movement_id) AS movement_id FROM inv_movement');
	my @found = map { $_->{told} } $session->rows(
		"SELECT walk_$number(\$1, '', \$2) AS told",
		$depth, $start->{movement_id});
	my $expected = InvHoldWalk::expected($variant, $depth);
	my @different = grep { ($found[$_] // '') ne ($expected->[$_] // '') }
	  0 .. (@found > @$expected ? $#found : $#$expected);

	return {
		calls => scalar @found,
		different => scalar @different,
		shown => [ map { [ $expected->[$_], $found[$_] ] }
			  splice @different, 0, $shown ]
	};
}

# Two processes share the variants.
my @numbers = 0 .. $#InvHoldWalk::variants;
my @shares = map {
	my $share = $_;
	[ grep { $_ % 2 == $share } @numbers ]
} 0, 1;
my @workers = map { start_worker($_) } @shares;

# start_worker(NUMBERS) - walks these variants in a process of its own, which
# leaves in a file what differed
sub start_worker
{
	my ($mine) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir_short() . '/differences';
	my $pid = fork // die "fork: $!";

	return { pid => $pid, file => $file } if $pid;
	my $done = eval {
		store({ map { $_ => walk($_) } @$mine }, $file);
		1;
	};
	warn $@ if !$done;
	POSIX::_exit($done ? 0 : 1);    # the server is the parent's to stop
}

my %results;
foreach my $worker (@workers)
{
	waitpid $worker->{pid}, 0;
	is($?, 0, 'all sequences were walked');
	%results = (%results, retrieve($worker->{file})->%*)
	  if -e $worker->{file};
}
foreach my $number (@numbers)
{
	my $variant = $InvHoldWalk::variants[$number];
	my $result = $results{$number};

	ok($result && $result->{calls} && !$result->{different},
		"$variant->{name} (" . ($result ? $result->{calls} : 'no') . ' calls)')
	  and next;
	diag("$result->{different} of $result->{calls} calls differ") if $result;
	diag(join "\n", 'expected' . ($_->[0] // ' nothing'),
		'found   ' . ($_->[1] // ' nothing'))
	  foreach $result ? $result->{shown}->@* : ();
}
is($node->safe_psql('postgres', 'SELECT * FROM inv_verify()'),
	'', 'inv_verify() finds nothing');

done_testing();
