# InvRows - the rows of the calls of one line
package InvRows;

use strict;
use warnings;

use InvRowParts;

my @receive = rows(
	inv_receive => { sku => 'A', quantity => 3 },
	[ 'makes the stock row', 'ok', {} ],
	[
		'adds', 'ok', {},
		stock => { A => 4 },
		others => [
			{ quantity => 4 }, { location => 'north' },
			{ reference => 'r' }, { reason => 'r' },
			{ occurred_at => $past }, { sku => 'work' }
		],
		same => [ { location => 'main' } ]
	],
	[
		'with everything', 'ok',
		{ location => 'north', reference => 'order 1', reason => 'why not',
			occurred_at => $past },
		stock => { A => { main => 1, north => 2 } },
		others => [
			{ occurred_at => $later }, { reference => undef },
			{ location => 'south' }
		]
	],
	[ 'later than now', 'ok', { occurred_at => $future } ],
	[ 'traced', 'ok', {}, @traced ],
	[ 'at another default', 'ok', {}, @elsewhere,
		same => [ { location => 'north' } ] ],
	[ 'inactive item', 'ok', {}, items => { A => { active => 0 } } ],
	[ 'limits of the item', 'ok', {},
		items => { A => { safety_stock => 5, backorder_limit => 1,
				reorder_point => 9, target_level => 90 } } ],
	[
		'after backorders', 'ok', {},
		items => { A => { backorder_limit => 9 } },
		before => [ [ call => 'inv_deduct', { sku => 'A', quantity => 8 } ] ]
	],
	[ 'to the limit', 'ok', { quantity => MAX - 4 }, stock => { A => 4 } ],
	[ 'over the limit', '22003', { quantity => MAX }, stock => { A => 4 } ],
	[ 'longest key', 'ok', {@longest_key} ],
	[ 'unknown item', 'unknown_item', { sku => 'Z' } ],
	[ 'unknown location', 'unknown_location', { location => 'nowhere' } ],
	[ 'unknown item and location', 'unknown_item',
		{ sku => 'Z', location => 'nowhere' } ],
	bad('22004', sku => undef, quantity => undef),
	bad('22023', quantity => 0, quantity => -1, quantity => MAX + 1,
		sku => $long, location => $long, reference => $long, reason => $long,
		key => '', @long_key, occurred_at => 'infinity',
		occurred_at => '-infinity'),
	@anywhere);

my @deduct = rows(
	inv_deduct => { sku => 'A', quantity => 3 },
	[
		'takes', 'ok', {},
		stock => { A => 10 },
		others => [
			{ quantity => 2 }, { location => 'north' },
			{ reference => 'r' }, { reason => 'r' }, { keep => 1 },
			{ expected_version => 1 }, { occurred_at => $past },
			{ sku => 'work' }
		],
		same => [ { location => 'main' } ]
	],
	[ 'the last', 'ok', {}, stock => { A => 3 } ],
	[
		'with everything', 'ok',
		{ location => 'south', reference => 'order 1', reason => 'sold',
			keep => 4, expected_version => 1, occurred_at => $past },
		stock => { A => { main => 1, south => 20 } },
		others => [ { keep => undef }, { expected_version => undef } ]
	],
	[ 'later than now', 'ok', { occurred_at => $future },
		stock => { A => 3 } ],
	[ 'traced', 'ok', {}, stock => { A => 5 }, @traced ],
	[ 'at another default', 'ok', {},
		stock => { A => { main => 9, north => 4 } }, @elsewhere,
		same => [ { location => 'north' } ] ],
	[ 'longest key', 'ok', {@longest_key}, stock => { A => 5 } ],
	[ 'down to the safety stock', 'ok', {}, stock => { A => 5 },
		items => { A => { safety_stock => 2 } } ],
	[ 'out of the safety stock', 'insufficient_stock', {},
		stock => { A => 5 }, items => { A => { safety_stock => 3 } } ],
	[ 'less than the safety stock there', 'insufficient_stock', {},
		stock => { A => 1 }, items => { A => { safety_stock => 3 } } ],
	[ 'on backorder', 'ok', {}, stock => { A => 1 },
		items => { A => { backorder_limit => 2 } } ],
	[ 'on backorder, without a stock row', 'ok', {},
		items => { A => { backorder_limit => 3 } } ],
	[ 'beyond the backorders', 'insufficient_stock', {},
		stock => { A => 1 }, items => { A => { backorder_limit => 1 } } ],
	[ 'beyond the backorders, without a stock row', 'insufficient_stock',
		{}, items => { A => { backorder_limit => 2 } } ],
	[ 'not enough', 'insufficient_stock', {}, stock => { A => 2 },
		others => [ { quantity => 2 }, { reference => 'r' } ] ],
	[ 'nothing there', 'insufficient_stock', {} ],
	[ 'not here', 'insufficient_stock', { location => 'north' },
		stock => { A => 9 } ],
	[ 'far too many', 'insufficient_stock', { quantity => MAX },
		stock => { A => 9 } ],
	[ 'keeps', 'ok', { keep => 2 }, stock => { A => 5 } ],
	[ 'keep too much', 'insufficient_stock', { keep => 3 },
		stock => { A => 5 } ],
	[ 'keep nothing, no backorder', 'insufficient_stock', { keep => 0 },
		stock => { A => 1 }, items => { A => { backorder_limit => 9 } } ],
	[ 'keep less than the safety stock', 'insufficient_stock', { keep => 1 },
		stock => { A => 5 }, items => { A => { safety_stock => 3 } } ],
	[ 'keep everything', 'insufficient_stock', { keep => MAX },
		stock => { A => 5 } ],
	[ 'expected version', 'ok', { expected_version => 1 },
		stock => { A => 5 } ],
	[ 'another version', 'version_conflict', { expected_version => 2 },
		stock => { A => 5 } ],
	[ 'another version, not enough', 'version_conflict',
		{ expected_version => 0 }, stock => { A => 1 } ],
	[ 'no stock row expected', 'ok', { expected_version => 0 },
		items => { A => { backorder_limit => 3 } } ],
	[ 'a stock row expected', 'version_conflict', { expected_version => 1 },
		items => { A => { backorder_limit => 3 } } ],
	[ 'inactive item', 'inactive_item', {}, stock => { A => 5 },
		items => { A => { active => 0 } } ],
	[ 'inactive item, nothing there', 'inactive_item', {},
		items => { A => { active => 0 } } ],
	[ 'inactive item, another version, not enough', 'inactive_item',
		{ expected_version => 7 }, stock => { A => 1 },
		items => { A => { active => 0 } } ],
	[ 'unknown item', 'unknown_item', { sku => 'Z' } ],
	[ 'unknown location', 'unknown_location', { location => 'nowhere' },
		stock => { A => 9 } ],
	[ 'unknown item and location', 'unknown_item',
		{ sku => 'Z', location => 'nowhere' } ],
	[ 'unknown location, inactive item', 'unknown_location',
		{ location => 'nowhere' }, items => { A => { active => 0 } } ],
	bad('22004', sku => undef, quantity => undef),
	bad('22023', quantity => 0, quantity => MAX + 1, sku => $long,
		location => $long, reference => $long, reason => $long, key => '',
		@long_key, keep => -1, keep => MAX + 1, expected_version => -1,
		occurred_at => 'infinity'),
	@anywhere);

my @adjust = rows(
	inv_adjust => { sku => 'A', counted => 6 },
	[
		'up', 'ok', {},
		stock => { A => 4 },
		others => [
			{ counted => 7 }, { location => 'north' }, { reference => 'r' },
			{ reason => 'r' }, { expected_version => 1 },
			{ counted_at => $past }, { sku => 'work' }
		],
		same => [ { location => 'main' } ]
	],
	[ 'down', 'ok', {}, stock => { A => 9 } ],
	[ 'as it is', 'ok', {}, stock => { A => 6 } ],
	[ 'to nothing', 'ok', { counted => 0 }, stock => { A => 9 } ],
	[ 'to the limit', 'ok', { counted => MAX }, stock => { A => 9 } ],
	[ 'makes the stock row', 'ok', {} ],
	[ 'makes an empty stock row', 'ok', { counted => 0 } ],
	[
		'with everything', 'ok',
		{ location => 'north', reference => 'sheet 1', reason => 'counted',
			expected_version => 1, counted_at => $future },
		stock => { A => { main => 3, north => 2 } }
	],
	[ 'traced', 'ok', {}, stock => { A => 5 }, @traced ],
	[ 'at another default', 'ok', {},
		stock => { A => { main => 9, north => 4 } }, @elsewhere,
		same => [ { location => 'north' } ] ],
	[ 'below the safety stock', 'ok', {}, stock => { A => 30 },
		items => { A => { safety_stock => 20 } } ],
	[ 'inactive item', 'ok', {}, stock => { A => 30 },
		items => { A => { active => 0 } } ],
	[
		'after backorders', 'ok', {},
		items => { A => { backorder_limit => 9 } },
		before => [ [ call => 'inv_deduct', { sku => 'A', quantity => 8 } ] ]
	],
	[
		'counted before the sale', 'ok',
		{ counted => 9, counted_at => '2024-03-01 18:00:00+00' }, @history
	],
	[ 'counted at the moment of the sale', 'ok',
		{ counted => 5, counted_at => $later }, @history ],
	[ 'counted before everything', 'ok',
		{ counted => 2, counted_at => '2024-01-01 00:00:00+00' }, @history ],
	[ 'counted after everything', 'ok',
		{ counted_at => '2024-04-01 00:00:00+00' }, @history ],
	[ 'sold more than was counted', 'ok',
		{ counted => 0, counted_at => '2024-03-01 18:00:00+00' }, @history ],
	[ 'counted at no time in particular', 'ok', {}, @history ],
	[
		'counted after another count', 'ok',
		{ counted => 9, counted_at => '2024-03-01 18:00:00+00' },
		before => [
			@{ $history[1] },
			[ call => 'inv_adjust',
				{ sku => 'A', counted => 8, counted_at => $later } ]
		]
	],
	[
		'over the limit', '22003',
		{ counted => MAX, counted_at => '2024-03-02 18:00:00+00' }, @history
	],
	[ 'expected version', 'ok', { expected_version => 1 },
		stock => { A => 5 } ],
	[ 'no stock row expected', 'ok', { expected_version => 0 } ],
	[ 'another version', 'version_conflict', { expected_version => 2 },
		stock => { A => 5 } ],
	[ 'a stock row expected', 'version_conflict', { expected_version => 1 } ],
	[ 'unknown item', 'unknown_item', { sku => 'Z' } ],
	[ 'unknown location', 'unknown_location', { location => 'nowhere' } ],
	[ 'unknown item and location', 'unknown_item',
		{ sku => 'Z', location => 'nowhere' } ],
	bad('22004', sku => undef, counted => undef),
	bad('22023', counted => -1, counted => MAX + 1, sku => $long,
		location => $long, reference => $long, reason => $long, key => '',
		@long_key, expected_version => -1, counted_at => 'infinity'),
	@anywhere);

my @transfer = rows(
	inv_transfer => { sku => 'A', quantity => 3, from_location => undef,
		to_location => 'north' },
	[
		'moves', 'ok', {},
		stock => { A => { main => 10, north => 1 } },
		others => [
			{ quantity => 4 }, { from_location => 'south' },
			{ to_location => 'south' }, { reference => 'r' },
			{ reason => 'r' }, { keep => 1 },
			{ from_location => 'north', to_location => 'main' }
		],
		same => [ { from_location => 'main' } ]
	],
	[ 'all, to a new place', 'ok', {}, stock => { A => 3 } ],
	[
		'with everything', 'ok',
		{ from_location => 'south', to_location => 'main',
			reference => 'lorry 1', reason => 'empty', keep => 2 },
		stock => { A => { main => 1, south => 5 } }
	],
	[ 'to the default', 'ok',
		{ from_location => 'north', to_location => undef },
		stock => { A => { main => 1, north => 5 } },
		same => [ { to_location => 'main' } ] ],
	[ 'from another default', 'ok', { to_location => 'main' },
		stock => { A => { main => 1, north => 5 } }, @elsewhere ],
	[ 'traced', 'ok', {}, stock => { A => 5 }, @traced ],
	[ 'inactive item', 'ok', {}, stock => { A => 5 },
		items => { A => { active => 0 } } ],
	[ 'on backorder', 'ok', {}, stock => { A => 1 },
		items => { A => { backorder_limit => 9 } } ],
	[ 'not enough', 'insufficient_stock', {},
		stock => { A => { main => 2, north => 7 } } ],
	[ 'nothing there', 'insufficient_stock', {} ],
	[ 'out of the safety stock', 'insufficient_stock', {},
		stock => { A => 5 }, items => { A => { safety_stock => 3 } } ],
	[ 'keep too much', 'insufficient_stock', { keep => 3 },
		stock => { A => 5 } ],
	[ 'unknown item', 'unknown_item', { sku => 'Z' } ],
	[ 'from an unknown location', 'unknown_location',
		{ from_location => 'nowhere' }, stock => { A => 5 } ],
	[ 'to an unknown location', 'unknown_location',
		{ to_location => 'nowhere' }, stock => { A => 5 } ],
	[ 'unknown item and location', 'unknown_item',
		{ sku => 'Z', to_location => 'nowhere' } ],
	[ 'to an unknown location, not enough', 'unknown_location',
		{ to_location => 'nowhere' } ],
	[ 'over the limit', '22003', {},
		stock => { A => { main => 5, north => MAX - 1 } } ],
	[ 'to itself', '22023', { from_location => 'north' },
		stock => { A => { north => 5 } } ],
	[ 'to itself, by default', '22023', { to_location => undef },
		stock => { A => 5 } ],
	bad('22004', sku => undef, quantity => undef),
	bad('22023', quantity => 0, quantity => MAX + 1, sku => $long,
		from_location => $long, to_location => $long, reference => $long,
		reason => $long, key => '', @long_key, keep => -1),
	@anywhere);

# sold 8 of A under the key `sale`
my @sale = (
	stock => { A => 20 },
	before => [
		[ call => 'inv_deduct',
			{ sku => 'A', quantity => 8, reference => 'order 7',
				key => 'sale' } ]
	]);
my @sale_with_return = (
	@sale[ 0, 1 ],
	before => [
		@{ $sale[3] },
		[ call => 'inv_return', { of_key => 'sale', quantity => 5 } ]
	]);

my @return = rows(
	inv_return => { of_key => 'sale' },
	[
		'all', 'ok', {},
		@sale,
		others => [
			{ quantity => 1 }, { sku => 'A' }, { location => 'north' },
			{ reason => 'r' }
		]
	],
	[ 'some', 'ok', { quantity => 3 }, @sale,
		others => [ { quantity => 2 } ] ],
	[ 'exactly all', 'ok', { quantity => 8 }, @sale ],
	[ 'too many', 'IV009', { quantity => 9 }, @sale ],
	[ 'the rest', 'ok', {}, @sale_with_return ],
	[ 'exactly the rest', 'ok', { quantity => 3 }, @sale_with_return ],
	[ 'more than the rest', 'IV009', { quantity => 4 }, @sale_with_return ],
	[
		'nothing left', 'IV009', {},
		@sale[ 0, 1 ],
		before => [
			@{ $sale[3] }, [ call => 'inv_return', { of_key => 'sale' } ]
		]
	],
	[
		'with everything', 'ok',
		{ quantity => 2, sku => 'A', location => 'north',
			reason => 'broken' }, @sale
	],
	[ 'traced', 'ok', {}, @sale, @traced ],
	[
		'where it was taken from', 'ok', {},
		stock => { A => { main => 1, south => 20 } },
		before => [
			[ call => 'inv_deduct',
				{ sku => 'A', quantity => 8, location => 'south',
					key => 'sale' } ]
		],
		@elsewhere
	],
	[
		'inactive item', 'ok', {},
		@sale[ 0, 1 ],
		before => [ @{ $sale[3] }, [ item => 'A', { active => 0 } ] ]
	],
	[
		'sold on backorder', 'ok', {},
		items => { A => { backorder_limit => 9 } },
		before => $sale[3]
	],
	[ 'to an unknown location', 'unknown_location',
		{ location => 'nowhere' }, @sale ],
	[ 'of no call', 'IV008', { sku => 'A' } ],
	[ 'of no call, any item', 'IV008', {} ],
	[ 'of another item', 'IV008', { sku => 'work' }, @sale ],
	[
		'of a refusal', 'IV008',
		{ sku => 'A' },
		before => [
			[ call => 'inv_deduct',
				{ sku => 'A', quantity => 8, key => 'sale', strict => 0 } ]
		]
	],
	[
		'of a receipt', 'IV008',
		{ sku => 'A' },
		before => [
			[ call => 'inv_receive',
				{ sku => 'A', quantity => 8, key => 'sale' } ]
		]
	],
	[
		'over the limit', '22003', {},
		@sale[ 0, 1 ],
		before => [
			@{ $sale[3] },
			[ call => 'inv_adjust', { sku => 'A', counted => MAX } ]
		]
	],
	bad('22004', of_key => undef),
	bad('IV008', of_key => ''),
	bad('22023', quantity => 0, quantity => MAX + 1, of_key => $long,
		sku => $long, location => $long, reason => $long, key => '',
		@long_key),
	@anywhere);

my @set_limits = rows(
	inv_set_limits => { sku => 'A', safety_stock => 4 },
	[ 'safety stock', 'ok', {}, stock => { A => 10 } ],
	[
		'all', 'ok',
		{ location => 'north', backorder_limit => 1, reorder_point => 20,
			target_level => 50 },
		stock => { A => { north => 3 } }
	],
	[ 'nothing', 'ok', { safety_stock => 0 }, stock => { A => 10 },
		items => { A => { safety_stock => 3 } } ],
	[ 'makes the stock row', 'ok', {} ],
	[
		'own ones stay', 'ok', {},
		stock => { A => { main => 10, north => 10 } },
		after => [ [ item => 'A', { safety_stock => 9 } ] ]
	],
	[
		'follows the item again', 'ok',
		{ safety_stock => undef },
		stock => { A => 10 },
		items => { A => { safety_stock => 3, reorder_point => 5 } },
		before => [
			[ call => 'inv_set_limits', { sku => 'A', safety_stock => 6 } ]
		],
		after => [ [ item => 'A', { safety_stock => 9 } ] ]
	],
	[ 'at another default', 'ok', {}, stock => { A => { north => 5 } },
		@elsewhere ],
	[ 'inactive item', 'ok', {}, stock => { A => 10 },
		items => { A => { active => 0 } } ],
	[
		'then not enough is there', 'ok',
		{ safety_stock => 12 },
		stock => { A => 10 },
		after => [
			[ call => 'inv_deduct',
				{ sku => 'A', quantity => 1, strict => 0 } ]
		]
	],
	[
		'then backorders are taken', 'ok',
		{ safety_stock => undef, backorder_limit => 5 },
		stock => { A => 10 },
		after => [
			[ call => 'inv_deduct',
				{ sku => 'A', quantity => 14, strict => 0 } ]
		]
	],
	[ 'unknown item', 'unknown_item', { sku => 'Z' } ],
	[ 'unknown location', 'unknown_location', { location => 'nowhere' } ],
	bad('22004', sku => undef),
	bad('22023', safety_stock => -1, backorder_limit => -1,
		reorder_point => -1, target_level => -1, safety_stock => MAX + 1,
		sku => $long, location => $long),
	[ 'as an admin', 'ok', {}, stock => { A => 5 },
		settings => { role => 'admin' } ],
	[ 'as a clerk', '42501', {}, stock => { A => 5 },
		settings => { role => 'clerk' } ],
	$anywhere[0]);

our @rows = (@receive, @deduct, @adjust, @transfer, @return, @set_limits);

# what each function can answer: none may be without a row
our %answers = (
	inv_receive => [qw(ok unknown_item unknown_location 22003)],
	inv_deduct => [
		qw(ok unknown_item unknown_location inactive_item version_conflict
		  insufficient_stock 22003)
	],
	inv_adjust =>
	  [qw(ok unknown_item unknown_location version_conflict 22003)],
	inv_transfer =>
	  [qw(ok unknown_item unknown_location insufficient_stock 22003)],
	inv_return => [qw(ok unknown_location IV008 IV009 22003)],
	inv_set_limits => [qw(ok unknown_item unknown_location)],
);

1;
