# The example of an order that spans two databases: the coordinator dies
# wherever it can, and another one finishes what it has left.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# by path: another one may come first in PATH, and does not know Debian's
# packages (python3-psycopg2)
my $python = '/usr/bin/python3';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->start;
foreach my $warehouse ('berlin', 'paris')
{
	$node->safe_psql('postgres', "CREATE DATABASE $warehouse");
	$node->safe_psql($warehouse, slurp_file('examples/tcc/warehouse.sql'));
}

# coordinator - what it says, run with these arguments; in the end it says so if
# it was killed
sub coordinator
{
	my @arguments = @_;
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);

	IPC::Run::run([ $python, 'examples/tcc/order.py', @arguments ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	diag($err) if $err;
	return $? & 127 ? "${out}killed\n" : $? ? "${out}failed\n" : $out;
}

# stock - on hand and reserved of tables in Berlin and chairs in Paris
sub stock
{
	return join ', ', map {
		$node->safe_psql($_->[0], "SELECT on_hand || '-' || reserved
			FROM inv_stock_level WHERE sku = '$_->[1]'")
	} [ berlin => 'TABLE' ], [ paris => 'CHAIR' ];
}

# a late try, of a message that was under way when its sender was killed
sub late_try
{
	my ($database, $xid) = @_;
	my $err;

	$node->psql($database,
		"\\set VERBOSITY verbose\nSELECT inv_try('$xid', '{CHAIR}', '{1}', branch => '$database')",
		stderr => \$err);
	return $err =~ /ERROR:  (\w+)/ ? $1 : 'ok';
}

is(coordinator(qw(order order-1 2 8)), <<'END', 'an order');
order-1: berlin confirmed
order-1: paris confirmed
END
is(stock(), '8-0, 32-0', 'both have sold');
is(coordinator(qw(order order-1 2 8)), <<'END', 'the same order again');
order-1: berlin confirmed (already)
order-1: paris confirmed (already)
END
is(stock(), '8-0, 32-0', 'it is sold once');

is(coordinator(qw(order order-2 1 99)), <<'END', 'more than Paris has');
order-2: paris has 32 CHAIR
order-2: berlin cancelled
order-2: paris cancelled
END
is(stock(), '8-0, 32-0', 'then Berlin sells nothing');

# killed between the phases: before anything was decided
is(coordinator(qw(order order-3 1 4 --die tried)), "killed\n",
	'killed when Berlin was tried');
is(stock(), '8-1, 32-0', 'Berlin holds, Paris does not');
is(coordinator('finish'), <<'END', 'another one cancels');
order-3: berlin cancelled
order-3: paris cancelled
END
is(stock(), '8-0, 32-0', 'nothing is held');
is(late_try('paris', 'order-3'), 'IV012', 'a try that comes late is refused');
is(stock(), '8-0, 32-0', 'and holds nothing');

# after the decision: everything that was tried must be confirmed
is(coordinator(qw(order order-4 1 4 --die decided)), "killed\n",
	'killed when it had decided');
is(stock(), '8-1, 32-4', 'both hold');
is(coordinator('finish'), <<'END', 'another one confirms');
order-4: berlin confirmed
order-4: paris confirmed
END
is(stock(), '7-0, 28-0', 'both have sold');

# in the middle of the second phase
is(coordinator(qw(order order-5 1 4 --die confirmed)),
	"order-5: berlin confirmed\nkilled\n", 'killed when Berlin had confirmed');
is(stock(), '6-0, 28-4', 'Paris still holds');
is(coordinator('finish'), <<'END', 'another one confirms the rest');
order-5: berlin confirmed (already)
order-5: paris confirmed
END
is(stock(), '6-0, 24-0', 'both have sold');

is(coordinator('finish'), '', 'nothing is left to finish');
foreach my $warehouse ('berlin', 'paris')
{
	is( $node->safe_psql($warehouse,
			'SELECT * FROM inv_open_holds; SELECT * FROM inv_verify()'),
		'', "$warehouse: no hold is open, and all adds up");
}

done_testing();
