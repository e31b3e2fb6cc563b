# InvModel - the contract of the calls, in memory, for one caller
#
# It says what a call must answer and what it must leave behind.  It shares
# nothing with the extension but the words: whoever changes what a call does
# changes it here too, by reading the documentation and not the source.
#
# State: the catalogue (items, locations), stock rows with their movements,
# remembered requests.  A transaction is a stack of copies of it.
package InvModel;

use strict;
use warnings;

use Storable qw(dclone);

use constant MAX => 9007199254740991;
use constant NOW => 'now';    # sorts behind every year

# Arguments in the order of the SQL functions: [name, kind, default].
# Without a default they are required; 'null' means that null says something.
my @note = map { [ $_ => $_, undef ] } qw(reference reason);
my @key = ([ key => 'key', undef ]);
my @strict = ([ strict => 'boolean', 1 ]);
my @where = ([ location => 'location', undef ]);

our %function = (
	inv_receive => {
		does => \&receive,
		key => 1,
		arguments => [
			[ sku => 'sku' ], [ quantity => 'quantity' ], @where, @note, @key,
			[ occurred_at => 'time', undef ]
		],
	},
	inv_deduct => {
		does => \&deduct,
		key => 1,
		strict => 1,
		arguments => [
			[ sku => 'sku' ], [ quantity => 'quantity' ], @where, @note, @key,
			@strict, [ keep => 'count', undef ],
			[ expected_version => 'count', undef ],
			[ occurred_at => 'time', undef ]
		],
	},
	inv_adjust => {
		does => \&adjust,
		key => 1,
		strict => 1,
		arguments => [
			[ sku => 'sku' ], [ counted => 'count' ], @where, @note, @key,
			@strict, [ expected_version => 'count', undef ],
			[ counted_at => 'time', undef ]
		],
	},
	inv_transfer => {
		does => \&transfer,
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
		does => \&give_back,
		key => 1,
		arguments => [
			[ of_key => 'of_key' ], [ quantity => 'quantity', undef ],
			[ sku => 'sku', undef ], [ location => 'origin', undef ],
			[ reason => 'reason', undef ], @key
		],
	},
	inv_set_limits => {
		does => \&set_limits,
		level => 'admin',
		arguments => [
			[ sku => 'sku' ], @where,
			map { [ $_ => 'count', undef ] }
			  qw(safety_stock backorder_limit reorder_point target_level)
		],
	},
);

# kinds of arguments: their SQL type, and the most bytes or the range
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
	boolean => { type => 'boolean' },
	time => { type => 'timestamptz' },
);

our %sqlstate = (
	insufficient_stock => 'IV001',
	version_conflict => 'IV002',
	unknown_item => 'IV003',
	inactive_item => 'IV004',
	unknown_location => 'IV005',
);

my %rank = (reader => 1, clerk => 2, admin => 3);
my @limits = qw(safety_stock backorder_limit reorder_point target_level);

# new(user => NAME, locations => [...]) - items come with add_item
sub new
{
	my ($class, %given) = @_;
	return bless {
		committed => {
			items => {},
			locations => { map { $_ => 1 } @{ $given{locations} } },
			stock => {},
			requests => {},
		},
		open => undef,    # the state of the open transaction
		aborted => 0,
		savepoint => undef,
		prepared => undef,
		before => undef,    # the state before the call
		settings => {},
		user => $given{user},
		next_id => 1,     # like a sequence: not given back by a rollback
	}, $class;
}

# --- catalogue and settings --------------------------------------------------

sub add_item
{
	my ($self, $sku, $item) = @_;
	$self->state->{items}{$sku} = {
		active => 1,
		safety_stock => 0,
		backorder_limit => 0,
		reorder_point => undef,
		target_level => undef,
		%$item
	};
	return;
}

# The limits of an item are those of its stock rows that have none of their
# own.
sub update_item
{
	my ($self, $sku, $change) = @_;
	my $item = $self->state->{items}{$sku};

	%$item = (%$item, %$change);
	foreach my $row ($self->rows_of($sku))
	{
		$row->{active} = $item->{active};
		@$row{@limits} = @$item{@limits} unless $row->{own};
	}
	return;
}

sub set
{
	my ($self, $settings) = @_;
	$self->{settings} = { %{ $self->{settings} }, %$settings };
	return;
}

# look(SKUS...) - the levels as the caller sees them
sub look
{
	my ($self, @skus) = @_;
	my %seen = map { $_ => 1 } @skus;

	return in_failed_transaction() if $self->{aborted};
	return { rows =>
		  [ map { level($_) } grep { $seen{ $_->{sku} } } $self->all_rows ] };
}

sub level
{
	my ($row) = @_;
	return {
		available => available($row),
		map { $_ => $row->{$_} } qw(sku location on_hand reserved version)
	};
}

# tables() - everything that is there, as { table => [rows] }, and the names
# of the movements, { id => name }
sub tables
{
	my ($self) = @_;
	my $state = $self->state;
	my (%tables, %ids);

	foreach my $row ($self->all_rows)
	{
		push @{ $tables{stock} }, $row;
		foreach my $movement (@{ $row->{movements} })
		{
			my %columns = (
				%$movement,
				sku => $row->{sku},
				location => $row->{location},
				application_name => 'tests',
				hold => undef,
				epoch => undef);

			$ids{ delete $columns{id} } =
			  "$row->{sku}\@$row->{location}#$movement->{version}";
			push @{ $tables{movement} }, \%columns;
		}
	}
	foreach my $key (keys %{ $state->{requests} })
	{
		my $request = $state->{requests}{$key};

		push @{ $tables{request} }, map {
			{ request => $key, function => $request->{function},
				replayed => 0, %$_ }
		} @{ $request->{outcomes} };
	}
	return (\%tables, \%ids);
}

# --- transactions ------------------------------------------------------------

sub state
{
	my ($self) = @_;
	return $self->{open} // $self->{committed};
}

sub begin
{
	my ($self) = @_;
	$self->{open} = dclone($self->{committed});
	$self->{aborted} = 0;
	$self->{savepoint} = undef;
	return { tag => 'BEGIN' };
}

sub savepoint
{
	my ($self) = @_;
	return in_failed_transaction() if $self->{aborted};
	$self->{savepoint} = dclone($self->{open});
	return { tag => 'SAVEPOINT' };
}

sub rollback_to
{
	my ($self) = @_;
	return { error => { state => '3B001' } } if !$self->{savepoint};
	$self->{open} = dclone($self->{savepoint});
	$self->{aborted} = 0;
	return { tag => 'ROLLBACK' };
}

sub commit
{
	my ($self) = @_;
	return $self->rollback if $self->{aborted};
	$self->{committed} = $self->{open};
	$self->{open} = undef;
	return { tag => 'COMMIT' };
}

sub rollback
{
	my ($self) = @_;
	$self->{open} = undef;
	$self->{aborted} = 0;
	return { tag => 'ROLLBACK' };
}

sub prepare
{
	my ($self) = @_;
	return $self->rollback if $self->{aborted};
	$self->{prepared} = $self->{open};
	$self->{open} = undef;
	return { tag => 'PREPARE TRANSACTION' };
}

sub commit_prepared
{
	my ($self) = @_;
	return $self->end_prepared('COMMIT PREPARED');
}

sub rollback_prepared
{
	my ($self) = @_;
	return $self->end_prepared('ROLLBACK PREPARED');
}

sub end_prepared
{
	my ($self, $tag) = @_;
	my $prepared = $self->{prepared}
	  or return { error => { state => '42704' } };

	$self->{committed} = $prepared if $tag eq 'COMMIT PREPARED';
	$self->{prepared} = undef;
	return { tag => $tag };
}

sub in_failed_transaction
{
	return { error => { state => '25P02' } };
}

# --- a call ------------------------------------------------------------------

# call(FUNCTION, { argument => value }) - { rows => [...] } or { error =>
# { state, detail } }; a DETAIL that is left out is not specified
sub call
{
	my ($self, $name, $given) = @_;
	return in_failed_transaction() if $self->{aborted};

	my $before = $self->{before} = dclone($self->state);
	my $rows;
	return { rows => $rows }
	  if eval { $rows = $self->answer($name, $given); 1 };

	my $error = $@;
	die $error if !ref $error;
	%{ $self->state } = %$before;
	$self->{aborted} = 1 if $self->{open};
	return { error => $error };
}

sub answer
{
	my ($self, $name, $given) = @_;
	my $function = $function{$name} or die "no function $name";

	$self->check_privilege($function);
	my $call = $self->checked_arguments($function, $given);
	raise('25006', function => $name)
	  if $self->{settings}{default_transaction_read_only};

	my $digest = digest($name, $function, $call);
	my $outcomes = $self->remembered($call->{key}, $digest);
	my $replayed = $outcomes ? 1 : 0;

	$outcomes //= $self->carry_out($function, $call);
	raise_refusal($call, $outcomes)
	  if refused($outcomes) && ($call->{strict} // 1);
	$self->state->{requests}{ $call->{key} } //=
	  { function => $name, digest => $digest, outcomes => $outcomes }
	  if defined $call->{key};
	return [ map { { %$_, replayed => $replayed } } @$outcomes ];
}

sub check_privilege
{
	my ($self, $function) = @_;
	my $role = $self->{settings}{role} or return;

	raise('42501') if $rank{$role} < $rank{ $function->{level} // 'clerk' };
	return;
}

sub checked_arguments
{
	my ($self, $function, $given) = @_;
	my %call;

	foreach my $argument (@{ $function->{arguments} })
	{
		my ($name, $kind, @default) = @$argument;
		my $value = exists $given->{$name} ? $given->{$name} : $default[0];

		raise('22004', argument => $name)
		  if !defined $value && (!@default || $kind eq 'boolean');
		check_value($name, $kind{$kind}, $value) if defined $value;
		$value //= $self->default_location if $kind eq 'location';
		$call{$name} = $value;
	}
	$function->{checks}->(\%call) if $function->{checks};
	return \%call;
}

sub check_value
{
	my ($name, $kind, $value) = @_;

	if ($kind->{bytes})
	{
		raise('22023', argument => $name, bytes => length $value,
			limit => $kind->{bytes})
		  if length $value > $kind->{bytes};
		raise('22023') if length $value < ($kind->{least_bytes} // 0);
	}
	raise('22023', argument => $name, value => 0 + $value)
	  if defined $kind->{least}
	  && ($value < $kind->{least} || $value > MAX);
	raise('22023') if $kind->{type} eq 'timestamptz' && $value =~ /infinity/;
	return;
}

sub default_location
{
	my ($self) = @_;
	return $self->{settings}{'inventory.default_location'} // 'main';
}

# A refusal changes nothing.
sub carry_out
{
	my ($self, $function, $call) = @_;
	my @rows = $function->{does}->($self, $call);

	$_->{line} = 1 foreach @rows;
	%{ $self->state } = %{ $self->{before} } if refused(\@rows);
	return \@rows;
}

sub remembered
{
	my ($self, $key, $digest) = @_;
	return if !defined $key;

	my $request = $self->state->{requests}{$key} or return;
	raise('IV007', key => $key, function => $request->{function})
	  if $request->{digest} ne $digest;
	return $request->{outcomes};
}

# strict and the key itself are no part of what was asked
sub digest
{
	my ($name, $function, $call) = @_;
	my @asked =
	  grep { !/^(?:strict|key)$/ } map { $_->[0] } @{ $function->{arguments} };

	return join "\0", $name, map { $_ // "\1" } @$call{@asked};
}

sub refused
{
	my ($rows) = @_;
	return scalar grep { $_->{status} ne 'ok' } @$rows;
}

# the refusal that these rows answer as status, as an error
sub raise_refusal
{
	my ($call, $rows) = @_;
	my ($row) = grep { $sqlstate{ $_->{status} } } @$rows;
	my $status = $row->{status};
	my @detail;

	push @detail, sku => $row->{sku} if $status ne 'unknown_location';
	push @detail, location => $row->{location} if $status !~ /_item$/;
	if ($status eq 'insufficient_stock')
	{
		push @detail,
		  requested => 0 + $call->{quantity},
		  available => $row->{available};
		push @detail, keep => 0 + $call->{keep} if defined $call->{keep};
	}
	elsif ($status eq 'version_conflict')
	{
		push @detail,
		  expected_version => 0 + $call->{expected_version},
		  version => $row->{version};
	}
	raise($sqlstate{$status}, @detail);
	return;
}

# raise(STATE, name => value...) - without pairs the DETAIL is not specified
sub raise
{
	my ($state, @pairs) = @_;
	die { state => $state, @pairs ? (detail => {@pairs}) : () };
}

# --- stock -------------------------------------------------------------------

# the stock row, or what it would be if it were made
sub stock_row
{
	my ($self, $sku, $location) = @_;
	my $item = $self->state->{items}{$sku};

	return $self->state->{stock}{"$sku\0$location"} // {
		sku => $sku,
		location => $location,
		on_hand => 0,
		reserved => 0,
		version => 0,
		active => $item->{active},
		own => 0,
		movements => [],
		map { $_ => $item->{$_} } @limits
	};
}

sub keep_row
{
	my ($self, $row) = @_;
	$self->state->{stock}{"$row->{sku}\0$row->{location}"} = $row;
	return;
}

sub rows_of
{
	my ($self, $sku) = @_;
	return grep { $_->{sku} eq $sku } values %{ $self->state->{stock} };
}

sub floor_of
{
	my ($row) = @_;
	return $row->{safety_stock} - $row->{backorder_limit};
}

sub available
{
	my ($row) = @_;
	return $row->{on_hand} - $row->{reserved} - floor_of($row);
}

# the status that says that there is no such place, if there is none
sub unknown
{
	my ($self, $sku, $location) = @_;
	return 'unknown_item' if !$self->state->{items}{$sku};
	return 'unknown_location' if !$self->state->{locations}{$location};
	return;
}

sub lacks
{
	my ($row, $call) = @_;
	my $least = floor_of($row);

	$least = $call->{keep} if ($call->{keep} // $least) > $least;
	return $row->{on_hand} - $row->{reserved} - $call->{quantity} < $least;
}

# append one movement: the only way in which a level changes
sub move
{
	my ($self, $row, $kind, $delta, $call, %more) = @_;

	raise('22003', sku => $row->{sku}, location => $row->{location},
		on_hand => $row->{on_hand}, quantity => 0 + $call->{quantity},
		limit => MAX)
	  if $row->{on_hand} + $delta > MAX && $kind ne 'adjust';
	raise('22003') if $row->{on_hand} + $delta > MAX;

	$row->{on_hand} += $delta;
	$row->{version}++;
	push @{ $row->{movements} },
	  {
		id => $self->{next_id}++,
		kind => $kind,
		on_hand_delta => $delta,
		reserved_delta => 0,
		version => $row->{version},
		occurred_at => moment($call->{occurred_at}),
		actor => $self->{settings}{'inventory.actor'} // $self->{user},
		traceparent => $self->{settings}{'inventory.traceparent'},
		original_id => undef,
		(map { $_ => $call->{$_} } qw(reference reason key)),
		%more
	  };
	$self->keep_row($row);
	return $row->{movements}[-1];
}

# what is said to happen later happens now
sub moment
{
	my ($time) = @_;
	return !defined $time || $time gt '2900' ? NOW : $time;
}

# --- outcomes ----------------------------------------------------------------

sub outcome
{
	my ($row, $status, $quantity, $movement) = @_;
	return {
		status => $status,
		quantity => $quantity,
		available => available($row),
		backordered => $movement ? backordered($row, $movement) : 0,
		movement_id => $movement ? $movement->{id} : undef,
		map { $_ => $row->{$_} } qw(sku location on_hand reserved version)
	};
}

# how many of those sold were not on the shelf
sub backordered
{
	my ($row, $movement) = @_;
	my $taken = -$movement->{on_hand_delta};
	my $missing = $row->{reserved} - $row->{on_hand};

	return 0 if $movement->{kind} ne 'deduct' || $missing < 0;
	return $missing < $taken ? $missing : $taken;
}

# of a place that does not exist there is nothing to tell
sub outcome_nowhere
{
	my ($sku, $location, $status, $quantity) = @_;
	return {
		status => $status,
		sku => $sku,
		location => $location,
		quantity => $quantity
	};
}

# the outcome for a place that may not exist
sub outcome_at
{
	my ($self, $sku, $location, $status, $quantity) = @_;
	return outcome_nowhere($sku, $location, $status, $quantity)
	  if $self->unknown($sku, $location);
	return outcome($self->stock_row($sku, $location), $status, $quantity);
}

# --- what the calls do -------------------------------------------------------

sub receive
{
	my ($self, $call) = @_;
	my ($sku, $location, $quantity) = @$call{qw(sku location quantity)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $quantity) if $unknown;

	my $row = $self->stock_row($sku, $location);
	my $movement = $self->move($row, 'receive', $quantity, $call);
	return outcome($row, 'ok', $quantity, $movement);
}

sub deduct
{
	my ($self, $call) = @_;
	my ($sku, $location, $quantity) = @$call{qw(sku location quantity)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $quantity) if $unknown;

	my $row = $self->stock_row($sku, $location);
	return outcome($row, 'inactive_item', $quantity) if !$row->{active};
	return outcome($row, 'version_conflict', $quantity)
	  if conflicts($row, $call);
	return outcome($row, 'insufficient_stock', $quantity)
	  if lacks($row, $call);
	my $movement = $self->move($row, 'deduct', -$quantity, $call);
	return outcome($row, 'ok', $quantity, $movement);
}

sub conflicts
{
	my ($row, $call) = @_;
	return ($call->{expected_version} // $row->{version}) != $row->{version};
}

# The count is compared with the level at the time of counting.
sub adjust
{
	my ($self, $call) = @_;
	my ($sku, $location, $counted) = @$call{qw(sku location counted)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $counted) if $unknown;

	my $row = $self->stock_row($sku, $location);
	return outcome($row, 'version_conflict', $counted)
	  if conflicts($row, $call);

	my $at = moment($call->{counted_at});
	my $level = $row->{on_hand};
	foreach my $movement (@{ $row->{movements} })
	{
		$level -= $movement->{on_hand_delta}
		  if $movement->{occurred_at} gt $at;
	}
	my $movement = $self->move($row, 'adjust', $counted - $level,
		{ %$call, occurred_at => $call->{counted_at} });
	return outcome($row, 'ok', $counted, $movement);
}

sub check_ends
{
	my ($call) = @_;
	raise('22023') if $call->{from_location} eq $call->{to_location};
	return;
}

sub transfer
{
	my ($self, $call) = @_;
	my ($sku, $quantity) = @$call{qw(sku quantity)};
	my @ends = @$call{qw(from_location to_location)};
	my $refuse = sub {
		my @status = @_;
		return map {
			$self->outcome_at($sku, $ends[$_], $status[$_], $quantity)
		} 0, 1;
	};
	my @unknown = map { $self->unknown($sku, $_) // 'not_applied' } @ends;
	return $refuse->('unknown_item', 'not_applied')
	  if $unknown[0] eq 'unknown_item';
	return $refuse->(@unknown) if grep { $_ ne 'not_applied' } @unknown;

	my ($from, $to) = map { $self->stock_row($sku, $_) } @ends;
	return $refuse->('insufficient_stock', 'not_applied')
	  if lacks($from, $call);
	my $out = $self->move($from, 'transfer', -$quantity, $call);
	my $in = $self->move($to, 'transfer', $quantity, $call);
	return (
		outcome($from, 'ok', $quantity, $out),
		outcome($to, 'ok', $quantity, $in));
}

# Over all returns never more than the call took.
sub give_back
{
	my ($self, $call) = @_;
	my @taken = $self->taken_under($call->{of_key}, $call->{sku});
	raise('IV008', of_key => $call->{of_key}, sku => $call->{sku}) if !@taken;

	my $left = 0;
	$left += $_->{left} foreach @taken;
	my $wanted = $call->{quantity} // $left;
	raise('IV009',
		defined $call->{quantity}
		? (of_key => $call->{of_key}, requested => 0 + $wanted,
			available => $left)
		: ())
	  if $wanted > $left || $left == 0;

	my @rows;
	foreach my $taken (@taken)
	{
		my $quantity = $taken->{left} < $wanted ? $taken->{left} : $wanted;

		next if $quantity == 0;
		$wanted -= $quantity;
		push @rows, $self->return_one($call, $taken, $quantity);
	}
	return @rows;
}

sub return_one
{
	my ($self, $call, $taken, $quantity) = @_;
	my $sku = $taken->{row}{sku};
	my $location = $call->{location} // $taken->{row}{location};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown, $quantity) if $unknown;

	my $row = $self->stock_row($sku, $location);
	my $movement = $self->move(
		$row, 'return', $quantity,
		{ %$call, quantity => $quantity },
		reference => $taken->{movement}{reference},
		original_id => $taken->{movement}{id});
	return outcome($row, 'ok', $quantity, $movement);
}

# what the call with this key deducted, and what of it is still to return
sub taken_under
{
	my ($self, $key, $sku) = @_;
	my @taken;

	foreach my $row ($self->all_rows)
	{
		next if $row->{sku} ne ($sku // $row->{sku});
		push @taken,
		  map { { row => $row, movement => $_, left => -$_->{on_hand_delta} } }
		  grep { $_->{kind} eq 'deduct' && ($_->{key} // '') eq $key }
		  @{ $row->{movements} };
	}
	foreach my $taken (@taken)
	{
		$taken->{left} -= $_->{on_hand_delta}
		  foreach grep { ($_->{original_id} // 0) == $taken->{movement}{id} }
		  map { @{ $_->{movements} } } $self->all_rows;
	}
	return sort { $a->{movement}{id} <=> $b->{movement}{id} } @taken;
}

sub all_rows
{
	my ($self) = @_;
	my $stock = $self->state->{stock};
	return map { $stock->{$_} } sort keys %$stock;
}

sub set_limits
{
	my ($self, $call) = @_;
	my ($sku, $location) = @$call{qw(sku location)};
	my $unknown = $self->unknown($sku, $location);
	return outcome_nowhere($sku, $location, $unknown) if $unknown;

	my $row = $self->stock_row($sku, $location);
	my @given = grep { defined $call->{$_} } @limits;

	$row->{own} = @given ? 1 : 0;
	@$row{@given} = @$call{@given};
	@$row{@limits} = @{ $self->state->{items}{$sku} }{@limits} if !@given;
	$self->keep_row($row);
	return outcome($row, 'ok', undef);
}

1;
