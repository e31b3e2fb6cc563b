# InvAlertModel - which alerts a change of a stock row raises, by the contract
#
# A row is a hash with on_hand, reserved, safety_stock, backorder_limit,
# reorder_point, target_level, active and sellable.  States are ok, low, out
# and short, each graver than the one before.
package InvAlertModel;

use strict;
use warnings;

use List::Util qw(max);
use POSIX qw(ceil);

my %gravity = (ok => 0, low => 1, out => 2, short => 3);

sub level { return $_[0]{on_hand} - $_[0]{reserved} }
sub floor { return $_[0]{safety_stock} - $_[0]{backorder_limit} }
sub available { return level($_[0]) - InvAlertModel::floor($_[0]) }
sub is_sold { return $_[0]{active} && $_[0]{sellable} }

# natural(ROW) - the state by the level alone
sub natural
{
	my ($row) = @_;
	my $point = $row->{reorder_point};

	return 'short' if level($row) < -$row->{backorder_limit};
	return 'ok' if !is_sold($row);
	return 'out' if available($row) <= 0;
	return 'low' if defined $point && level($row) <= $point;
	return 'ok';
}

# threshold(ROW) - what has to be left behind to have recovered; of what is
# not sold, its holds have to be covered
sub threshold
{
	my ($row) = @_;
	my $point = $row->{reorder_point};
	my $floor = InvAlertModel::floor($row);

	return -$row->{backorder_limit} if !is_sold($row);
	return defined $point && $point > $floor ? $point : $floor;
}

# margin(ROW, PERCENT) - and by how much
sub margin
{
	my ($row, $percent) = @_;

	return 0 if !$percent;
	return max(1, ceil(threshold($row) * $percent / 100));
}

# next_state(STATE, ROW, PERCENT) - the state after a change to this row
sub next_state
{
	my ($state, $row, $percent) = @_;
	my $natural = natural($row);

	return $natural if !is_sold($row) || $gravity{$natural} > $gravity{$state};
	return 'ok' if level($row) > threshold($row) + margin($row, $percent);
	return $state if $state ne 'short' || $natural eq 'short';
	return $natural if $natural ne 'ok';
	# a reorder point that is not above the floor is never reached
	return threshold($row) > InvAlertModel::floor($row) ? 'low' : 'out';
}

# alert(STATE, ROW, PERCENT) - the alert that the change raises, if any
sub alert
{
	my ($state, $row, $percent) = @_;
	my $next = next_state($state, $row, $percent);
	my %crossed = (
		ok => threshold($row),
		low => $row->{reorder_point},
		out => InvAlertModel::floor($row),
		short => -$row->{backorder_limit});

	return if $next eq $state;
	return {
		sku => $row->{sku},
		location => $row->{location},
		kind => $next eq 'ok' ? 'recovered' : $next,
		previous => $state,
		on_hand => $row->{on_hand},
		reserved => $row->{reserved},
		available => available($row),
		threshold => $crossed{$next},
		reorder_point => $row->{reorder_point},
		target_level => $row->{target_level} };
}

1;
