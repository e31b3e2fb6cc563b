# InvHoldStorm - a coordinator and its participants in a storm
#
# All clients speak of the same few holds at a time, as a coordinator does that
# repeats itself and is overtaken: whatever they ask, any other may have asked
# before, or asks now.  What a hold is tried with follows from its number.
package InvHoldStorm;

use strict;
use warnings;

use parent 'InvStorm';
use Time::HiRes qw(time);

our @skus = qw(A B C);
my @locations = qw(main north);

# hold(NUMBER) - what the hold of that number is tried with
sub hold
{
	my ($number) = @_;
	my @lines = (0 .. $number % 3);

	@lines = reverse @lines if $number % 2;
	return {
		xid => "x$number",
		skus => [ map { $skus[ ($_ + $number) % 3 ] } @lines ],
		quantities => [ map { 1 + ($_ + $number) % 4 } @lines ],
		locations => [ map { $locations[ ($_ + int($number / 3)) % 2 ] } @lines ],
		on_expiry => (qw(release keep reacquire))[ int($number / 2) % 3 ],
		ttl_seconds => 900,
	};
}

# A row of the client's own tells what became of a transaction, for repeating
# a call is what this storm is about.
sub plan
{
	my ($self) = @_;
	my $plan = $self->SUPER::plan;

	$plan->{ends} = 'commit' if $plan->{ends} eq 'alone';
	$plan->{keyed} = 0;
	return $plan;
}

sub random_call
{
	my ($self) = @_;
	return [ 'sweep' ] if InvStorm::chance(10);
	my $name = InvStorm::one_of(('inv_try') x 8, ('inv_confirm') x 3,
		'inv_cancel', ('inv_extend') x 2, 'inv_deduct', 'inv_receive');

	return [ call => $name, $self->$name ];
}

# some_hold - one of those that all are busy with, and at times an old one
sub some_hold
{
	my ($self) = @_;
	my $first = 6 * int($self->{turn} / 10);

	return hold(
		InvStorm::chance(8) ? int rand 1 + $first : $first + int rand 6);
}

sub inv_try
{
	my ($self) = @_;
	return { %{ $self->some_hold }, strict => InvStorm::chance(50) ? 1 : 0 };
}

# all, less and the rest given back, less and the rest still held, or more
sub inv_confirm
{
	my ($self) = @_;
	my $hold = $self->some_hold;
	my @all = @{ $hold->{quantities} };
	my %given = (xid => $hold->{xid});

	return \%given if InvStorm::chance(60);
	$given{quantities} = [ map { int($_ / 2) } @all ];
	$given{quantities} = [ map { $_ + 1 } @all ] if InvStorm::chance(10);
	$given{release_rest} = InvStorm::chance(50) ? 1 : 0;
	return \%given;
}

sub inv_cancel
{
	my ($self) = @_;
	return { xid => $self->some_hold->{xid} };
}

sub inv_extend
{
	my ($self) = @_;
	return { xid => $self->some_hold->{xid}, ttl_seconds => 600 };
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
	return { $self->somewhere, quantity => 4 + int rand 8 };
}

sub somewhere
{
	return (
		sku => InvStorm::one_of(@skus),
		location => InvStorm::one_of(@locations));
}

# step(PLAN, STEP) - of what is told, since when it can have been so; a hold that
# is refused in its state is told, too, unless this transaction made it so
sub step
{
	my ($self, $plan, $step) = @_;
	my ($verb, $name, $given) = @$step;
	my $before = @{ $plan->{told} };
	my $sent = time;
	my $answer =
	  $verb eq 'sweep'
	  ? $self->{session}->answer('SELECT inv_expire_holds(5) AS status')
	  : $self->SUPER::step($plan, $step);

	$self->judge($verb, $step, $answer) if $verb eq 'sweep';

	$plan->{sent_first} = $sent if $verb eq 'begin';
	return $answer if $verb ne 'call';
	$plan->{told}[$before]{sent} = $sent if $answer->{rows};
	push @{ $self->{told} },
	  { name => $name, given => $given, state => $answer->{error}{state},
		sent => $plan->{sent_first}, answered => time, in => $plan->{name} }
	  if $given->{xid} && $answer->{error}
	  && $answer->{error}{state} =~ /^IV01[0-5]/
	  && !$plan->{about}{ $given->{xid} };
	$plan->{about}{ $given->{xid} } = 1 if $given->{xid};
	return $answer;
}

sub transaction
{
	my ($self, $plan) = @_;
	$self->SUPER::transaction($plan);

	$_->{acknowledged} = time foreach @{ $plan->{told} };
	return;
}

1;
