# Everything works without shared_preload_libraries; and what is answered where
# the extension is not, or not as it should be.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# what is printed to stderr, with SQLSTATEs
sub complaint
{
	my ($node, $db, $sql) = @_;
	my $err;
	$node->psql($db, "\\set VERBOSITY verbose\n$sql",
		stderr => \$err, on_error_stop => 0);
	return $err;
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'),
	'', 'nothing is preloaded');
like(complaint($node, 'postgres', q{SELECT inv_deduct('A', 1)}),
	qr/ERROR:  42883: function inv_deduct/,
	'no extension: PostgreSQL says that there is no such function');

# the script itself is not for psql
my $script = `pg_config --sharedir`;
chomp $script;
$script .= '/extension/inventory--1.0.sql';
my ($out, $err) = run_command(
	[ 'psql', '-X', '-d', $node->connstr('postgres'), '-f', $script ]);
like("$out$err", qr/CREATE EXTENSION inventory/, 'the script teaches its use');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'inv\_%'}),
	'0', 'and makes nothing');

$node->safe_psql('postgres', q{CREATE EXTENSION inventory});
is( $node->safe_psql('postgres', q{
		INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
		SELECT status, on_hand FROM inv_receive('A', 10);
		SELECT status, on_hand FROM inv_deduct('A', 1)}),
	"ok|10\nok|9", 'the calls work');
is( $node->safe_psql('postgres', q{
		SELECT status, on_hand FROM inv_deduct('A', 10, strict => false);
		SELECT inv_available('A');
		SELECT count(*) FROM inv_history('A');
		SELECT count(*) FROM inv_verify()}),
	"insufficient_stock|9\n9\n2\n0", 'and the others');
like(complaint($node, 'postgres', q{DELETE FROM inv_stock}),
	qr/ERROR:  42501: cannot DELETE "inv_stock"/, 'the guard stands in a new session');
is( $node->safe_psql('postgres', q{
		UPDATE inv_item SET safety_stock = 4;
		SELECT available FROM inv_stock_level}),
	'5', 'a change of the catalogue as the first thing of a session');
like(complaint($node, 'postgres', q{BEGIN READ ONLY; SELECT inv_deduct('A', 1)}),
	qr/ERROR:  25006: /, 'read-only');

# settings that are made before the library is there hold when it comes
is( $node->safe_psql('postgres', q{
		SET inventory.actor = 'ann';
		SELECT on_hand FROM inv_deduct('A', 1);
		SELECT actor FROM inv_history('A', max_rows => 1)}),
	"8\nann", 'the actor');
is( $node->safe_psql('postgres', q{
		INSERT INTO inv_location (location) VALUES ('shop');
		SET inventory.default_location = 'shop';
		SELECT location FROM inv_receive('A', 1)}),
	'shop', 'the default location');
is( $node->safe_psql('postgres', q{
		SET inventory.leaf_size = 10;
		CREATE DATABASE small;
		\c small
		CREATE EXTENSION inventory;
		INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');}),
	'', 'a second database');
is( $node->safe_psql('small', q{
		SET inventory.leaf_size = 10;
		SELECT on_hand FROM inv_receive('A', 1);
		SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'inv_movement'::regclass ORDER BY inhrelid}),
	"1\ninv_movement_1\ninv_movement_11\ninv_movement_21", 'the size of a leaf');
# a value out of range, and one that is only for superusers
like(
	complaint($node, 'small', q{SET inventory.leaf_size = 1; SELECT inv_available('A'); SHOW inventory.leaf_size}),
	qr/WARNING:  22023: 1 is outside the valid range/,
	'a wrong value is named when the library comes');
$node->safe_psql('small', q{
	CREATE ROLE till;
	GRANT EXECUTE ON FUNCTION inv_receive TO till});
like(
	complaint($node, 'small', q{
		SET SESSION AUTHORIZATION till;
		SET inventory.leaf_size = 1000;
		SELECT count(inv_receive('A', g)) FROM generate_series(1, 25) g}),
	qr/permission denied to set parameter "inventory.leaf_size"/,
	'nor does an ordinary user set the size of a leaf that way');

# a second database has its own schema, and its own numbers
is( $node->safe_psql('postgres', q{SELECT on_hand FROM inv_stock_level WHERE location = 'main'}),
	'8', 'databases do not mix');
# a function of the library where the extension is not
my ($source) = $node->safe_psql('postgres',
	q{SELECT prosrc FROM pg_proc WHERE proname = 'inv_available'});
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', qq{
	CREATE FUNCTION inv_available(sku text, location text) RETURNS bigint
	  LANGUAGE c AS '\$libdir/inventory', '$source'});
$err = complaint($node, 'bare', q{SELECT inv_available('A', NULL)});
like($err, qr/ERROR:  (?!XX)\w{5}: /, 'a call without the extension');
like($err, qr/HINT:  .*CREATE EXTENSION inventory/, 'says what is missing');

# preloaded later on: the same stock
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->restart;
is( $node->safe_psql('postgres', q{SELECT status, on_hand, version FROM inv_deduct('A', 1)}),
	'ok|7|4', 'preloaded later');
is($node->safe_psql('postgres', q{SELECT * FROM inv_verify()}), '', 'verified');
# and in a new database, created from a template that has it
$node->safe_psql('postgres', q{CREATE DATABASE copy TEMPLATE small});
is( $node->safe_psql('copy', q{
		SELECT status FROM inv_receive('A', 1);
		SELECT * FROM inv_verify()}),
	'ok', 'a database copied from one that has it');

done_testing();
