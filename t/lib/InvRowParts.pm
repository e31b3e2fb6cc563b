# InvRowParts - what the situations of the call matrix are written with
#
# A row is one call in one situation:
#
#   name      of the situation
#   call      [function => { arguments }], without key and strict
#   says      the status, or the SQLSTATE of what is always raised
#   items     { sku => { columns of inv_item } }; { A => {} } if left out
#   bundles   { sku => { component => quantity } }; `forced` are those that the
#             triggers would refuse
#   stock     { sku => quantity } at main, or { sku => { location => ... } }
#   before    steps before everything: [call => function => { ... }],
#             [item => sku => { columns }], [later]: the time of all holds is
#             over
#   after     steps after everything; also [available => sku, location]
#   settings  of the session; `role` is the level it has been granted
#   others    arguments that the first call with the key had instead: one more
#             use of a key for each; the answer is then IV007
#   same      the same for arguments that are spelled otherwise: a replay
#   group     of rows that make one assertion; the name if left out
#   brief     each call in one transaction only, and only the most different
#             uses of a key
#   once      only in a transaction of its own, READ COMMITTED, without a key
#
# Locations are main, north, south and quarantine (see InvMatrix.pm).  There is
# always an item `work`.  InvCells.pm makes the cells.
#
# To have a new function in the matrix, describe it in InvFunctions.pm and in
# the model, and write its rows.
package InvRowParts;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(rows bad briefly lined as_requests limited bad_arrays shown
  MAX $long $past $later $latest $future
  @anywhere @traced @elsewhere @history @long_key @longest_key);

use constant MAX => 9007199254740991;

our $long = 'x' x 2000;
our $past = '2024-03-01 12:00:00+00';
our $later = '2024-03-02 12:00:00+00';
our $latest = '2024-03-03 12:00:00+00';
our $future = '2999-01-01 00:00:00+00';

# rows(FUNCTION, ARGUMENTS, [NAME, SAYS, ARGUMENTS, REST...]...) - rows of one
# function: each has the common ARGUMENTS with its own over them
sub rows
{
	my ($function, $common, @rows) = @_;
	return map {
		my ($name, $says, $given, %rest) = @$_;
		my $group = delete $rest{group} // $name;
		{
			name => "$function: $name",
			group => "$function: $group",
			call => [ $function => { %$common, %$given } ],
			says => $says,
			%rest
		}
	} @rows;
}

# the rows, brief if they are not `full`: for calls that have many
sub briefly
{
	my @rows = @_;

	$_->{brief} = !$_->{full} foreach @rows;
	return @rows;
}

# lined(FUNCTION, ARGUMENTS, ROWS...) - rows with the items A and B, brief
# ones if they do not say otherwise
sub lined
{
	my @rows = briefly(rows(@_));

	$_->{items} //= { A => {}, B => {} } foreach @rows;
	return @rows;
}

# as_requests(ROWS...) - rows of inv_deduct_many, with the same lines in a
# request of inv_apply, which must answer alike.  They are brief, and belong to
# the assertions of the others.
sub as_requests
{
	return map {
		my $row = $_;
		+{
			%$row,
			name => "inv_apply, as $row->{name}",
			call => [ inv_apply => as_request($row->{call}[1]) ],
			brief => 1,
			others => [],
			same => []
		}
	} @_;
}

sub as_request
{
	my ($given) = @_;
	my %request = %$given;
	my ($skus, $quantities, $locations, $sources) =
	  delete @request{qw(skus quantities locations sources)};

	$request{lines} = [
		map {
			{
				op => 'deduct',
				sku => $skus->[$_],
				quantity => $quantities->[$_],
				$locations
				? (location => $locations->[ $_ % @$locations ]) : (),
				$sources ? (sources => $sources) : ()
			}
		} 0 .. $#$skus
	];
	return \%request;
}

# argument => value...: one row for each, all refused with the same SQLSTATE
sub bad
{
	my ($says, @pairs) = @_;
	my @rows;

	while (my ($name, $value) = splice @pairs, 0, 2)
	{
		my $shown = shown($value);

		$shown = length($shown) . ' bytes' if length $shown > 30;
		push @rows,
		  [ "$name $shown", $says, { $name => $value }, brief => 1,
			group => "bad arguments, $says" ];
	}
	return @rows;
}

sub shown
{
	my ($value) = @_;
	return 'null' if !defined $value;
	return '{' . join(',', map { shown($_) } @$value) . '}'
	  if ref $value eq 'ARRAY';
	return $$value if ref $value eq 'SCALAR';
	return ref $value ? 'computed' : $value;
}

# what every call that changes stock answers alike
our @anywhere = (
	[ 'read-only', '25006', {}, stock => { A => 5 },
		settings => { default_transaction_read_only => 'on' } ],
	[ 'as a reader', '42501', {}, stock => { A => 5 },
		settings => { role => 'reader' } ],
);
our @traced = (
	settings => {
		role => 'clerk',
		'inventory.actor' => 'till 7',
		'inventory.traceparent' =>
		  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	});
our @elsewhere = (settings => { 'inventory.default_location' => 'north' });

# 10 received, 4 sold a day later, 1 received another day later
our @history = (
	before => [
		[ call => 'inv_receive',
			{ sku => 'A', quantity => 10, occurred_at => $past } ],
		[ call => 'inv_deduct',
			{ sku => 'A', quantity => 4, occurred_at => $later } ],
		[ call => 'inv_receive',
			{ sku => 'A', quantity => 1, occurred_at => $latest } ],
	]);

our @long_key = (key => sub { 'k' x (256 - length $_[0]) });
our @longest_key = (key => sub { 'k' x (255 - length $_[0]) });

# --- lines -------------------------------------------------------------------

# limited(LIMITS) - both items with them
sub limited
{
	my (%limits) = @_;
	return (items => { A => {%limits}, B => {%limits} });
}

# What is wrong with arrays is the same in all calls; NUMBERS is the name of
# the second one.
sub bad_arrays
{
	my ($numbers, $least) = @_;
	return (
		bad('22004', skus => undef, skus => [ 'A', undef ],
			$numbers => undef, $numbers => [ 3, undef ],
			locations => [undef], locations => [ 'main', undef ]),
		bad('22023', skus => [], skus => ['A'], skus => [ 'A', 'B', 'A' ],
			skus => [ ['A'], ['B'] ], skus => [ 'A', $long ],
			$numbers => [], $numbers => [3], $numbers => [ 3, 2, 1 ],
			$numbers => [ [3], [2] ], $numbers => [ $least - 1, 2 ],
			$numbers => [ 3, $least - 1 ], $numbers => [ 3, MAX + 1 ],
			locations => [], locations => [ ('main') x 3 ],
			locations => [ ['main'], ['main'] ],
			locations => [$long], locations => [ 'main', $long ]),
		[ 'no lines', '22023', { skus => [], $numbers => [] } ],
		[ 'one dimension too many', '22023',
			{ skus => [ ['A'], ['B'] ], $numbers => [ [3], [2] ] } ],
		[ 'as many lines as may be', 'ok', {},
			stock => { A => 9, B => 9 },
			settings => { 'inventory.max_lines' => 2 } ],
		[ 'more lines than may be', '22023', {},
			stock => { A => 9, B => 9 },
			settings => { 'inventory.max_lines' => 1 } ],
		@anywhere);
}

1;
