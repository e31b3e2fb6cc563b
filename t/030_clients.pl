# The examples for other languages: each tells the same story in a database
# of its own, and must leave the same behind.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Python and Ruby are named by path: another one may come first in PATH, and
# does not know Debian's packages.
my @clients = (
	[ 'psycopg 3', '/usr/bin/python3', 'psycopg_3.py' ],
	[ 'psycopg2', '/usr/bin/python3', 'psycopg_2.py' ],
	[ 'SQLAlchemy', '/usr/bin/python3', 'sql_alchemy.py' ],
	[ 'Django', '/usr/bin/python3', 'django_orm.py' ],
	[ 'ActiveRecord', '/usr/bin/ruby', 'active_record.rb' ],
	[ 'pgx', qw(go run), 'pgx.go' ],
	[ 'JDBC', qw(java -cp /usr/share/java/postgresql.jar:/usr/share/java/gson.jar),
		'Jdbc.java' ],
	[ 'node pg', 'node', 'node-pg.js' ],
	[ 'postgres.js', 'node', 'postgres-js.js' ],
	[ 'knex', 'node', 'knex.js' ],
	[ 'drizzle', 'node', 'drizzle.js' ],
	[ 'typeorm', 'node', 'typeorm.js' ],
	[ 'sequelize', 'node', 'sequelize.js' ],
	[ 'Prisma', 'node', 'prisma.js' ],
);

my $told = <<'END';
order-1: 2 APPLE-1KG, 8 left
order-1: 1 BREAD, 4 left
order-1: 2 APPLE-1KG, 8 left (again)
order-1: 1 BREAD, 4 left (again)
order-2: refused, line 2 asks for 50 BREAD, 4 left
END

my $left = <<'END';
order|order-1|customer-1
level|APPLE-1KG|8
level|BREAD|4
movement|APPLE-1KG|-2|order-1|order-1
movement|BREAD|-1|order-1|order-1
END

my $look = <<'END';
SELECT 'order', number, customer FROM shop_order;
SELECT 'level', sku, on_hand FROM inv_item_level ORDER BY sku;
SELECT 'movement', sku, on_hand_delta, reference, key
  FROM inv_movement WHERE kind <> 'receive' ORDER BY sku;
SELECT 'discrepancy', * FROM inv_verify();
END

my $cast = qr/::\s*"?[a-z]|\b(?:CAST|cast)\s*\(/;    # ActiveRecord::Base is none

my %connection;    # of the clients, but for the database

# JDBC knows no sockets but those of TCP. There the clients need a password,
# so that no one else on the machine comes in.
sub start
{
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init;
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'inventory'\nlisten_addresses = '127.0.0.1'");
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf',
		"local all all trust\nhost all webshop 127.0.0.1/32 scram-sha-256");
	$node->start;
	return $node;
}

# make_shop(NODE) - the database that each client gets a copy of; returns the
# password of its user
sub make_shop
{
	my ($node) = @_;
	my $password = $node->safe_psql('postgres', 'SELECT gen_random_uuid()');

	$node->safe_psql('postgres', 'CREATE DATABASE shop');
	$node->safe_psql('shop', slurp_file('examples/shop.sql'));
	$node->safe_psql('shop', qq{
		CREATE ROLE webshop LOGIN PASSWORD '$password';
		SELECT inv_grant('webshop', 'clerk');
		GRANT SELECT, INSERT ON shop_order TO webshop});
	return $password;
}

# run_client(DATABASE, COMMAND...) - whether it ended well, and what it printed
sub run_client
{
	my ($database, @command) = @_;
	my ($out, $err);
	local %ENV = (
		%ENV, %connection,
		PGDATABASE => $database,
		# where Debian's packages for Go are
		GOPATH => '/usr/share/gocode',
		GO111MODULE => 'off',
		GOCACHE => PostgreSQL::Test::Utils::tempdir());
	my $well = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout(300));

	diag($err) if !$well;
	return ($well, $out);
}

my ($release) = slurp_file('/etc/os-release') =~ /^VERSION_ID="(\d+)"/m;
plan skip_all => 'the clients are those of Debian 12'
  if ($release // '') ne '12';

my $node = start();
my $password = make_shop($node);
%connection = (
	PGHOST => '127.0.0.1',
	PGPORT => $node->port,
	PGUSER => 'webshop',
	PGPASSWORD => $password);

foreach my $client (@clients)
{
	my ($name, @command) = @$client;
	my $database = lc $name =~ s/\W/_/gr;
	my $file = $command[-1] = "examples/$command[-1]";

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE shop");
	subtest $name => sub {
		my ($well, $out) = run_client($database, @command);

		ok($well, 'it ends well');
		is($out, $told, 'tells the story');
		is($node->safe_psql($database, $look) . "\n", $left, 'and it is true');
		unlike(slurp_file($file), $cast, 'without a cast');
	};
}

done_testing();
