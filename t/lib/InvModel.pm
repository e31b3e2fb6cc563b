# InvModel - the contract of the calls, in memory, for one caller
#
# It says what a call must answer and what it must leave behind.  It shares
# nothing with the extension but the words: whoever changes what a call does
# changes it here too, by reading the documentation and not the source.
#
# State: the catalogue (items, bundles, locations), stock rows with their
# movements, remembered requests, holds.  A transaction is a stack of copies
# of it.
#
# What calls do to stock is in InvModelStock.pm and, where they have many
# lines, in InvModelLines.pm; what becomes of holds is in InvModelHold.pm.
package InvModel;

use strict;
use warnings;

use parent qw(InvModelStock InvModelLines InvModelHold);

use InvErrors;
use InvFunctions;
use InvRequest;

my %rank = (reader => 1, clerk => 2, admin => 3);
my @limits = @InvModelStock::limits;

# new(user => NAME, locations => { name => { columns } }) - items come with
# add_item
sub new
{
	my ($class, %given) = @_;
	return bless {
		committed => {
			items => {},
			bundles => {},
			locations => $given{locations},
			stock => {},
			requests => {},
			holds => {},
		},
		open => undef,    # the state of the open transaction
		aborted => 0,
		savepoint => undef,
		prepared => undef,
		before => undef,    # the state before the call, or its line
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

# add_bundle(SKU, { component => quantity })
sub add_bundle
{
	my ($self, $sku, $components) = @_;
	$self->state->{bundles}{$sku} = $components;
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
		map { $_ => InvModelStock::column($row, $_) }
		  qw(sku location on_hand reserved available version)
	};
}

# available(SKU, LOCATION) - of a bundle, how many complete ones
sub available
{
	my ($self, $sku, $location) = @_;
	my $told = { units => $self->leaves($sku) };
	my $rows_of = sub { $self->stock_row($_[0], $location) };

	return in_failed_transaction() if $self->{aborted};
	return { rows => [ { available =>
			  InvModelLines::complete($told, 'available', $rows_of) } ] };
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
	$tables{hold} = [ $self->all_holds ];
	return (\%tables, \%ids);
}

# --- transactions ------------------------------------------------------------

sub state
{
	my ($self) = @_;
	return $self->{open} // $self->{committed};
}

# copy_of(STATE) - movements, requests and holds, which nothing changes, are
# shared
sub copy_of
{
	my ($state) = @_;
	my ($items, $stock) = @$state{qw(items stock)};

	return {
		%$state,
		items => { map { $_ => { %{ $items->{$_} } } } keys %$items },
		stock => { map { $_ => copy_of_row($stock->{$_}) } keys %$stock },
		requests => { %{ $state->{requests} } },
		holds => { %{ $state->{holds} } }
	};
}

sub copy_of_row
{
	my ($row) = @_;
	return { %$row, movements => [ @{ $row->{movements} } ] };
}

sub begin
{
	my ($self) = @_;
	$self->{open} = copy_of($self->{committed});
	$self->{aborted} = 0;
	$self->{savepoint} = undef;
	return { tag => 'BEGIN' };
}

sub savepoint
{
	my ($self) = @_;
	return in_failed_transaction() if $self->{aborted};
	$self->{savepoint} = copy_of($self->{open});
	return { tag => 'SAVEPOINT' };
}

sub rollback_to
{
	my ($self) = @_;
	return { error => { state => '3B001' } } if !$self->{savepoint};
	$self->{open} = copy_of($self->{savepoint});
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
# ... } as in InvErrors.pm
sub call
{
	my ($self, $name, $given) = @_;
	return in_failed_transaction() if $self->{aborted};

	my $before = $self->{before} = copy_of($self->state);
	my $rows;
	return { rows => $rows }
	  if eval { $rows = [ $self->answer($name, $given) ]; 1 };

	my $error = $@;
	die $error if !ref $error;
	%{ $self->state } = %$before;
	$self->{aborted} = 1 if $self->{open};
	return { error => $error };
}

sub answer
{
	my ($self, $name, $given) = @_;
	my $function = $InvFunctions::function{$name} or die "no function $name";

	$self->check_privilege($function);
	my $call = $self->checked($function, $given);
	raise('25006', function => $name)
	  if $self->{settings}{default_transaction_read_only};
	my $does = $function->{does};
	return $self->$does($call) if $function->{hold};
	return $function->{each}
	  ? $self->answer_each($call) : $self->answer_once($name, $call);
}

sub check_privilege
{
	my ($self, $function) = @_;
	my $role = $self->{settings}{role} or return;

	raise('42501') if $rank{$role} < $rank{ $function->{level} // 'clerk' };
	return;
}

sub checked
{
	my ($self, $function, $given) = @_;
	my $location = $self->{settings}{'inventory.default_location'} // 'main';
	my $most = $self->{settings}{'inventory.max_lines'} // 10000;
	my $call =
	    $function->{request}
	  ? InvRequest::checked($given, $location)
	  : InvFunctions::checked($function, $given, $location);

	$call->{lines} = InvFunctions::lines($function, $call, $location)
	  if $function->{op};
	raise('22023') if @{ $call->{lines} // [] } > $most;
	return $call;
}

sub answer_once
{
	my ($self, $name, $call) = @_;
	my $function = $InvFunctions::function{$name};
	my $digest = defined $call->{key} && digest($name, $function, $call);
	my $outcomes = $self->remembered($call->{key}, $digest);
	my $replayed = $outcomes ? 1 : 0;

	$outcomes //= $self->carry_out($function, $call);
	raise_refusal($call, $outcomes)
	  if refused($outcomes) && ($call->{strict} // 1);
	$self->state->{requests}{ $call->{key} } //=
	  { function => $name, digest => $digest, outcomes => $outcomes }
	  if defined $call->{key};
	return map { { %$_, replayed => $replayed } } @$outcomes;
}

# as if inv_deduct had been called for each line, one after another
sub answer_each
{
	my ($self, $call) = @_;
	my @names =
	  map { $_->[0] } @{ $InvFunctions::function{inv_deduct}{arguments} };

	return map {
		my $line = $_;
		my %given = (%$line, reason => $call->{reason}, strict => 0);
		my %single = map { $_ => $given{$_} } @names;

		$self->{before} = copy_of($self->state);
		map { { %$_, line => $line->{line} } } about_line($line->{line},
			sub { $self->answer_once('inv_deduct', \%single) })
	} @{ $call->{lines} };
}

# A refusal changes nothing.
sub carry_out
{
	my ($self, $function, $call) = @_;
	my $does = $function->{does};
	my @rows = $self->$does($call);

	$_->{line} //= 1 foreach @rows;
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
	  grep { !/^(?:strict|key)$/ }
	  ('lines', map { $_->[0] } @{ $function->{arguments} });

	return "$name " . spelled([ @$call{@asked} ]);
}

sub spelled
{
	my ($value) = @_;
	return 'null' if !defined $value;
	return '[' . join(',', map { spelled($_) } @$value) . ']'
	  if ref $value eq 'ARRAY';
	return spelled([ map { $_ => $value->{$_} } sort keys %$value ])
	  if ref $value eq 'HASH';
	$value = $$value if ref $value;
	return length($value) . ":$value";
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
	my ($row) = grep { $InvErrors::sqlstate{ $_->{status} } } @$rows;
	my $status = $row->{status};
	my $state = $InvErrors::sqlstate{$status};
	my %asked = (%$call, map { $_ => $row->{$_} } grep { defined $row->{$_} }
		  qw(requested keep expected_version));
	my @detail =
	  $call->{lines} && !$call->{single} ? (line => $row->{line}) : ();

	push @detail, sku => $row->{sku} if $status ne 'unknown_location';
	push @detail, location => $row->{location} if $status !~ /_item$/;
	if ($status eq 'insufficient_stock')
	{
		push @detail,
		  requested => $asked{requested} // 0 + $call->{quantity},
		  available => $row->{available};
		push @detail, keep => 0 + $asked{keep} if defined $asked{keep};
	}
	elsif ($status eq 'version_conflict')
	{
		push @detail,
		  expected_version => 0 + $asked{expected_version},
		  version => $row->{version};
	}
	raise_bundle($call, $state, @detail) if $row->{bundle};
	raise_huge($state, @detail) if ($asked{requested} // 0) >= 2**63;
	raise($state, @detail);
	return;
}

# Whether it tells of a bundle or of the component is not specified where that
# is unknown or inactive, nor the sum of many lines for one bundle.
sub raise_bundle
{
	my ($call, $state, %has) = @_;

	delete $has{requested} if !$call->{single};
	delete $has{sku} if !exists $has{available};
	die { state => $state, has => \%has };
}

# No number tells how much that was.
sub raise_huge
{
	my ($state, %has) = @_;

	delete $has{requested};
	die { state => $state, has => \%has };
}

1;
