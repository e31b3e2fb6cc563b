# InvModelHold - holds: tried, then confirmed, cancelled or expired
#
# A hold is never changed: a new one takes its place, so that the copies of a
# state can share it.
#
#   state     held, confirmed, cancelled, refused; expired is what held comes to
#   digest    of the try;  refusal  what it answered, if it was refused
#   minutes   until it expires, as they were when that was last said
#   lines     { quantity, total, units, parts }; total: confirmed until now
#   part      { sku, location, held }, in order of preference
package InvModelHold;

use strict;
use warnings;

use InvErrors;
use InvFunctions;
use List::Util qw(min sum0);

# what no outcome tells for sure: the time is moved by the step `later`
use constant LATER => 1_000_000;

my %decided = (
	confirmed => 'IV011',
	cancelled => 'IV012',
	expired => 'IV013',
);

# --- the calls ---------------------------------------------------------------

sub try_hold
{
	my ($self, $call) = @_;
	my $digest =
	  InvModel::digest('inv_try', $InvFunctions::function{inv_try}, $call);
	my $hold = $self->hold_of($call);

	return $self->try_again($call, $hold, $digest) if $hold;
	my ($work, @told) = $self->planned($call);
	my %hold = (
		digest => $digest,
		state => 'held',
		minutes => $call->{ttl_seconds} / 60,
		(map { $_ => $call->{$_} } qw(xid branch on_expiry reference)),
		owner => $self->{settings}{'inventory.actor'} // $self->{user},
		lines => [ map { line_of($_) } @told ]);

	if (grep { $_->{status} } @told)
	{
		my @rows = map { $self->tell_refusal($_) } @told;

		InvModel::raise_refusal($call, \@rows) if $call->{strict};
		@hold{qw(state refusal)} = ('refused', refusal_of_rows(@rows));
	}
	$self->move_parts(\%hold, 'try', map {
			my $line = $_;
			map { [ $_, 0, $_->{held} ] } @{ $line->{parts} }
		} @{ $hold{lines} })
	  if $hold{state} eq 'held';
	return $self->keep_hold(\%hold);
}

sub try_again
{
	my ($self, $call, $hold, $digest) = @_;
	my $state = state_of($hold);

	refuse_decided($hold, $state) if $state =~ /^(?:cancelled|expired)$/;
	complain_hold('IV014', $hold) if ($hold->{digest} // '') ne $digest;
	raise($InvErrors::sqlstate{ $hold->{refusal}{status} })
	  if $state eq 'refused' && $call->{strict};
	return told_hold($hold, 1);
}

sub confirm_hold
{
	my ($self, $call) = @_;
	my $hold = $self->hold_to_decide($call);
	my $state = state_of($hold);

	refuse_decided($hold, $state) if $state =~ /^(?:cancelled|expired)$/;
	my @lines = @{ $hold->{lines} };
	my @totals =
	  ($call->{quantities} // [ map { $_->{quantity} } @lines ])->@*;
	my $same = !grep { $totals[$_] != $lines[$_]{total} } 0 .. $#lines;

	complain('22023', 'quantities') if @totals != @lines;
	if ($state eq 'confirmed')
	{
		complain_hold('IV014', $hold) if !$same;
		return told_hold($hold, 1);
	}
	check_total($hold, $_ + 1, $lines[$_], $totals[$_]) foreach 0 .. $#lines;
	complain_hold('IV014', $hold)
	  if grep { $totals[$_] < $lines[$_]{total} } 0 .. $#lines;
	return told_hold($hold, 1)
	  if $same && $hold->{partly} && !$call->{release_rest};
	return $self->take($call, $hold, @totals);
}

sub cancel_hold
{
	my ($self, $call) = @_;
	my $hold = $self->hold_of($call)
	  // { xid => $call->{xid}, branch => $call->{branch}, lines => [],
		state => 'none' };

	return told_hold($hold, 1) if $hold->{state} eq 'cancelled';
	refuse_decided($hold, 'confirmed') if $hold->{state} eq 'confirmed';
	$self->release($hold) if $hold->{state} eq 'held';
	return $self->keep_hold({ %$hold, state => 'cancelled' });
}

sub extend_hold
{
	my ($self, $call) = @_;
	my $hold = $self->hold_to_decide($call);
	my $state = state_of($hold);

	refuse_decided($hold, $state) if $state ne 'held';
	return $self->keep_hold(
		{ %$hold, minutes => $call->{ttl_seconds} / 60 });
}

# --- holds -------------------------------------------------------------------

sub name_of
{
	my ($hold) = @_;
	return $hold->{xid} . ($hold->{branch} eq '' ? '' : "/$hold->{branch}");
}

sub hold_of
{
	my ($self, $call) = @_;
	return $self->state->{holds}{"$call->{xid}\0$call->{branch}"};
}

# the hold that was tried: one that was refused is as good as none
sub hold_to_decide
{
	my ($self, $call) = @_;
	my $hold = $self->hold_of($call);

	return $hold if $hold && $hold->{state} ne 'refused';
	complain_hold('IV010', { %$call, state => $hold && 'refused' });
	return;
}

sub keep_hold
{
	my ($self, $hold) = @_;
	$self->state->{holds}{"$hold->{xid}\0$hold->{branch}"} = $hold;
	return told_hold($hold, 0);
}

sub state_of
{
	my ($hold) = @_;
	return
	    $hold->{state} eq 'held'
	  && $hold->{on_expiry} eq 'release'
	  && $hold->{minutes} <= 0 ? 'expired' : $hold->{state};
}

# later() - a step: so much time goes by for all holds
sub later
{
	my ($self) = @_;
	my $holds = $self->state->{holds};

	$holds->{$_} =
	  { %{ $holds->{$_} }, minutes => ($holds->{$_}{minutes} // 0) - LATER }
	  foreach keys %$holds;
	return { tag => 'UPDATE' };
}

# all_holds() - as is compared of them
sub all_holds
{
	my ($self) = @_;
	my $holds = $self->state->{holds};

	return map {
		my $held = $_->{state} eq 'held';
		+{
			(map { $_->[0] => $_->[1] } [ xid => $_->{xid} ],
				[ branch => $_->{branch} ], [ state => $_->{state} ]),
			$held
			? (
				minutes => $_->{minutes},
				owner => $_->{owner},
				on_expiry => $_->{on_expiry},
				reference => $_->{reference},
				units => sum0(map { $_->{held} } parts_of($_)))
			: ()
		}
	} map { $holds->{$_} } sort keys %$holds;
}

# --- answers -----------------------------------------------------------------

sub told_hold
{
	my ($hold, $replayed) = @_;
	my $refusal = $hold->{state} eq 'refused' ? $hold->{refusal} : {};

	return {
		status => 'ok',
		%$refusal,
		(map { $_ => $hold->{$_} } qw(xid branch state)),
		expires_at => $hold->{state} eq 'held' ? $hold->{minutes} : undef,
		replayed => $replayed
	};
}

# what is told of the first line that was refused itself
sub refusal_of_rows
{
	my ($row) = grep { $InvErrors::sqlstate{ $_->{status} } } @_;
	return {
		requested => $row->{bundle}
		? $row->{quantity}
		: $row->{requested} // $row->{quantity},
		map { $_ => $row->{$_} } qw(status sku location available)
	};
}

sub refuse_decided
{
	my ($hold, $state) = @_;
	complain_hold($decided{$state}, { %$hold, state => $state });
	return;
}

# the name is in the message, and DETAIL has what it is made of
sub complain_hold
{
	my ($code, $hold, %more) = @_;
	die {
		state => $code,
		words => [ name_of($hold) ],
		has => { xid => $hold->{xid}, state => $hold->{state} // 'null', %more }
	};
}

sub check_total
{
	my ($hold, $number, $line, $total) = @_;
	return if $total <= $line->{quantity};

	die {
		state => 'IV015',
		words => [ "line $number", name_of($hold) ],
		has => { line => $number, requested => 0 + $total,
			held => 0 + $line->{quantity} }
	};
}

# --- stock -------------------------------------------------------------------

# line_of(TOLD) - what a planned line holds
sub line_of
{
	my ($told) = @_;
	return {
		quantity => $told->{quantity},
		total => 0,
		units => $told->{units},
		parts => [
			map {
				{
					sku => $_->{sku},
					location => $_->{location},
					held => -$_->{delta}
				}
			} @{ $told->{changes} }
		]
	};
}

sub parts_of
{
	my ($hold) = @_;
	return map { @{ $_->{parts} } } @{ $hold->{lines} };
}

# take(CALL, HOLD, TOTALS...) - what is missing to these totals
sub take
{
	my ($self, $call, $hold, @totals) = @_;
	my (@lines, @taken);

	foreach my $line (@{ $hold->{lines} })
	{
		my $total = shift @totals;
		my %wanted = map {
			$_ => ($total - $line->{total}) * $line->{units}{$_}
		} keys %{ $line->{units} };
		my @parts;

		foreach my $part (@{ $line->{parts} })
		{
			my $share = min($wanted{ $part->{sku} }, $part->{held});

			$wanted{ $part->{sku} } -= $share;
			push @taken, [ $part, -$share, -$share ] if $share;
			push @parts, { %$part, held => $part->{held} - $share };
		}
		push @lines, { %$line, total => $total, parts => \@parts };
	}
	my %hold = (%$hold, lines => \@lines, partly => 1);
	my $rest = sum0(map { $_->{held} } parts_of(\%hold));

	$self->move_parts(\%hold, 'confirm', @taken);
	$self->release(\%hold) if $call->{release_rest};
	$hold{state} = 'confirmed' if $call->{release_rest} || !$rest;
	return $self->keep_hold(\%hold);
}

sub release
{
	my ($self, $hold) = @_;
	$self->move_parts($hold, 'release',
		map { [ $_, 0, -$_->{held} ] } grep { $_->{held} } parts_of($hold));
	return;
}

# move_parts(HOLD, KIND, [PART, ON HAND, RESERVED]...) - one movement for each
# stock row
sub move_parts
{
	my ($self, $hold, $kind, @parts) = @_;
	my %rows;

	push $rows{"$_->[0]{sku}\0$_->[0]{location}"}->@*, $_ foreach @parts;
	foreach my $name (sort keys %rows)
	{
		my $mine = $rows{$name};
		my $row = $self->stock_row(@{ $mine->[0][0] }{qw(sku location)});
		my $reserved = sum0(map { $_->[2] } @$mine);

		$self->move(
			$row, $kind, sum0(map { $_->[1] } @$mine),
			{ reference => $hold->{reference} },
			reserved_delta => $reserved,
			hold => name_of($hold));
		$row->{reserved} += $reserved;
	}
	return;
}

1;
