# InvStorm - a client in a storm
#
# It runs random transactions, is interrupted in every way, and remembers what
# it was told.  Whenever it cannot know whether a transaction was committed it
# finds out as an application would, and only by such means:
#
#   every call had a key    the same calls again with the same keys
#   a transaction block     whether a row is there that it had inserted
#   PREPARE TRANSACTION     whether it is in pg_prepared_xacts
#
# So in the end it knows of each transaction what became of it, and tells that
# to the checker (InvChecker.pm).
package InvStorm;

use strict;
use warnings;

use InvFunctions;
use InvSession;
use List::Util qw(shuffle);
use Storable qw(store);
use Time::HiRes qw(usleep);

our $schema = 'CREATE TABLE storm_marker (name text PRIMARY KEY)';
our @skus = qw(A B C L);    # L: its limits change all the time
our @locations = qw(main north);

my %statement = (
	savepoint => 'SAVEPOINT s',
	rollback_to => 'ROLLBACK TO s',
	release => 'RELEASE s',
);

# What a call may raise in a storm, beside the refusals (class IV): conflicts,
# deadlocks, timeouts, cancels, and what follows from them.
our %expected = map { $_ => 1 } qw(40001 40P01 55P03 57014 25P02);

# new(node => , number => , seed => , stop => FILE, tick => HANDLE)
sub new
{
	my ($class, %given) = @_;
	my $self = bless {
		%given,
		parent => getppid,
		turn => 0,
		sales => [],     # keys of own last deductions, to be returned
		told => [],
		surprises => [],
		count => {},
	}, $class;

	srand $given{seed};
	return $self;
}

# run(FILE) - until the file `stop` exists; what it was told goes to FILE
sub run
{
	my ($self, $file) = @_;
	my $done = eval {
		while (!-e $self->{stop})
		{
			$self->transaction($self->plan);
			syswrite $self->{tick}, '.';
		}
		1;
	};

	push @{ $self->{surprises} }, $@ if !$done;
	store(
		{ map { $_ => $self->{$_} } qw(told surprises count) }, $file);
	return;
}

# --- plans -------------------------------------------------------------------

sub one_of
{
	return $_[ rand @_ ];
}

# chance(PERCENT)
sub chance
{
	return rand 100 < $_[0];
}

# a random transaction: how it ends, and its steps
sub plan
{
	my ($self) = @_;
	my $turn = ++$self->{turn};
	my %plan = (
		name => "$self->{number}-$turn",
		ends => one_of(('alone') x 8, ('commit') x 7, 'rollback', 'leave',
			('commit prepared') x 2, 'rollback prepared'),
		isolation => one_of(('read committed') x 4, 'repeatable read',
			'serializable'),
		lock_timeout => chance(15) ? 1 + int rand 10 : 0,
		statement_timeout => chance(10) ? 1 + int rand 20 : 0,
		hang_up => chance(8),    # at the last statement
		by_another => chance(50),    # session ends what is prepared
	);
	my $calls = $plan{ends} eq 'alone' ? 1 : 1 + int rand 4;

	$plan{keyed} = $plan{ends} eq 'alone' || chance(50);
	$plan{steps} = [ map { $self->steps(\%plan, $_) } 1 .. $calls ];
	# a call whose savepoint is rolled back is made afresh by a repetition,
	# which therefore proves nothing
	$plan{keyed} = 0 if grep { $_->[0] eq 'rollback_to' } @{ $plan{steps} };
	return \%plan;
}

sub steps
{
	my ($self, $plan, $number) = @_;
	my $call = $self->random_call($plan, "$plan->{name}-$number");

	return $call if $plan->{ends} eq 'alone' || !chance(30);
	return ([ 'savepoint' ], $call,
		chance(50) ? [ 'rollback_to' ] : [ 'release' ]);
}

sub random_call
{
	my ($self, $plan, $key) = @_;
	return $self->shared_call if $plan->{ends} eq 'alone' && chance(15);

	my $name = one_of(('inv_deduct') x 7, ('inv_receive') x 3,
		('inv_transfer') x 3, ('inv_return') x 2, 'inv_adjust',
		'inv_set_limits');
	my $given = $self->$name;

	return [ call => $name, $given ] if $name eq 'inv_set_limits';
	$given->{strict} = chance(30) ? 1 : 0
	  if $InvFunctions::function{$name}{strict};
	$given->{key} = $key if $plan->{keyed} || chance(50);
	return [ call => $name, $given ];
}

# A call that all clients make at about the same time, with one key.
sub shared_call
{
	my ($self) = @_;
	my $number = int($self->{turn} / 20);
	my %given = (
		sku => $skus[ $number % 3 ],
		quantity => 1 + $number % 5,
		key => "shared-$number",
		strict => 0);
	my $old = one_of(@{ $self->{sales} });

	return [ call => 'inv_deduct', \%given ] if !$old || !chance(10);
	return [ misuse => 'inv_deduct', { %given, quantity => 77, key => $old } ];
}

sub inv_receive
{
	my ($self) = @_;
	return { $self->somewhere, quantity => 1 + int rand 12 };
}

sub inv_deduct
{
	my ($self) = @_;
	return {
		$self->somewhere,
		quantity => 1 + int rand 9,
		chance(15) ? (keep => int rand 15) : (),
		chance(10) ? (expected_version => int rand 400) : ()
	};
}

sub inv_adjust
{
	my ($self) = @_;
	return { $self->somewhere, counted => int rand 40 };
}

sub inv_transfer
{
	my ($self) = @_;
	my ($from, $to) = shuffle @locations;
	return {
		sku => one_of(@skus),
		quantity => 1 + int rand 9,
		from_location => $from,
		to_location => $to
	};
}

sub inv_return
{
	my ($self) = @_;
	return {
		of_key => one_of(@{ $self->{sales} }) // 'none',
		chance(50) ? (quantity => 1 + int rand 4) : ()
	};
}

sub inv_set_limits
{
	my ($self) = @_;
	return {
		sku => 'L',
		location => one_of(@locations),
		safety_stock => int rand 10,
		backorder_limit => int rand 10
	};
}

sub somewhere
{
	my ($self) = @_;
	return (
		sku => one_of(@skus),
		chance(70) ? (location => one_of(@locations)) : ());
}

# --- transactions ------------------------------------------------------------

# transaction(PLAN) - run it, and find out what became of it
sub transaction
{
	my ($self, $plan) = @_;
	my $fate = $self->attempt($plan);

	$fate = $self->settle($plan) if $fate eq 'in doubt';
	$self->count($fate);
	$self->know($plan, $fate);
	return;
}

# know(PLAN, FATE) - remember what is now sure
sub know
{
	my ($self, $plan, $fate) = @_;

	return if $fate ne 'committed';
	push @{ $self->{told} }, @{ $plan->{told} };
	push @{ $self->{sales} }, map { $_->{key} }
	  grep {
		$_->{key} && $_->{name} eq 'inv_deduct'
		  && $_->{rows}[0]{status} eq 'ok'
	  } @{ $plan->{told} };
	return;
}

sub count
{
	my ($self, $what) = @_;
	$self->{count}{$what}++;
	return;
}

# attempt(PLAN) - 'committed', 'rolled back', or 'in doubt'
sub attempt
{
	my ($self, $plan) = @_;
	my $session = $self->session;

	$plan->{told} = [];
	$plan->{refused} = 0;
	$plan->{backend} = $session->{backend};
	$self->settings($plan) or return $self->lost('rolled back');
	return $self->alone($plan) if $plan->{ends} eq 'alone';

	my @steps = ([ 'begin' ], @{ $plan->{steps} });
	while (my $step = shift @steps)
	{
		my $answer = $self->step($plan, $step);
		my $mended = @steps && $steps[0][0] eq 'rollback_to';

		return $self->failed($answer)
		  if $answer->{lost} || $answer->{error} && !$mended;
	}
	return $self->end($plan);
}

sub settings
{
	my ($self, $plan) = @_;
	my $answer = $self->session->answer(
		q{SELECT set_config('default_transaction_isolation', $1, false),
			set_config('lock_timeout', $2, false),
			set_config('statement_timeout', $3, false)},
		@$plan{qw(isolation lock_timeout statement_timeout)});
	return $answer->{rows};
}

# one call by itself, always with a key
sub alone
{
	my ($self, $plan) = @_;
	my ($step) = @{ $plan->{steps} };
	my $answer =
	  $plan->{hang_up}
	  ? $self->{session}->hang_up_on(InvSession::statement(@$step[ 1, 2 ]))
	  : $self->step($plan, $step);

	return $self->lost('in doubt') if $answer->{lost};
	return $answer->{error} ? 'rolled back' : 'committed';
}

# step(PLAN, STEP) - the answer; the calls that were answered are noted in the
# plan, and struck out again when their savepoint is rolled back
sub step
{
	my ($self, $plan, $step) = @_;
	my ($verb, $name, $given) = @$step;
	my $told = $plan->{told};

	return $self->begin($plan) if $verb eq 'begin';
	$plan->{mark} = @$told if $verb eq 'savepoint';
	splice @$told, $plan->{mark} if $verb eq 'rollback_to';
	return $self->{session}->answer($statement{$verb}) if $statement{$verb};

	my $answer = $self->{session}->call($name, $given);
	$self->judge($verb, $step, $answer);
	$plan->{refused} = 1
	  if $answer->{error} && $answer->{error}{state} =~ /^IV/;
	push @$told,
	  {
		name => $name,
		given => $given,
		key => $given->{key},
		rows => $answer->{rows},
		in => "$plan->{name} ($plan->{ends})",
	  }
	  if $answer->{rows};
	return $answer;
}

# Without a key for every call a row of our own tells afterwards whether the
# transaction was committed.
sub begin
{
	my ($self, $plan) = @_;
	my $answer = $self->{session}->answer('BEGIN');

	return $answer if $plan->{keyed} || !$answer->{tag};
	return $self->{session}->answer('INSERT INTO storm_marker VALUES ($1)',
		$plan->{name});
}

# An answer that no storm excuses is a surprise.
sub judge
{
	my ($self, $verb, $step, $answer) = @_;
	my $error = $answer->{error};
	my $fine =
		$answer->{lost} ? 1
	  : $error ? $expected{ $error->{state} } || $error->{state} =~ /^IV/
	  : $verb ne 'misuse';

	$self->count($error ? $error->{state} : $answer->{lost} ? 'lost'
		: $answer->{rows}[0]{status});
	$self->count('replayed')
	  if $answer->{rows} && $answer->{rows}[0]{replayed};
	return if $fine;
	my $given = $step->[2];
	my @words = map { "$_ => " . ($given->{$_} // 'null') } sort keys %$given;
	push @{ $self->{surprises} },
	  "$step->[0] $step->[1](@words): "
	  . ($error ? "$error->{state} $error->{message}" : 'answered');
	return;
}

# After a failure in a transaction block.  ROLLBACK can be cancelled too: then
# the connection is given up.
sub failed
{
	my ($self, $answer) = @_;
	my $over =
	  $answer->{lost} ? $answer : $self->{session}->answer('ROLLBACK');

	return $over->{tag} ? 'rolled back' : $self->lost('rolled back');
}

# the end of a transaction block
sub end
{
	my ($self, $plan) = @_;
	my $ends = $plan->{ends};

	if ($ends eq 'leave')
	{
		$self->{session}->close;
		return $self->lost('rolled back');
	}
	return $self->failed({}) if $ends eq 'rollback';
	my $sql =
	  $ends eq 'commit' ? 'COMMIT' : "PREPARE TRANSACTION '$plan->{name}'";
	my $answer =
	  $plan->{hang_up}
	  ? $self->{session}->hang_up_on($sql) : $self->{session}->answer($sql);
	return $self->lost('in doubt') if $answer->{lost};
	return $self->failed($answer) if $answer->{error};
	return 'rolled back' if $answer->{tag} eq 'ROLLBACK';
	return 'committed' if $ends eq 'commit';
	return $self->end_prepared($plan);
}

# end_prepared(PLAN) - the transaction is prepared: end it, however often the
# connection is lost over that
sub end_prepared
{
	my ($self, $plan) = @_;
	my $fate =
	  $plan->{ends} eq 'commit prepared' ? 'committed' : 'rolled back';

	if ($plan->{by_another} && $self->{session})
	{
		$self->{session}->close;
		$self->lost('');
	}
	while (1)
	{
		my $answer =
		  $self->session->answer(uc $plan->{ends} . " '$plan->{name}'");

		return $fate if $answer->{tag};
		$self->lost('') if $answer->{lost};
		return $fate if !$self->is_prepared($plan);
	}
	return;
}

# --- what became of it -------------------------------------------------------

sub settle
{
	my ($self, $plan) = @_;

	$self->count('in doubt');
	@$plan{qw(lock_timeout statement_timeout hang_up)} = (0, 0, 0);
	return $self->settle_prepared($plan) if $plan->{ends} =~ /prepared/;
	return $self->settle_by_key($plan) if $plan->{keyed};
	$self->wait_for_end_of($plan->{backend});
	return $self->insist(
		'SELECT count(*) AS n FROM storm_marker WHERE name = $1',
		$plan->{name})->{n} ? 'committed' : 'rolled back';
}

sub settle_prepared
{
	my ($self, $plan) = @_;
	return $self->is_prepared($plan)
	  ? $self->end_prepared($plan) : 'rolled back';
}

# The same again with the same keys, at first perhaps while the first is still
# at work.  That it fails says nothing about the first, unless it was refused
# when no other was at work.
sub settle_by_key
{
	my ($self, $plan) = @_;
	my @before = ($plan->{backend});

	while (1)
	{
		my $fate = $self->attempt($plan);

		$self->count('again');
		return $fate if $fate eq 'committed';
		return $fate
		  if $fate eq 'rolled back' && $plan->{refused} && !@before;
		die 'what was in doubt stays in doubt' if @{ $self->{surprises} };
		push @before, $plan->{backend} if $fate eq 'in doubt';
		$self->wait_for_end_of(shift @before) while @before;
	}
	return;
}

sub is_prepared
{
	my ($self, $plan) = @_;

	$self->wait_for_end_of($plan->{backend});
	return $self->insist(
		'SELECT count(*) AS n FROM pg_prepared_xacts WHERE gid = $1',
		$plan->{name})->{n};
}

# Our server process may still be at work after the connection is lost.
sub wait_for_end_of
{
	my ($self, $backend) = @_;

	return if $self->{session} && $self->{session}{backend} eq $backend;
	usleep(1000)
	  while $self->insist(
		q{SELECT count(*) AS n FROM pg_stat_activity
		   WHERE pid || ' ' || backend_start = $1}, $backend)->{n};
	return;
}

# insist(SQL, VALUES...) - the row of a query, however often it is interrupted
sub insist
{
	my ($self, @query) = @_;

	while (1)
	{
		my $answer = $self->session->answer(@query);

		return $answer->{rows}[0] if $answer->{rows};
		$self->lost('') if $answer->{lost};
	}
	return;
}

# --- the connection ----------------------------------------------------------

sub lost
{
	my ($self, $fate) = @_;
	$self->{session} = undef;
	return $fate;
}

# the connection, made again if it was lost
sub session
{
	my ($self) = @_;

	until ($self->{session})
	{
		my $session = InvSession->open($self->{node});
		my $answer = $session
		  ? $session->answer(
			q{SELECT pid || ' ' || backend_start AS backend
				FROM pg_stat_activity WHERE pid = pg_backend_pid()})
		  : {};

		if ($answer->{rows})
		{
			$session->{backend} = $answer->{rows}[0]{backend};
			$self->{session} = $session;
		}
		else
		{
			die 'the test has ended' if getppid != $self->{parent};
			usleep(10_000);    # the server is away, and comes back
		}
	}
	return $self->{session};
}

1;
