# InvRowsApply - the rows of inv_apply: operations mixed, in one request
package InvRowsApply;

use strict;
use warnings;

use InvRowParts;

# LINES are [op, name => value...]
sub lines
{
	return (lines => [ map { { op => @$_ } } @_ ]);
}

# [NAME, SAYS, LINES, REST...] as rows() wants it; members of the request are
# in REST as `with`
sub asked
{
	return map {
		my ($name, $says, $lines, %rest) = @$_;
		my $with = delete $rest{with} // {};
		[ $name, $says, { lines(@$lines), %$with }, %rest ]
	} @_;
}

# --- operations --------------------------------------------------------------

my @sell = (deduct => sku => 'A', quantity => 3);
my @get = (receive => sku => 'A', quantity => 3);
my @count = (adjust => sku => 'A', counted => 6);
my @move = (transfer => sku => 'A', quantity => 3, to_location => 'north');
my @return = (return => of_key => 'sale');
my @sell_b = (deduct => sku => 'B', quantity => 2);

# A was sold for order 7 with the key `sale`: 8 of 20.
my @sale = (
	stock => { A => 20, B => 5 },
	before => [
		[ call => 'inv_deduct',
			{ sku => 'A', quantity => 8, reference => 'order 7',
				key => 'sale' } ]
	]);

my @mixed = asked(
	[
		'every operation', 'ok',
		[
			[@sell_b], [@count], [ @get, sku => 'C', location => 'south' ],
			[ @move, sku => 'B' ], [ @return, location => 'south' ]
		],
		@sale[ 2, 3 ],
		stock => { A => 20, B => 15, C => 1 },
		items => { A => {}, B => {}, C => {} },
		others => [
			{ lines([@sell_b], [@count]) },
			{ lines([ @sell, sku => 'B', quantity => 2 ]) },
			{ reference => 'r' }, { reason => 'r' }, { occurred_at => $past }
		],
		full => 1
	],
	[
		'one of each', 'ok',
		[ [@sell], [@get], [@move], [@sell_b], [@return] ],
		@sale,
		with => { reference => 'order 8', reason => 'why not' },
		others => [
			{ lines([@sell], [@get], [@move], [@sell_b]) },
			{ lines([@get], [@sell], [@move], [@sell_b], [@return]) }
		],
		same => [
			{
				lines(
					[ @sell, location => 'main', keep => undef ],
					[ @get, quantity => \'3.0' ],
					[ @move, from_location => 'main' ],
					[ @sell_b, location => undef, sources => undef ],
					[ @return, sku => undef, quantity => undef ])
			},
			{ occurred_at => undef }
		],
		full => 1
	],
	[ 'one line', 'ok', [ [@sell] ], stock => { A => 3 } ],
	[
		'a deduction with everything', 'ok',
		[
			[ @sell_b, location => 'north', keep => 4,
				expected_version => 1 ],
			[@sell]
		],
		stock => { A => 4, B => { north => 6 } },
		with => { reference => 'order 1', reason => 'sold',
			occurred_at => $past },
		others => [
			{
				lines([ @sell_b, location => 'north', keep => 4 ], [@sell])
			},
			{
				lines(
					[ @sell_b, location => 'north', expected_version => 1 ],
					[@sell])
			},
			{ occurred_at => $later }
		],
		full => 1
	],
	[ 'numbers as JSON may write them', 'ok',
		[ [ @sell, quantity => \'1e1' ], [ @get, quantity => \'5.000' ] ],
		stock => { A => 30 } ],
	[ 'traced', 'ok', [ [@sell], [@sell_b] ], stock => { A => 5, B => 5 },
		@traced ],
	[
		'at another default', 'ok',
		[ [@sell], [@get], [ @move, to_location => 'south' ] ],
		stock => { A => { main => 9, north => 6 } },
		@elsewhere,
		same => [
			{
				lines(
					[ @sell, location => 'north' ],
					[ @get, location => 'north' ],
					[ @move, from_location => 'north', to_location => 'south' ]
				)
			}
		]
	],
	[ 'to the default', 'ok',
		[ [ transfer => sku => 'A', quantity => 3, from_location => 'north' ] ],
		stock => { A => { north => 6 } } ],
	[ 'later than now', 'ok', [ [@sell], [@get] ], stock => { A => 9 },
		with => { occurred_at => $future } ],
	[ 'longest key', 'ok', [ [@sell] ], with => {@longest_key},
		stock => { A => 5 } ],
	[
		'the key of inv_deduct_many', 'IV007', [ [@sell] ],
		with => { key => 'k' },
		stock => { A => 9 },
		before => [
			[ call => 'inv_deduct_many',
				{ skus => ['A'], quantities => [3], key => 'k' } ]
		]
	],

	# one stock row
	[ 'what comes may go', 'ok', [ [@get], [@sell] ] ],
	[ 'what goes may come after', 'ok', [ [ @sell, quantity => 6 ], [@get] ],
		stock => { A => 4 } ],
	[
		'more goes than came', 'insufficient_stock',
		[ [@get], [ @sell, quantity => 8 ], [@sell_b] ],
		stock => { A => 4, B => 9 },
		full => 1
	],
	[
		'twice the same operations', 'ok',
		[ [@get], [@sell], [ @get, quantity => 1 ], [ @sell, quantity => 2 ] ],
		stock => { A => 4 }
	],
	[
		'moved here and sold', 'ok',
		[
			[ @move, from_location => 'south', to_location => 'main' ],
			[ @sell, quantity => 5 ]
		],
		stock => { A => { main => 2, south => 3 } }
	],
	[ 'moved on', 'ok',
		[ [@move], [ @move, from_location => 'north', to_location => 'south',
				quantity => 2 ] ],
		stock => { A => 3 },
		full => 1 ],
	[ 'moved here and back', 'ok',
		[ [@move], [ @move, from_location => 'north', to_location => 'main' ] ],
		stock => { A => 3 } ],
	[ 'moved to two places', 'ok',
		[ [@move], [ @move, to_location => 'south', quantity => 1 ] ],
		stock => { A => 4 } ],
	[ 'moved to two places, not enough', 'insufficient_stock',
		[ [@move], [ @move, to_location => 'south', quantity => 1 ] ],
		stock => { A => 3 } ],
	[
		'moved and sold, not enough', 'insufficient_stock',
		[ [ @sell_b ], [@move], [@sell] ],
		stock => { A => 5, B => 9 }
	],
	[ 'moved on backorder, and sold', 'ok', [ [@move], [@sell_b] ],
		stock => { A => 1, B => 2 }, items => { A => { backorder_limit => 2 },
			B => {} } ],
	[ 'returned and sold', 'ok', [ [@return], [ @sell, quantity => 20 ] ],
		@sale ],
	[ 'over the limit', '22003', [ [@sell_b], [ @get, quantity => MAX ] ],
		stock => { A => 4, B => 9 } ],
	[ 'more than a number holds', '22003',
		[ ([ @get, quantity => MAX ]) x 2 ] ],

	# counts
	[ 'counted in two bins', 'ok', [ [@count], [ @count, counted => 1 ] ],
		stock => { A => 4 },
		full => 1 ],
	[
		'counted at a time', 'ok',
		[ [@count] ],
		before => [
			[ call => 'inv_receive',
				{ sku => 'A', quantity => 10, occurred_at => $past } ],
			[ call => 'inv_deduct',
				{ sku => 'A', quantity => 4, occurred_at => $latest } ]
		],
		with => { occurred_at => $later }
	],
	[ 'counted here, sold there', 'ok',
		[ [@count], [ @sell, location => 'north' ] ],
		stock => { A => { main => 5, north => 4 } } ],
	[ 'counted at the expected version', 'ok',
		[ [ @count, expected_version => 1 ], [@sell_b] ],
		stock => { A => 5, B => 5 } ],
	[ 'counted at another version', 'version_conflict',
		[ [@sell_b], [ @count, expected_version => 2 ] ],
		stock => { A => 5, B => 5 } ],
	[ 'counted and sold', '22023', [ [@sell], [@sell_b], [@count] ],
		stock => { A => 9, B => 9 } ],
	[ 'received and counted', '22023', [ [@count], [@get] ],
		stock => { A => 9 } ],
	[ 'moved away and counted', '22023', [ [@sell_b], [@move], [@count] ],
		stock => { A => 9, B => 9 } ],
	[ 'moved here and counted', '22023',
		[ [@move], [ @count, location => 'north' ] ],
		stock => { A => 9 } ],
	[ 'returned and counted', '22023', [ [@return], [@count] ], @sale ],

	# conditions
	[ 'the expected version', 'ok',
		[ [ @sell, expected_version => 1 ],
			[ @sell_b, expected_version => 1 ] ],
		stock => { A => 5, B => 5 } ],
	[
		'another version', 'version_conflict',
		[ [@sell_b], [ @sell, expected_version => 2 ], [@sell] ],
		stock => { A => 9, B => 5 },
		full => 1
	],
	[ 'another version, not enough', 'version_conflict',
		[ [ @sell, expected_version => 0 ], [@sell_b] ],
		stock => { A => 1, B => 1 } ],
	[ 'no stock row expected', 'ok',
		[ [ @sell, expected_version => 0 ], [@get] ] ],
	[ 'keeps', 'ok', [ [ @sell, keep => 2 ], [@sell_b] ],
		stock => { A => 5, B => 2 } ],
	[ 'keep too much', 'insufficient_stock',
		[ [@sell_b], [ @sell, keep => 3 ] ], stock => { A => 5, B => 5 } ],
	[ 'keep too much of one stock row', 'insufficient_stock',
		[ [ @sell, keep => 3 ], [@sell], [@sell_b] ],
		stock => { A => 8, B => 5 } ],
	[ 'keep of what comes', 'ok', [ [ @sell, keep => 3 ], [@get] ],
		stock => { A => 3 } ],
	[ 'keep too much where it is moved from', 'insufficient_stock',
		[ [ @move, keep => 3 ] ], stock => { A => { main => 5, north => 9 } } ],
	[
		'keep at each source', 'ok',
		[ [ @sell, quantity => 6, keep => 2, sources => [ 'north', 'main' ] ] ],
		stock => { A => { north => 6, main => 5 } }
	],
	[
		'keep too much at each source', 'insufficient_stock',
		[ [ @sell, quantity => 6, keep => 4, sources => [ 'north', 'main' ] ] ],
		stock => { A => { north => 6, main => 5 } }
	],
	[
		'sources here, a location there', 'ok',
		[
			[ @sell, sources => [ 'north', 'main' ] ],
			[ @sell_b, location => 'south' ],
			[ @get, sku => 'B', location => 'south' ]
		],
		stock => { A => { north => 2, main => 3 } }
	],

	# refusals
	[ 'an unknown item to sell', 'unknown_item',
		[ [@get], [ @sell, sku => 'Z' ] ] ],
	[ 'an unknown item to receive', 'unknown_item',
		[ [ @get, sku => 'Z' ], [@get] ] ],
	[ 'an unknown item to count', 'unknown_item',
		[ [@get], [ @count, sku => 'Z' ] ] ],
	[ 'an unknown item to move', 'unknown_item',
		[ [@get], [ @move, sku => 'Z' ] ],
		full => 1 ],
	[ 'sold at an unknown location', 'unknown_location',
		[ [@get], [ @sell, location => 'nowhere' ] ] ],
	[ 'received at an unknown location', 'unknown_location',
		[ [ @get, location => 'nowhere' ] ] ],
	[ 'counted at an unknown location', 'unknown_location',
		[ [@get], [ @count, location => 'nowhere' ] ] ],
	[ 'moved from an unknown location', 'unknown_location',
		[ [@get], [ @move, from_location => 'nowhere' ] ] ],
	[ 'moved to an unknown location', 'unknown_location',
		[ [@get], [ @move, to_location => 'nowhere' ] ], stock => { A => 9 } ],
	[ 'returned to an unknown location', 'unknown_location',
		[ [@get], [ @return, location => 'nowhere' ] ], @sale ],
	[ 'inactive: sold', 'inactive_item', [ [@get], [@sell], [@sell_b] ],
		stock => { A => 9, B => 9 }, items => { A => { active => 0 }, B => {} }
	],
	[ 'inactive: all else', 'ok', [ [@get], [@move], [ @count, sku => 'B' ] ],
		stock => { A => 9 },
		items => { A => { active => 0 }, B => { active => 0 } } ],
	[
		'refused for several reasons', 'insufficient_stock',
		[
			[@get], [ @sell, location => 'north' ], [ @sell, sku => 'Z' ],
			[ @move, sku => 'B', from_location => 'nowhere' ], [@sell_b],
			[ @count, location => 'south', expected_version => 7 ]
		],
		stock => { A => 9, B => 9 },
		items => { A => {}, B => { active => 0 } },
		full => 1
	],
);

# --- returns -----------------------------------------------------------------

my @returns = asked(
	[ 'all', 'ok', [ [@return] ], @sale, with => { reason => 'broken' },
		others => [ { reason => 'r' }, { lines([ @return, sku => 'A' ]) } ],
		full => 1 ],
	[
		'some, elsewhere', 'ok',
		[ [ @return, quantity => 2, sku => 'A', location => 'north' ],
			[@sell_b] ],
		@sale,
		with => { reference => 'not the one of the return' }
	],
	[ 'twice', 'ok', [ [ @return, quantity => 5 ], [@return] ], @sale ],
	[ 'twice, to two places', 'ok',
		[ [ @return, quantity => 5 ], [ @return, location => 'north' ] ],
		@sale ],
	[ 'twice, too many', 'IV009',
		[ [ @return, quantity => 5 ], [ @return, quantity => 4 ] ], @sale,
		full => 1 ],
	[ 'too many', 'IV009', [ [@sell_b], [ @return, quantity => 9 ] ], @sale ],
	[
		'nothing left', 'IV009', [ [@return] ],
		@sale[ 0, 1 ],
		before =>
		  [ @{ $sale[3] }, [ call => 'inv_return', { of_key => 'sale' } ] ]
	],
	[ 'of no call', 'IV008', [ [@get], [@return] ] ],
	[ 'of no call, beside a refusal', 'IV008', [ [@sell], [@return] ] ],
	[ 'of another item', 'IV008', [ [ @return, sku => 'work' ] ], @sale ],
	[ 'of this call', 'IV008', [ [@sell], [@return] ],
		stock => { A => 9 }, with => { key => 'sale' } ],
	[
		'of many lines', 'ok',
		[ [@return], [@get] ],
		stock => { A => { main => 9, north => 5 }, B => 5 },
		before => [
			[ call => 'inv_deduct_many',
				{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 2, 4 ],
					locations => [ 'north', 'main', 'main' ],
					reference => 'order 7', key => 'sale' } ]
		],
		full => 1
	],
	[
		'from two places to one', 'ok',
		[ [ @return, location => 'south', quantity => 4 ], [@return] ],
		stock => { A => { main => 9, north => 5 } },
		before => [
			[ call => 'inv_deduct_many',
				{ skus => [ 'A', 'A' ], quantities => [ 3, 4 ],
					locations => [ 'north', 'main' ], key => 'sale' } ]
		]
	],
	[
		'of a request', 'ok',
		[ [@return] ],
		stock => { A => 9 },
		before => [
			[ call => 'inv_apply',
				{ key => 'sale', lines([@get], [@sell], [@move]) } ]
		]
	],
);

# --- what is wrong with a request --------------------------------------------

my @good = (op => 'receive', sku => 'A', quantity => 1);

# Each has a good line before the one that is wrong.
sub bad_lines
{
	return map {
		my ($name, $line) = @$_;
		$line = { op => @$line } if ref $line eq 'ARRAY';
		[ "line: $name", '22023', { lines => [ {@good}, $line ] },
			stock => { A => 9 }, once => 1, group => 'bad lines' ]
	} @_;
}

# a value of this field in such a line
sub bad_fields
{
	my ($line, $field, @values) = @_;
	return bad_lines(
		map { [ "$line->[0], $field " . shown($_), [ @$line, $field => $_ ] ] }
		  @values);
}

my @wrong_names = (\'5', \'true', \'{}', \'["A"]', $long);
my @wrong_numbers =
  (\'"5"', \'true', \'5.5', \'[5]', \'{}', -1, MAX + 1, \'1e30');

my @bad = (
	[ 'no request', '22004', { request => undef } ],
	[ 'no lines', '22023', { lines => [] } ],
	bad('22023', request => '[]', request => 'null', request => '5',
		request => '"deduct"', request => 'true', request => '{}'),
	bad('22023', lines => undef, lines => \'{}',
		lines => \'"deduct"', lines => \'5', reference => \'5',
		reference => \'["r"]', reason => \'true', reason => \'{}',
		key => \'5', key => \'["k"]', strict => \'"yes"', strict => \'1',
		strict => \'"true"', occurred_at => \'5', occurred_at => \'true',
		colour => 'red', sku => 'A', op => 'deduct'),
	bad('22023', @long_key, key => '', reference => $long, reason => $long,
		occurred_at => 'infinity'),
	bad_lines(
		[ 'null', undef ],
		[ 'a number', \'5' ],
		[ 'a string', \'"deduct"' ],
		[ 'an array', \'[]' ],
		[ 'empty', {} ],
		[ 'no operation', { sku => 'A', quantity => 3 } ],
		[ 'operation null', [undef] ],
		[ 'operation 5', [ \'5', sku => 'A', quantity => 3 ] ],
		[ 'unknown operation', [ 'sell', sku => 'A', quantity => 3 ] ],
		[ 'operation in capitals', [ 'DEDUCT', sku => 'A', quantity => 3 ] ],
		[ 'deduct without sku', [ 'deduct', quantity => 3 ] ],
		[ 'deduct without quantity', [ 'deduct', sku => 'A' ] ],
		[ 'receive without sku', [ 'receive', quantity => 3 ] ],
		[ 'receive without quantity', [ 'receive', sku => 'A' ] ],
		[ 'adjust without sku', [ 'adjust', counted => 3 ] ],
		[ 'adjust without counted', [ 'adjust', sku => 'A' ] ],
		[ 'transfer without sku',
			[ 'transfer', quantity => 3, to_location => 'north' ] ],
		[ 'transfer without quantity',
			[ 'transfer', sku => 'A', to_location => 'north' ] ],
		[ 'return without of_key', [ 'return', sku => 'A' ] ],
		[ 'transfer to itself', [ @move, to_location => 'main' ] ],
		[ 'transfer to itself by default',
			[ 'transfer', sku => 'A', quantity => 3 ] ],
		[ 'location and sources',
			[ @sell, location => 'main', sources => ['main'] ] ]),
	bad_fields([@sell], sku => undef, @wrong_names),
	bad_fields([@sell], quantity => undef, 0, @wrong_numbers),
	bad_fields([@sell], location => @wrong_names),
	bad_fields([@sell], keep => @wrong_numbers),
	bad_fields([@sell], expected_version => @wrong_numbers),
	bad_fields([@sell],
		sources => \'"main"', \'5', \'{}', [ \'5' ], [ \'["main"]' ],
		[ 'main', 'main' ], ['x' x 2000]),
	bad_fields([@count], counted => undef, @wrong_numbers),
	bad_fields([@move], from_location => @wrong_names),
	bad_fields([@move], to_location => @wrong_names),
	bad_fields([@return], of_key => undef, @wrong_names),
	bad_fields([@return], quantity => 0, @wrong_numbers),
	# fields that are there, but not in this operation
	bad_fields([@sell], counted => 3),
	bad_fields([@sell], to_location => 'north'),
	bad_fields([@sell], key => 'k'),
	bad_fields([@sell], reference => 'r'),
	bad_fields([@sell], price => \'5'),
	bad_fields([@get], keep => 3),
	bad_fields([@get], expected_version => 3),
	bad_fields([@get], sources => ['main']),
	bad_fields([@count], quantity => 3),
	bad_fields([@count], keep => 3),
	bad_fields([@move], location => 'main'),
	bad_fields([@move], expected_version => 1),
	bad_fields([@return], keep => 1),
	bad_fields([@return], from_location => 'main'),
	[ 'more lines than may be', '22023', { lines([@get], [@get]) },
		settings => { 'inventory.max_lines' => 1 } ],
	@anywhere);

our @rows = lined(
	inv_apply => { lines([@sell]) },
	@mixed, @returns, @bad);

our %answers = (
	inv_apply => [
		qw(ok unknown_item unknown_location inactive_item version_conflict
		  insufficient_stock IV007 IV008 IV009 22003)
	],
);

1;
