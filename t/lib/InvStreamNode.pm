# InvStreamNode - a server whose changes can be followed
package InvStreamNode;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# start(SETTINGS, OPTIONS...) - options are those of Cluster's init()
sub start
{
	my ($settings, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init(allows_streaming => 'logical', %options);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'\n$settings");
	$node->append_conf('postgresql.conf',
		q{output_plugin_libraries = 'inventory, pgoutput, test_decoding'})
	  if asks_for_plugins();
	$node->start;
	return $node;
}

# asks_for_plugins() - whether an administrator has to say which output plugins
# may be used, as minor releases of 2026 want it
sub asks_for_plugins
{
	my ($known) = run_command([ 'postgres', '--describe-config' ]);
	return $known =~ /^output_plugin_libraries/m;
}

1;
