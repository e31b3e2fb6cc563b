# InvAlertNode - a server with a shop in it whose worker tells alerts
package InvAlertNode;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our $columns = 'sku, location, kind, previous, on_hand, reserved, available,
	threshold, reorder_point, target_level';

# start(NAME, SETTINGS, DATABASE) - whose database (shop) has the extension, and
# a worker.  Tests have no time to wait for retries.
sub start
{
	my ($name, $settings, $database) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$database //= 'shop';
	$node->init;
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'inventory'
inventory.databases = '$database'
inventory.webhook_allow = '127.0.0.1, localhost'
inventory.webhook_retry_delay = 100
max_prepared_transactions = 20
log_statement = none
@{[ $settings // '' ]}
CONF
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $database")
	  if $database ne 'postgres';
	$node->safe_psql($database, 'CREATE EXTENSION inventory');
	return $node;
}

# out(SESSION, SKU) - a new one that has just been sold out
sub out
{
	my ($session, $sku) = @_;

	$session->run('INSERT INTO inv_item (sku) VALUES ($1)', $sku);
	$session->run('SELECT inv_receive($1, 1), inv_deduct($1, 1)', $sku);
	return $sku;
}

# configure(NODE, SETTING, VALUE) - and wait until it is in force
sub configure
{
	my ($node, $name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('$name') = '$value'")
	  or die "$name is not $value";
	return;
}

# wait_for(NODE, SQL) - until the query is true; whether it came true
sub wait_for
{
	my ($node, $sql) = @_;
	return $node->poll_query_until('shop', $sql);
}

1;
