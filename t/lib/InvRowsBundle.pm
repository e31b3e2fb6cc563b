# InvRowsBundle - the rows of all calls in which there are bundles
#
# K is a kit of two A and one B, L a larger one of a K and an A.
package InvRowsBundle;

use strict;
use warnings;

use InvRowParts;

# kits(ROWS...) - with the items and bundles of above, if they have no others;
# brief, if they do not say otherwise
sub kits
{
	my @rows = briefly(@_);

	foreach my $row (@rows)
	{
		s/: /: bundle: / foreach @$row{qw(name group)};
		$row->{items} //= { map { $_ => {} } qw(A B K L) };
		$row->{bundles} //= { K => { A => 2, B => 1 }, L => { K => 1, A => 1 } }
		  if !$row->{forced};
		$row->{after} //= [ map { [ available => $_, 'main' ] } qw(K L) ]
		  if $row->{bundles};
	}
	return @rows;
}

# the kits, when these are the columns of some items
sub with_items
{
	my (%columns) = @_;
	return (items => { (map { $_ => {} } qw(A B K L)), %columns });
}

# A kit that contains itself, and one with a part that is no item: both made
# without triggers.
my @loop = (
	items => { map { $_ => {} } qw(A K L) },
	forced => { K => { L => 1 }, L => { K => 1, A => 1 } });
my @stray = (
	items => { map { $_ => {} } qw(A K) },
	forced => { K => { A => 1, Z => 1 } });
my @huge = (
	items => { map { $_ => {} } qw(A K L) },
	bundles => { K => { A => MAX }, L => { K => MAX } });

# --- inv_deduct --------------------------------------------------------------

my @stocked = (stock => { A => 11, B => 4 });

my @deduct = kits(
	rows(
		inv_deduct => { sku => 'K', quantity => 3 },
		[
			'takes', 'ok', {},
			@stocked,
			others => [
				{ quantity => 2 }, { location => 'north' }, { keep => 1 },
				{ sku => 'L' }
			],
			same => [ { location => 'main' } ],
			full => 1
		],
		[ 'the last', 'ok', {}, stock => { A => 6, B => 3 } ],
		[ 'one', 'ok', { quantity => 1 }, @stocked ],
		[ 'within another', 'ok', { sku => 'L' }, @stocked ],
		[ 'within another, not enough', 'insufficient_stock', { sku => 'L' },
			stock => { A => 8, B => 4 } ],
		[
			'with everything', 'ok',
			{ location => 'south', reference => 'order 1', reason => 'sold',
				occurred_at => $past, keep => 1 },
			stock => { A => { main => 9, south => 8 }, B => { south => 4 } },
			after => [ [ available => 'K', 'south' ] ],
			full => 1
		],
		[ 'traced', 'ok', {}, @stocked, @traced, after => [] ],
		[ 'at another default', 'ok', {},
			stock => { A => { north => 9 }, B => { north => 3 } }, @elsewhere,
			after => [] ],
		[ 'one component not enough', 'insufficient_stock', {},
			stock => { A => 5, B => 9 },
			full => 1 ],
		[ 'the other component not enough', 'insufficient_stock', {},
			stock => { A => 9, B => 2 } ],
		[ 'nothing there', 'insufficient_stock', {} ],
		[ 'not here', 'insufficient_stock', { location => 'north' }, @stocked ],
		[ 'out of the safety stock', 'insufficient_stock', {}, @stocked,
			with_items(A => { safety_stock => 6 }) ],
		[ 'down to the safety stock', 'ok', {}, @stocked,
			with_items(A => { safety_stock => 5 }, B => { safety_stock => 1 })
		],
		[ 'limits of the bundle itself', 'ok', {}, @stocked,
			with_items(K => { safety_stock => 9 }) ],
		[ 'less than nothing of a component', 'insufficient_stock',
			{ quantity => 1 }, stock => { A => 2, B => 9 },
			with_items(A => { safety_stock => 5 }) ],
		[ 'on backorder', 'ok', {}, stock => { A => 3, B => 9 },
			with_items(A => { backorder_limit => 5 }),
			full => 1 ],
		[
			'on backorder, of both components', 'ok', { quantity => 4 },
			stock => { A => 6, B => 2 },
			with_items(
				A => { backorder_limit => 9 },
				B => { backorder_limit => 9 })
		],
		[
			'on backorder again', 'ok', { quantity => 2 },
			stock => { A => 1, B => 9 },
			with_items(A => { backorder_limit => 20 }),
			before => [
				[ call => 'inv_deduct', { sku => 'K', quantity => 3 } ]
			]
		],
		[ 'keeps', 'ok', { keep => 1 }, stock => { A => 8, B => 4 } ],
		[ 'keep too much', 'insufficient_stock', { keep => 2 },
			stock => { A => 9, B => 9 },
			full => 1 ],
		[ 'keep nothing, no backorder', 'insufficient_stock', { keep => 0 },
			stock => { A => 5, B => 9 },
			with_items(A => { backorder_limit => 9 }) ],
		[ 'inactive', 'inactive_item', {}, @stocked,
			with_items(K => { active => 0 }) ],
		[ 'inactive component', 'inactive_item', {}, @stocked,
			with_items(B => { active => 0 }) ],
		[ 'inactive component without a stock row', 'inactive_item', {},
			stock => { A => 9 }, with_items(B => { active => 0 }) ],
		[ 'unknown location', 'unknown_location', { location => 'nowhere' },
			@stocked ],
		[ 'a component that is no item', 'unknown_item', {},
			stock => { A => 9 }, @stray ],
		[ 'contains itself', '22023', {}, stock => { A => 9 }, @loop ],
		[ 'expected version', '22023', { expected_version => 0 }, @stocked ],
		[ 'more than a number holds', '22003', { quantity => 2 },
			stock => { A => 9 }, @huge, after => [] ],
		[ 'far more than a number holds', '22003',
			{ sku => 'L', quantity => 1 }, stock => { A => 9 }, @huge,
			after => [] ],
		[ 'as many as a number holds', 'insufficient_stock',
			{ quantity => 1 }, stock => { A => 9 }, @huge, after => [] ]));

# --- what a bundle has no stock for ------------------------------------------

my @two = (skus => [ 'A', 'K' ]);
my @no_stock = kits(
	rows(
		inv_receive => { sku => 'K', quantity => 3 },
		[ 'receive', '22023', {} ]),
	rows(
		inv_adjust => { sku => 'L', counted => 3 },
		[ 'count', '22023', {} ]),
	rows(
		inv_transfer => { sku => 'K', quantity => 1, from_location => undef,
			to_location => 'north' },
		[ 'move', '22023', {}, @stocked ]),
	rows(
		inv_set_limits => { sku => 'K', safety_stock => 3 },
		[ 'limits', '22023', {} ]),
	rows(
		inv_receive_many => { @two, quantities => [ 1, 2 ] },
		[ 'receive', '22023', {} ]),
	rows(
		inv_adjust_many => { @two, counted => [ 1, 2 ] },
		[ 'count', '22023', {} ]),
	rows(
		inv_apply => {},
		map {
			my ($name, @line) = @$_;
			[ $name, '22023',
				{ lines => [ { op => 'receive', sku => 'A', quantity => 1 },
						{ sku => 'K', @line } ] },
				@stocked ]
		  }[ 'receive', op => 'receive', quantity => 1 ],
		[ 'count', op => 'adjust', counted => 1 ],
		[ 'move', op => 'transfer', quantity => 1, to_location => 'north' ],
		[ 'expected version', op => 'deduct', quantity => 1,
			expected_version => 0 ]));

# --- inv_return --------------------------------------------------------------

my @sale = (
	@stocked,
	before => [
		[ call => 'inv_deduct',
			{ sku => 'K', quantity => 3, reference => 'order 7',
				key => 'sale' } ]
	]);
my @return = kits(
	rows(
		inv_return => { of_key => 'sale' },
		[ 'all', 'ok', {}, @sale,
			full => 1 ],
		[ 'some of a component', 'ok', { sku => 'A', quantity => 2 }, @sale ],
		[ 'too many of a component', 'IV009', { sku => 'B', quantity => 4 },
			@sale ],
		[ 'of the bundle', 'IV008', { sku => 'K' }, @sale ]));

# --- many lines --------------------------------------------------------------

my @taken = (
	[
		'takes', 'ok', {},
		@stocked,
		others => [
			{ quantities => [ 1, 3 ] }, { skus => [ 'A', 'K' ] },
			{ locations => ['north'] }
		],
		full => 1
	],
	[
		'demand is summed over bundles and plain lines', 'ok',
		{ skus => [ 'A', 'K', 'B', 'L', 'A' ],
			quantities => [ 2, 2, 1, 1, 2 ] },
		stock => { A => 11, B => 4 },
		full => 1
	],
	[
		'summed, not enough', 'insufficient_stock',
		{ skus => [ 'B', 'K', 'A', 'L' ], quantities => [ 1, 2, 2, 1 ] },
		stock => { A => 8, B => 9 },
		full => 1
	],
	[
		'summed, not enough of what both kits need', 'insufficient_stock',
		{ skus => [ 'K', 'A', 'L' ], quantities => [ 2, 2, 1 ] },
		stock => { A => 20, B => 2 }
	],
	[ 'a plain line not enough', 'insufficient_stock',
		{ skus => [ 'K', 'C' ] }, @stocked,
		with_items(C => {}) ],
	[ 'the same bundle twice', 'ok',
		{ skus => [ 'K', 'K' ], quantities => [ 1, 3 ] }, @stocked ],
	[ 'the same bundle twice, not enough', 'insufficient_stock',
		{ skus => [ 'K', 'K' ], quantities => [ 2, 3 ] }, @stocked ],
	[
		'at several locations', 'ok',
		{ locations => [ 'north', 'main' ] },
		stock => { A => { main => 5, north => 5 }, B => { north => 4 } },
		after => [ [ available => 'K', 'north' ] ]
	],
	[ 'one not here', 'insufficient_stock',
		{ locations => [ 'main', 'north' ] }, @stocked ],
	[
		'on backorder, dealt in input order', 'ok',
		{ skus => [ 'A', 'K', 'A' ], quantities => [ 3, 2, 1 ] },
		stock => { A => 5, B => 9 },
		with_items(A => { backorder_limit => 9 })
	],
	[
		'on backorder, the bundle first', 'ok',
		{ skus => [ 'K', 'A' ], quantities => [ 2, 3 ] },
		stock => { A => 5, B => 1 },
		with_items(
			A => { backorder_limit => 9 },
			B => { backorder_limit => 9 })
	],
	[ 'inactive', 'inactive_item', {}, @stocked,
		with_items(K => { active => 0 }) ],
	[ 'inactive component', 'inactive_item', { skus => [ 'A', 'K' ] },
		@stocked, with_items(B => { active => 0 }) ],
	[ 'unknown location', 'unknown_location',
		{ locations => [ 'nowhere', 'main' ] }, @stocked ],
	[ 'a component that is no item', 'unknown_item', {}, stock => { A => 9 },
		@stray ],
	[ 'contains itself', '22023', { skus => [ 'A', 'K' ] },
		stock => { A => 9 }, @loop ],
	[ 'more than a number holds', '22003', { quantities => [ 2, 1 ] },
		stock => { A => 9 }, @huge, after => [] ],
	[ 'far more than a number holds', '22003',
		{ skus => [ 'L', 'A' ], quantities => [ 1, 1 ] },
		stock => { A => 9 }, @huge, after => [] ],

	# sources
	[
		'all parts from one location', 'ok',
		{ sources => [ 'north', 'main' ], skus => [ 'K', 'C' ],
			quantities => [ 2, 1 ] },
		stock => {
			A => { north => 4, main => 9 },
			B => { north => 2, main => 9 },
			C => 1
		},
		with_items(C => {}),
		after => [ [ available => 'K', 'north' ] ]
	],
	[
		'parts from several locations', 'ok',
		{ sources => [ 'north', 'main' ], skus => ['K'], quantities => [2] },
		stock => { A => { north => 3, main => 3 }, B => { main => 9 } },
		full => 1
	],
	[
		'parts of each from another location', 'ok',
		{ sources => [], skus => ['K'], quantities => [2] },
		stock => { A => { north => 9 }, B => { south => 9 } }
	],
	[
		'sources, summed with a plain line', 'ok',
		{ sources => [ 'north', 'main' ], skus => [ 'A', 'K', 'A' ],
			quantities => [ 2, 2, 3 ] },
		stock => { A => { north => 5, main => 4 }, B => { north => 3 } },
		full => 1
	],
	[
		'sources, not enough', 'insufficient_stock',
		{ sources => [ 'north', 'main' ], skus => [ 'B', 'K' ],
			quantities => [ 1, 3 ] },
		stock => { A => { north => 2, main => 3 }, B => { main => 9 } }
	],
	[
		'sources, on backorder', 'ok',
		{ sources => [ 'north', 'main' ], skus => ['K'], quantities => [3] },
		stock => { A => { north => 3, main => 9 }, B => { north => 1 } },
		with_items(B => { backorder_limit => 9 })
	],
	[ 'sources, an unknown one', 'unknown_location',
		{ sources => [ 'nowhere', 'main' ] }, @stocked ],
	[ 'sources, inactive component', 'inactive_item', { sources => ['main'] },
		@stocked, with_items(B => { active => 0 }) ],
);

my %two = (skus => [ 'K', 'A' ], quantities => [ 2, 3 ]);

my %sell = (op => 'deduct', sku => 'K', quantity => 2);
my @apply = (
	[ 'keeps', 'ok', { lines => [ { %sell, keep => 1 } ] },
		stock => { A => 6, B => 9 } ],
	[ 'keep too much', 'insufficient_stock',
		{ lines => [ { %sell, keep => 2 } ] },
		stock => { A => 7, B => 9 } ],
	[
		'components come in the same call', 'ok',
		{
			lines => [
				{%sell}, { op => 'receive', sku => 'A', quantity => 3 },
				{ op => 'transfer', sku => 'B', quantity => 2,
					from_location => 'north', to_location => 'main' }
			]
		},
		stock => { A => 1, B => { north => 2 } }
	],
	[
		'a component is counted', '22023',
		{ lines => [ {%sell}, { op => 'adjust', sku => 'B', counted => 3 } ] },
		@stocked
	],
	[
		'a component is returned', 'ok',
		{ lines => [ { op => 'return', of_key => 'sale' } ] },
		@sale
	],
);

my @many = kits(rows(inv_deduct_many => \%two, @taken));
my @lines = (@many, as_requests(@many), kits(rows(inv_apply => {}, @apply)));

# --- inv_deduct_each ---------------------------------------------------------

my @each = kits(
	rows(
		inv_deduct_each => \%two,
		[ 'takes', 'ok', {}, @stocked ],
		[
			'one after another', 'insufficient_stock',
			{ skus => [ 'K', 'A', 'K', 'L', 'B' ],
				quantities => [ 2, 3, 3, 1, 1 ] },
			stock => { A => 10, B => 4 },
			full => 1
		],
		[ 'on backorder', 'ok', {}, stock => { A => 3, B => 9 },
			with_items(A => { backorder_limit => 9 }) ],
		[ 'inactive component', 'inactive_item', {}, @stocked,
			with_items(B => { active => 0 }) ],
		[ 'unknown location', 'unknown_location',
			{ locations => [ 'nowhere', 'main' ] }, @stocked ],
		[ 'a component that is no item', 'unknown_item', {},
			stock => { A => 9 }, @stray ],
		[ 'contains itself', '22023', { skus => [ 'A', 'K' ] },
			stock => { A => 9 }, @loop ],
		[ 'more than a number holds', '22003', { skus => [ 'A', 'L' ] },
			stock => { A => 9 }, @huge, after => [] ],
		[
			'the key of a single call', 'ok',
			{ keys => [ 'k', undef ] },
			@stocked,
			before => [
				[ call => 'inv_deduct',
					{ sku => 'K', quantity => 2, key => 'k' } ]
			]
		]));

our @rows = (@deduct, @no_stock, @return, @lines, @each);
our %answers = ();

1;
