# InvModelStock - stock rows, outcomes, and the calls of one line
package InvModelStock;

use strict;
use warnings;

use InvErrors;

use constant MAX => 9007199254740991;
use constant NOW => 'now';    # sorts behind every year

our @limits = qw(safety_stock backorder_limit reorder_point target_level);

# --- stock -------------------------------------------------------------------

# the stock row, or what it would be if it were made
sub stock_row
{
	my ($self, $sku, $location) = @_;
	my $item = $self->state->{items}{$sku};

	return $self->state->{stock}{"$sku\0$location"} // {
		sku => $sku,
		location => $location,
		on_hand => 0,
		reserved => 0,
		version => 0,
		active => $item->{active},
		own => 0,
		movements => [],
		map { $_ => $item->{$_} } @limits
	};
}

# sellable() - the locations that are, in the order in which to take from them
sub sellable
{
	my ($self) = @_;
	my $locations = $self->state->{locations};
	my @sellable = grep { $locations->{$_}{sellable} } keys %$locations;

	return sort {
		$locations->{$a}{priority} <=> $locations->{$b}{priority}
		  || $a cmp $b
	} @sellable;
}

sub keep_row
{
	my ($self, $row) = @_;
	$self->state->{stock}{"$row->{sku}\0$row->{location}"} = $row;
	return;
}

sub rows_of
{
	my ($self, $sku) = @_;
	return grep { $_->{sku} eq $sku } values %{ $self->state->{stock} };
}

sub floor_of
{
	my ($row) = @_;
	return $row->{safety_stock} - $row->{backorder_limit};
}

sub available_of
{
	my ($row) = @_;
	return $row->{on_hand} - $row->{reserved} - floor_of($row);
}

# a column of the row, or what is computed of it
sub column
{
	my ($row, $name) = @_;
	return $name eq 'available' ? available_of($row) : $row->{$name};
}

# the level at a time, as far as is known now
sub level_at
{
	my ($row, $time) = @_;
	my $at = moment($time);
	my $level = $row->{on_hand};

	foreach my $movement (@{ $row->{movements} })
	{
		$level -= $movement->{on_hand_delta}
		  if $movement->{occurred_at} gt $at;
	}
	return $level;
}

# the status that says that there is no such place, if there is none
sub unknown
{
	my ($self, $sku, $location) = @_;
	return 'unknown_item' if !$self->state->{items}{$sku};
	return 'unknown_location' if !$self->state->{locations}{$location};
	return;
}

sub lacks
{
	my ($row, $call) = @_;
	my $least = floor_of($row);

	$least = $call->{keep} if ($call->{keep} // $least) > $least;
	return $row->{on_hand} - $row->{reserved} - $call->{quantity} < $least;
}

# append one movement: the only way in which a level changes
sub move
{
	my ($self, $row, $kind, $delta, $call, %more) = @_;

	raise('22003', sku => $row->{sku}, location => $row->{location},
		on_hand => $row->{on_hand}, quantity => 0 + $call->{quantity},
		limit => MAX)
	  if $row->{on_hand} + $delta > MAX && defined $call->{quantity};
	raise('22003') if $row->{on_hand} + $delta > MAX;

	$row->{on_hand} += $delta;
	$row->{version}++;
	push @{ $row->{movements} },
	  {
		id => $self->{next_id}++,
		kind => $kind,
		on_hand_delta => $delta,
		reserved_delta => 0,
		hold => undef,
		version => $row->{version},
		occurred_at => moment($call->{occurred_at}),
		actor => $self->{settings}{'inventory.actor'} // $self->{user},
		traceparent => $self->{settings}{'inventory.traceparent'},
		original_id => undef,
		(map { $_ => $call->{$_} } qw(reference reason key)),
		%more
	  };
	$self->keep_row($row);
	return $row->{movements}[-1];
}

# what is said to happen later happens now
sub moment
{
	my ($time) = @_;
	return !defined $time || $time gt '2900' ? NOW : $time;
}

# --- outcomes ----------------------------------------------------------------

sub outcome
{
	my ($row, $status, $quantity, $movement) = @_;
	return {
		status => $status,
		quantity => $quantity,
		available => available_of($row),
		backordered => $movement ? backordered($row, $movement) : 0,
		movement_id => $movement ? $movement->{id} : undef,
		map { $_ => $row->{$_} } qw(sku location on_hand reserved version)
	};
}

# how many of those sold were not on the shelf
sub backordered
{
	my ($row, $movement) = @_;
	my $taken = -$movement->{on_hand_delta};
	my $missing = $row->{reserved} - $row->{on_hand};

	return 0 if $movement->{kind} ne 'deduct' || $missing < 0;
	return $missing < $taken ? $missing : $taken;
}

# of a place that does not exist there is nothing to tell
sub outcome_nowhere
{
	my ($sku, $location, $status, $quantity) = @_;
	return {
		status => $status,
		sku => $sku,
		location => $location,
		quantity => $quantity
	};
}

# the outcome for a place that may not exist
sub outcome_at
{
	my ($self, $sku, $location, $status, $quantity) = @_;
	return outcome_nowhere($sku, $location, $status, $quantity)
	  if $self->unknown($sku, $location);
	return outcome($self->stock_row($sku, $location), $status, $quantity);
}

# --- what the calls do -------------------------------------------------------

# A bundle has no stock of its own.
sub refuse_bundle
{
	my ($self, $call) = @_;
	complain('22023', 'bundle') if $self->is_bundle($call->{sku});
	return;
}

sub receive
{
	my ($self, $call) = @_;
	$self->refuse_bundle($call);
	my ($sku, $location, $quantity) = @$call{qw(sku location quantity)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $quantity) if $unknown;

	my $row = $self->stock_row($sku, $location);
	my $movement = $self->move($row, 'receive', $quantity, $call);
	return outcome($row, 'ok', $quantity, $movement);
}

sub deduct
{
	my ($self, $call) = @_;
	my %line = (%$call, op => 'deduct', line => 1);
	return $self->apply_lines({ %$call, single => 1, lines => [ \%line ] })
	  if $self->is_bundle($call->{sku});

	my ($sku, $location, $quantity) = @$call{qw(sku location quantity)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $quantity) if $unknown;

	my $row = $self->stock_row($sku, $location);
	return outcome($row, 'inactive_item', $quantity) if !$row->{active};
	return outcome($row, 'version_conflict', $quantity)
	  if conflicts($row, $call);
	return outcome($row, 'insufficient_stock', $quantity)
	  if lacks($row, $call);
	my $movement = $self->move($row, 'deduct', -$quantity, $call);
	return outcome($row, 'ok', $quantity, $movement);
}

sub conflicts
{
	my ($row, $call) = @_;
	return ($call->{expected_version} // $row->{version}) != $row->{version};
}

# The count is compared with the level at the time of counting.
sub adjust
{
	my ($self, $call) = @_;
	$self->refuse_bundle($call);
	my ($sku, $location, $counted) = @$call{qw(sku location counted)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $counted) if $unknown;

	my $row = $self->stock_row($sku, $location);
	return outcome($row, 'version_conflict', $counted)
	  if conflicts($row, $call);

	my $time = $call->{counted_at};
	my $movement =
	  $self->move($row, 'adjust', $counted - level_at($row, $time),
		{ %$call, occurred_at => $time });
	return outcome($row, 'ok', $counted, $movement);
}

sub transfer
{
	my ($self, $call) = @_;
	$self->refuse_bundle($call);
	my ($sku, $quantity) = @$call{qw(sku quantity)};
	my @ends = @$call{qw(from_location to_location)};
	my $refuse = sub {
		my @status = @_;
		return map {
			$self->outcome_at($sku, $ends[$_], $status[$_], $quantity)
		} 0, 1;
	};
	my @unknown = map { $self->unknown($sku, $_) // 'not_applied' } @ends;
	return $refuse->('unknown_item', 'not_applied')
	  if $unknown[0] eq 'unknown_item';
	return $refuse->(@unknown) if grep { $_ ne 'not_applied' } @unknown;

	my ($from, $to) = map { $self->stock_row($sku, $_) } @ends;
	return $refuse->('insufficient_stock', 'not_applied')
	  if lacks($from, $call);
	my $out = $self->move($from, 'transfer', -$quantity, $call);
	my $in = $self->move($to, 'transfer', $quantity, $call);
	return (
		outcome($from, 'ok', $quantity, $out),
		outcome($to, 'ok', $quantity, $in));
}

sub give_back
{
	my ($self, $call) = @_;
	my @parts = $self->parts_to_return($call, {});

	$_->{movement} = $self->return_one($call, $_) foreach @parts;
	return map {
		my ($sku, $location) = $_->{place}->@{qw(sku location)};
		my $status = $_->{movement} ? 'ok' : 'unknown_location';

		+{
			%{ $self->outcome_at($sku, $location, $status, $_->{quantity}) },
			movement_id => $_->{movement}{id}
		}
	} @parts;
}

# the movement, if there is such a place
sub return_one
{
	my ($self, $call, $part) = @_;
	my ($place, $original, $quantity) = @$part{qw(place original quantity)};
	return if $self->unknown(@$place{qw(sku location)});

	my $row = $self->stock_row(@$place{qw(sku location)});
	return $self->move(
		$row, 'return', $quantity,
		{ %$call, quantity => $quantity },
		reference => $original->{reference},
		original_id => $original->{id});
}

# parts_to_return(CALL, { id => quantity }) - how much of which movements is
# given back where, if of some so much is about to be already.  Over all
# returns never more than the call took.  LINE is told in errors.
sub parts_to_return
{
	my ($self, $call, $returned, @line) = @_;
	my @taken = $self->taken_under($call->{of_key}, $call->{sku});

	@line = (line => @line) if @line;
	raise('IV008', @line, of_key => $call->{of_key}, sku => $call->{sku})
	  if !@taken;

	my ($left, @parts) = (0);
	$_->{left} -= $returned->{ $_->{movement}{id} } // 0 foreach @taken;
	$left += $_->{left} foreach @taken;
	my $wanted = $call->{quantity} // $left;
	raise('IV009',
		defined $call->{quantity}
		? (@line, of_key => $call->{of_key}, requested => 0 + $wanted,
			available => $left)
		: ())
	  if $wanted > $left || $left == 0;

	foreach my $taken (@taken)
	{
		my $row = $taken->{row};
		my $quantity = $taken->{left} < $wanted ? $taken->{left} : $wanted;

		next if $quantity == 0;
		$wanted -= $quantity;
		push @parts,
		  {
			place => {
				sku => $row->{sku},
				location => $call->{location} // $row->{location}
			},
			original => $taken->{movement},
			quantity => $quantity
		  };
	}
	return @parts;
}

# what the call with this key deducted, and what of it is still to return
sub taken_under
{
	my ($self, $key, $sku) = @_;
	my @taken;

	foreach my $row ($self->all_rows)
	{
		next if $row->{sku} ne ($sku // $row->{sku});
		push @taken,
		  map { { row => $row, movement => $_, left => -$_->{on_hand_delta} } }
		  grep { $_->{kind} eq 'deduct' && ($_->{key} // '') eq $key }
		  @{ $row->{movements} };
	}
	foreach my $taken (@taken)
	{
		$taken->{left} -= $_->{on_hand_delta}
		  foreach grep { ($_->{original_id} // 0) == $taken->{movement}{id} }
		  map { @{ $_->{movements} } } $self->all_rows;
	}
	return sort { $a->{movement}{id} <=> $b->{movement}{id} } @taken;
}

sub all_rows
{
	my ($self) = @_;
	my $stock = $self->state->{stock};
	return map { $stock->{$_} } sort keys %$stock;
}

sub set_limits
{
	my ($self, $call) = @_;
	$self->refuse_bundle($call);
	my ($sku, $location) = @$call{qw(sku location)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown) if $unknown;

	my $row = $self->stock_row($sku, $location);
	my @given = grep { defined $call->{$_} } @limits;

	$row->{own} = @given ? 1 : 0;
	@$row{@given} = @$call{@given};
	@$row{@limits} = @{ $self->state->{items}{$sku} }{@limits} if !@given;
	$self->keep_row($row);
	return outcome($row, 'ok', undef);
}

1;
