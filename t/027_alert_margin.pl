# How far a level must rise to have recovered: inventory.alert_margin.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlerts;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, reorder_point, safety_stock, backorder_limit)
	  VALUES ('R', 10, 0, 0), ('odd', 11, 0, 0), ('one', 1, 0, 0), ('plain', NULL, 0, 0),
	         ('floor', NULL, 20, 0), ('owed', NULL, 0, 7), ('below', 3, 20, 0),
	         ('most', 9007199254740, 0, 0), ('off', NULL, 0, 5);
});

# of what may be sold before it is there, some is
my %held = (owed => 7);
$node->safe_psql('postgres', "SELECT inv_try('$_', '{$_}', '{$held{$_}}')")
  foreach sort keys %held;

# what SKUs must rise to, at each margin: the level at which they are ok again
my %recovered = (
	0 => { R => 11, odd => 12, one => 2, plain => 1, floor => 21, owed => -6,
		below => 21, most => 9007199254741, off => -5 },
	1 => { R => 12, odd => 13, one => 3, plain => 2, floor => 22, owed => -5,
		below => 22, most => 9097271247289, off => -5 },
	20 => { R => 13, odd => 15, one => 3, plain => 2, floor => 25, owed => -5,
		below => 25, most => 10808639105689, off => -5 },
	1000 => { R => 111, odd => 122, one => 12, plain => 2, floor => 221, owed => -5,
		below => 221, most => 99079191802141, off => -5 });

sub set_margin
{
	my ($margin) = @_;

	$node->append_conf('postgresql.conf', "inventory.alert_margin = $margin");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('inventory.alert_margin') = '$margin'")
	  or die 'the setting did not come';
	return;
}

# set_level - by one movement; answers the state
sub set_level
{
	my ($sku, $level) = @_;
	my $counted = $level + ($held{$sku} // 0);

	return $node->safe_psql('postgres', qq{
		SELECT FROM inv_adjust('$sku', $counted);
		SELECT alert_state FROM inv_stock WHERE sku = '$sku'});
}

foreach my $margin (sort { $a <=> $b } keys %recovered)
{
	my %level = $recovered{$margin}->%*;

	set_margin($margin);
	foreach my $sku (sort grep { $_ ne 'off' } keys %level)
	{
		my ($full, $state, $before, $after) = map { set_level($sku, $_) } 10**15,
		  -($held{$sku} // 0), $level{$sku} - 1, $level{$sku};

		is($full, 0, "$margin %: there is enough of $sku");
		is($state, 2, "$margin %: $sku is out");
		is($before, 2, "$margin %: still just below $level{$sku}");
		is($after, 0, "$margin %: $sku has recovered at $level{$sku}");
	}
}

# of an item that is not sold any more only short is told, and that without a margin
foreach my $margin (sort { $a <=> $b } keys %recovered)
{
	my $level = $recovered{$margin}{off};

	set_margin($margin);
	my @states = map { $node->safe_psql('postgres', "$_; SELECT alert_state FROM inv_stock WHERE sku = 'off'") =~ /(\d+)\z/ }
		q{UPDATE inv_item SET active = true, backorder_limit = 20 WHERE sku = 'off';
		  SELECT inv_cancel(xid) FROM inv_open_holds;
		  SELECT inv_adjust('off', 4);
		  SELECT inv_try(gen_random_uuid()::text, '{off}', '{10}');
		  UPDATE inv_item SET active = false WHERE sku = 'off'},
		q{UPDATE inv_item SET backorder_limit = 5 WHERE sku = 'off'},
		map { "SELECT inv_adjust('off', 10 + $_)" } $level - 1, $level;

	is("@states", '0 3 3 0', "$margin %: what is not sold is short until $level");
}

# the margin is taken over when a state changes: no level is astray meanwhile
is($node->safe_psql('postgres', $InvAlerts::astray), '', 'no alert is astray');

done_testing();
