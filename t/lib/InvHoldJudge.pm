# InvHoldJudge - what clients were told of holds, held against each other
#
# Input are the answers of all calls that were committed, each with the time
# before which it was not sent and that by which it was known; and refusals
# (state, IV01x), which tell of what others had committed.  Each function gives
# a list of contradictions.
package InvHoldJudge;

use strict;
use warnings;

use InvHoldStorm;

# new(TOLD)
sub new
{
	my ($class, $told) = @_;
	my $self = bless { told => $told, holds => {} }, $class;

	push @{ $self->{holds}{ $_->{given}{xid} } }, $_
	  foreach grep { $_->{given}{xid} } @$told;
	return $self;
}

sub xids
{
	my ($self) = @_;
	return sort keys %{ $self->{holds} };
}

# told(XID, NAME, STATE) - the answers of such calls that left it in that state
sub told
{
	my ($self, $xid, $name, $state) = @_;

	return grep {
		$_->{name} eq $name && $_->{rows} && $_->{rows}[0]{state} eq $state
	} @{ $self->{holds}{$xid} };
}

sub refusals
{
	my ($self, $xid) = @_;
	return grep { $_->{state} } @{ $self->{holds}{$xid} };
}

# first_effects - of those, the ones that were no repetitions
sub first_effects
{
	return grep { !$_->{rows}[0]{replayed} } @_;
}

sub words
{
	my ($xid, $problem, @calls) = @_;
	return "$xid: $problem (" . join(', ', map { "$_->{name} in $_->{in}" } @calls) . ')';
}

# totals(CALL) - what a confirm takes of each line
sub totals
{
	my ($call) = @_;
	my ($number) = $call->{given}{xid} =~ /(\d+)/;

	return join ',', ($call->{given}{quantities}
		  // InvHoldStorm::hold($number)->{quantities})->@*;
}

# --- contradictions ----------------------------------------------------------

# doubled - what can be done once and was done twice
sub doubled
{
	my ($self) = @_;
	my @found;

	foreach my $xid ($self->xids)
	{
		foreach (
			[ inv_try => 'held' ], [ inv_try => 'refused' ],
			[ inv_confirm => 'confirmed' ], [ inv_cancel => 'cancelled' ])
		{
			my @done = first_effects($self->told($xid, @$_));
			push @found, words($xid, "$_->[1] twice", @done) if @done > 1;
		}
		my %totals = map { totals($_) => $_ }
		  $self->told($xid, 'inv_confirm', 'confirmed');
		push @found, words($xid, 'confirmed differently', values %totals)
		  if keys %totals > 1;
	}
	return @found;
}

# undecided - holds that were both confirmed and cancelled
sub undecided
{
	my ($self) = @_;

	return map {
		my @confirmed = $self->told($_, 'inv_confirm', 'confirmed');
		my @cancelled = $self->told($_, 'inv_cancel', 'cancelled');
		@confirmed && @cancelled
		  ? words($_, 'confirmed and cancelled', $confirmed[0], $cancelled[0])
		  : ()
	} $self->xids;
}

# resurrected - what was sent when the decision was known, and answered otherwise;
# and tries that were answered although the hold was cancelled
sub resurrected
{
	my ($self) = @_;
	my @found;

	foreach my $xid ($self->xids)
	{
		push @found, map { words($xid, 'tried though cancelled', $_) }
		  $self->told($xid, 'inv_try', 'cancelled');
		my ($decision) =
		  sort { $a->{acknowledged} <=> $b->{acknowledged} }
		  $self->told($xid, 'inv_confirm', 'confirmed'),
		  $self->told($xid, 'inv_cancel', 'cancelled');
		next if !$decision;
		my $state = $decision->{rows}[0]{state};

		push @found, map { words($xid, "came after $state", $decision, $_) }
		  grep {
			$_->{rows} && $_->{sent} > $decision->{acknowledged}
			  && !($_->{rows}[0]{state} eq $state && $_->{rows}[0]{replayed})
		  } @{ $self->{holds}{$xid} };
	}
	return @found;
}

# What each refusal needs somebody to have done, at the latest before it came;
# and what it needs that nobody had been told of when it was asked for.
my %needs = (
	IV011 => [ inv_confirm => 'confirmed' ],
	IV012 => [ inv_cancel => 'cancelled' ],
	IV013 => [ inv_try => 'held' ]);
my %denies = (IV010 => [ inv_try => 'held' ]);

# refused_wrongly - refusals without a reason
sub refused_wrongly
{
	my ($self) = @_;
	my @found;

	foreach my $xid ($self->xids)
	{
		foreach my $refusal ($self->refusals($xid))
		{
			my $state = $refusal->{state};
			my $needs = $needs{$state};
			my $denies = $denies{$state};

			push @found, words($xid, "$state for nothing", $refusal)
			  if $needs
			  && !grep { $_->{sent} < $refusal->{answered} }
			  $self->told($xid, @$needs);
			push @found, words($xid, "$state in spite of it", $refusal)
			  if $denies
			  && grep { $_->{acknowledged} < $refusal->{sent} }
			  $self->told($xid, @$denies);
		}
	}
	return @found;
}

# sold_below_zero - answers with less than nothing available
sub sold_below_zero
{
	my ($self) = @_;

	return map { "$_->{name} in $_->{in}: $_->{rows}[0]{available} available" }
	  grep { $_->{rows} && ($_->{rows}[0]{available} // 0) < 0 }
	  @{ $self->{told} };
}

# --- what is left ------------------------------------------------------------

# taken(XID) - how much of each line is sold: the greatest of the totals, for
# none takes back what another took
sub taken
{
	my ($self, $xid) = @_;
	my @taken;

	foreach my $call (
		$self->told($xid, 'inv_confirm', 'confirmed'),
		$self->told($xid, 'inv_confirm', 'held'),
		$self->told($xid, 'inv_confirm', 'expired'))
	{
		my @totals = split /,/, totals($call);
		foreach my $i (0 .. $#totals)
		{
			$taken[$i] = $totals[$i] if $totals[$i] > ($taken[$i] // 0);
		}
	}
	return @taken;
}

# on_hand - what must be there, by "sku@location"
sub on_hand
{
	my ($self) = @_;
	my %on_hand;

	foreach my $call (grep { $_->{rows} && !$_->{given}{xid} } @{ $self->{told} })
	{
		my $row = $call->{rows}[0];
		my $sign = $call->{name} eq 'inv_receive' ? 1 : -1;

		$on_hand{"$row->{sku}\@$row->{location}"} += $sign * $row->{quantity}
		  if $row->{status} eq 'ok';
	}
	foreach my $xid ($self->xids)
	{
		my $hold = InvHoldStorm::hold($xid =~ /(\d+)/);
		my @taken = $self->taken($xid);

		$on_hand{"$hold->{skus}[$_]\@$hold->{locations}[$_]"} -= $taken[$_]
		  foreach 0 .. $#taken;
	}
	return \%on_hand;
}

# decided - the state of each hold that was decided
sub decided
{
	my ($self) = @_;
	my %state;

	foreach my $xid ($self->xids)
	{
		$state{$xid} = 'cancelled' if $self->told($xid, 'inv_cancel', 'cancelled');
		$state{$xid} = 'confirmed' if $self->told($xid, 'inv_confirm', 'confirmed');
	}
	return \%state;
}

1;
