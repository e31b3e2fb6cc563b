# InvCells - the cells of the call matrix
#
# A row (see InvRows.pm) is one call in one situation.  Out of each row come
# cells: that call in every kind of transaction, at every isolation level,
# with every use of a key, strict and not.  A cell is what there is at first
# (the row's items and stock) and a list of steps:
#
#   [call => function => { arguments }], [set => { settings }],
#   [item => sku => { columns }], [look], [available => sku, location], and
#   those that are one statement: [begin], [savepoint], [rollback_to],
#   [commit], [rollback], [prepare], [commit_prepared], [rollback_prepared]
package InvCells;

use strict;
use warnings;

use InvFunctions;

our @isolations = ('read committed', 'repeatable read', 'serializable');

# Kinds of transaction: the steps around the steps of the call.  `work` is a
# receipt of another item: it must stay or go with the transaction, whatever
# the call answered.  The first three are the most different.
my @work = ([ call => 'inv_receive', { sku => 'work', quantity => 7 } ]);
my @enter = ([ 'begin' ], @work);
my %around = (
	'autocommit' => sub { @_ },
	'block' => sub { (@enter, @_, [ 'look' ], [ 'commit' ]) },
	'savepoint rolled back, again' => sub {
		(@enter, [ 'savepoint' ], @_, [ 'rollback_to' ], @_, [ 'commit' ]);
	},
	'rolled back' => sub { (@enter, @_, [ 'look' ], [ 'rollback' ]) },
	'savepoint rolled back' => sub {
		(@enter, [ 'savepoint' ], @_, [ 'rollback_to' ], [ 'look' ],
			[ 'commit' ]);
	},
	'commit prepared' => sub {
		(@enter, @_, [ 'prepare' ], [ 'look' ], [ 'commit_prepared' ]);
	},
	'rollback prepared' => sub {
		(@enter, @_, [ 'prepare' ], [ 'look' ], [ 'rollback_prepared' ]);
	},
);
our @basic =
  ('autocommit', 'block', 'savepoint rolled back, again');
our @further = (
	'rolled back', 'savepoint rolled back', 'commit prepared',
	'rollback prepared');

# --- uses of a key -----------------------------------------------------------

# A use of a key is a name and the earlier call with it, made of the call
# itself, before the transaction or within it.
my @basic_uses = (
	{ name => 'no key' },
	{ name => 'key' },
	{ name => 'replay', before => sub { @_ } },
);
my @further_uses = (
	{ name => 'replay in the transaction', within => sub { @_ } },
	{ name => 'key of another function', before => \&of_another_function },
);
my $other_strictness = {
	name => 'replay of the other strictness',
	before => sub { changed({ strict => 1 - $_[2]{strict} }, @_) }
};

# --- rows --------------------------------------------------------------------

# the items of a row
sub items_of
{
	my ($row) = @_;
	return { work => {}, ($row->{items} // { A => {} })->%* };
}

# the stock of a row, which is written { sku => quantity } or { sku => {
# location => quantity } }, as arguments of inv_receive
sub stock_of
{
	my ($row) = @_;
	my $stock = $row->{stock} // {};
	my @stock;

	foreach my $sku (sort keys %$stock)
	{
		my $levels = $stock->{$sku};

		$levels = { main => $levels } if !ref $levels;
		push @stock,
		  map { { sku => $sku, location => $_, quantity => $levels->{$_} } }
		  sort keys %$levels;
	}
	return @stock;
}

# --- cells -------------------------------------------------------------------

# cells(ROW) - all cells of a row.  A transaction is a kind and an isolation
# level.
sub cells
{
	my ($row) = @_;
	my $function = $InvFunctions::function{ $row->{call}[0] };
	my @uses = $function->{key} ? @basic_uses : $basic_uses[0];
	my @changed = (
		(map { changed_use('key with', $_) } ($row->{others} // [])->@*),
		(map { changed_use('replay of', $_) } ($row->{same} // [])->@*));

	return cells_in($row, [ [ $basic[0], $isolations[0] ] ], $basic_uses[0])
	  if $row->{once};
	pop @uses if $row->{brief} && $row->{says} =~ /^\d/;    # nothing to replay
	return cells_in($row, [ turned($row) ], @uses, @changed)
	  if $row->{brief};
	return cells_in($row, [ at_all_levels(@basic, @further) ], @uses)
	  if !$function->{key};

	push @uses,
	  shift @changed // changed_use('key with', { reason => 'another' });
	return (
		cells_in(
			$row,
			[ at_all_levels(@basic) ],
			@uses, @further_uses, $function->{strict} ? $other_strictness : ()),
		cells_in($row, [ at_all_levels(@further) ], @uses),
		cells_in($row, [ turned($row) ], @changed));
}

sub at_all_levels
{
	my (@kinds) = @_;
	return map {
		my $kind = $_;
		map { [ $kind, $_ ] } @isolations
	} @kinds;
}

# each of the most different kinds of transaction, at a level of its own: rows
# take turns
sub turned
{
	my ($row) = @_;
	my $turn = length $row->{name};
	return map { [ $basic[$_], $isolations[ ($_ + $turn) % @isolations ] ] }
	  0 .. $#basic;
}

sub cells_in
{
	my ($row, $transactions, @uses) = @_;
	my @calls = calls($row, @uses);

	return map {
		my ($transaction, $isolation) = @$_;
		map {
			{
				%$_,
				row => $row,
				isolation => $isolation,
				transaction => $transaction,
				name => join(', ', $transaction, $isolation, $_->{name}),
				call_at => scalar $_->{before}->@*,
				steps => [
					$_->{before}->@*,
					$around{$transaction}->($_->{within}->@*),
					($row->{after} // [])->@*
				]
			}
		} @calls
	} @$transactions;
}

# calls(ROW, USES...) - the ways to make the call of the row: each use of a
# key, by strictness
sub calls
{
	my ($row, @uses) = @_;
	my ($name, $given) = @{ $row->{call} };
	my $function = $InvFunctions::function{$name};

	return map { one_call($row, $_, $name, $given) } @uses
	  if !$function->{strict} || exists $given->{strict};
	return map {
		my $strict = $_;
		map { one_call($row, $_, $name, { %$given, strict => $strict }) }
		  @uses
	} 1, 0;
}

sub one_call
{
	my ($row, $use, $name, $given) = @_;
	my $key = $use->{name} eq 'no key' ? {} : key_of($name, $given);
	my @call = (call => $name, { %$key, %$given });
	my @title = ($use->{name});

	push @title, $given->{strict} ? 'strict' : 'not strict'
	  if defined $given->{strict};
	return {
		name => join(', ', @title),
		strict => $given->{strict},
		first => $use->{name} =~ /^(?:no key|key)$/ ? 1 : 0,
		before => [
			$row->{settings} ? [ set => $row->{settings} ] : (),
			($row->{before} // [])->@*,
			steps_of($use->{before}, $row, @call)
		],
		within => [ steps_of($use->{within}, $row, @call), \@call ],
	};
}

# the key of a call, or of each of its lines
sub key_of
{
	my ($name, $given) = @_;
	my $lines = $given->{skus} // $given->{quantities};

	return { key => 'key' } if !$InvFunctions::function{$name}{each};
	return { keys => [ map { "key$_" } 1 .. @$lines ] };
}

# steps_of(EARLIER, ROW, CALL...) - the earlier call that EARLIER makes of
# this one.  After it the levels change, so that an outcome that was remembered
# differs from one made afresh.
sub steps_of
{
	my ($earlier, $row, @call) = @_;
	my @change = map {
		[ call => 'inv_receive',
			{ sku => $_->{sku}, location => $_->{location}, quantity => 40 } ]
	} stock_of($row);

	return $earlier ? ([ $earlier->(@call) ], @change) : ();
}

# --- uses of a key, made ------------------------------------------------------

# a use of the key in which the earlier call had other arguments
sub changed_use
{
	my ($verb, $change) = @_;
	my @words = map { "$_=" . InvModel::spelled($change->{$_}) }
	  sort keys %$change;

	return { name => "$verb @words", before => sub { changed($change, @_) } };
}

sub changed
{
	my ($change, $verb, $name, $given) = @_;
	return ($verb, $name, { %$given, %$change });
}

sub of_another_function
{
	my ($verb, $name, $given) = @_;
	my ($another, $number) =
	  $name eq 'inv_receive'
	  ? ('inv_adjust', 'counted') : ('inv_receive', 'quantity');

	return ($verb, $another,
		{ sku => 'work', $number => 3,
			key => $given->{key} // $given->{keys}[0] });
}

1;
