# InvFunctions - what the calls take: their arguments, and what is wrong with
# some of them
package InvFunctions;

use strict;
use warnings;

use InvErrors;

use constant MAX => 9007199254740991;

# Arguments in the order of the SQL functions: [name, kind, default].
# Without a default they are required.
my @note = map { [ $_ => $_, undef ] } qw(reference reason);
my @key = ([ key => 'key', undef ]);
my @strict = ([ strict => 'boolean', 1 ]);
my @where = ([ location => 'location', undef ]);
my @wheres = ([ locations => 'locations', undef ]);
my @when = ([ occurred_at => 'time', undef ]);
my @branch = ([ branch => 'branch', '' ]);

# does    the method of the model that makes the call
# key     it takes one;  strict  it can be
# level   that the caller needs, if not clerk
# checks  of arguments that depend on each other
# hold    it is about a hold, and answers with a hold's outcome
#
# Calls of many lines: each line is the operation `op` with the number that
# the second argument has for it.  `each`: as if the lines were called singly.
# `request`: the arguments are members of one JSON object.
our %function = (
	inv_receive => {
		does => 'receive',
		key => 1,
		arguments => [
			[ sku => 'sku' ], [ quantity => 'quantity' ], @where, @note, @key,
			@when
		],
	},
	inv_deduct => {
		does => 'deduct',
		key => 1,
		strict => 1,
		arguments => [
			[ sku => 'sku' ], [ quantity => 'quantity' ], @where, @note, @key,
			@strict, [ keep => 'count', undef ],
			[ expected_version => 'count', undef ], @when
		],
	},
	inv_adjust => {
		does => 'adjust',
		key => 1,
		strict => 1,
		arguments => [
			[ sku => 'sku' ], [ counted => 'count' ], @where, @note, @key,
			@strict, [ expected_version => 'count', undef ],
			[ counted_at => 'time', undef ]
		],
	},
	inv_transfer => {
		does => 'transfer',
		checks => \&check_ends,
		key => 1,
		strict => 1,
		arguments => [
			[ sku => 'sku' ], [ quantity => 'quantity' ],
			[ from_location => 'location', undef ],
			[ to_location => 'location', undef ], @note, @key, @strict,
			[ keep => 'count', undef ]
		],
	},
	inv_return => {
		does => 'give_back',
		key => 1,
		arguments => [
			[ of_key => 'of_key' ], [ quantity => 'quantity', undef ],
			[ sku => 'sku', undef ], [ location => 'origin', undef ],
			[ reason => 'reason', undef ], @key
		],
	},
	inv_set_limits => {
		does => 'set_limits',
		level => 'admin',
		arguments => [
			[ sku => 'sku' ], @where,
			map { [ $_ => 'count', undef ] }
			  qw(safety_stock backorder_limit reorder_point target_level)
		],
	},
	inv_deduct_many => {
		does => 'apply_lines',
		op => 'deduct',
		key => 1,
		strict => 1,
		arguments => [
			[ skus => 'skus' ], [ quantities => 'quantities' ], @wheres,
			[ sources => 'sources', undef ], @note, @key, @strict, @when
		],
	},
	inv_receive_many => {
		does => 'apply_lines',
		op => 'receive',
		key => 1,
		arguments => [
			[ skus => 'skus' ], [ quantities => 'quantities' ], @wheres, @note,
			@key, @when
		],
	},
	inv_adjust_many => {
		does => 'apply_lines',
		op => 'adjust',
		key => 1,
		strict => 1,
		arguments => [
			[ skus => 'skus' ], [ counted => 'counts' ], @wheres, @note, @key,
			@strict, [ counted_at => 'time', undef ]
		],
	},
	inv_deduct_each => {
		op => 'deduct',
		key => 1,
		each => 1,
		arguments => [
			[ skus => 'skus' ], [ quantities => 'quantities' ], @wheres,
			[ keys => 'keys', undef ],
			[ line_references => 'references', undef ],
			[ reason => 'reason', undef ]
		],
	},
	inv_apply => {
		does => 'apply_lines',
		key => 1,
		strict => 1,
		request => 1,
		arguments => [ [ lines => 'lines' ], @note, @key, @strict, @when ],
	},
	inv_try => {
		does => 'try_hold',
		op => 'deduct',
		hold => 1,
		strict => 1,
		arguments => [
			[ xid => 'xid' ], [ skus => 'skus' ],
			[ quantities => 'quantities' ], @wheres,
			[ sources => 'sources', undef ], @branch,
			[ ttl_seconds => 'ttl', 900 ],
			[ on_expiry => 'on_expiry', 'release' ],
			[ reference => 'reference', undef ], @strict
		],
	},
	inv_confirm => {
		does => 'confirm_hold',
		hold => 1,
		arguments => [
			[ xid => 'xid' ], @branch, [ quantities => 'counts', undef ],
			[ release_rest => 'boolean', 1 ]
		],
	},
	inv_cancel => {
		does => 'cancel_hold',
		hold => 1,
		arguments => [ [ xid => 'xid' ], @branch ],
	},
	inv_extend => {
		does => 'extend_hold',
		hold => 1,
		arguments => [ [ xid => 'xid' ], [ ttl_seconds => 'ttl' ], @branch ],
	},
);

# The operations of a request: the fields of a line that must and that may be
# there, with their kinds.
our %operation = (
	deduct => {
		must => { sku => 'sku', quantity => 'quantity' },
		may => {
			location => 'location',
			sources => 'sources',
			keep => 'count',
			expected_version => 'count'
		},
	},
	receive => {
		must => { sku => 'sku', quantity => 'quantity' },
		may => { location => 'location' },
	},
	adjust => {
		must => { sku => 'sku', counted => 'count' },
		may => { location => 'location', expected_version => 'count' },
	},
	transfer => {
		must => { sku => 'sku', quantity => 'quantity' },
		may => {
			from_location => 'location',
			to_location => 'location',
			keep => 'count'
		},
	},
	return => {
		must => { of_key => 'of_key' },
		may => {
			quantity => 'quantity',
			sku => 'sku',
			location => 'origin'
		},
	},
);

# Kinds of arguments: their SQL type, and the most bytes, the range, or the
# words it can be.  What is `sure` may not be null though it has a default.
# Arrays are `of` a kind; `nulls` can be elements of some, and only `sources`,
# which are not one for each line, may be empty.
our %kind = (
	sku => { type => 'text', bytes => 128 },
	location => { type => 'text', bytes => 128 },
	origin => { type => 'text', bytes => 128 },
	reference => { type => 'text', bytes => 255 },
	reason => { type => 'text', bytes => 1000 },
	key => { type => 'text', bytes => 255, least_bytes => 1 },
	of_key => { type => 'text', bytes => 255 },
	quantity => { type => 'bigint', least => 1 },
	count => { type => 'bigint', least => 0 },
	boolean => { type => 'boolean', sure => 1 },
	xid => { type => 'text', bytes => 128, least_bytes => 1 },
	branch => { type => 'text', bytes => 128, sure => 1 },
	ttl => { type => 'bigint', least => 1, most => 31536000, sure => 1 },
	on_expiry => {
		type => 'text',
		words => qr/^(?:release|keep|reacquire)$/,
		sure => 1
	},
	time => { type => 'timestamptz' },
	skus => { type => 'text[]', of => 'sku' },
	quantities => { type => 'bigint[]', of => 'quantity' },
	counts => { type => 'bigint[]', of => 'count' },
	locations => { type => 'text[]', of => 'location' },
	sources => { type => 'text[]', of => 'location' },
	keys => { type => 'text[]', of => 'key', nulls => 1 },
	references => { type => 'text[]', of => 'reference', nulls => 1 },
);

# --- checks ------------------------------------------------------------------

# checked(FUNCTION, GIVEN, DEFAULT LOCATION) - the values of all arguments
sub checked
{
	my ($function, $given, $default_location) = @_;
	my %call;

	foreach my $argument (@{ $function->{arguments} })
	{
		my ($name, $kind, @default) = @$argument;
		my $value = exists $given->{$name} ? $given->{$name} : $default[0];

		raise('22004', argument => $name)
		  if !defined $value && (!@default || $kind{$kind}{sure});
		check_value($name, $kind, $value) if defined $value;
		$value //= $default_location if $kind eq 'location';
		$call{$name} = $value;
	}
	$function->{checks}->(\%call) if $function->{checks};
	return \%call;
}

sub check_value
{
	my ($name, $kind_name, $value) = @_;
	my $kind = $kind{$kind_name};

	return check_sources($value) if $kind_name eq 'sources';
	return check_array($name, $kind, $value) if $kind->{of};
	if ($kind->{bytes})
	{
		raise('22023', argument => $name, bytes => length $value,
			limit => $kind->{bytes})
		  if length $value > $kind->{bytes};
		raise('22023') if length $value < ($kind->{least_bytes} // 0);
	}
	raise('22023', argument => $name, value => 0 + $value)
	  if defined $kind->{least}
	  && ($value < $kind->{least} || $value > ($kind->{most} // MAX));
	complain('22023', $name) if $kind->{words} && $value !~ $kind->{words};
	raise('22023') if $kind->{type} eq 'timestamptz' && $value =~ /infinity/;
	return;
}

# one element for each line
sub check_array
{
	my ($name, $kind, $array) = @_;

	complain('22023', $name) if !@$array || grep { ref } @$array;
	foreach my $line (1 .. @$array)
	{
		my $value = $array->[ $line - 1 ];

		next if !defined $value && $kind->{nulls};
		about_line(
			$line,
			sub {
				raise('22004') if !defined $value;
				check_value($name, $kind->{of}, $value);
			});
	}
	return;
}

sub check_sources
{
	my ($sources) = @_;
	my %seen;

	complain('22023', 'sources') if grep { ref } @$sources;
	raise('22004') if grep { !defined } @$sources;
	raise('22023') if grep { length > $kind{location}{bytes} } @$sources;
	raise('22023') if grep { $seen{$_}++ } @$sources;
	return;
}

sub check_ends
{
	my ($call) = @_;
	raise('22023') if $call->{from_location} eq $call->{to_location};
	return;
}

# lines(FUNCTION, CALL, DEFAULT LOCATION) - the arrays of a call as a list of
# lines, which takes their place
sub lines
{
	my ($function, $call, $default_location) = @_;
	my ($skus, $number, @others) = map { $_->[0] }
	  grep { $kind{ $_->[1] }{of} && $_->[1] ne 'sources' }
	  @{ $function->{arguments} };
	my %array = map { $_ => $call->{$_} } $skus, $number, @others;
	my $count = @{ $array{$skus} };
	my $sources = delete $call->{sources};

	delete @$call{ keys %array };
	complain('22023', $skus, $number, $count, scalar @{ $array{$number} })
	  if @{ $array{$number} } != $count;
	complain('22023', 'locations', 'sources')
	  if $sources && $array{locations};
	$array{locations} //= [$default_location];
	$array{locations} = [ ($array{locations}[0]) x $count ]
	  if @{ $array{locations} } == 1;
	foreach my $name (grep { defined $array{$_} } @others)
	{
		complain('22023', $name, $count, scalar @{ $array{$name} })
		  if @{ $array{$name} } != $count;
	}

	my $single = $number eq 'counted' ? 'counted' : 'quantity';
	return [
		map {
			{
				line => $_ + 1,
				op => $function->{op},
				sku => $array{$skus}[$_],
				$single => $array{$number}[$_],
				$sources
				? (sources => $sources)
				: (location => $array{locations}[$_]),
				$array{keys} ? (key => $array{keys}[$_]) : (),
				$array{line_references}
				? (reference => $array{line_references}[$_]) : ()
			}
		} 0 .. $count - 1
	];
}

1;
