# A ledger that is set back where it stands: the same server, the same database,
# and ids that are given out anew. What a cursor remembers of the time that is
# gone means nothing, though its movement is still there.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku) SELECT 'S' || g FROM generate_series(1, 9) g;
	SELECT inv_receive(sku, 1000) IS NULL FROM inv_item});

sub deduct
{
	my ($session, $sku) = @_;
	return $session->query_safe("SELECT movement_id FROM inv_deduct('$sku', 1)");
}

# follow - the ids after the cursor, which goes on
my $cursor = $node->safe_psql('postgres', 'SELECT inv_changes_end()');
sub follow
{
	my @ids;
	foreach (split /\n/, $node->safe_psql('postgres', "SELECT cursor, movement_id FROM inv_changes_since('$cursor')"))
	{
		($cursor, my $id) = split /\|/;
		push @ids, $id if $id ne '';
	}
	return "@ids";
}

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumped');

my @session = map { $node->background_psql('postgres') } 1 .. 2;
$session[0]->query_safe('BEGIN');
deduct($session[0], 'S1');
my @before = map { deduct($session[1], "S$_") } 2 .. 5;
is(follow(), '', 'a cursor that remembers what it waits for');
$session[0]->query_safe('ROLLBACK');
$_->quit foreach @session;

$node->safe_psql('postgres', 'DROP EXTENSION inventory CASCADE');
$node->safe_psql('postgres', q{SELECT format('DROP TABLE %s', oid::regclass) FROM pg_class WHERE relname LIKE 'inv\_movement%' AND relkind = 'r' \gexec});
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('postgres'), $dump ], 'restored in place');

@session = map { $node->background_psql('postgres') } 1 .. 2;
$session[0]->query_safe('BEGIN');
my @id = (deduct($session[0], 'S1'));
push @id, deduct($session[1], "S$_") foreach 2 .. 4;
is($id[-1], $before[-2], 'ids are given out anew');
is(follow(), '', 'what is under way now is awaited');
$session[0]->query_safe('COMMIT');
is(follow(), "@id", 'and nothing is left out');
$session[0]->query_safe('BEGIN');
@id = (deduct($session[0], 'S1'));
push @id, deduct($session[1], "S$_") foreach 2 .. 4;
is(follow(), '', 'also where the ids go beyond those of before');
$session[0]->query_safe('COMMIT');
is(follow(), "@id", 'nothing is');
$_->quit foreach @session;

my ($out, $err);
$node->psql('postgres', q{SELECT inv_changes_since(repeat('x', 1000000))}, stdout => \$out, stderr => \$err);
like($err, qr/cursor/, 'a cursor that is much too long is refused');
cmp_ok(length $err, '<', 1000, 'in few words');

done_testing();
