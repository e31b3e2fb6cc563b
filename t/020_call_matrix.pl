# Every answer of a call, in every kind of transaction: compared, cell by cell,
# with a model of the contract outside the database (t/lib/InvMatrix.pm).  Not
# every call is in every transaction: t/lib/InvCells.pm says which are, and why.
#
# perl t/020_call_matrix.pl 'inv_deduct: keep' runs the rows so named.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvCells;
use InvDatabase;
use InvFunctions;
use InvMatrix;
use InvRows;
use InvRowsApply;
use InvRowsBundle;
use InvRowsEach;
use InvRowsHold;
use InvRowsMany;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable qw(retrieve store);
use Test::More;

my $batch = 1000;
my $shown = 3;    # failing cells of a group that are told in full

my $node = PostgreSQL::Test::Cluster->new('matrix');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
log_statement = none
max_prepared_transactions = 2000
CONF
$node->start;

my $locations = join ', ', map {
	my $location = $InvMatrix::locations{$_};
	"('$_', $location->{priority}, '$location->{sellable}')"
} sort keys %InvMatrix::locations;
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION inventory;
	INSERT INTO inv_location (location, priority, sellable)
		VALUES $locations;
	CREATE ROLE reader;
	CREATE ROLE clerk;
	CREATE ROLE admin;
	SELECT inv_grant(level, level)
		FROM unnest('{reader,clerk,admin}'::text[]) level;
});
my $user = $node->safe_psql('postgres', 'SELECT session_user');

my @rows = (
	@InvRows::rows, @InvRowsMany::rows, @InvRowsEach::rows,
	@InvRowsApply::rows, @InvRowsBundle::rows, @InvRowsHold::rows);
my %answers = (
	%InvRows::answers, %InvRowsMany::answers,
	%InvRowsEach::answers, %InvRowsApply::answers, %InvRowsHold::answers);
push @$_, qw(22004 22023 25006 42501) foreach values %answers;

@rows = grep { index($_->{name}, $ARGV[0]) >= 0 } @rows if @ARGV;
my @cells = map { InvCells::cells($_) } @rows;

# Some transactions are prepared while the server crashes; at the other levels
# transactions that stay open would make others fail, as they should.
sub meets_crash
{
	my ($cell) = @_;
	return $cell->{isolation} eq 'read committed'
	  && $cell->{first}
	  && $cell->{transaction} =~ /prepared/;
}

# Two processes share the work.  All of SERIALIZABLE goes to one of them: two
# would rightly be told to try again.
sub share_out
{
	my @shares = ([], []);
	my %first = ('serializable' => 0, 'read committed' => 1);
	my $turn = 0;

	foreach my $number (grep { !meets_crash($cells[$_]) } 0 .. $#cells)
	{
		my $share = $first{ $cells[$number]{isolation} } // $turn++ % 2;
		push $shares[$share]->@*, $number;
	}
	return @shares;
}

# start_worker(CELL NUMBERS) - runs them in a process of its own, which leaves
# what differed in a file
sub start_worker
{
	my ($numbers) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir_short() . '/differences';
	my $pid = fork // die "fork: $!";

	return { pid => $pid, file => $file } if $pid;
	my $done = eval {
		my $database = InvDatabase->new($node);
		my @numbers = sort
		  { $cells[$a]{isolation} cmp $cells[$b]{isolation} } @$numbers;

		while (my @some = splice @numbers, 0, $batch)
		{
			InvMatrix::run($database, $user, [ @cells[@some] ]);
		}
		store({ map { $_ => $cells[$_]{differences} } @$numbers }, $file);
	};
	warn $@ if !$done;
	POSIX::_exit($done ? 0 : 1);    # the server is the parent's to stop
}

my @workers = map { start_worker($_) } share_out();
foreach my $worker (@workers)
{
	waitpid $worker->{pid}, 0;
	is($?, 0, 'all cells were run');
	my $told = -e $worker->{file} ? retrieve($worker->{file}) : {};
	$cells[$_]{differences} = $told->{$_} foreach keys %$told;
}

my $database = InvDatabase->new($node);
InvMatrix::run(
	$database, $user,
	[ grep { meets_crash($_) } @cells ],
	sub { $node->stop('immediate'); $node->start; $database->connect });

# one assertion for each group of rows; some cells that differ are told
my (@groups, %of_group);
foreach my $row (@rows)
{
	push @groups, $row->{group} if !$of_group{ $row->{group} };
	$of_group{ $row->{group} } //= [];
}
push $of_group{ $_->{row}{group} }->@*, $_ foreach @cells;
foreach my $group (@groups)
{
	my @mine = $of_group{$group}->@*;
	my @bad = grep { !$_->{differences} || $_->{differences}->@* } @mine;

	ok(@mine && !@bad, "$group (" . @mine . ' cells)') and next;
	diag(@bad . ' of ' . @mine . ' cells differ');
	foreach my $cell (splice @bad, 0, $shown)
	{
		diag(join "\n", "$cell->{row}{name}: $cell->{name}",
			($cell->{differences} // ['  was not run'])->@*);
	}
}

# no answer without a row
foreach my $function (@ARGV ? () : sort keys %InvFunctions::function)
{
	my %said =
	  map { $_->{says} => 1 } grep { $_->{call}[0] eq $function } @rows;
	is_deeply([ sort keys %said ],
		[ sort $answers{$function}->@* ],
		"$function: every answer has a row");
}
is_deeply([ $database->discrepancies ], [], 'inv_verify() finds nothing');

done_testing();
