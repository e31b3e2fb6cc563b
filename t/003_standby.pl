# On a standby the reading functions work and the others say why they do not;
# promoted, it goes on with the same numbers.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"shared_preload_libraries = 'inventory'");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
	SELECT inv_receive('A', 10);
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# what happens after the backup streams in, new leaves included
$primary->safe_psql('postgres', q{
	SET inventory.leaf_size = 10;
	SELECT count(o.status) FROM generate_series(1, 50) g, LATERAL inv_receive('A', g) o;
	SELECT inv_deduct('A', 5, reference => 'order-1');
});
$primary->wait_for_catchup($standby);

my @reads = (
	q{SELECT inv_available('A')},
	q{SELECT inv_available('B')},
	q{SELECT * FROM inv_stock_level},
	q{SELECT * FROM inv_history('A', max_rows => 1000)},
	q{SELECT count(*) FROM inv_verify()});
foreach my $sql (@reads)
{
	is( $standby->safe_psql('postgres', $sql),
		$primary->safe_psql('postgres', $sql),
		"standby: $sql");
}
is($standby->safe_psql('postgres', q{SELECT inv_available('A')}),
	'1280', 'standby: that is the right number');

# every call that writes is refused, whatever it asks for
foreach my $call (
	q{inv_deduct('A', 1)},
	q{inv_deduct('A', 1, strict => false)},
	q{inv_deduct('A', 1000000, strict => false)},
	q{inv_deduct('nothing', 1, strict => false)},
	q{inv_receive('A', 1)},
	q{inv_receive('B', 1)})
{
	my ($name) = $call =~ /(\w+)/;
	my $err;
	isnt($standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call",
			stderr => \$err), 0, "standby: $call is refused");
	like($err, qr/ERROR:  25006:/, "standby: $call: SQLSTATE");
	like($err, qr/DETAIL:  \{"function":"$name"\}$/m, "standby: $call: DETAIL");
	like($err, qr/HINT:  .*primary/, "standby: $call: HINT");
}
# bad arguments are bad on a standby, too
my $err;
$standby->psql('postgres', q{SELECT inv_history(NULL)}, stderr => \$err);
like($err, qr/argument "sku" must not be null/, 'standby: bad argument');

# a session that lives through the promotion
my $session = $standby->background_psql('postgres', on_error_stop => 0);
$session->query(q{SELECT inv_deduct('A', 1)});
is($session->query(q{SELECT inv_available('A')}), '1280', 'before promotion');
my $last = $standby->safe_psql('postgres', 'SELECT max(movement_id) FROM inv_movement');
$primary->stop('immediate');
$standby->promote;
is( $session->query(
		qq{SELECT status, on_hand, version, movement_id > $last FROM inv_deduct('A', 1)}),
	'ok|1279|53|t',
	'promoted: the same session sells on');
is( $session->query(q{SELECT status, on_hand, version FROM inv_receive('B', 2)}),
	'ok|2|1', 'promoted: a new row');
$session->query(q{SET inventory.leaf_size = 10});
is( $session->query(
		q{SELECT count(o.status) FROM generate_series(1, 40) g, LATERAL inv_receive('B', g) o}),
	'40', 'promoted: new leaves');
$session->quit;
is($standby->safe_psql('postgres', q{SELECT * FROM inv_verify()}),
	'', 'promoted: verified');

done_testing();
