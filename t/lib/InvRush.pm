# InvRush - a client whose every call is a transaction of its own and meets
# the others' rows, keys and bundles in another order
#
# It remembers each call with what it was told.  With unique keys it may be cut
# off at any time: then its last call is in doubt, and whoever repeats that call
# is told what became of it.
package InvRush;

use strict;
use warnings;

use InvSession;
use JSON::PP ();
use List::Util qw(shuffle);
use Storable qw(store);
use Time::HiRes qw(time);

our @locations = qw(main shop depot attic);
our @skus = map { "S$_" } 1 .. 40;
our @counted = map { "C$_" } 1 .. 8;    # stocktakes; in no bundle
our %component = (
	B1 => { S1 => 1, S7 => 2 },
	B2 => { S9 => 1, S3 => 1, S21 => 1 },
	B3 => { S30 => 1, S2 => 3 },
	B4 => { S9 => 1, S3 => 1, S21 => 1, S40 => 2 });    # B2 and S40

my $json = JSON::PP->new->canonical;

# statements that make the catalogue; half of the stock rows are still to be
# made
sub catalogue
{
	my @sql = (
		'CREATE EXTENSION inventory',
		map { "INSERT INTO inv_location (location, priority) VALUES
			('$locations[$_]', $_)" } 0 .. $#locations);

	push @sql, map {
		"INSERT INTO inv_item (sku, safety_stock, backorder_limit)
		 VALUES ('S$_', $_ % 3, $_ % 4 * 2)"
	} 1 .. @skus;
	push @sql, map { "INSERT INTO inv_item (sku) VALUES ('$_')" }
	  @counted, sort keys %component;
	push @sql, map {
		my $sku = $_;
		map { "INSERT INTO inv_bundle VALUES ('$sku', '$_',
			$component{$sku}{$_})" } sort keys %{ $component{$sku} }
	} qw(B1 B2 B3);
	push @sql, q{INSERT INTO inv_bundle VALUES ('B4', 'B2', 1),
		('B4', 'S40', 2)};
	return @sql;
}

# new(node => , number => , seed => , stop => FILE, tick => HANDLE,
#	unique_keys => )
sub new
{
	my ($class, %given) = @_;
	srand $given{seed};
	return bless { %given, turn => 0, told => [], sales => [] }, $class;
}

# run(FILE) - until the file `stop` exists or the server is gone; what it was
# told goes to FILE
sub run
{
	my ($self, $file) = @_;
	my $session = $self->{session} = InvSession->open($self->{node});

	while ($session && !-e $self->{stop})
	{
		my $call = $self->random_call;
		my $answer = carry_out($session, $call);

		push @{ $self->{told} }, { %$call, answer => $answer };
		last if $answer->{lost};
		push @{ $self->{sales} }, $call->{key}
		  if $call->{key}
		  && $answer->{rows}
		  && $call->{name} =~ /deduct/
		  && $answer->{rows}[0]{status} eq 'ok';
		syswrite $self->{tick}, '.';
	}
	store($self->{told}, $file);
	return;
}

sub carry_out
{
	my ($session, $call) = @_;
	return $session->answer($call->{sql}, @{ $call->{values} });
}

# --- calls -------------------------------------------------------------------

sub one_of
{
	return $_[ rand @_ ];
}

sub chance
{
	return rand 100 < $_[0];
}

sub random_call
{
	my ($self) = @_;
	my $turn = ++$self->{turn};
	my $kind = one_of(('many') x 6, ('each') x 5, ('apply') x 5,
		('receive') x 4, ('single') x 4, ('transfer') x 2, ('back') x 2,
		('count') x 2, 'item', 'limits');

	$kind = 'many' if $kind =~ /^(?:item|limits)$/ && $self->{unique_keys};
	$kind = 'shared' if !$self->{unique_keys} && new_keys() < 0.15;
	my $call = $self->$kind;
	return { %$call, turn => $turn };
}

# a key that nobody else has, or none
sub own_key
{
	my ($self) = @_;
	return if !$self->{unique_keys} && chance(60);
	return "$self->{name}-$self->{number}-$self->{turn}";
}

sub many
{
	my ($self) = @_;
	my @lines = some_lines(30);
	my $sources = chance(40) ? [ some_of(@locations) ] : undef;
	my $where = $sources || chance(20) ? undef
	  : chance(30) ? [ one_of(@locations) ]
	  : [ map { one_of(@locations) } @lines ];
	my $key = $self->own_key;

	return {
		name => 'inv_deduct_many',
		key => $key,
		ops => [ map { 'deduct' } @lines ],
		sql => 'SELECT * FROM inv_deduct_many($1::text[], $2::bigint[],
			$3::text[], $4::text[], key => $5, strict => false)',
		values => [
			[ map { $_->{sku} } @lines ],
			[ map { $_->{quantity} } @lines ],
			$where, $sources, $key
		],
	};
}

sub some_lines
{
	my ($most) = @_;
	return map {
		{
			sku => chance(20)
			? one_of(sort keys %component) : one_of(@skus, @counted),
			quantity => 1 + int rand 3
		}
	} 1 .. 1 + rand $most;
}

# some of a list, in any order, at least one
sub some_of
{
	my @mixed = shuffle @_;
	return @mixed[ 0 .. rand @mixed ];
}

# Four times a second there are new keys, and all want most of them at once.
sub new_keys
{
	return 4 * time - int(4 * time);
}

sub shared
{
	my $first = 60 * int(4 * time);
	my @numbers = some_of($first .. $first + 59);

	return each_of(map { shared_line($_) } @numbers);
}

sub each
{
	my ($self) = @_;
	return each_of(map { { some_line(), $self->own_line_key($_) } }
		  0 .. rand 30);
}

sub each_of
{
	my @lines = @_;

	return {
		name => 'inv_deduct_each',
		ops => [ map { 'deduct' } @lines ],
		sql => 'SELECT * FROM inv_deduct_each($1::text[], $2::bigint[],
			$3::text[], $4::text[])',
		values => [
			map { my $name = $_; [ map { $_->{$name} } @lines ] }
			  qw(sku quantity location key)
		],
	};
}

sub some_line
{
	my ($line) = some_lines(1);
	return (%$line, location => one_of(@locations));
}

sub own_line_key
{
	my ($self, $number) = @_;
	my $key = $self->own_key;
	return (key => defined $key ? "$key/$number" : undef);
}

sub shared_line
{
	my ($number) = @_;
	my @all = (@skus, 'B1', 'B2', 'B3');

	return {
		key => "shared-$number",
		sku => $all[ $number * 7 % @all ],
		quantity => 1 + $number % 3,
		location => $locations[ $number % @locations ]
	};
}

sub apply
{
	my ($self) = @_;
	my @lines = map { $self->operation } 1 .. 1 + rand 12;
	my $key = $self->own_key;

	return {
		name => 'inv_apply',
		key => $key,
		ops => [ map { $_->{op} } @lines ],
		sql => 'SELECT * FROM inv_apply($1::jsonb)',
		values => [
			$json->encode({
					key => $key,
					strict => JSON::PP::false,
					lines => \@lines
			})
		],
	};
}

sub operation
{
	my ($self) = @_;
	my ($from, $to) = shuffle @locations;
	my %line = some_line();
	my $sale = chance(15) ? $self->sale : undef;

	return { op => 'return', of_key => $sale,
		chance(50) ? (quantity => 1) : () }
	  if $sale;
	return {
		op => 'transfer',
		sku => one_of(@skus),
		quantity => $line{quantity},
		from_location => $from,
		to_location => $to
	  }
	  if chance(25);
	return { op => 'receive', %line, sku => one_of(@skus, @counted) }
	  if chance(30);
	return { op => 'deduct', %line } if chance(60);
	delete $line{location};
	return { op => 'deduct', %line, sources => [ some_of(@locations) ] };
}

sub receive
{
	my ($self) = @_;
	my @lines = map {
		{
			some_line(),
			sku => one_of(@skus, @counted),
			quantity => 1 + int rand 25
		}
	} 1 .. 1 + rand 40;
	my $key = $self->own_key;

	return {
		name => 'inv_receive_many',
		key => $key,
		ops => [ map { 'receive' } @lines ],
		sql => 'SELECT * FROM inv_receive_many($1::text[], $2::bigint[],
			$3::text[], key => $4)',
		values => [
			(map { my $name = $_; [ map { $_->{$name} } @lines ] }
				  qw(sku quantity location)),
			$key
		],
	};
}

sub transfer
{
	my ($self) = @_;
	my ($from, $to) = shuffle @locations;
	my $key = $self->own_key;

	return {
		name => 'inv_transfer',
		key => $key,
		ops => ['transfer'],
		sql => 'SELECT * FROM inv_transfer($1, $2::bigint, $3, $4, key => $5,
			strict => false)',
		values => [ one_of(@skus), 1 + int rand 3, $from, $to, $key ],
	};
}

# one line, as most calls have
sub single
{
	my ($self) = @_;
	my %line = some_line();
	my $key = $self->own_key;
	my $op = one_of(('deduct') x 3, 'receive', 'adjust');
	my $strict = $op eq 'receive' ? '' : ', strict => false';

	$line{sku} = one_of($op eq 'adjust' ? @counted : @skus)
	  if $op ne 'deduct';
	return {
		name => "inv_$op",
		key => $key,
		ops => [$op],
		sql => "SELECT * FROM inv_$op(\$1, \$2::bigint, \$3, key => \$4$strict)",
		values => [ @line{qw(sku quantity location)}, $key ],
	};
}

# the key of a sale that was not returned yet: an own one or, where others'
# keys are known, of anybody, who may be faster
sub sale
{
	my ($self) = @_;

	return 'shared-' . int(60 * int(4 * time) - rand 600)
	  if !$self->{unique_keys} && chance(40);
	return splice @{ $self->{sales} }, rand @{ $self->{sales} }, 1;
}

# what a sale took, or some of it
sub back
{
	my ($self) = @_;
	my $sale = $self->sale;
	my $key = $self->own_key;

	return $self->transfer if !$sale;
	return {
		name => 'inv_return',
		key => $key,
		ops => ['return'],
		sql => 'SELECT * FROM inv_return($1, $2::bigint, key => $3)',
		values => [ $sale, chance(50) ? 1 : undef, $key ],
	};
}

sub count
{
	my ($self) = @_;
	my @lines = some_of(@counted);
	my $key = $self->own_key;

	return {
		name => 'inv_adjust_many',
		key => $key,
		ops => [ map { 'adjust' } @lines ],
		sql => 'SELECT * FROM inv_adjust_many($1::text[], $2::bigint[],
			$3::text[], key => $4, strict => false)',
		values => [
			\@lines,
			[ map { int rand 50 } @lines ],
			[ map { one_of(@locations) } @lines ], $key
		],
	};
}

# an item changes in a way that its stock rows follow
sub item
{
	return {
		name => 'UPDATE',
		ops => [],
		sql => 'UPDATE inv_item SET reorder_point = $1 WHERE sku = $2',
		values => [ int rand 9, one_of(@skus) ],
	};
}

# limits that a row has of its own, and that follow its item again: neither
# is another floor than the item's
sub limits
{
	return {
		name => 'inv_set_limits',
		ops => ['limits'],
		sql => 'SELECT * FROM inv_set_limits($1, $2, reorder_point => $3)',
		values => [ one_of(@skus), one_of(@locations),
			chance(50) ? int rand 9 : undef ],
	};
}

# --- what it comes to --------------------------------------------------------

# effects(CALL) - { sku => difference } over all locations, as it was told;
# a key that several have counts where it was not a replay.  What was counted
# is not known from the answer.
sub effects
{
	my ($call) = @_;
	my %effect;

	foreach my $row (@{ $call->{answer}{rows} // [] })
	{
		my $op = $call->{ops}[ $row->{line} - 1 ];

		next if $row->{status} ne 'ok' || $op =~ /^(?:transfer|adjust|limits)$/;
		next if $row->{replayed} && !$call->{again};
		my $sign = $op eq 'deduct' ? -1 : 1;
		my $leaves = $component{ $row->{sku} } // { $row->{sku} => 1 };
		$effect{$_} += $sign * $leaves->{$_} * $row->{quantity}
		  foreach keys %$leaves;
	}
	return \%effect;
}

1;
