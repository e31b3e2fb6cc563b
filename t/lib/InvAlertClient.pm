# InvAlertClient - a client in a storm of crossings (InvWeather.pm)
#
# It sells and receives at random, a few units around the limits, in single
# calls, in transaction blocks that are committed or rolled back, and in ones
# that are prepared first.  What it was told counts once it knows that the
# transaction was committed; where the connection was lost before it was told
# so, a row that the transaction had inserted says what became of it.
package InvAlertClient;

use strict;
use warnings;

use parent 'InvStorm';

our @skus = map { "S$_" } 1 .. 12;

# plan() - its name, and how it ends
sub plan
{
	my ($self) = @_;
	return {
		name => "$self->{number}-" . ++$self->{turn},
		ends => InvStorm::one_of(('COMMIT') x 5, ('ROLLBACK') x 2, 'PREPARE')
	};
}

# transaction(PLAN) - one, and what it told if it is there for good
sub transaction
{
	my ($self, $plan) = @_;
	my ($name, $end) = @$plan{qw(name ends)};
	my @told;
	my $went = $self->say('BEGIN')
	  && $self->say('INSERT INTO storm_marker VALUES ($1)', $name)
	  && $self->calls(\@told);

	$self->count($end);
	if (!$went || $end eq 'ROLLBACK')
	{
		$self->say('ROLLBACK') if $self->{session};
		return;
	}
	if ($end eq 'COMMIT' ? $self->say('COMMIT') : $self->prepare($name))
	{
		push @{ $self->{told} }, @told;
	}
	elsif (!$self->{session} && $self->happened($name))
	{
		$self->count('COMMIT lost sight of');
		push @{ $self->{told} }, @told;
	}
	return;
}

# calls(TOLD) - some, in the order of their SKUs, now and then in a savepoint
# that is rolled back
sub calls
{
	my ($self, $told) = @_;

	foreach my $sku (sort map { InvStorm::one_of(@skus) } 1 .. 1 + rand 4)
	{
		my $undo = InvStorm::chance(10);
		my ($call, @values) = InvStorm::one_of(
			(['inv_deduct($1, $2, strict => false)', 1 + int rand 12 ]) x 4,
			([ 'inv_receive($1, $2)', 1 + int rand 12 ]) x 3,
			[ 'inv_adjust($1, $2)', int rand 40 ])->@*;

		$self->say('SAVEPOINT s') || return 0 if $undo;
		my $answer = $self->say("SELECT * FROM $call", $sku, @values)
		  or return 0;
		push @$told, grep { $_->{movement_id} } @{ $answer->{rows} } if !$undo;
		$self->say('ROLLBACK TO s') || return 0 if $undo;
	}
	return 1;
}

# prepare(NAME) - and commit; true if that is known to be so
sub prepare
{
	my ($self, $name) = @_;

	return 0 if !$self->say("PREPARE TRANSACTION '$name'") && $self->{session};
	return $self->happened($name);
}

# happened(NAME) - whether the transaction was committed.  What is prepared is
# committed first, as nobody else would.  If the transaction is still under way
# (its process has not noticed that we are gone), we look again; if its row is
# not there, our own keeps it from ever being committed.
sub happened
{
	my ($self, $name) = @_;

	while (1)
	{
		my $prepared = $self->say('SELECT 1 FROM pg_prepared_xacts WHERE gid = $1', $name)
		  or next;
		if (@{ $prepared->{rows} })
		{
			$self->say("COMMIT PREPARED '$name'");
			next;
		}
		my $marked = $self->say(
			'INSERT INTO storm_marker VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1', $name)
		  or next;
		return !@{ $marked->{rows} };
	}
}

# say(SQL, VALUES...) - the answer, or false: an error or no connection, which
# is then gone
sub say
{
	my ($self, $sql, @values) = @_;

	my $answer = $self->session->answer($sql, @values);
	my $state = $answer->{error} ? $answer->{error}{state} : '';

	if ($answer->{lost} || $state =~ /^57P0|^08/)
	{
		$self->lost('');
		return;
	}
	return $answer if !$state;
	push @{ $self->{surprises} }, "$sql: $state $answer->{error}{message}"
	  if !$InvStorm::expected{$state};
	return;
}

1;
