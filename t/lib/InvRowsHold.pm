# InvRowsHold - the rows of the calls about holds
#
# The hold is `h`, of three A and two B.  What inv_expire_holds() does is not
# of one cell: it would find the holds of others.
package InvRowsHold;

use strict;
use warnings;

use InvRowParts;

my %order = (xid => 'h', skus => [ 'A', 'B' ], quantities => [ 3, 2 ]);
my @stocked = (stock => { A => 10, B => 5 });

# the steps that come before
sub tried
{
	my (%given) = @_;
	return [ call => 'inv_try', { %order, %given } ];
}

sub confirmed
{
	my (%given) = @_;
	return [ call => 'inv_confirm', { xid => 'h', %given } ];
}
my $cancelled = [ call => 'inv_cancel', { xid => 'h' } ];
my $refused = tried(quantities => [ 30, 2 ], strict => 0);

sub after_steps
{
	my (@steps) = @_;
	return (@stocked, before => \@steps);
}

# --- inv_try -----------------------------------------------------------------

my @bad_names = (
	bad('22004', xid => undef, branch => undef),
	bad('22023', xid => '', xid => sub { 'x' x (129 - length $_[0]) },
		branch => $long));
my @bad_time = (
	bad('22004', ttl_seconds => undef),
	bad('22023', ttl_seconds => 0, ttl_seconds => 31536001));

my @try = lined(
	inv_try => \%order,
	[
		'holds', 'ok', {},
		@stocked,
		others => [
			{ quantities => [ 3, 1 ] }, { skus => [ 'B', 'A' ] },
			{ skus => ['A'], quantities => [3] },
			{ locations => ['north'] }, { sources => ['main'] },
			{ ttl_seconds => 960 }, { on_expiry => 'keep' },
			{ reference => 'r' }
		],
		same => [
			{ locations => ['main'] }, { locations => [ 'main', 'main' ] },
			{ ttl_seconds => 900 }, { branch => '' },
			{ on_expiry => 'release' }
		],
		full => 1
	],
	[
		'with everything', 'ok',
		{ branch => 'b', locations => [ 'south', 'north' ],
			ttl_seconds => 3600, on_expiry => 'keep',
			reference => 'order 1' },
		stock => { A => { south => 4 }, B => { main => 1, north => 3 } },
		full => 1
	],
	[ 'one stock row twice', 'ok',
		{ skus => [ 'A', 'B', 'A' ], quantities => [ 3, 1, 4 ] },
		stock => { A => 7, B => 5 } ],
	[ 'another branch of it', 'ok', { branch => 'c' },
		after_steps(tried(branch => 'b')) ],
	[ 'beside a hold of the last', 'insufficient_stock', { xid => 'i' },
		stock => { A => 5, B => 5 }, before => [ tried() ] ],
	[ 'traced', 'ok', {}, @stocked, @traced ],
	[ 'at another default', 'ok', {},
		stock => { A => { north => 4 }, B => { north => 2 } },
		@elsewhere, same => [ { locations => ['north'] } ] ],
	[ 'longest name', 'ok',
		{ xid => sub { 'x' x (128 - length $_[0]) } }, @stocked ],
	[ 'on backorder, without stock rows', 'ok', {},
		limited(backorder_limit => 7) ],
	[ 'out of the safety stock', 'insufficient_stock', {},
		stock => { A => 5, B => 4 }, limited(safety_stock => 3) ],
	[ 'not enough', 'insufficient_stock', {}, stock => { A => 2, B => 5 },
		others => [ { quantities => [ 2, 2 ] } ],
		full => 1 ],
	[ 'together not enough', 'insufficient_stock',
		{ skus => [ 'B', 'A', 'A' ], quantities => [ 1, 3, 4 ] },
		stock => { A => 6, B => 5 } ],
	[ 'an unknown item', 'unknown_item', { skus => [ 'A', 'Z' ] }, @stocked ],
	[ 'an unknown location', 'unknown_location',
		{ locations => [ 'main', 'nowhere' ] }, @stocked ],
	[ 'an inactive item', 'inactive_item', {}, @stocked,
		items => { A => {}, B => { active => 0 } } ],
	[ 'sources, the first that has enough', 'ok',
		{ sources => [ 'north', 'main' ] },
		stock => { A => { north => 2, main => 5 }, B => { north => 4 } } ],
	[ 'sources, split', 'ok', { sources => [ 'north', 'main' ] },
		stock => { A => { north => 2, main => 1 }, B => { north => 4 } } ],
	[ 'sources, not enough', 'insufficient_stock',
		{ sources => [ 'north', 'main' ] },
		stock => { A => { north => 1, main => 1 }, B => { north => 4 } } ],
	[ 'when it is confirmed', 'ok', {}, after_steps(tried(), confirmed()) ],
	[ 'when it is cancelled', 'IV012', {}, after_steps(tried(), $cancelled) ],
	[ 'late', 'IV012', {}, after_steps($cancelled), full => 1 ],
	[ 'late, something else', 'IV012', { quantities => [ 1, 1 ] },
		after_steps(tried(), $cancelled) ],
	[ 'when its time is over', 'IV013', {}, after_steps(tried(), ['later']) ],
	[ 'something else when its time is over', 'IV013',
		{ quantities => [ 1, 1 ] }, after_steps(tried(), ['later']) ],
	[ 'when its time is over, and it is kept', 'ok', { on_expiry => 'keep' },
		after_steps(tried(on_expiry => 'keep'), ['later']) ],
	[ 'when its time is over, and it may be taken again', 'ok',
		{ on_expiry => 'reacquire' },
		after_steps(tried(on_expiry => 'reacquire'), ['later']) ],
	[ 'something else', 'IV014', { quantities => [ 1, 1 ] },
		after_steps(tried()), full => 1 ],
	[ 'something else when it is confirmed', 'IV014',
		{ quantities => [ 1, 1 ] }, after_steps(tried(), confirmed()) ],
	[ 'something else when it was refused', 'IV014',
		{ quantities => [ 1, 1 ] }, after_steps($refused) ],
	@bad_names,
	@bad_time,
	bad('22004', on_expiry => undef, strict => undef),
	bad('22023', on_expiry => 'never', reference => $long),
	bad_arrays('quantities', 1));

# A bundle is held as its components.
my @kits = lined(
	inv_try => { xid => 'h', skus => [ 'K', 'A' ], quantities => [ 2, 1 ] },
	[ 'bundle', 'ok', {}, stock => { A => 5, B => 2 } ],
	[ 'bundle, not enough', 'insufficient_stock', { skus => [ 'B', 'K' ] },
		stock => { A => 1, B => 5 } ]);
foreach my $row (@kits)
{
	$row->{items} = { map { $_ => {} } qw(A B K) };
	$row->{bundles} = { K => { A => 2, B => 1 } };
}

# --- the calls that decide ---------------------------------------------------

# what each of them answers of these holds
my @over = (
	[ 'when its time is over', 'IV013', {}, after_steps(tried(), ['later']) ],
	[ 'when it was cancelled', 'IV012', {},
		after_steps(tried(), $cancelled) ],
	[ 'when it was cancelled before', 'IV012', {}, after_steps($cancelled) ],
	[ 'unknown', 'IV010', {}, @stocked ],
	[ 'of another branch', 'IV010', { branch => 'c' },
		after_steps(tried(branch => 'b')) ],
	[ 'when it was refused', 'IV010', {}, after_steps($refused) ],
);

my %half = (quantities => [ 1, 0 ], release_rest => 0);
my @confirm = lined(
	inv_confirm => { xid => 'h' },
	[ 'takes', 'ok', {}, after_steps(tried(reference => 'r')), full => 1 ],
	[ 'of a branch', 'ok', { branch => 'b' },
		after_steps(tried(branch => 'b')) ],
	[ 'all, as it was tried', 'ok', { quantities => [ 3, 2 ] },
		after_steps(tried()), others => [ { quantities => [ 3, 1 ] } ] ],
	[ 'takes less', 'ok', { quantities => [ 1, 2 ] }, after_steps(tried()),
		others => [ {}, { quantities => [ 1, 1 ] } ],
		full => 1 ],
	[ 'takes nothing', 'ok', { quantities => [ 0, 0 ] },
		after_steps(tried()) ],
	[ 'takes less, and holds the rest', 'ok', {%half}, after_steps(tried()),
		full => 1 ],
	[ 'takes more of the rest', 'ok', { quantities => [ 2, 2 ] },
		after_steps(tried(), confirmed(%half)), full => 1 ],
	[ 'takes all of the rest', 'ok', {},
		after_steps(tried(), confirmed(%half)) ],
	[ 'takes all, and holds the rest', 'ok',
		{ quantities => [ 3, 2 ], release_rest => 0 }, after_steps(tried()) ],
	[ 'less than was taken', 'IV014', { quantities => [ 0, 2 ] },
		after_steps(tried(), confirmed(%half)), full => 1 ],
	[ 'something else', 'IV014', { quantities => [ 3, 1 ] },
		after_steps(tried(), confirmed()) ],
	[ 'more than was tried', 'IV015', { quantities => [ 3, 3 ] },
		after_steps(tried()), full => 1 ],
	[ 'more than is left, and was tried', 'IV015', { quantities => [ 4, 0 ] },
		after_steps(tried(), confirmed(%half)) ],
	[
		'of several locations', 'ok', { quantities => [ 4, 1 ] },
		stock => { A => { north => 3, main => 3 }, B => 5 },
		before => [
			tried(quantities => [ 6, 2 ], sources => [ 'north', 'main' ])
		]
	],
	[ 'one stock row twice', 'ok', { quantities => [ 1, 2, 0 ] },
		after_steps(
			tried(skus => [ 'A', 'B', 'A' ], quantities => [ 2, 2, 3 ])) ],
	[ 'of an item that is inactive by now', 'ok', {},
		after_steps(tried(), [ item => 'B', { active => 0 } ]) ],
	[ 'when its time is over, and it is kept', 'ok', {},
		after_steps(tried(on_expiry => 'keep'), ['later']), full => 1 ],
	[ 'when its time is over, and it may be taken again', 'ok', {},
		after_steps(tried(on_expiry => 'reacquire'), ['later']) ],
	[ 'traced', 'ok', {}, after_steps(tried()), @traced ],
	@over,
	[ 'another number of quantities', '22023', { quantities => [3] },
		after_steps(tried()) ],
	(
		map { [ @$_, after_steps(tried()) ] }
		  bad('22004', release_rest => undef, quantities => [ 3, undef ]),
		bad('22023', quantities => [], quantities => [ -1, 2 ],
			quantities => [ 3, MAX + 1 ], quantities => [ [3], [2] ])
	),
	@bad_names,
	@anywhere);

my @cancel = lined(
	inv_cancel => { xid => 'h' },
	[ 'gives back', 'ok', {}, after_steps(tried(reference => 'r')),
		full => 1 ],
	[ 'of a branch', 'ok', { branch => 'b' },
		after_steps(tried(branch => 'b')) ],
	[ 'before it was tried', 'ok', {}, @stocked, full => 1 ],
	[ 'when it was refused', 'ok', {}, after_steps($refused) ],
	[ 'gives back the rest', 'ok', {},
		after_steps(tried(), confirmed(%half)) ],
	[ 'when its time is over', 'ok', {}, after_steps(tried(), ['later']) ],
	[ 'when it is confirmed', 'IV011', {}, after_steps(tried(), confirmed()),
		full => 1 ],
	[ 'traced', 'ok', {}, after_steps(tried()), @traced ],
	@bad_names,
	@anywhere);

my @extend = lined(
	inv_extend => { xid => 'h', ttl_seconds => 3600 },
	[ 'from now', 'ok', {}, after_steps(tried()), full => 1 ],
	[ 'of a branch', 'ok', { branch => 'b' },
		after_steps(tried(branch => 'b')) ],
	[ 'shorter', 'ok', { ttl_seconds => 60 }, after_steps(tried()) ],
	[ 'in part confirmed', 'ok', {},
		after_steps(tried(), confirmed(%half)) ],
	[ 'when its time is over, and it is kept', 'ok', {},
		after_steps(tried(on_expiry => 'keep'), ['later']) ],
	[ 'when its time is over, and it may be taken again', 'ok', {},
		after_steps(tried(on_expiry => 'reacquire'), ['later']) ],
	[ 'when it is confirmed', 'IV011', {},
		after_steps(tried(), confirmed()) ],
	@over,
	@bad_names,
	@bad_time,
	@anywhere);

our @rows = (@try, @kits, @confirm, @cancel, @extend);

our %answers = (
	inv_try => [
		qw(ok unknown_item unknown_location inactive_item insufficient_stock
		  IV012 IV013 IV014)
	],
	inv_confirm => [qw(ok IV010 IV012 IV013 IV014 IV015)],
	inv_cancel => [qw(ok IV011)],
	inv_extend => [qw(ok IV010 IV011 IV012 IV013)],
);

1;
