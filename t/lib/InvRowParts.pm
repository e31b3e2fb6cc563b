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
#             [item => sku => { columns }]
#   after     steps after everything; also [available => sku, location]
#   settings  of the session; `role` is the level it has been granted
#   others    arguments that the first call with the key had instead: one more
#             use of a key for each; the answer is then IV007
#   same      the same for arguments that are spelled otherwise: a replay
#   brief     only the most different transactions and uses of a key, each kind
#             of transaction at one isolation level
#   once      only a transaction of its own, READ COMMITTED, without a key
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

our @EXPORT = qw(rows bad briefly shown MAX $long $past $later $latest $future
  @anywhere @traced @elsewhere @long_key @longest_key);

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
		my ($name, $says, $given, @rest) = @$_;
		{
			name => "$function: $name",
			call => [ $function => { %$common, %$given } ],
			says => $says,
			@rest
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
		  [ "$name $shown", $says, { $name => $value }, brief => 1 ];
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
our @long_key = (key => sub { 'k' x (256 - length $_[0]) });
our @longest_key = (key => sub { 'k' x (255 - length $_[0]) });

1;
