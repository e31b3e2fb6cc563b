# InvHoldJudge - what clients were told of holds, held against the contract
#
# Input are transactions as the clients know of them:
#
#   { log => [...], fate => , known => , in => }
#
# fate is committed, rolled back, or unsure, of a call whose answer was lost;
# known is the time by which it had this fate.  The log has the steps in order:
#
#   { verb => 'call', name, given, rows or error, sent, answered }
#   { verb => 'sweep', sent, answered }
#   { verb => 'savepoint' }, { verb => 'rollback_to' }
#   { verb => 'look', given, state, sent }     at the end, when all is swept
#
# Who has made or locked a hold has it alone until his transaction ends: so all
# of a transaction's calls of one hold are one step of its history, between the
# time that the first was sent and that by which the fate was known.  For each
# hold an order of these steps is looked for that does not contradict the times
# and in which each answer is that of the model (InvHoldModel.pm), which is the
# contract.  What was told decides where the model cannot know: how much there
# was of something that was short, and, within the times, whether a hold was
# over.  At any time after that a sweep nobody told of may have come.
package InvHoldJudge;

use strict;
use warnings;

use InvHoldModel;
use JSON::PP ();
use List::Util qw(first min);

my $plenty = 1_000_000;
my $tolerance = 0.001;    # of clocks, seconds
my $most_tries = 50_000;

# new(VARIANT_OF) - a function that gives of a hold's name what the model is to
# know of it
sub new
{
	my ($class, $variant_of) = @_;
	return bless { variant_of => $variant_of, world => {}, on_hand => {} },
	  $class;
}

# hear(TOLD) - contradictions in what came after all that was heard before
sub hear
{
	my ($self, @told) = @_;
	my (%parts, @found);

	foreach my $transaction (@told)
	{
		my $parts = parts($transaction);
		push @{ $parts{$_} }, @{ $parts->{$_} } foreach keys %$parts;
		push @found, $self->count_stock($transaction);
	}
	push @found, map { $self->explain($_, $parts{$_}) } sort keys %parts;
	return @found;
}

# name(GIVEN) - of the hold that a call is about
sub name
{
	my ($given) = @_;
	return join '/', grep { length } $given->{xid}, $given->{branch} // '';
}

# --- transactions ------------------------------------------------------------

# parts(TRANSACTION) - { hold => [ part... ] }: what it did to each hold, as
# { steps, fate, sent, known, in }
sub parts
{
	my ($transaction) = @_;
	my (%parts, %open, %before, @sweeps, $swept);

	foreach my $step ($transaction->{log}->@*)
	{
		my $verb = $step->{verb};

		push @sweeps, $step if $verb eq 'sweep';
		if ($verb eq 'savepoint')
		{
			%before = map { $_ => 1 } keys %open;
			$swept = @sweeps;
		}
		if ($verb eq 'rollback_to')
		{
			splice @sweeps, $swept;
			push @{ $parts{$_} }, part($transaction, 'rolled back', delete $open{$_})
			  foreach grep { !$before{$_} } keys %open;
		}
		push @$_, $step foreach $step->{given} ? () : values %open;
		# asking a step without it for given->{xid} would give it one
		next if !$step->{given} || !$step->{given}{xid};
		push @{ $open{ name($step->{given}) } //= [@sweeps] }, $step;
	}
	push @{ $parts{$_} }, part($transaction, $transaction->{fate}, $open{$_})
	  foreach keys %open;
	return \%parts;
}

# What comes to nothing had the hold locked when its first call was answered.
sub part
{
	my ($transaction, $fate, $steps) = @_;
	my $call = first { $_->{given} } @$steps;

	return {
		steps => $steps,
		fate => $fate,
		sent => $steps->[0]{sent},
		known => $fate eq 'rolled back' ? $call->{answered}
		: $transaction->{known},
		in => $transaction->{in}
	};
}

# lasting(LOG) - the steps that no savepoint has taken back
sub lasting
{
	my ($log) = @_;
	my (@steps, $mark);

	foreach my $step (@$log)
	{
		$mark = @steps if $step->{verb} eq 'savepoint';
		splice @steps, $mark if $step->{verb} eq 'rollback_to';
		push @steps, $step;
	}
	return @steps;
}

# count_stock(TRANSACTION) - what ordinary calls have moved; contradictions in
# the levels that anything told
sub count_stock
{
	my ($self, $transaction) = @_;
	my @found = map { "$transaction->{in}: " . join ' ', map { $_ // 'null' } %$_ }
	  grep { !is_sound($_) }
	  map { $_->{rows} ? @{ $_->{rows} } : detail($_) } $transaction->{log}->@*;

	return @found if $transaction->{fate} ne 'committed';
	foreach my $call (grep { $_->{rows} } lasting($transaction->{log}))
	{
		my $row = $call->{rows}[0];
		my $sign =
		  { inv_receive => 1, inv_deduct => -1 }->{ $call->{name} } or next;

		$self->{on_hand}{"$row->{sku}\@$row->{location}"} +=
		  $sign * $row->{quantity}
		  if $row->{status} eq 'ok';
	}
	return @found;
}

# is_sound(ROW) - less than nothing is never available, or reserved
sub is_sound
{
	my ($row) = @_;

	return 0 if ($row->{available} // 0) < 0 || ($row->{reserved} // 0) < 0;
	return !defined $row->{on_hand}
	  || $row->{available} == $row->{on_hand} - $row->{reserved};
}

# --- the search --------------------------------------------------------------

# explain(HOLD, PARTS) - contradictions, which is one or none; where the hold is
# then is remembered
sub explain
{
	my ($self, $hold, $parts) = @_;
	my $world = $self->{world}{$hold} // InvHoldModel->new($self->{variant_of}($hold));
	my %search = (tries => 0, seen => {}, least => undef);
	my @parts = sort { $a->{sent} <=> $b->{sent} } @$parts;
	my $end = search(\%search, $world, \@parts);

	$self->{world}{$hold} = $end if $end;
	return if $end;
	return "$hold: too much to be tried" if $search{tries} > $most_tries;
	return "$hold: " . $search{least};
}

# search(SEARCH, WORLD, PARTS) - a world after all of them, in some order
sub search
{
	my ($search, $world, $left) = @_;

	return $world if !@$left;
	return if ++$search->{tries} > $most_tries;
	return if $search->{seen}{ key($world) . join ',', @$left }++;
	note_progress($search, $world, $left);

	my @after;
	foreach my $number (candidates($left))
	{
		my $part = $left->[$number];
		my @rest = @$left;
		splice @rest, $number, 1;
		my @worlds = outcomes($world, $part);

		# what changes nothing can as well be now
		return search($search, $world, \@rest)
		  if @worlds == 1 && key($worlds[0]) eq key($world)
		  && $part->{fate} ne 'unsure';
		push @after, map { [ $_, \@rest ] } @worlds;
	}
	my $swept = swept($world);
	push @after, [ $swept, $left ] if $swept;
	foreach (@after)
	{
		my $end = search($search, @$_);
		return $end if $end;
	}
	return;
}

# candidates(PARTS) - numbers of those before which no other must have ended,
# the first to end first
sub candidates
{
	my ($left) = @_;
	my $end = min map { $_->{known} } @$left;

	return sort { $left->[$a]{known} <=> $left->[$b]{known} }
	  grep { $left->[$_]{sent} <= $end } 0 .. $#$left;
}

# note_progress - how far the search came that came furthest
sub note_progress
{
	my ($search, $world, $left) = @_;

	return if defined $search->{left} && $search->{left} <= @$left;
	$search->{left} = @$left;
	$search->{least} = key($world) . ', and then '
	  . join '; or ', map { tell_part($left->[$_]) } candidates($left);
	return;
}

sub tell_part
{
	my ($part) = @_;

	return "$part->{in} $part->{fate} ($part->{sent} to $part->{known}): "
	  . join ', ', map {
		join ' ', $_->{name} // $_->{verb},
		  ($_->{given}{quantities} // [])->@*, '=>', told($_) // ''
	  } $part->{steps}->@*;
}

# key(WORLD) - what makes it another
sub key
{
	my ($world) = @_;
	my $hold = $world->{hold} or return 'no hold';

	return join ' ', $hold->{state}, $hold->{digest} // '-', 'confirmed',
	  $hold->{confirmed}->@*, $hold->{asked} ? 'once' : (),
	  $hold->{swept} ? 'swept' : (),
	  $hold->{short} ? $hold->{short}->@{qw(sku available)} : (), 'until',
	  map { sprintf '%.6f', $_ } ($hold->{until} // [])->@*;
}

# --- what calls do -----------------------------------------------------------

# outcomes(WORLD, PART) - the worlds in which it can end; none: it cannot have
# answered so
sub outcomes
{
	my ($world, $part) = @_;
	my @paths = ([$world]);    # where it was at the savepoint, and where it is

	foreach my $step ($part->{steps}->@*)
	{
		@paths = map { follow($_, $step, $part->{known}) } @paths;
	}
	return if !@paths;
	return $world if $part->{fate} eq 'rolled back';
	my %worlds = map { key($_) => $_ } map { $_->[-1] } @paths,
	  $part->{fate} eq 'unsure' ? [$world] : ();
	return values %worlds;
}

sub follow
{
	my ($path, $step, $known) = @_;
	my $world = $path->[-1];
	my $verb = $step->{verb};

	return [ $world, $world ] if $verb eq 'savepoint';
	return [ $path->[0] ] if $verb eq 'rollback_to';
	my @after =
	    $verb eq 'sweep' ? ($world, swept($world) // ())
	  : $verb eq 'look' ? look($world, $step)
	  : call($world, $step, $step->{answered} // $known);

	return map { [ @$path[ 0 .. $#$path - 1 ], $_ ] } @after;
}

# swept(WORLD) - when a sweep took the hold, if one can
sub swept
{
	my ($world) = @_;
	my $after = $world->copy;
	my $hold = $after->{hold};

	return if !$hold || $hold->{state} ne 'held';
	$hold->{expires} = -1;
	return $after->sweep ? $after : undef;
}

# A hold that is over and may be swept was swept.
sub look
{
	my ($world, $step) = @_;
	my $hold = $world->{hold};

	return if ($hold ? $hold->{state} : 'none') ne $step->{state};
	return
	  if swept($world) && $hold->{until}[1] < $step->{sent} - $tolerance;
	return $world;
}

# call(WORLD, STEP, ANSWERED) - all that can have come of it, if nobody knows
# its answer; otherwise what its answer says
sub call
{
	my ($world, $step, $answered) = @_;
	my $told = told($step);
	my @after;

	return if is_swept($world) && $world->{hold}{until}[0] > $answered + $tolerance;
	foreach my $over (can_be_over($world, $step->{sent}, $answered))
	{
		foreach my $short (defined $told ? short($step) : shorts($world, $step))
		{
			my ($after, $answer) = ask($world, $step, $over, $short);

			next if defined $told && $answer ne $told;
			push @after, $after if set_until($after, $step, $answered);
		}
	}
	return @after;
}

sub is_swept
{
	my ($world) = @_;
	return $world->{hold} && $world->{hold}{swept};
}

# can_be_over(WORLD, SENT, ANSWERED) - whether its time can be over between
# these, or not
sub can_be_over
{
	my ($world, $sent, $answered) = @_;
	my $until = $world->{hold} && $world->{hold}{until} or return 0;

	return ($until->[0] <= $answered + $tolerance ? 1 : (),
		$until->[1] >= $sent - $tolerance ? 0 : ());
}

# ask(WORLD, STEP, OVER, SHORT) - the model's answer, and where it leads
sub ask
{
	my ($world, $step, $over, $short) = @_;
	my $after = $world->copy;
	my $given = $step->{given};
	my %others = map { $_ => $world->available($_) - ($short->{$_} // $plenty) }
	  keys $world->{stock}->%*;

	$after->{hold}{expires} = $over ? -0.5 : 0.5 if $after->{hold};
	$after->{stock}{$_}{reserved} += $others{$_} foreach keys %others;
	my $answer = $after->call(
		$step->{name} =~ s/^inv_//r,
		{
			quantities => $given->{quantities},
			strict => $given->{strict},
			ttl => $given->{ttl_seconds},
			keep_rest => !($given->{release_rest} // 1)
		});
	$after->{stock}{$_}{reserved} -= $others{$_} foreach keys %others;
	# of an outcome not when it expires, and the place is in the sku
	my @words = split / /, $answer;
	$answer = join ' ', @words[ 0 .. 3, 5, 6, 8, 9 ] if @words == 10;
	return ($after, $answer);
}

# short(STEP) - { place => what was available there }
sub short
{
	my ($step) = @_;
	my $row = $step->{rows} ? $step->{rows}[0] : detail($step);

	return {} if !defined $row->{sku} || !defined $row->{available};
	return { place($row) => $row->{available} };
}

# shorts(WORLD, STEP) - what it can have been, if that was not told: nothing, or
# any number too small for any line
sub shorts
{
	my ($world, $step) = @_;
	my $places = $world->{variant}{skus};
	my $quantities = $step->{given}{quantities} // [];

	return ({}, map {
		my $place = $places->[$_];
		map { { $place => $_ } } 0 .. $quantities->[$_] - 1
	} 0 .. $#$quantities);
}

# set_until(WORLD, STEP, ANSWERED) - since when it is over, within bounds until
# that was told; false if it was told wrong
sub set_until
{
	my ($world, $step, $answered) = @_;
	my $hold = $world->{hold};
	my $told = $step->{rows} && $step->{rows}[0]{expires_at};
	my $ttl = $step->{given}{ttl_seconds};

	return !defined $told if !$hold || $hold->{state} ne 'held';
	# the model has just set it
	$hold->{until} = [ $step->{sent} + $ttl, $answered + $ttl ]
	  if $ttl && $hold->{expires} == $ttl;
	return !$step->{rows} if !defined $told;
	my ($from, $to) = $hold->{until}->@*;
	$hold->{until} = [ $told, $told ];
	return $told >= $from - $tolerance && $told <= $to + $tolerance;
}

# --- what was told -----------------------------------------------------------

sub place
{
	my ($row) = @_;
	return "$row->{sku}\@$row->{location}";
}

sub detail
{
	my ($step) = @_;
	return {} if !$step->{error} || !$step->{error}{detail};
	return JSON::PP::decode_json($step->{error}{detail});
}

# told(STEP) - an answer as the model words it; undef if there was none
sub told
{
	my ($step) = @_;

	return told_row($step->{rows}[0]) if $step->{rows};
	return $step->{state} if !$step->{error};
	my $detail = detail($step);
	my @words =
	  $step->{error}{state} eq 'IV001'
	  ? ($detail->{line}, place($detail), @$detail{qw(requested available)})
	  : (@$detail{qw(xid branch state line sku requested held)});

	return join ' ', $step->{error}{state}, map { length $_ // '' ? $_ : '-' } @words;
}

sub told_row
{
	my ($row) = @_;

	return join ' ', map { length $_ // '' ? $_ : '-' }
	  @$row{qw(status xid branch state)}, $row->{replayed} ? 'replayed' : 'new',
	  defined $row->{sku} ? place($row) : undef, @$row{qw(requested available)};
}

# --- what is left ------------------------------------------------------------

# stock(COLUMN) - on_hand or reserved of each place, as it must be
sub stock
{
	my ($self, $column) = @_;
	my %level = map { $_ => 0 } keys %{ $self->{on_hand} };

	%level = %{ $self->{on_hand} } if $column eq 'on_hand';
	foreach my $world (values %{ $self->{world} })
	{
		$level{$_} += $world->{stock}{$_}{$column}
		  - ($column eq 'on_hand' ? $plenty : 0)
		  foreach keys $world->{stock}->%*;
	}
	return \%level;
}

# variant(XID, BRANCH, ON_EXPIRY, PLACES) - what the model is to know of a hold
sub variant
{
	my ($xid, $branch, $on_expiry, @places) = @_;
	return {
		xid => $xid,
		branch => length $branch ? $branch : '-',
		on_expiry => $on_expiry,
		skus => [@places],
		stock => { map { $_ => $plenty } @places }
	};
}

1;
