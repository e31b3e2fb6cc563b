# The session shown in README.md under "60 seconds" runs as it is printed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# read_session - the statements of the README's console block, each with the
# output printed below it
sub read_session
{
	my ($block) = slurp_file('README.md') =~ /```console\n(.*?)```/s
	  or die 'README.md has no console block';
	my @steps;

	foreach my $line (split /^/, $block)
	{
		if ($line =~ s/^shop=# //)
		{
			push @steps, { sql => $line, output => '' };
		}
		elsif ($line =~ s/^shop-# //)
		{
			$steps[-1]{sql} .= $line;
		}
		else
		{
			$steps[-1]{output} .= $line;
		}
	}
	return @steps;
}

# run_step - what psql prints for one statement, errors included
sub run_step
{
	my ($node, $sql) = @_;
	my ($stdout, $stderr);

	$node->psql(
		'postgres', $sql,
		stdout => \$stdout,
		stderr => \$stderr,
		on_error_stop => 0,
		extra_params => [ '--no-align', '-P', 'format=aligned',
			'--variable', 'QUIET=off', '-P', 'tuples_only=off' ]);
	$stderr =~ s/^psql:<stdin>:\d+: //mg;
	return $stdout . $stderr;
}

# the blank line after a table is psql's, not the statement's
sub without_trailing_blank
{
	my ($text) = @_;
	$text =~ s/\s+\z//;
	return $text;
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'inventory'");
$node->start;

my @steps = read_session();
cmp_ok(scalar @steps, '>=', 5, 'the README shows a session');
foreach my $step (@steps)
{
	is( without_trailing_blank(run_step($node, $step->{sql})),
		without_trailing_blank($step->{output}),
		"README: $step->{sql}");
}

done_testing();
