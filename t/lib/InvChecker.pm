# InvChecker - what clients were told, held against each other
#
# Input are the answers of all calls that were committed, as the clients were
# told them.  From these alone, without a look into the database, each function
# gives a list of contradictions.  Every change of a stock row is told with the
# row's version: so the changes of a row, in order of version, must be without
# gap (nothing that nobody was told of) and without repetition (nothing
# doubled), and each told level must follow from the one before.
package InvChecker;

use strict;
use warnings;

use List::Util qw(sum0);

# new(TOLD) - a list of { name, given, key, rows, in }
sub new
{
	my ($class, $told) = @_;
	my $self = bless { told => $told, stock => {} }, $class;

	foreach my $call ($self->distinct)
	{
		$self->note_changes($call);
	}
	return $self;
}

# the calls, each key once
sub distinct
{
	my ($self) = @_;
	my %seen;
	return grep { !defined $_->{key} || !$seen{ $_->{key} }++ }
	  @{ $self->{told} };
}

sub note_changes
{
	my ($self, $call) = @_;
	my $number = 0;

	foreach my $row (@{ $call->{rows} })
	{
		my $change = change_of($call, $row, $number++);

		next if !$change;
		push @{ $self->{stock}{"$row->{sku}\@$row->{location}"}
			  { $row->{version} } },
		  { call => $call, row => $row, %$change };
	}
	return;
}

# what a row of an answer says to have changed: the difference, if it is told,
# and whether it was taken
sub change_of
{
	my ($call, $row, $number) = @_;
	my $name = $call->{name};
	my $quantity = $row->{quantity};

	return if $row->{status} ne 'ok' || $name eq 'inv_set_limits';
	return { level => $quantity } if $name eq 'inv_adjust';
	return { delta => -$quantity, taken => 1 }
	  if $name eq 'inv_deduct' || $name eq 'inv_transfer' && $number == 0;
	return { delta => $quantity };
}

# --- contradictions ----------------------------------------------------------

# Changes that were lost, doubled, or do not follow from each other.
sub broken_chains
{
	my ($self) = @_;
	my @found;

	foreach my $place (sort keys %{ $self->{stock} })
	{
		my $changes = $self->{stock}{$place};
		my ($first, $last) = (sort { $a <=> $b } keys %$changes)[ 0, -1 ];
		my $level = 0;

		push @found, "$place has a version $first" if $first < 1;
		foreach my $version (1 .. $last)
		{
			my @here = @{ $changes->{$version} // [] };
			push @found, "$place version $version was told "
			  . @here . ' times: ' . join(', ', map { $_->{call}{in} } @here)
			  if @here != 1;
			next if !@here;
			my $told = $here[0]{row}{on_hand};
			my $expected = $here[0]{level} // $level + $here[0]{delta};
			push @found,
			  "$place version $version: $told on hand, expected $expected"
			  if $told != $expected && $changes->{ $version - 1 };
			$level = $told;
		}
		$self->{level}{$place} = { on_hand => $level, version => $last };
	}
	return @found;
}

# oversold(FLOORS) - what was taken though it was not there; { sku => floor }
sub oversold
{
	my ($self, $floors) = @_;
	my @found;

	foreach my $place (sort keys %{ $self->{stock} })
	{
		foreach my $change (map { @$_ } values %{ $self->{stock}{$place} })
		{
			my $row = $change->{row};
			my $floor = $floors->{ $row->{sku} };
			my $keep = $change->{call}{given}{keep};

			next if !$change->{taken} || !defined $floor;
			$floor = $keep if defined $keep && $keep > $floor;
			push @found,
			  "$place version $row->{version}: $row->{on_hand} left of $floor"
			  if $row->{on_hand} < $floor;
		}
	}
	return @found;
}

# Calls with one key whose answers differ, or that were carried out twice.
sub doubled_keys
{
	my ($self) = @_;
	my (%answers, %fresh, @found);

	foreach my $call (grep { defined $_->{key} } @{ $self->{told} })
	{
		my $key = $call->{key};
		my $answer = join ' | ', map {
			my $row = $_;
			join ' ', map { $row->{$_} // 'null' }
			  grep { $_ ne 'replayed' } sort keys %$row
		} @{ $call->{rows} };

		$answers{$key}{$answer}++;
		$fresh{$key}++ if !$call->{rows}[0]{replayed};
	}
	push @found, map { "key $_: " . join(' and ', keys %{ $answers{$_} }) }
	  grep { keys %{ $answers{$_} } > 1 } sort keys %answers;
	push @found, map { "key $_ was carried out $fresh{$_} times" }
	  grep { $fresh{$_} > 1 } sort keys %fresh;
	return @found;
}

# More given back than was taken.
sub returned_too_much
{
	my ($self) = @_;
	my (%taken, %returned);

	foreach my $call ($self->distinct)
	{
		my $quantity =
		  sum0(map { $_->{status} eq 'ok' ? $_->{quantity} // 0 : 0 }
			  @{ $call->{rows} });

		$taken{ $call->{key} } = $quantity
		  if defined $call->{key} && $call->{name} eq 'inv_deduct';
		$returned{ $call->{given}{of_key} } += $quantity
		  if $call->{name} eq 'inv_return';
	}
	return map { "of $_: $returned{$_} of " . ($taken{$_} // 'unknown') }
	  grep { $returned{$_} > ($taken{$_} // 0) } sort keys %returned;
}

# Levels that were told with a refusal, or with new limits, and never existed.
sub levels_that_never_were
{
	my ($self) = @_;
	my @found;

	foreach my $call (@{ $self->{told} })
	{
		foreach my $row (@{ $call->{rows} })
		{
			next if !defined $row->{version};
			my $place = "$row->{sku}\@$row->{location}";
			my $change = $self->{stock}{$place}{ $row->{version} };
			my $level = $change ? $change->[0]{row}{on_hand} : 0;

			push @found, "$call->{in} $call->{name}: $place version "
			  . "$row->{version} had $level, not $row->{on_hand}"
			  if $row->{on_hand} != $level;
		}
	}
	return @found;
}

# the last told level of each place, { place => { on_hand, version } }; after
# broken_chains()
sub levels
{
	my ($self) = @_;
	return $self->{level};
}

# the keys under which something was answered
sub keys_told
{
	my ($self) = @_;
	return grep { defined } map { $_->{key} } $self->distinct;
}

1;
