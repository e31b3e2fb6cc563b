# InvRowsEach - the rows of inv_deduct_each, whose lines have keys of their own
package InvRowsEach;

use strict;
use warnings;

use InvRowParts;

my @stocked = (stock => { A => 10, B => 5 });
my %line = (sku => 'A', quantity => 3);

our @rows = lined(
	inv_deduct_each => { skus => [ 'A', 'B' ], quantities => [ 3, 2 ] },
	[
		'takes', 'ok', {},
		@stocked,
		others => [
			{ quantities => [ 4, 2 ] }, { quantities => [ 3, 1 ] },
			{ skus => [ 'B', 'A' ] }, { locations => [ 'north', 'main' ] },
			{ locations => [ 'main', 'north' ] }, { reason => 'r' },
			{ line_references => [ 'r', undef ] },
			{ line_references => [ undef, 'r' ] }
		],
		same => [
			{ locations => ['main'] }, { locations => [ 'main', 'main' ] },
			{ line_references => [ undef, undef ] }
		],
		full => 1
	],
	[ 'one line', 'ok', { skus => ['A'], quantities => [3] },
		stock => { A => 3 } ],
	[ 'one stock row three times', 'ok',
		{ skus => [ 'A', 'B', 'A', 'A' ], quantities => [ 3, 1, 4, 2 ] },
		stock => { A => 9, B => 5 },
		full => 1 ],
	[
		'enough for some', 'insufficient_stock',
		{ skus => [ 'A', 'A', 'B', 'A' ], quantities => [ 3, 3, 1, 2 ] },
		stock => { A => 5, B => 5 },
		full => 1
	],
	[ 'on backorder', 'ok',
		{ skus => [ 'A', 'A', 'A' ], quantities => [ 3, 3, 3 ] },
		stock => { A => 4 }, limited(backorder_limit => 5) ],
	[ 'on backorder, without a stock row', 'ok', {},
		limited(backorder_limit => 3) ],
	[ 'out of the safety stock', 'insufficient_stock',
		{ skus => [ 'A', 'A' ] }, stock => { A => 6 },
		limited(safety_stock => 2) ],
	[
		'with everything', 'ok',
		{ locations => [ 'south', 'north' ], reason => 'sold',
			line_references => [ 'order 1', 'order 2' ] },
		stock => { A => { south => 4 }, B => { main => 1, north => 3 } },
		others => [ { line_references => undef } ],
		full => 1
	],
	[ 'all at one location', 'ok', { locations => ['north'] },
		stock => { A => { north => 3 }, B => { north => 9 } },
		same => [ { locations => [ 'north', 'north' ] } ] ],
	[ 'traced', 'ok', {}, @stocked, @traced ],
	[ 'at another default', 'ok', {},
		stock => { A => { main => 9, north => 4 }, B => { north => 2 } },
		@elsewhere, same => [ { locations => ['north'] } ] ],
	[ 'thirty lines', 'insufficient_stock',
		{ skus => [ ('A', 'B') x 15 ], quantities => [ (1, 2) x 15 ] },
		stock => { A => 9, B => 31 } ],
	[ 'nothing there', 'insufficient_stock', {} ],
	[ 'far too many', 'insufficient_stock', { quantities => [ MAX, MAX ] },
		@stocked ],
	[ 'an unknown item', 'unknown_item', { skus => [ 'Z', 'B' ] },
		@stocked ],
	[ 'an unknown location', 'unknown_location',
		{ locations => [ 'nowhere', 'main' ] }, @stocked ],
	[ 'an inactive item', 'inactive_item', {}, @stocked,
		items => { A => {}, B => { active => 0 } } ],
	[
		'every status', 'unknown_item',
		{
			skus => [ 'A', 'Z', 'A', 'B', 'A', 'A' ],
			quantities => [ 1, 2, 3, 4, 5, 6 ],
			locations =>
			  [ 'north', 'main', 'nowhere', 'main', 'main', 'north' ]
		},
		stock => { A => { main => 4, north => 7 }, B => 9 },
		items => { A => {}, B => { active => 0 } },
		full => 1
	],

	# keys of lines
	[ 'some lines with keys', 'ok', { keys => [ undef, 'k' ] }, @stocked ],
	[
		'a key twice', 'ok',
		{ skus => [ 'A', 'A', 'A' ], quantities => [ 3, 3, 3 ],
			keys => [ 'k', undef, 'k' ] },
		@stocked,
		full => 1
	],
	[
		'the key of a refusal twice', 'insufficient_stock',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 30, 2, 30 ],
			keys => [ 'k', 'l', 'k' ] },
		@stocked
	],
	[ 'a key twice, with another quantity', 'IV007',
		{ skus => [ 'A', 'A' ], keys => [ 'k', 'k' ] }, @stocked ],
	[ 'a key twice, at another location', 'IV007',
		{ skus => [ 'A', 'A' ], quantities => [ 3, 3 ], keys => [ 'k', 'k' ],
			locations => [ 'main', 'north' ] },
		stock => { A => { north => 5, main => 9 } } ],
	[ 'a key twice, with another reference', 'IV007',
		{ skus => [ 'A', 'A' ], quantities => [ 3, 3 ], keys => [ 'k', 'k' ],
			line_references => [ 'r', 's' ] },
		@stocked ],
	[
		'the key of a single call', 'ok',
		{ keys => [ 'k', undef ], line_references => [ 'r', undef ],
			reason => 'sold' },
		@stocked,
		before => [
			[ call => 'inv_deduct',
				{ %line, key => 'k', reference => 'r', reason => 'sold' } ]
		]
	],
	[
		'the key of a single call that was refused', 'insufficient_stock',
		{ keys => [ 'k', undef ] },
		stock => { A => 2, B => 5 },
		before => [
			[ call => 'inv_deduct', { %line, key => 'k', strict => 0 } ],
			[ call => 'inv_receive', { sku => 'A', quantity => 9 } ]
		]
	],
	[
		'the key of a single call with more arguments', 'IV007',
		{ keys => [ undef, 'k' ], skus => [ 'B', 'A' ],
			quantities => [ 2, 3 ] },
		@stocked,
		before => [ [ call => 'inv_deduct', { %line, key => 'k', keep => 1 } ] ]
	],
	[
		'the key of another call', 'IV007',
		{ keys => [ undef, 'k' ] },
		@stocked,
		before => [
			[ call => 'inv_deduct_many',
				{ skus => ['B'], quantities => [2], key => 'k' } ]
		]
	],
	[
		'a single call with the key of a line', 'ok',
		{ keys => [ 'k', 'l' ], reason => 'sold' },
		@stocked,
		after => [
			[ call => 'inv_deduct', { %line, key => 'k', reason => 'sold' } ],
			[ call => 'inv_deduct', { %line, key => 'l', reason => 'sold' } ],
			[ call => 'inv_return', { of_key => 'k', quantity => 1 } ]
		],
		full => 1
	],
	[ 'longest key', 'ok', { keys => [ $longest_key[1], undef ] }, @stocked ],
	bad_arrays('quantities', 1),
	bad('22023', keys => ['k'], keys => [ 'k', 'l', 'm' ],
		keys => [ 'k', '' ], keys => [ 'k', $long_key[1] ],
		keys => [ ['k'], ['l'] ], keys => [],
		line_references => ['r'], line_references => [ 'r', 's', 't' ],
		line_references => [ $long, 's' ],
		line_references => [ ['r'], ['s'] ], reason => $long));

our %answers = (
	inv_deduct_each => [
		qw(ok unknown_item unknown_location inactive_item insufficient_stock
		  IV007 22003)
	],
);

1;
