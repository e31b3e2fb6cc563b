# InvHoldModel - what calls about one hold must answer and leave behind
#
# A world is { stock, hold, moved, variant }: the stock rows by sku, the hold
# or undef, and the movements of the last call.  `variant` is what the walk
# (InvHoldWalk.pm) says of its arguments; it is not copied, and never changed.
#
# A hold is { state, digest, on_expiry, tried, confirmed, expires }: quantities
# are lists in the order of variant->{skus}, expires is in seconds from now.
# What it has reserved of a line is tried less confirmed, unless it is `swept`.
package InvHoldModel;

use strict;
use warnings;

use List::Util qw(min sum0);

# new(VARIANT) - the world before the first call
sub new
{
	my ($class, $variant) = @_;
	my %stock = map { $_ => { on_hand => $variant->{stock}{$_}, reserved => 0,
			version => 1 } } keys $variant->{stock}->%*;

	return bless {
		variant => $variant, stock => \%stock, hold => undef, moved => []
	}, $class;
}

sub copy
{
	my ($self) = @_;
	my $hold = $self->{hold};
	my %stock =
	  map { $_ => { $self->{stock}{$_}->%* } } keys $self->{stock}->%*;

	$hold = { %$hold, map { $_ => [ $hold->{$_}->@* ] } qw(tried confirmed) }
	  if $hold;
	return bless {
		variant => $self->{variant}, stock => \%stock, hold => $hold,
		moved => []
	}, ref $self;
}

# call(NAME, { argument => value }) - the answer as text; a refusal has
# changed nothing
sub call
{
	my ($self, $name, $given) = @_;
	my $answer = eval { $self->$name($given) };

	return $answer if defined $answer;
	die $@ if !ref $@;
	return $@->{text};
}

# --- calls -------------------------------------------------------------------

sub try
{
	my ($self, $given) = @_;
	my $hold = $self->{hold};
	my $digest = join ',', $given->{quantities}->@*;

	return $self->make($given, $digest) if !$hold;
	$self->refuse_if_over('cancelled');
	$self->refuse('IV014') if $hold->{digest} ne $digest;
	return $self->refused($given, 'replayed') if $hold->{state} eq 'refused';
	return $self->ok('replayed');
}

sub make
{
	my ($self, $given, $digest) = @_;
	my @short = $self->short($given->{quantities});
	my %hold = (digest => $digest, tried => [ $given->{quantities}->@* ],
		confirmed => [ map { 0 } $given->{quantities}->@* ]);

	if (@short)
	{
		$self->refuse_short($short[0]) if $given->{strict};
		$self->{hold} = { %hold, state => 'refused', short => $short[0] };
		return $self->refused($given, 'new');
	}
	$self->{hold} = {
		%hold,
		state => 'held',
		on_expiry => $self->{variant}{on_expiry},
		expires => $given->{ttl}
	};
	$self->move('try', 0, $given->{quantities});
	return $self->ok('new');
}

# the answer of a try that was refused, which a strict one raises
sub refused
{
	my ($self, $given, $replayed) = @_;
	my $short = $self->{hold}{short};

	$self->refuse_short($short) if $given->{strict};
	return $self->answer('insufficient_stock', $replayed,
		@$short{qw(sku location requested available)});
}

sub confirm
{
	my ($self, $given) = @_;
	my $hold = $self->{hold};

	$self->refuse_without_hold;
	my $totals = $given->{quantities} // $hold->{tried};
	$self->refuse_if_over('cancelled');
	return $self->confirm_again($totals) if $hold->{state} eq 'confirmed';
	$self->refuse_more($totals);
	$self->refuse('IV014') if grep { $_ < 0 } $self->further($totals);
	my @taken = $self->further($totals);

	if ($hold->{swept})
	{
		my @short = $self->short(\@taken);
		$self->refuse_short($short[0]) if @short;
	}
	my $replayed = $hold->{asked} && !sum0(@taken) ? 'replayed' : 'new';
	$self->move('confirm', -1, \@taken);
	$hold->{confirmed} = [@$totals];
	$hold->{asked} = 1;
	return $self->ok($replayed)
	  if $given->{keep_rest} && sum0($self->further($hold->{tried}));
	$self->give_back('confirmed');
	return $self->ok('new');
}

sub confirm_again
{
	my ($self, $totals) = @_;

	$self->refuse('IV014') if grep { $_ } $self->further($totals);
	return $self->ok('replayed');
}

sub cancel
{
	my ($self) = @_;
	my $hold = $self->{hold} //=
	  { state => 'none', tried => [], confirmed => [] };

	return $self->ok('replayed') if $hold->{state} eq 'cancelled';
	$self->refuse('IV011') if $hold->{state} eq 'confirmed';
	$self->give_back('cancelled');
	return $self->ok('new');
}

sub extend
{
	my ($self, $given) = @_;
	my $hold = $self->{hold};

	$self->refuse_without_hold;
	$self->refuse_if_over('confirmed', 'cancelled');
	$self->refuse('IV013') if $hold->{swept};
	$hold->{expires} = $given->{ttl};
	return $self->ok('new');
}

# late(SECONDS) - time passes
sub late
{
	my ($self, $seconds) = @_;
	my $hold = $self->{hold};

	$hold->{expires} -= $seconds if $hold && defined $hold->{expires};
	return '';
}

# sweep() - inv_expire_holds
sub sweep
{
	my ($self) = @_;
	my $hold = $self->{hold};

	return 0
	  if !$hold || $hold->{state} ne 'held' || $hold->{expires} > 0
	  || $hold->{on_expiry} eq 'keep';
	$self->give_back('expired');
	$hold->{swept} = 1;
	return 1;
}

# sell() - others buy whatever is available
sub sell
{
	my ($self) = @_;

	foreach my $sku (sort keys $self->{stock}->%*)
	{
		my $left = $self->available($sku);
		$self->append($sku, 'deduct', -$left, 0, '-', '-') if $left;
	}
	return;
}

# --- refusals ----------------------------------------------------------------

# refuse(STATE, WORDS...) - words: what the DETAIL says beside the hold
sub refuse
{
	my ($self, $state, @words) = @_;
	my $hold = $self->{hold};

	die {
		text => join ' ', $state,
		@{ $self->{variant} }{qw(xid branch)},
		$hold ? $self->expired ? 'expired' : $hold->{state} : '-',
		@words ? @words : ('-') x 4
	};
}

sub refuse_short
{
	my ($self, $short) = @_;
	die { text => join ' ', 'IV001',
		@$short{qw(line sku requested available)} };
}

sub refuse_more
{
	my ($self, $totals) = @_;
	my $tried = $self->{hold}{tried};

	foreach my $number (0 .. $#$totals)
	{
		next if $totals->[$number] <= $tried->[$number];
		$self->refuse('IV015', $number + 1, '-', $totals->[$number],
			$tried->[$number]);
	}
	return;
}

sub refuse_without_hold
{
	my ($self) = @_;
	$self->refuse('IV010')
	  if !$self->{hold} || $self->{hold}{state} eq 'refused';
	return;
}

# refuse_if_over(STATES...) - in one of these states, or for good by the clock
sub refuse_if_over
{
	my ($self, @states) = @_;
	my %code = (confirmed => 'IV011', cancelled => 'IV012');

	foreach my $state (@states)
	{
		$self->refuse($code{$state}) if $self->{hold}{state} eq $state;
	}
	$self->refuse('IV013') if $self->expired;
	return;
}

# a hold that releases has expired by the clock, whether it was swept or not
sub expired
{
	my ($self) = @_;
	my $hold = $self->{hold};

	return $hold->{state} eq 'expired' && $hold->{on_expiry} eq 'release'
	  || $hold->{state} eq 'held' && $hold->{on_expiry} eq 'release'
	  && $hold->{expires} <= 0;
}

# --- stock -------------------------------------------------------------------

sub available
{
	my ($self, $sku) = @_;
	my $stock = $self->{stock}{$sku};
	return $stock->{on_hand} - $stock->{reserved};
}

# short(QUANTITIES) - the lines of which there is too little
sub short
{
	my ($self, $quantities) = @_;
	my $skus = $self->{variant}{skus};

	return map {
		{
			line => $_ + 1, sku => $skus->[$_], location => 'main',
			requested => $quantities->[$_],
			available => $self->available($skus->[$_])
		}
	} grep { $quantities->[$_] > $self->available($skus->[$_]) }
	  0 .. $#$quantities;
}

# further(TOTALS) - what has not been confirmed of them
sub further
{
	my ($self, $totals) = @_;
	my $confirmed = $self->{hold}{confirmed};
	return map { $totals->[$_] - $confirmed->[$_] } 0 .. $#$totals;
}

# what is neither confirmed nor given back
sub open
{
	my ($self) = @_;
	return $self->{hold}{swept} ? () : $self->further($self->{hold}{tried});
}

sub give_back
{
	my ($self, $state) = @_;
	my $hold = $self->{hold};

	$self->move('release', 0, [ $self->open ]) if $hold->{state} eq 'held';
	$hold->{state} = $state;
	return;
}

# move(KIND, SIGN, QUANTITIES) - sign: of what happens to on_hand
sub move
{
	my ($self, $kind, $sign, $quantities) = @_;
	my $variant = $self->{variant};
	my $name = join '/', grep { $_ ne '-' } @$variant{qw(xid branch)};
	my $reserves = $self->{hold}{swept} ? 0 : $kind eq 'try' ? 1 : -1;

	foreach my $number (0 .. $#$quantities)
	{
		my $quantity = $quantities->[$number];
		next if !$quantity;
		$self->append($variant->{skus}[$number],
			$kind, $sign * $quantity, $reserves * $quantity, $name, 'order');
	}
	return;
}

sub append
{
	my ($self, $sku, $kind, $on_hand, $reserved, @words) = @_;
	my $stock = $self->{stock}{$sku};

	$stock->{on_hand} += $on_hand;
	$stock->{reserved} += $reserved;
	$stock->{version}++;
	push $self->{moved}->@*, join ' ', $sku, $stock->{version}, $kind,
	  $on_hand, $reserved, @words;
	return;
}

# --- text --------------------------------------------------------------------

sub ok
{
	my ($self, $replayed) = @_;
	return $self->answer('ok', $replayed, ('-') x 4);
}

sub answer
{
	my ($self, $status, $replayed, @refusal) = @_;
	my $hold = $self->{hold};

	return join ' ', $status, @{ $self->{variant} }{qw(xid branch)},
	  $hold->{state}, $hold->{state} eq 'held' ? $hold->{expires} : '-',
	  $replayed, @refusal;
}

# look() - what stands in the tables
sub look
{
	my ($self) = @_;
	my $hold = $self->{hold};
	my @stock = map {
		join ' ', $_, $self->{stock}{$_}->@{qw(on_hand reserved)},
		  $self->available($_), $self->{stock}{$_}{version}
	} sort keys $self->{stock}->%*;

	return join ' | ', join(', ', @stock), $hold ? $hold->{state} : '-',
	  $self->open_hold, join(', ', sort $self->{moved}->@*) || '-';
}

# its row of inv_open_holds: it is held, or may reacquire what it has lost
sub open_hold
{
	my ($self) = @_;
	my $hold = $self->{hold};

	return '-'
	  if !$hold
	  || !($hold->{state} eq 'held'
		|| $hold->{state} eq 'expired' && $hold->{on_expiry} eq 'reacquire');
	my $units = sum0($self->open);
	return join ' ', $hold->{state}, $hold->{on_expiry}, 'order',
	  $hold->{expires}, $hold->{expires} <= 0 ? 'overdue' : 'open',
	  scalar $hold->{tried}->@*, $units,
	  2.5 * $units, 'EUR';
}

1;
