# InvRowsMany - the rows of the calls with arrays that are all or nothing, and
# of inv_apply with the lines of inv_deduct_many
package InvRowsMany;

use strict;
use warnings;

use InvRowParts;

# In 64 bits the sum of these is 2.
my @wrapping = ((MAX) x 2048, 2050);

my @bad_notes = (
	reference => $long,
	reason => $long,
	key => '',
	@long_key);

# --- inv_deduct_many ---------------------------------------------------------

my @stocked = (stock => { A => 10, B => 5 });

my @deducted = (
	[
		'takes', 'ok', {},
		@stocked,
		others => [
			{ quantities => [ 3, 1 ] }, { skus => [ 'B', 'A' ] },
			{ skus => ['A'], quantities => [3] },
			{ locations => ['north'] }, { locations => [ 'main', 'north' ] },
			{ sources => [ 'north', 'main' ] }, { reference => 'r' },
			{ reason => 'r' }, { occurred_at => $past },
			{ skus => [ 'A', 'B', 'B' ], quantities => [ 3, 1, 1 ] }
		],
		same => [
			{ locations => ['main'] }, { locations => [ 'main', 'main' ] }
		],
		full => 1
	],
	[ 'one line', 'ok', { skus => ['A'], quantities => [3] },
		stock => { A => 3 } ],
	[ 'one stock row twice', 'ok',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ] },
		stock => { A => 7, B => 5 },
		others => [ { quantities => [ 4, 1, 3 ] } ],
		full => 1 ],
	[ 'at several locations', 'ok',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ],
			locations => [ 'north', 'main', 'south' ] },
		stock => { A => { north => 3, south => 9 }, B => 1 },
		others => [ { locations => [ 'south', 'main', 'north' ] } ] ],
	[ 'all at one location', 'ok', { locations => ['north'] },
		stock => { A => { main => 1, north => 3 }, B => { north => 9 } },
		same => [ { locations => [ 'north', 'north' ] } ] ],
	[
		'with everything', 'ok',
		{ locations => [ 'south', 'north' ], reference => 'order 1',
			reason => 'sold', occurred_at => $past },
		stock => { A => { south => 4 }, B => { main => 1, north => 3 } },
		others => [ { occurred_at => $later }, { reference => undef } ],
		full => 1
	],
	[ 'later than now', 'ok', { occurred_at => $future }, @stocked ],
	[ 'traced', 'ok', {}, @stocked, @traced ],
	[ 'at another default', 'ok', {},
		stock => { A => { main => 9, north => 4 }, B => { north => 2 } },
		@elsewhere, same => [ { locations => ['north'] } ] ],
	[ 'not in the order of the SKUs', 'ok',
		{ skus => [ 'B', 'A' ], locations => [ 'south', 'main' ] },
		stock => { A => 10, B => { south => 5 } } ],
	[ 'thirty lines', 'ok',
		{ skus => [ ('A', 'B') x 15 ], quantities => [ (1, 2) x 15 ] },
		stock => { A => 15, B => 31 } ],
	[ 'longest key', 'ok', {@longest_key}, @stocked ],

	# limits
	[ 'down to the safety stock', 'ok', {}, stock => { A => 5, B => 4 },
		limited(safety_stock => 2) ],
	[ 'out of the safety stock', 'insufficient_stock', {},
		stock => { A => 5, B => 4 }, limited(safety_stock => 3) ],
	[ 'on backorder', 'ok', {}, stock => { A => 1, B => 9 },
		limited(backorder_limit => 2) ],
	[ 'on backorder, one stock row twice', 'ok',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ] },
		stock => { A => 5 }, limited(backorder_limit => 2) ],
	[ 'on backorder, one stock row three times', 'ok',
		{ skus => [ 'A', 'A', 'A' ], quantities => [ 3, 2, 4 ] },
		stock => { A => 4 }, limited(backorder_limit => 9) ],
	[ 'on backorder, without stock rows', 'ok',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ] },
		limited(backorder_limit => 7),
		full => 1 ],
	[ 'beyond the backorders, one stock row twice', 'insufficient_stock',
		{ skus => [ 'A', 'A' ] }, stock => { A => 1 },
		limited(backorder_limit => 3) ],

	# refusals
	[
		'the first not enough', 'insufficient_stock', {},
		stock => { A => 2, B => 5 },
		others => [ { quantities => [ 2, 2 ] }, { reference => 'r' } ]
	],
	[ 'the second not enough', 'insufficient_stock', {},
		stock => { A => 9, B => 1 },
		full => 1 ],
	[ 'neither enough', 'insufficient_stock', {}, stock => { A => 2, B => 1 } ],
	[ 'nothing there', 'insufficient_stock', {} ],
	[ 'not here', 'insufficient_stock', { locations => [ 'main', 'north' ] },
		@stocked ],
	[
		'together not enough', 'insufficient_stock',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ] },
		stock => { A => 6, B => 5 },
		full => 1
	],
	[
		'a small line of too many', 'insufficient_stock',
		{ skus => [ 'A', 'A', 'B' ], quantities => [ 1, 9, 1 ] },
		stock => { A => 8, B => 5 }
	],
	[ 'refused before a new stock row', 'insufficient_stock', {},
		items => { A => { backorder_limit => 9 }, B => {} },
		full => 1 ],
	[ 'far too many', 'insufficient_stock', { quantities => [ 1, MAX ] },
		@stocked ],
	[ 'together far too many', 'insufficient_stock',
		{ skus => [ 'A', 'A' ], quantities => [ MAX, MAX ] }, @stocked ],
	[ 'together more than a number holds', 'insufficient_stock',
		{ skus => [ ('A') x 2049 ], quantities => [@wrapping] },
		@stocked, once => 1 ],
	[ 'an unknown item', 'unknown_item', { skus => [ 'A', 'Z' ] }, @stocked,
		others => [ { skus => [ 'A', 'B' ] } ],
		full => 1 ],
	[ 'an unknown location', 'unknown_location',
		{ locations => [ 'main', 'nowhere' ] }, @stocked ],
	[ 'an unknown item at an unknown location', 'unknown_item',
		{ skus => [ 'Z', 'B' ], locations => ['nowhere'] }, @stocked ],
	[ 'an inactive item', 'inactive_item', {}, @stocked,
		items => { A => {}, B => { active => 0 } } ],
	[ 'an inactive item without a stock row', 'inactive_item', {},
		stock => { A => 10 }, items => { A => {}, B => { active => 0 } } ],
	[
		'refused for several reasons',
		'unknown_location',
		{
			skus => [ 'A', 'A', 'Z', 'B', 'A', 'C' ],
			quantities => [ 1, 2, 3, 4, 5, 6 ],
			locations =>
			  [ 'north', 'nowhere', 'main', 'main', 'main', 'main' ]
		},
		stock => { A => { main => 4, north => 5 }, B => 9, C => 9 },
		items => { A => {}, B => { active => 0 }, C => {} },
		full => 1
	],
	[
		'unknown, and not enough of another', 'insufficient_stock',
		{ skus => [ 'A', 'Z' ] }, stock => { A => 2 }
	],
);

# --- inv_deduct_many with sources --------------------------------------------

my @from = (sources => [ 'north', 'main' ]);
my %apart = (north => 5, main => 9);

my @sourced = (
	[
		'the first that has enough', 'ok', {@from},
		stock =>
		  { A => { main => 5, north => 2 }, B => { north => 4, main => 9 } },
		others => [
			{ sources => [ 'main', 'north' ] }, { sources => ['north'] },
			{ sources => undef }, { sources => [ 'north', 'main', 'south' ] },
			{ quantities => [ 3, 1 ] }
		],
		full => 1
	],
	[ 'split', 'ok', { @from, quantities => [ 6, 2 ] },
		stock => { A => { main => 5, north => 2 }, B => { main => 9 } } ],
	[
		'split among three', 'ok',
		{ sources => [ 'south', 'north', 'main' ], quantities => [ 6, 5 ] },
		stock => {
			A => { main => 5, north => 2, south => 1 },
			B => { main => 9, south => 3 }
		},
		full => 1
	],
	[ 'exactly all', 'ok', { @from, quantities => [ 14, 7 ] },
		stock => { A => {%apart}, B => { main => 1, north => 6 } } ],
	[ 'one source', 'ok', { sources => ['north'] },
		stock => { A => {%apart}, B => { north => 2 } } ],
	[
		'by priority', 'ok',
		{ sources => [], quantities => [ 6, 2 ] },
		stock => {
			A => { main => 2, north => 3, south => 3, quarantine => 9 },
			B => { main => 2, north => 2, quarantine => 9 }
		},
		others => [ { sources => undef }, { sources => ['main'] } ]
	],
	[
		'by priority, one has enough', 'ok', { sources => [] },
		stock => {
			A => { main => 3, north => 9, south => 2 },
			B => { main => 2, south => 9 }
		}
	],
	[ 'none that is not sellable, unless named', 'insufficient_stock',
		{ sources => [] },
		stock => { A => { main => 2, quarantine => 9 }, B => 9 } ],
	[ 'named, and not sellable', 'ok',
		{ sources => [ 'quarantine', 'main' ] },
		stock => { A => { main => 9, quarantine => 9 }, B => { main => 9 } } ],
	[ 'the default is no source', 'insufficient_stock',
		{ sources => ['south'] }, @stocked, @elsewhere ],

	# demand of all lines
	[ 'demand is summed first', 'ok',
		{ @from, skus => [ 'A', 'A' ], quantities => [ 3, 4 ] },
		stock => { A => {%apart} } ],
	[
		'shares are dealt in input order', 'ok',
		{
			@from,
			skus => [ 'A', 'B', 'A', 'A' ],
			quantities => [ 3, 1, 4, 2 ]
		},
		stock => { A => { north => 5, main => 4 }, B => { main => 1 } },
		full => 1
	],
	[
		'dealt beside another item', 'ok',
		{ sources => [ 'main', 'south', 'north' ], skus => [ 'B', 'A', 'B' ],
			quantities => [ 4, 6, 4 ] },
		stock => {
			A => { main => 1, south => 2, north => 3 },
			B => { main => 2, south => 3, north => 5 }
		}
	],
	[ 'far more than there is', 'insufficient_stock',
		{ @from, skus => [ 'A', 'A' ], quantities => [ MAX, MAX ] }, @stocked ],
	[ 'more than a number holds', 'insufficient_stock',
		{ @from, skus => [ ('A') x 2049 ], quantities => [@wrapping] },
		@stocked, once => 1 ],

	# limits
	[
		'enough without backorders comes first', 'ok',
		{ @from, quantities => [ 5, 2 ] },
		stock => { A => { north => 3, main => 6 }, B => { north => 2 } },
		limited(backorder_limit => 9)
	],
	[ 'split before backorders', 'ok', { @from, quantities => [ 5, 2 ] },
		stock => { A => { north => 3, main => 3 }, B => { north => 2 } },
		limited(backorder_limit => 9) ],
	[ 'on backorder at the first', 'ok', { @from, quantities => [ 5, 2 ] },
		stock => { A => { north => 3, main => 1 }, B => { north => 2 } },
		limited(backorder_limit => 9) ],
	[
		'on backorder where enough is', 'ok',
		{ @from, quantities => [ 6, 2 ] },
		stock => { A => { north => 2, main => 3 }, B => { north => 2 } },
		limited(backorder_limit => 3)
	],
	[ 'split with backorders', 'ok', { @from, quantities => [ 7, 2 ] },
		stock => { A => { north => 3, main => 1 }, B => { north => 2 } },
		limited(backorder_limit => 2),
		full => 1 ],
	[
		'split with backorders, dealt', 'ok',
		{ @from, skus => [ 'A', 'A' ], quantities => [ 4, 3 ] },
		stock => { A => { north => 3, main => 1 } },
		limited(backorder_limit => 2)
	],
	[ 'on backorder, without stock rows', 'ok', {@from},
		limited(backorder_limit => 3) ],
	[
		'safety stock stays at each', 'ok',
		{ @from, quantities => [ 5, 2 ] },
		stock => { A => { north => 5, main => 4 }, B => { main => 9 } },
		limited(safety_stock => 2)
	],
	[ 'safety stock counts without backorders', 'ok',
		{ @from, quantities => [ 4, 2 ] },
		stock => { A => { north => 5, main => 6 }, B => { main => 9 } },
		limited(safety_stock => 2, backorder_limit => 1) ],
	[
		'limits of one stock row', 'ok',
		{ @from, quantities => [ 4, 1 ] },
		stock => { A => {%apart}, B => 9 },
		before => [
			[ call => 'inv_set_limits',
				{ sku => 'A', location => 'north', safety_stock => 2 } ]
		]
	],
	[
		'less than nothing at one', 'ok',
		{ @from, quantities => [ 4, 1 ] },
		stock => { A => { north => 1, main => 6 }, B => 9 },
		limited(safety_stock => 2)
	],

	# refusals
	[ 'together not enough', 'insufficient_stock',
		{ @from, quantities => [ 15, 2 ] },
		stock => { A => {%apart}, B => 9 },
		full => 1 ],
	[
		'not enough with less than nothing at one', 'insufficient_stock',
		{ @from, quantities => [ 5, 2 ] },
		stock => { A => { north => 1, main => 6 }, B => 9 },
		limited(safety_stock => 2)
	],
	[ 'not enough for all lines', 'insufficient_stock',
		{ @from, skus => [ 'A', 'B', 'A' ], quantities => [ 8, 1, 7 ] },
		stock => { A => {%apart}, B => { north => 1 } } ],
	[ 'nothing there', 'insufficient_stock', {@from} ],
	[ 'an unknown item', 'unknown_item', { @from, skus => [ 'A', 'Z' ] },
		stock => { A => {%apart} } ],
	[ 'an inactive item', 'inactive_item', {@from},
		stock => { A => {%apart}, B => 9 },
		items => { A => {}, B => { active => 0 } } ],
	[ 'an unknown location', 'unknown_location',
		{ sources => [ 'main', 'nowhere' ] }, @stocked,
		full => 1 ],
	[ 'two unknown locations', 'unknown_location',
		{ sources => [ 'nowhere', 'main', 'elsewhere' ] }, @stocked ],
	[ 'an unknown item at an unknown location', 'unknown_item',
		{ sources => ['nowhere'], skus => [ 'Z', 'B' ] }, @stocked ],
	[ 'traced', 'ok', {@from}, stock => { A => {%apart}, B => 9 }, @traced ],
);

$_->[0] = "sources: $_->[0]" foreach @sourced;

my @bad_sources = (
	[ 'sources and locations', '22023',
		{ sources => ['main'], locations => ['main'] } ],
	bad('22004', sources => [ 'main', undef ]),
	bad('22023', sources => [ 'main', 'north', 'main' ],
		sources => [ ['main'], ['north'] ], sources => [ 'main', $long ]),
);

my %two = (skus => [ 'A', 'B' ], quantities => [ 3, 2 ]);
my @taken = lined(inv_deduct_many => \%two, @deducted, @sourced);
my @deduct = (
	@taken,
	as_requests(@taken),
	lined(
		inv_deduct_many => \%two,
		bad_arrays('quantities', 1),
		@bad_sources,
		bad('22004', strict => undef),
		bad('22023', @bad_notes, occurred_at => 'infinity')));

# --- inv_receive_many --------------------------------------------------------

my @receive = lined(
	inv_receive_many => \%two,
	[ 'makes the stock rows', 'ok', {},
		full => 1 ],
	[
		'adds', 'ok', {},
		@stocked,
		others => [
			{ quantities => [ 3, 1 ] }, { skus => [ 'B', 'A' ] },
			{ locations => [ 'main', 'north' ] }, { reference => 'r' },
			{ reason => 'r' }, { occurred_at => $past },
			{ skus => ['A'], quantities => [3] }
		],
		same => [
			{ locations => ['main'] }, { locations => [ 'main', 'main' ] }
		],
		full => 1
	],
	[ 'one line', 'ok', { skus => ['A'], quantities => [3] } ],
	[ 'one stock row twice', 'ok',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ] },
		stock => { A => 7 } ],
	[
		'with everything', 'ok',
		{ locations => [ 'north', 'south' ], reference => 'lorry 1',
			reason => 'why not', occurred_at => $past },
		stock => { A => { north => 1 }, B => 3 },
		others => [ { locations => ['north'] }, { occurred_at => $later } ],
		full => 1
	],
	[ 'later than now', 'ok', { occurred_at => $future } ],
	[ 'traced', 'ok', {}, @traced ],
	[ 'at another default', 'ok', {}, @elsewhere,
		same => [ { locations => ['north'] } ] ],
	[ 'inactive items', 'ok', {}, limited(active => 0) ],
	[ 'where it is not sellable', 'ok', { locations => ['quarantine'] } ],
	[ 'to the limit', 'ok',
		{ skus => [ 'A', 'A' ], quantities => [ MAX - 5, 1 ] },
		stock => { A => 4 } ],
	[ 'over the limit', '22003', { quantities => [ 1, MAX ] }, @stocked ],
	[ 'together over the limit', '22003',
		{ skus => [ 'A', 'A' ], quantities => [ MAX - 5, 2 ] },
		stock => { A => 4 } ],
	[ 'more than a number holds', '22003',
		{ skus => [ 'A', 'A' ], quantities => [ MAX, MAX ] } ],
	[ 'more than a large number holds', '22003',
		{ skus => [ ('A') x 2049 ], quantities => [@wrapping] },
		once => 1 ],
	[ 'longest key', 'ok', {@longest_key} ],
	[ 'an unknown item', 'unknown_item', { skus => [ 'A', 'Z' ] },
		full => 1 ],
	[ 'an unknown location', 'unknown_location',
		{ locations => [ 'main', 'nowhere' ] } ],
	[ 'unknown in several ways', 'unknown_location',
		{ skus => [ 'A', 'B', 'Z' ], quantities => [ 1, 2, 3 ],
			locations => [ 'main', 'nowhere', 'main' ] } ],
	bad_arrays('quantities', 1),
	bad('22023', @bad_notes, occurred_at => '-infinity'));

# --- inv_adjust_many ---------------------------------------------------------

my @adjust = lined(
	inv_adjust_many => { skus => [ 'A', 'B' ], counted => [ 6, 7 ] },
	[
		'up and down', 'ok', {},
		stock => { A => 4, B => 9 },
		others => [
			{ counted => [ 6, 8 ] }, { skus => [ 'B', 'A' ] },
			{ locations => ['north'] }, { reference => 'r' },
			{ reason => 'r' }, { counted_at => $past },
			{ skus => ['A'], counted => [6] }
		],
		same => [
			{ locations => ['main'] }, { locations => [ 'main', 'main' ] }
		],
		full => 1
	],
	[ 'as it is', 'ok', {}, stock => { A => 6, B => 7 } ],
	[ 'to nothing', 'ok', { counted => [ 0, 0 ] }, stock => { A => 6 } ],
	[ 'makes the stock rows', 'ok', {} ],
	[ 'one line', 'ok', { skus => ['A'], counted => [6] },
		stock => { A => 9 } ],
	[ 'two bins at one location', 'ok',
		{ skus => [ 'A', 'B', 'A' ], counted => [ 3, 1, 4 ] },
		stock => { A => 5, B => 1 },
		full => 1 ],
	[ 'two bins, one empty', 'ok',
		{ skus => [ 'A', 'A' ], counted => [ 0, 5 ] }, stock => { A => 5 } ],
	[ 'two locations', 'ok',
		{ skus => [ 'A', 'A' ], locations => [ 'south', 'main' ] },
		stock => { A => 5 } ],
	[
		'with everything', 'ok',
		{ locations => [ 'north', 'main' ], reference => 'sheet 1',
			reason => 'counted', counted_at => $future },
		stock => { A => { main => 3, north => 2 }, B => 1 },
		full => 1
	],
	[ 'traced', 'ok', {}, @stocked, @traced ],
	[ 'at another default', 'ok', {}, stock => { A => { north => 4 } },
		@elsewhere, same => [ { locations => ['north'] } ] ],
	[ 'below the safety stock, inactive', 'ok', {}, stock => { A => 30 },
		limited(safety_stock => 20, active => 0) ],
	[
		'counted before the sale', 'ok',
		{ skus => [ 'A', 'B', 'A' ], counted => [ 4, 3, 5 ],
			counted_at => '2024-03-01 18:00:00+00' },
		@history,
		others => [ { counted_at => $later } ]
	],
	[ 'counted before everything', 'ok',
		{ counted => [ 2, 2 ], counted_at => '2024-01-01 00:00:00+00' },
		@history ],
	[ 'to the limit', 'ok',
		{ skus => [ 'A', 'A' ], counted => [ MAX - 1, 1 ] }, @stocked ],
	[ 'over the limit', '22003',
		{ skus => [ 'A', 'A' ], counted => [ MAX, 1 ] }, @stocked ],
	[ 'more than a large number holds', '22003',
		{ skus => [ ('A') x 2049 ], counted => [@wrapping] }, @stocked,
		once => 1 ],
	[ 'longest key', 'ok', {@longest_key} ],
	[ 'an unknown item', 'unknown_item', { skus => [ 'A', 'Z' ] }, @stocked,
		full => 1 ],
	[ 'an unknown location', 'unknown_location',
		{ locations => [ 'nowhere', 'main' ] }, @stocked ],
	[
		'refused for several reasons', 'unknown_item',
		{ skus => [ 'A', 'Z', 'B', 'B' ], counted => [ 1, 2, 3, 4 ],
			locations => [ 'main', 'main', 'nowhere', 'north' ] },
		@stocked
	],
	bad_arrays('counted', 0),
	bad('22004', strict => undef),
	bad('22023', @bad_notes, counted_at => 'infinity'));

# --- inv_return of what many lines took --------------------------------------

# Some of A here and there, and of B: twelve in all.
my @order = (
	stock => { A => {%apart}, B => 9 },
	before => [
		[ call => 'inv_deduct_many',
			{ skus => [ 'B', 'A', 'A', 'A' ], quantities => [ 3, 2, 4, 3 ],
				locations => [ 'main', 'north', 'main', 'north' ],
				reference => 'order 7', key => 'sale' } ]
	]);

my @return = lined(
	inv_return => { of_key => 'sale' },
	[ 'all lines', 'ok', {}, @order,
		full => 1 ],
	[ 'one item of many lines', 'ok', { sku => 'B' }, @order ],
	[ 'some of an item at two locations', 'ok', { sku => 'A', quantity => 6 },
		@order ],
	[ 'too many of one item', 'IV009', { sku => 'B', quantity => 4 }, @order ],
	[ 'from two places to one', 'ok', { location => 'south', quantity => 11 },
		@order ],
	[
		'the rest, after two places were given back to one', 'ok', {},
		@order[ 0, 1 ],
		before => [
			@{ $order[3] },
			[ call => 'inv_return',
				{ of_key => 'sale', sku => 'A', quantity => 6,
					location => 'south' } ]
		]
	],
	[
		'of lines from sources', 'ok', {},
		@order[ 0, 1 ],
		before => [
			[ call => 'inv_deduct_many',
				{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 2, 8 ],
					sources => [ 'north', 'main' ], key => 'sale' } ]
		]
	],
	[
		'of a refused order', 'IV008', {},
		@order[ 0, 1 ],
		before => [
			[ call => 'inv_deduct_many',
				{ skus => [ 'A', 'B' ], quantities => [ 3, 20 ],
					key => 'sale', strict => 0 } ]
		]
	]);

our @rows = (@deduct, @receive, @adjust, @return);

our %answers = (
	inv_deduct_many => [
		qw(ok unknown_item unknown_location inactive_item insufficient_stock
		  22003)
	],
	inv_receive_many => [qw(ok unknown_item unknown_location 22003)],
	inv_adjust_many => [qw(ok unknown_item unknown_location 22003)],
);

1;
