# InvOrders - random orders, and what an order of many lines must answer
#
# The orders name items with repetition, bundles, what is not sold and what is
# not there.  `expected` is the contract of inv_deduct_many(strict => false) as
# arithmetic on the tables before the call; it shares nothing with the
# extension but the words.
package InvOrders;

use strict;
use warnings;

use List::Util qw(min sum0 uniq);
use POSIX qw(floor);

our @locations = qw(main shop attic depot);
our %component = (
	K1 => { P1 => 2, P2 => 1 },
	K2 => { K1 => 1, P3 => 3 },
	K3 => { K2 => 2, K1 => 1, P4 => 1 },
	K4 => { P5 => 1 },
	G => { P1 => 1, ghost => 1 });
our @plain = map { "P$_" } 1 .. 12;

# statements that make the catalogue
sub catalogue
{
	my @sql = (
		'CREATE EXTENSION inventory',
		q{INSERT INTO inv_location (location, sellable, priority) VALUES
			('main', true, 5), ('shop', true, 1), ('attic', false, 0),
			('depot', true, 5)},
		q{INSERT INTO inv_item (sku, safety_stock, backorder_limit)
			SELECT 'P' || g, CASE WHEN g % 3 = 0 THEN 2 ELSE 0 END,
				CASE WHEN g % 4 = 0 THEN 5 ELSE 0 END
			  FROM generate_series(1, 12) g},
		q{INSERT INTO inv_item (sku) VALUES
			('K1'), ('K2'), ('K3'), ('K4'), ('G')});

	foreach my $sku (sort keys %component)
	{
		push @sql, map {
			"INSERT INTO inv_bundle VALUES ('$sku', '$_', "
			  . "$component{$sku}{$_})"
		} sort keys %{ $component{$sku} };
	}
	return @sql;
}

sub one_of
{
	return $_[ rand @_ ];
}

sub chance
{
	return rand 100 < $_[0];
}

# --- what happens between the orders -----------------------------------------

# a few statements, all of which succeed
sub events
{
	return map { event() } 1 .. 1 + rand 3;
}

sub event
{
	my $sku = one_of(@plain);
	my $location = one_of(@locations);
	my $number = 1 + int rand 25;
	my $kind = rand 100;

	return "SELECT inv_receive('$sku', $number, '$location')" if $kind < 70;
	return "SELECT inv_adjust('$sku', $number, '$location')" if $kind < 78;
	return 'UPDATE inv_item SET safety_stock = ' . int(rand 3)
	  . ', backorder_limit = ' . int(rand 5) . " WHERE sku = '$sku'"
	  if $kind < 84;
	return "SELECT inv_set_limits('$sku', '$location', backorder_limit => "
	  . int(rand 6) . ')'
	  if $kind < 88;
	$sku = one_of(@plain, qw(K1 K2 K4));
	return 'UPDATE inv_item SET active = '
	  . (chance(25) ? 'false' : 'true')
	  . " WHERE sku = '$sku'"
	  if $kind < 92;
	return 'UPDATE inv_item SET active = true' if $kind < 96;
	return 'UPDATE inv_location SET sellable = '
	  . (chance(30) ? 'false' : 'true')
	  if $kind < 98;
	return 'UPDATE inv_location SET priority = ' . int(rand 3)
	  . ", sellable = location <> '" . one_of(@locations) . q{'}
	  . " WHERE location = '$location'";
}

# --- orders ------------------------------------------------------------------

# lines(MOST) - a list of { sku, quantity, location }; the location may be null
sub lines
{
	my ($most) = @_;
	my $where = one_of(qw(null one each each));
	my $one = one_of(@locations);
	my @few = map { one_of(@plain) } 1 .. 3;

	my @lines = map {
		{
			sku => random_sku(@few),
			quantity => chance(3) ? 40 : 1 + int rand 4,
			location => $where eq 'null' ? undef
			  : $where eq 'one' ? $one
			  : chance(2) ? 'nowhere' : one_of(@locations)
		}
	} 1 .. 1 + rand $most;

	# which of its two faults is told of this is open
	return grep { $_->{sku} ne 'G' || ($_->{location} // '') ne 'nowhere' }
	  @lines, { sku => 'P1', quantity => 1, location => $lines[0]{location} };
}

sub random_sku
{
	my (@few) = @_;
	my $kind = rand 100;

	return one_of(@few) if $kind < 40;    # with repetition
	return one_of(@plain) if $kind < 75;
	return one_of(qw(K1 K2 K3 K4)) if $kind < 97;
	return one_of(qw(G unknown p1));
}

# arrays(LINES) - skus, quantities, locations: null, one for all, or one each
sub arrays
{
	my @lines = @_;
	my @where = map { $_->{location} } @lines;
	my $locations =
		!defined $where[0] ? undef
	  : uniq(@where) == 1 && chance(50) ? [ $where[0] ]
	  : \@where;

	return (
		[ map { $_->{sku} } @lines ],
		[ map { $_->{quantity} } @lines ], $locations);
}

# sources() - candidate locations, or undef where the lines name theirs
sub sources
{
	my @left = @locations;
	my @sources;

	return if chance(60);
	return [] if chance(40);
	push @sources, splice @left, rand @left, 1
	  foreach 1 .. 1 + rand @locations;
	push @sources, 'nowhere' if chance(3);
	return \@sources;
}

# --- what an order of many lines must answer ---------------------------------

# expected(WORLD, LINES, SOURCES) - the rows; a member that the contract leaves
# open is missing.  WORLD: { stock => { "sku location" => row }, item => { sku
# => row }, sellable => [locations] }.
sub expected
{
	my ($world, $lines, $sources) = @_;
	my $self = bless {
		world => $world,
		lines => $lines,
		sources => $sources,
		taken => {},    # place => quantity
	}, __PACKAGE__;

	$sources = $self->{sources} = @{ $world->{sellable} }
	  ? $world->{sellable} : ['main']
	  if $sources && !@$sources;
	$self->{parts} = [ map { leaves($_->{sku}) } @$lines ];
	$self->{status} = [ map { $self->known($_) } 0 .. $#$lines ];
	$self->demand;
	$self->refuse_short;
	return $self->refused if grep { $_ ne 'ok' } @{ $self->{status} };
	return $self->done;
}

# leaves(SKU) - the components of a bundle's nesting with their units
sub leaves
{
	my ($sku) = @_;
	my $parts = $component{$sku} or return { $sku => 1 };
	my %leaves;

	foreach my $part (keys %$parts)
	{
		my $inner = leaves($part);
		$leaves{$_} += $parts->{$part} * $inner->{$_} foreach keys %$inner;
	}
	return \%leaves;
}

sub place_of
{
	my ($self, $number, $sku) = @_;
	return "$sku " . ($self->{lines}[$number]{location} // 'main');
}

# what is said of a line whatever is on the shelves
sub known
{
	my ($self, $number) = @_;
	my $line = $self->{lines}[$number];
	my @skus = ($line->{sku}, keys %{ $self->{parts}[$number] });
	my @where = @{ $self->{sources} // [ $line->{location} // 'main' ] };

	return 'unknown_item'
	  if grep { !$self->{world}{item}{$_} } @skus;
	return 'unknown_location' if grep { $_ eq 'nowhere' } @where;
	return 'inactive_item'
	  if grep { !$self->{world}{item}{$_}{active} } @skus;
	return 'ok';
}

# the row of a place, or what it would be if it were made
sub row
{
	my ($self, $place) = @_;
	my ($sku) = split / /, $place;

	return $self->{world}{stock}{$place} // {
		on_hand => 0,
		reserved => 0,
		version => 0,
		%{ $self->{world}{item}{$sku} }
	  };
}

sub on_shelf
{
	my ($self, $place) = @_;
	my $row = $self->row($place);
	return $row->{on_hand} - $row->{reserved} - $row->{safety_stock};
}

sub available
{
	my ($self, $place) = @_;
	return $self->on_shelf($place) + $self->row($place)->{backorder_limit};
}

# Sum what is asked of each place or, with sources, of each item.
sub demand
{
	my ($self) = @_;

	foreach my $number (0 .. $#{ $self->{lines} })
	{
		my $parts = $self->{parts}[$number];

		foreach my $sku (keys %$parts)
		{
			my $whom =
			  $self->{sources} ? $sku : $self->place_of($number, $sku);
			$self->{demand}{$whom} +=
			  $parts->{$sku} * $self->{lines}[$number]{quantity};
		}
	}
	return;
}

sub refuse_short
{
	my ($self) = @_;

	foreach my $number (0 .. $#{ $self->{lines} })
	{
		next if $self->{status}[$number] ne 'ok';
		$self->{status}[$number] = 'insufficient_stock'
		  if grep { $self->is_short($number, $_) }
		  keys %{ $self->{parts}[$number] };
	}
	return;
}

sub is_short
{
	my ($self, $number, $sku) = @_;

	return !$self->{shares}{$sku}
	  && !($self->{shares}{$sku} = $self->choose($sku))
	  if $self->{sources};
	my $place = $self->place_of($number, $sku);
	return $self->{demand}{$place} > $self->available($place);
}

# choose(SKU) - where it is taken from: a list of [ place, quantity ], none if
# all of them have too little
sub choose
{
	my ($self, $sku) = @_;
	my $wanted = $self->{demand}{$sku};
	my @places = map { "$sku $_" } @{ $self->{sources} };

	foreach my $measure (qw(on_shelf available))
	{
		my ($first) = grep { $self->$measure($_) >= $wanted } @places;
		return [ [ $first, $wanted ] ] if $first;

		my $left = $wanted;
		my @shares;
		foreach my $place (@places)
		{
			my $share = min($left, $self->$measure($place));
			next if $share <= 0;
			push @shares, [ $place, $share ];
			$left -= $share;
		}
		return \@shares if !$left;
	}
	return;
}

# --- rows --------------------------------------------------------------------

sub refused
{
	my ($self) = @_;
	return map { $self->refusal($_) } 0 .. $#{ $self->{lines} };
}

sub refusal
{
	my ($self, $number) = @_;
	my $line = $self->{lines}[$number];
	my $status = $self->{status}[$number];
	my %row = (
		line => $number + 1,
		status => $status eq 'ok' ? 'not_applied' : $status,
		sku => $line->{sku},
		quantity => $line->{quantity});

	return { %row,
		$self->{sources} ? () : (location => $line->{location} // 'main') }
	  if $status =~ /^unknown/;
	return {
		%row,
		location => $line->{location} // 'main',
		version => $component{ $line->{sku} } ? undef
		: $self->row($self->place_of($number, $line->{sku}))->{version},
		$self->complete($number, sub { $self->place_of($number, $_[0]) })
	  }
	  if !$self->{sources};
	return {
		%row,
		location => undef,
		version => undef,
		reserved => undef,
		$self->complete(
			$number,
			sub { map { "$_[0] $_" } @{ $self->{sources} } })
	};
}

# on hand and available of what was asked for: of a bundle so many as its
# components make
sub complete
{
	my ($self, $number, $places_of) = @_;
	my $parts = $self->{parts}[$number];
	my %numbers;

	foreach my $sku (keys %$parts)
	{
		my @places = $places_of->($sku);
		my $on_hand = sum0(map { $self->row($_)->{on_hand} } @places);
		my $available = sum0(map { $self->available($_) } @places);
		my $taken = sum0(map { $self->{taken}{$_} // 0 } @places);

		push @{ $numbers{on_hand} },
		  floor(($on_hand - $taken) / $parts->{$sku});
		push @{ $numbers{available} },
		  floor(($available - $taken) / $parts->{$sku});
	}
	return map { $_ => min(@{ $numbers{$_} }) } keys %numbers;
}

sub done
{
	my ($self) = @_;

	foreach my $number (0 .. $#{ $self->{lines} })
	{
		$self->take($number, $_) foreach sort keys %{ $self->{parts}[$number] };
	}
	return map { $self->outcomes($_) } 0 .. $#{ $self->{lines} };
}

# deal a line its shares
sub take
{
	my ($self, $number, $sku) = @_;
	my $left = $self->{parts}[$number]{$sku}
	  * $self->{lines}[$number]{quantity};
	my $shares = $self->{sources} ? $self->{shares}{$sku}
	  : [ [ $self->place_of($number, $sku), $left ] ];

	foreach my $share (@$shares)
	{
		my $part = min($left, $share->[1]);
		next if !$part;
		$share->[1] -= $part;
		$left -= $part;
		$self->{taken}{ $share->[0] } += $part;
		push @{ $self->{dealt}[$number] }, [ $share->[0], $part ];
	}
	return;
}

sub outcomes
{
	my ($self, $number) = @_;
	my $line = $self->{lines}[$number];
	my @dealt = @{ $self->{dealt}[$number] };
	my %row = (line => $number + 1, status => 'ok', sku => $line->{sku});

	if ($component{ $line->{sku} })
	{
		my @where = uniq(map { (split / /)[1] } map { $_->[0] } @dealt);
		my $location = @where == 1 ? $where[0] : undef;
		return {
			%row,
			quantity => $line->{quantity},
			location => $location,
			version => undef,
			reserved => undef,
			movement_id => undef,
			$location
			? $self->complete($number, sub { "$_[0] $location" }) : ()
		};
	}
	return map {
		my ($place, $quantity) = @$_;
		my $row = $self->row($place);
		my $taken = $self->{taken}{$place};
		+{
			%row,
			quantity => $quantity,
			location => (split / /, $place)[1],
			on_hand => $row->{on_hand} - $taken,
			reserved => $row->{reserved},
			available => $self->available($place) - $taken,
			version => $row->{version} + 1
		}
	} @dealt;
}

1;
