# InvModelLines - calls of many lines: all of them, or nothing
#
# A line is { line, op, sku, quantity... }.  Planned, it has what it `tells`,
# an outcome for each, with the changes of stock rows that it tells of.  Nothing
# is changed before every line has been planned and none was refused.
#
#   told    { sku, location, quantity, status, changes }; status is unset unless
#           it was refused itself; a deduction has also `units`, of each
#           component in one of it, and may have `sources` and no location
#   change  { sku, location, kind, delta, line, original }; a count has
#           `counted` in place of a delta
package InvModelLines;

use strict;
use warnings;

use InvErrors;
use List::Util qw(max min sum0);

use constant MAX => 9007199254740991;

my %planned_by = (
	deduct => \&plan_deduct,
	receive => \&plan_simple,
	adjust => \&plan_simple,
	transfer => \&plan_transfer,
	return => \&plan_return,
);

sub apply_lines
{
	my ($self, $call) = @_;
	my ($work, @told) = $self->planned($call);

	return map { $self->tell_refusal($_) } @told if grep { $_->{status} } @told;
	$self->change_all($work);
	return map { $self->tell_ok($_) } @told;
}

# planned(CALL) - its work, and what there is to tell of it; nothing is changed
sub planned
{
	my ($self, $call) = @_;
	my @lines = map { { %$_, tells => [] } } @{ $call->{lines} };
	my $work = { call => $call, lines => \@lines, returned => {} };

	foreach my $line (@lines)
	{
		$self->expand($call, $line);
		$planned_by{ $line->{op} }->($self, $work, $line);
	}
	$self->choose_sources($work);
	$self->decide($work);
	return ($work, told_by(@lines));
}

sub told_by
{
	my (@lines) = @_;
	return map { @{ $_->{tells} } } @lines;
}

# --- planning ----------------------------------------------------------------

# add_told(LINE, TOLD, CHANGES...)
sub add_told
{
	my ($line, $told, @changes) = @_;

	$_->{line} = $line foreach $told, @changes;
	$told->{changes} = \@changes;
	push @{ $line->{tells} }, $told;
	return;
}

sub plan_simple
{
	my ($self, $work, $line) = @_;
	my ($sku, $location, $op) = @$line{qw(sku location op)};
	my $quantity = $op eq 'adjust' ? $line->{counted} : $line->{quantity};
	my %place = (sku => $sku, location => $location);
	my $status = $self->unknown($sku, $location);

	return add_told(
		$line,
		{ %place, quantity => $quantity, status => $status },
		$status ? () : {
			%place,
			kind => $op,
			$op eq 'adjust' ? (counted => $quantity) : (delta => $quantity)
		});
}

# Of what does not exist is told once, and before what is not enough.
sub plan_transfer
{
	my ($self, $work, $line) = @_;
	my ($sku, $quantity) = @$line{qw(sku quantity)};
	my @ends = @$line{qw(from_location to_location)};
	my @status = map { scalar $self->unknown($sku, $_) } @ends;
	my $known = !grep { defined } @status;

	$status[1] = undef if ($status[0] // '') eq 'unknown_item';
	foreach my $end (0, 1)
	{
		my %place = (sku => $sku, location => $ends[$end]);
		my $delta = $end ? $quantity : -$quantity;

		add_told(
			$line,
			{ %place, quantity => $quantity, status => $status[$end] },
			$known ? { %place, kind => 'transfer', delta => $delta } : ());
	}
	return;
}

sub plan_return
{
	my ($self, $work, $line) = @_;
	my $returned = $work->{returned};    # by earlier lines of this call

	foreach my $part ($self->parts_to_return($line, $returned, $line->{line}))
	{
		my $place = $part->{place};
		my $original = $part->{original};
		my $status = $self->unknown(@$place{qw(sku location)});

		$returned->{ $original->{id} } += $part->{quantity};
		add_told(
			$line,
			{ %$place, quantity => $part->{quantity}, status => $status },
			$status ? () : {
				%$place,
				kind => 'return',
				delta => $part->{quantity},
				original => $original
			});
	}
	return;
}

# Where it is taken from is known, or is chosen when the demand of all lines
# has been summed.
sub plan_deduct
{
	my ($self, $work, $line) = @_;
	my ($sku, $quantity, $units) = @$line{qw(sku quantity units)};
	my $sources = $line->{sources};

	$sources = [ $self->sellable ] if $sources && !@$sources;
	my @places = $sources ? @$sources : $line->{location};
	my ($nowhere) = grep { !$self->state->{locations}{$_} } @places;
	my @items = map { $self->state->{items}{$_} } $sku, keys %$units;
	my $status =
	    (grep { !$_ } @items) ? 'unknown_item'
	  : defined $nowhere ? 'unknown_location'
	  : (grep { !$_->{active} } @items) ? 'inactive_item'
	  : undef;
	my %told = (
		sku => $sku,
		location => $line->{location},
		quantity => $quantity,
		status => $status,
		units => $units,
		sources => $sources);

	raise('22003') if grep { $_ * $quantity > MAX } values %$units;
	$told{location} = $nowhere if ($status // '') eq 'unknown_location';
	return add_told($line, \%told)
	  if $sources || ($status // '') =~ /^unknown_/;
	return add_told(
		$line,
		\%told,
		map {
			{
				sku => $_,
				location => $line->{location},
				kind => 'deduct',
				delta => -$quantity * $units->{$_}
			}
		} sort keys %$units);
}

# --- bundles -----------------------------------------------------------------

sub is_bundle
{
	my ($self, $sku) = @_;
	return defined $sku && $self->state->{bundles}{$sku};
}

# expand(CALL, LINE) - the components of what it takes.  A bundle has no stock
# of its own, which could be received or counted or be at a version.
sub expand
{
	my ($self, $call, $line) = @_;
	my $expand = sub {
		complain('22023', 'bundle')
		  if $self->is_bundle($line->{sku})
		  && ($line->{op} ne 'deduct' || defined $line->{expected_version});
		$line->{units} = $self->leaves($line->{sku});
		return;
	};

	return if $line->{op} eq 'return';
	return $call->{single} ? $expand->() : about_line($line->{line}, $expand);
}

# leaves(SKU) - { sku => how many are in one }, of what is no bundle itself
sub leaves
{
	my ($self, $top) = @_;
	my %units;
	my @open = ([ $top, 1 ]);

	while (my $part = shift @open)
	{
		my ($sku, $number, @within) = @$part;
		my $bundle = $self->is_bundle($sku);

		complain('22023', $top) if grep { $_ eq $sku } @within;
		$units{$sku} += $number if !$bundle;
		push @open,
		  map { [ $_, $number * $bundle->{$_}, @within, $sku ] } keys %$bundle
		  if $bundle;
	}
	return \%units;
}

# complete(TOLD, COLUMN, ROWS OF A COMPONENT) - how many complete bundles
# there are, or units of what is no bundle
sub complete
{
	my ($told, $column, $rows_of) = @_;
	my $units = $told->{units};

	return min(
		map {
			my @rows = $rows_of->($_);
			whole(sum0(map { InvModelStock::column($_, $column) } @rows),
				$units->{$_})
		} keys %$units);
}

# a division rounded down, below zero too
sub whole
{
	my ($sum, $units) = @_;
	return ($sum - $sum % $units) / $units;
}

# --- sources -----------------------------------------------------------------

# The demand of a SKU is summed over the lines, then it is chosen where from.
sub choose_sources
{
	my ($self, $work) = @_;
	my %demands;

	foreach my $told (told_by(@{ $work->{lines} }))
	{
		next if !$told->{sources} || $told->{status};
		push @{ $demands{$_} }, $told foreach keys %{ $told->{units} };
	}
	$self->choose_for($_, @{ $demands{$_} }) foreach sort keys %demands;
	return;
}

sub choose_for
{
	my ($self, $sku, @told) = @_;
	my $sources = $told[0]{sources};
	my $wanted = sum0(map { $_->{quantity} * $_->{units}{$sku} } @told);
	my $keep = max(map { keep_of($_->{line}, $sku) } @told);
	my @rows = map { $self->stock_row($sku, $_) } @$sources;

	die "lines of $sku with different sources are not specified"
	  if grep { "@{ $_->{sources} }" ne "@$sources" } @told;
	my @shelf = map { left($_, max($_->{safety_stock}, $keep)) } @rows;
	my @all =
	  map { left($_, max(InvModelStock::floor_of($_), $keep)) } @rows;
	my $shares = shares($wanted, @shelf) // shares($wanted, @all);

	foreach my $told (@told)
	{
		$told->{requested} = $wanted;
		$told->{status} = 'insufficient_stock' if !$shares;
	}
	deal($sku, $sources, $shares, @told) if $shares;
	return;
}

sub left
{
	my ($row, $least) = @_;
	return $row->{on_hand} - $row->{reserved} - $least;
}

# how many units of the component must be left
sub keep_of
{
	my ($line, $sku) = @_;
	my $keep = $line->{keep} // return -MAX;
	return $keep * $line->{units}{$sku};
}

# the first that has enough, else of each what it has
sub shares
{
	my ($wanted, @has) = @_;
	my ($first) = grep { $has[$_] >= $wanted } 0 .. $#has;

	return [ map { $_ == $first ? $wanted : 0 } 0 .. $#has ]
	  if defined $first;
	return if sum0(map { max($_, 0) } @has) < $wanted;
	return [
		map {
			my $share = max(0, min($_, $wanted));
			$wanted -= $share;
			$share
		} @has
	];
}

# Shares are dealt to lines in input order.
sub deal
{
	my ($sku, $sources, $shares, @told) = @_;
	my @left = @$shares;

	foreach my $told (@told)
	{
		my $wanted = $told->{quantity} * $told->{units}{$sku};

		foreach my $source (0 .. $#left)
		{
			my $part = min($wanted, $left[$source]) or next;

			$left[$source] -= $part;
			$wanted -= $part;
			push @{ $told->{changes} },
			  {
				sku => $sku,
				location => $sources->[$source],
				kind => 'deduct',
				delta => -$part,
				line => $told->{line}
			  };
		}
	}
	return;
}

# --- deciding ----------------------------------------------------------------

# decide(WORK) - the statuses of what is refused
sub decide
{
	my ($self, $work) = @_;
	my @told = told_by(@{ $work->{lines} });
	my $rows = $work->{rows} = {};

	foreach my $change (map { @{ $_->{changes} } } @told)
	{
		push @{ $rows->{"$change->{sku}\0$change->{location}"} }, $change;
	}
	check_counts($_) foreach map { $rows->{$_} } sort keys %$rows;
	my %short = map { $_ => scalar $self->taken_of($rows->{$_}) } keys %$rows;
	$_->{status} //= $self->refusal_of($_, \%short) foreach @told;
	return;
}

# A count says what there is: nothing can be added to it in the same call.
sub check_counts
{
	my ($changes) = @_;
	my ($count) = grep { $_->{kind} eq 'adjust' } @$changes or return;
	my ($other) = grep { $_->{kind} ne 'adjust' } @$changes or return;
	my @lines =
	  sort { $a <=> $b } map { $_->{line}{line} } $count, $other;

	complain('22023', @lines);
	return;
}

# how much the lines take of one stock row, if that is more than there is, with
# what is given and kept
sub taken_of
{
	my ($self, $changes) = @_;
	my @takes = grep { takes($_) } @$changes or return;
	my $row = $self->stock_row(@{ $takes[0] }{qw(sku location)});
	my $least = max(InvModelStock::floor_of($row),
		map { keep_of($_->{line}, $row->{sku}) } @takes);

	return if left($row, $least) + sum0(map { $_->{delta} } @$changes) >= 0;
	return -sum0(map { $_->{delta} } @takes);
}

sub takes
{
	my ($change) = @_;
	return ($change->{delta} // 0) < 0;
}

sub refusal_of
{
	my ($self, $told, $short) = @_;

	foreach my $change (@{ $told->{changes} })
	{
		my $row = $self->stock_row(@$change{qw(sku location)});
		return 'version_conflict'
		  if InvModelStock::conflicts($row, $told->{line});
	}
	foreach my $change (@{ $told->{changes} })
	{
		$told->{requested} = $short->{"$change->{sku}\0$change->{location}"};
		return 'insufficient_stock' if takes($change) && $told->{requested};
	}
	return;
}

# --- changing ----------------------------------------------------------------

# one movement of each kind for each stock row
sub change_all
{
	my ($self, $work) = @_;
	my $rows = $work->{rows};

	foreach my $changes (map { $rows->{$_} } sort keys %$rows)
	{
		my (%alike, @order);

		foreach my $change (@$changes)
		{
			my $original = $change->{original} // {};
			my $name = "$change->{kind} " . ($original->{id} // '');

			push @order, $name if !$alike{$name};
			push @{ $alike{$name} }, $change;
		}
		$self->change_row($work->{call}, @{ $alike{$_} }) foreach @order;
		$self->share_shelf(grep { $_->{kind} eq 'deduct' } @$changes);
	}
	return;
}

sub change_row
{
	my ($self, $call, @changes) = @_;
	my ($first) = @changes;
	my $row = $self->stock_row(@$first{qw(sku location)});
	my $original = $first->{original};
	my $time = $call->{occurred_at} // $call->{counted_at};
	my $delta =
	  $first->{kind} eq 'adjust'
	  ? sum0(map { $_->{counted} } @changes) -
	  InvModelStock::level_at($row, $time)
	  : sum0(map { $_->{delta} } @changes);
	my $movement = $self->move(
		$row,
		$first->{kind},
		$delta,
		{ %$call, occurred_at => $time },
		$original
		? (reference => $original->{reference}, original_id => $original->{id})
		: ());

	$_->{movement} = $movement foreach @changes;
	return;
}

# What was on the shelf went to the lines in input order; the rest of them is
# backordered.
sub share_shelf
{
	my ($self, @takes) = @_;
	return if !@takes;

	my $row = $self->stock_row(@{ $takes[0] }{qw(sku location)});
	my $taken = -sum0(map { $_->{delta} } @takes);
	my $missing = max(0, $row->{reserved} - $row->{on_hand});
	my $shelf = max(0, $taken - $missing);

	foreach my $take (@takes)
	{
		$take->{from_shelf} = min($shelf, -$take->{delta});
		$shelf -= $take->{from_shelf};
	}
	return;
}

# --- telling -----------------------------------------------------------------

sub tell_refusal
{
	my ($self, $told) = @_;
	my $line = $told->{line};
	my @told = (@$told{qw(sku location)}, $told->{status} // 'not_applied',
		$told->{quantity});
	my $outcome =
	    $told[2] =~ /^unknown_/ && $told->{units}
	  ? InvModelStock::outcome_nowhere(@told)
	  : $told->{sources} || $self->is_bundle($told[0])
	  ? $self->outcome_of_sums($told, $told[2])
	  : $self->outcome_at(@told);

	return {
		%$outcome,
		line => $line->{line},
		requested => $told->{requested},
		keep => $line->{keep},
		expected_version => $line->{expected_version},
		bundle => $self->is_bundle($told[0]) ? 1 : 0
	};
}

# of what has no stock row of its own: a bundle, or what only has candidates
sub outcome_of_sums
{
	my ($self, $told, $status) = @_;
	my @places = $told->{location} // @{ $told->{sources} };
	my $rows_of = sub {
		my ($sku) = @_;
		return map { $self->stock_row($sku, $_) } @places;
	};

	return {
		status => $status,
		backordered => 0,
		(map { $_ => $told->{$_} } qw(sku location quantity)),
		(map { $_ => complete($told, $_, $rows_of) } qw(on_hand available))
	};
}

# from sources, one for each location
sub tell_ok
{
	my ($self, $told) = @_;
	my @changes = @{ $told->{changes} };

	return $self->tell_bundle($told) if $self->is_bundle($told->{sku});
	return map {
		my $quantity = $told->{sources} ? -$_->{delta} : $told->{quantity};
		+{
			%{ $self->outcome_at(@$_{qw(sku location)}, 'ok', $quantity) },
			line => $told->{line}{line},
			movement_id => $_->{movement}{id},
			defined $_->{from_shelf}
			? (backordered => $quantity - $_->{from_shelf}) : ()
		}
	} @changes;
}

sub tell_bundle
{
	my ($self, $told) = @_;
	my @changes = @{ $told->{changes} };
	my %places = map { $_->{location} => 1 } @changes;
	my %units = %{ $told->{units} };
	my $covered = min(
		map {
			my $sku = $_;
			my @mine = grep { $_->{sku} eq $sku } @changes;
			whole(sum0(map { $_->{from_shelf} } @mine), $units{$sku})
		} keys %units);

	$told->{location} = keys %places == 1 ? (keys %places)[0] : undef;
	return {
		%{ $self->outcome_of_sums($told, 'ok') },
		line => $told->{line}{line},
		backordered => $told->{quantity} - $covered
	};
}

1;
