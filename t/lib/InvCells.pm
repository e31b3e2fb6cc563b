# InvCells - the cells of the call matrix
#
# A row (see InvRowParts.pm) is one call in one situation.  Out of each row come
# cells: that call in all kinds of transactions, at all isolation levels, with
# all uses of a key, strict and not.  A cell is what there is at first (the
# row's items and stock) and a list of steps:
#
#   [call => function => { arguments }], [set => { settings }],
#   [item => sku => { columns }], [look], [available => sku, location],
#   [later], and those that are one statement: [begin], [savepoint], [rollback_to],
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

# The basic kinds at all levels; neighbours differ in both.
my @transactions = map {
	my $turn = $_;
	map { [ $basic[$_], $isolations[ ($turn + $_) % @isolations ] ] }
	  0 .. $#basic
} 0 .. $#isolations;

# --- uses of a key -----------------------------------------------------------

# A use of a key is a name and the earlier call with it, made of the call
# itself, before the transaction or within it.  The key of a hold is its name,
# which all calls about it have.
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

# cells(ROW) - all cells of a row: each call, which is a use of a key, strict
# or not, in those transactions that can make a difference to it.
#
# Whether the earlier call with a key is found depends on the kind of
# transaction and on the isolation level: the basic uses are in each of both.
# Further uses find it likewise, and further kinds only end otherwise: these
# take turns at the levels.  A brief row has others beside it, of the same
# function, that are in every transaction: its calls take turns at both.
sub cells
{
	my ($row) = @_;
	my $function = $InvFunctions::function{ $row->{call}[0] };
	my $keyed = $function->{key} || $function->{hold};
	my @uses =
	    $function->{key} ? @basic_uses
	  : $function->{hold} ? @basic_uses[ 0, 2 ] : $basic_uses[0];
	my @changed = changed_uses($row);

	return cells_in($row, \&in_the_first, $basic_uses[0]) if $row->{once};
	pop @uses
	  if $keyed && $row->{brief} && $row->{says} =~ /^\d/;  # nothing to replay
	return cells_in($row, \&in_one, @uses, @changed) if $row->{brief};
	return (
		cells_in($row, \&in_all, @uses),
		cells_in($row, in_each_of(@further), @uses),
		cells_in($row, in_each_of(@basic), $keyed ? further_uses($row) : ()),
		cells_in($row, \&in_one, @changed));
}

# changed_uses(ROW) - in which the earlier call had other arguments, and in
# which these only were spelled otherwise
sub changed_uses
{
	my ($row) = @_;
	return (
		(map { changed_use('key with', $_) } ($row->{others} // [])->@*),
		(map { changed_use('replay of', $_) } ($row->{same} // [])->@*));
}

sub further_uses
{
	my ($row) = @_;
	my $function = $InvFunctions::function{ $row->{call}[0] };

	return (
		$further_uses[0],
		$function->{key}
		? (
			$further_uses[1],
			changed_use('key with', { reason => 'another' })) : (),
		$function->{strict} ? $other_strictness : ());
}

# These say in which transactions, [kind, level], the call with a number is.
sub in_all
{
	return @transactions;
}

sub in_the_first
{
	return $transactions[0];
}

sub in_one
{
	my ($number) = @_;
	return $transactions[ $number % @transactions ];
}

sub in_each_of
{
	my (@kinds) = @_;
	return sub {
		my ($number) = @_;
		return
		  map { [ $kinds[$_], $isolations[ ($number + $_) % @isolations ] ] }
		  0 .. $#kinds;
	};
}

# cells_in(ROW, TRANSACTIONS, USES...) - TRANSACTIONS is one of those above.
# Rows begin with different numbers, lest all have the same call in the same
# transaction.
sub cells_in
{
	my ($row, $transactions, @uses) = @_;
	my $number = length $row->{name};

	return map {
		my $call = $_;
		map { cell($row, $call, @$_) } $transactions->($number++)
	} calls($row, @uses);
}

sub cell
{
	my ($row, $call, $kind, $isolation) = @_;
	return {
		%$call,
		row => $row,
		isolation => $isolation,
		transaction => $kind,
		name => join(', ', $kind, $isolation, $call->{name}),
		steps => [
			$call->{before}->@*,
			$around{$kind}->($call->{within}->@*),
			($row->{after} // [])->@*
		]
	};
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
		call => \@call,
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

	return {} if $InvFunctions::function{$name}{hold};
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
