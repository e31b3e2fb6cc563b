# InvHoldStorm - a coordinator and its participants in a storm
#
# All clients speak of the same few holds at a time, as a coordinator does that
# repeats itself and is overtaken: whatever they ask, any other may have asked
# before, or asks now, and they send again what they have sent long ago.  What a
# hold is tried with follows from its number.
#
# They tell their judge (InvHoldJudge.pm) every answer, refusals and what was
# rolled back included.  When the answer of a single call is lost they call
# again, until they are told; that there was a first call, they tell too.
package InvHoldStorm;

use strict;
use warnings;

use parent 'InvStorm';
use InvHoldJudge;
use InvSession;
use Time::HiRes qw(time);

our @skus = qw(A B C);
our @locations = qw(main north);

my $at_once = 8;     # holds that all are busy with
my $turns = 15;      # transactions of each client, before the next ones
my $long_ago = 60;

$InvSession::expires_at = 'extract(epoch FROM expires_at)';

# hold(NUMBER) - what the hold of that number is tried with; two share an xid
sub hold
{
	my ($number) = @_;
	my @lines = (0 .. $number % 3);

	@lines = reverse @lines if int($number / 3) % 2;
	return {
		xid => 'x' . int($number / 2),
		branch => $number % 2 ? 'b' : '',
		skus => [ map { $skus[ ($_ + $number) % 3 ] } @lines ],
		quantities => [ map { 1 + ($_ + $number) % 4 } @lines ],
		locations => [ map { $locations[ ($_ + int($number / 3)) % 2 ] } @lines ],
		on_expiry => (qw(release keep reacquire))[ int($number / 5) % 3 ],
		ttl_seconds => int($number / 4) % 2 ? 1 : 900,
	};
}

# variant_of(NAME) - what the judge's model is to know of a hold
sub variant_of
{
	my ($name) = @_;
	my ($number, $branch) = $name =~ m{^x(\d+)/?(.*)$};
	my $hold = hold(2 * $number + ($branch ? 1 : 0));
	my @places = map { "$hold->{skus}[$_]\@$hold->{locations}[$_]" }
	  0 .. $#{ $hold->{skus} };

	return InvHoldJudge::variant(@$hold{qw(xid branch on_expiry)}, @places);
}

# --- plans -------------------------------------------------------------------

# A row of the client's own tells what became of a transaction block.
sub plan
{
	my ($self) = @_;
	my $plan = $self->SUPER::plan;

	$plan->{keyed} = $plan->{ends} eq 'alone';
	$plan->{log} = [];
	$plan->{unsure} = [];
	return $plan;
}

sub random_call
{
	my ($self, $plan, $key) = @_;
	my $alone = $plan->{ends} eq 'alone';

	return [ 'sweep' ] if !$alone && InvStorm::chance(10);
	my $sent = $self->{sent} //= [];
	my $call = InvStorm::chance(20) && @$sent
	  ? InvStorm::one_of(@$sent) : $self->new_call($key);

	$call = $self->new_call($key) while $alone && is_a_part($call);
	push @$sent, $call if $call->[2]{xid};
	shift @$sent if @$sent > 200;
	return $call;
}

sub new_call
{
	my ($self, $key) = @_;
	my $name = InvStorm::one_of(('inv_try') x 9, ('inv_confirm') x 4,
		('inv_cancel') x 1, ('inv_extend') x 2, ('inv_deduct') x 2,
		'inv_receive');
	my $given = $self->$name;

	$given->{key} = $key if !$given->{xid};
	return [ call => $name, $given ];
}

# If it was made is not told by another that comes later.
sub is_a_part
{
	my ($call) = @_;
	return !($call->[2]{release_rest} // 1);
}

# some_hold - one of those that all are busy with, and at times an old one
sub some_hold
{
	my ($self) = @_;
	my $first = $long_ago + $at_once * int($self->{turn} / $turns);

	return hold($first + int rand $at_once) if !InvStorm::chance(25);
	return hold($first - int rand $long_ago);
}

# some_name - and what a call must tell of it
sub some_name
{
	my ($self) = @_;
	my $hold = $self->some_hold;
	return map { $_ => $hold->{$_} } qw(xid branch);
}

# at times with other quantities than before
sub inv_try
{
	my ($self) = @_;
	my %given =
	  (%{ $self->some_hold }, strict => InvStorm::chance(50) ? 1 : 0);

	$given{quantities} = [ map { $_ + 1 } @{ $given{quantities} } ]
	  if InvStorm::chance(6);
	return \%given;
}

# all, less and the rest given back, less and the rest still held, or more
sub inv_confirm
{
	my ($self) = @_;
	my $hold = $self->some_hold;
	my %given = map { $_ => $hold->{$_} } qw(xid branch);
	my $by = InvStorm::one_of((0) x 5, (-1) x 3, 1);

	return \%given if InvStorm::chance(50);
	$given{quantities} =
	  [ map { $_ + $by < 0 ? 0 : $_ + $by } @{ $hold->{quantities} } ];
	$given{release_rest} = InvStorm::chance(50) ? 1 : 0;
	return \%given;
}

sub inv_cancel
{
	my ($self) = @_;
	return { $self->some_name };
}

sub inv_extend
{
	my ($self) = @_;
	return { $self->some_name, ttl_seconds => InvStorm::one_of(1, 600) };
}

sub inv_deduct
{
	my ($self) = @_;
	return { $self->somewhere, quantity => 1 + int rand 3, strict => 0 };
}

# enough to go on, not enough for everybody
sub inv_receive
{
	my ($self) = @_;
	return { $self->somewhere, quantity => 2 + int rand 6 };
}

sub somewhere
{
	return (
		sku => InvStorm::one_of(@skus),
		location => InvStorm::one_of(@locations));
}

# --- what was told -----------------------------------------------------------

# attempt(PLAN) - of a single call each attempt has a fate of its own
sub attempt
{
	my ($self, $plan) = @_;

	$plan->{log} = [];
	my $sent = time;
	my $fate = $self->SUPER::attempt($plan);

	return $fate if $plan->{ends} ne 'alone';
	$self->tell($plan, $fate) if $fate ne 'in doubt';
	my (undef, $name, $given) = $plan->{steps}[0]->@*;
	push @{ $plan->{unsure} },
	  { backend => $plan->{backend},
		call => { verb => 'call', name => $name, given => $given,
			sent => $sent } }
	  if $fate eq 'in doubt';
	return $fate;
}

# step(PLAN, STEP) - noted in the log of the plan, if it was answered
sub step
{
	my ($self, $plan, $step) = @_;
	my ($verb, $name, $given) = @$step;
	my $sent = time;
	my $answer =
	  $verb eq 'sweep' ? $self->sweep($step) : $self->SUPER::step($plan, $step);
	my $refused = $answer->{error} && $answer->{error}{state} =~ /^IV/;

	push @{ $plan->{log} },
	  { verb => $verb, name => $name, given => $given, sent => $sent,
		answered => time, %$answer }
	  if $verb ne 'begin' && $verb ne 'release'
	  && ($answer->{rows} || $answer->{tag} || $refused);
	return $answer;
}

sub sweep
{
	my ($self, $step) = @_;
	my $answer = $self->{session}->answer('SELECT inv_expire_holds(5) AS status');

	$self->judge('sweep', $step, $answer);
	return $answer;
}

sub know
{
	my ($self, $plan, $fate) = @_;

	$self->tell($plan, $fate) if $plan->{ends} ne 'alone';
	foreach my $unsure (@{ $plan->{unsure} })
	{
		$self->wait_for_end_of($unsure->{backend});
		$self->tell({ name => $plan->{name}, log => [ $unsure->{call} ] },
			'unsure');
	}
	return;
}

sub tell
{
	my ($self, $plan, $fate) = @_;

	push @{ $self->{told} },
	  { in => $plan->{name}, fate => $fate, known => time,
		log => $plan->{log} };
	return;
}

1;
