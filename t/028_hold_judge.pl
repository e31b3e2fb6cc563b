# The judge of the storm of holds is what we trust where the database cannot
# judge itself: it must see each fault in histories that were made up to have
# one, and none in those that have none.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvHoldJudge;
use JSON::PP ();
use Test::More;

# What follows is about one hold of 3 A and 2 B, for ten seconds.  Of each
# transaction it says the times between which it took place, what became of it
# unless it was committed (! rolled back, ? unsure), and its calls with their
# answers.  IV012:cancelled: the state that the refusal tells; held@13: until
# when, if not ten seconds from the last new answer; again: it is replayed.
my @sound = (
	[ 'a confirm', '1-2 try held; 3-4 try held again; 5-6 confirm confirmed' ],
	[ 'calls after a confirm',
		'1-2 try held; 3-4 confirm confirmed; 5-6! cancel IV011:confirmed;
		 7-8 try confirmed again; 9-10 confirm confirmed again' ],
	[ 'calls after an empty cancel',
		'1-2 cancel cancelled; 3-4! try IV012:cancelled;
		 5-6! confirm IV012:cancelled; 7-8 cancel cancelled again' ],
	[ 'a cancel at the time of a try',
		'1-4 try held; 2-3 cancel cancelled; 5-6! confirm IV012:cancelled' ],
	[ 'all at the same time',
		'1-9 cancel cancelled again; 2-9 try held; 3-9 cancel cancelled;
		 4-8! confirm IV012:cancelled; 5-7! confirm IV010' ],
	[ 'a transaction that was rolled back',
		'1-2 try held; 3-4! try held again, confirm confirmed;
		 5-6 cancel cancelled; 7-8 look cancelled' ],
	[ 'less confirmed, and again',
		'1-2 try held; 3-4 less confirmed; 5-6 less confirmed again;
		 7-8! confirm IV014:confirmed' ],
	[ 'a part confirmed, and then all',
		'1-2 try held; 3-4 part held; 5-6 part held again;
		 7-8 confirm confirmed' ],
	[ 'a part confirmed, and the rest cancelled',
		'1-2 try held; 3-4 part held; 5-6 cancel cancelled; 7-8 look cancelled' ],
	[ 'too much', '1-2 try held; 3-4! more IV015:held; 5-6! other IV014:held' ],
	[ 'nothing there', '1-2! confirm IV010; 3-4! extend IV010; 5-6 look none' ],
	[ 'refusals',
		'1-2 try refused; 3-4 try refused again; 5-6! strict IV001;
		 7-8! confirm IV010:refused; 9-10 cancel cancelled' ],
	[ 'a longer time',
		'1-2 try held; 3-4 extend held; 13.5-13.6 confirm confirmed' ],
	[ 'the end of the time',
		'1-2 try held; 13-14! confirm IV013:expired; 15-16 look expired;
		 17-18! try IV013:expired; 19-20 cancel cancelled' ],
	[ 'what may be over', '1-2 try held; 11-13! confirm IV013:expired' ],
	[ 'what may not be over yet', '1-2 try held; 11-13 confirm confirmed' ],
	[ 'an answer that was lost, of a call that was made',
		'1-2? try; 3-4 try held@11.5 again; 5-6? confirm;
		 7-8! cancel IV011:confirmed' ],
	[ 'an answer that was lost, of a call that was not',
		'1-2? try; 3-4! confirm IV010; 5-6 try held; 7-8? cancel;
		 9-10 confirm confirmed' ],
	[ 'a refusal that was lost',
		'1-2? try; 3-4 try refused again; 5-6! confirm IV010:refused' ],
	[ 'a savepoint',
		'1-2 try held, savepoint, cancel cancelled, rollback_to,
			confirm confirmed' ],
	[ 'a savepoint around all calls',
		'1-2 savepoint, try held, rollback_to, cancel cancelled;
		 3-4 look cancelled' ],
	[ 'an own sweep',
		'1-2 try held; 13-14 sweep, cancel cancelled; 15-16 look cancelled' ],
	[ 'an own sweep long before a call that waits',
		'1-2 try held; 3-9! sweep, confirm IV012:cancelled;
		 4-8 cancel cancelled' ]);

my @faulty = (
	[ 'a second try with an effect', '1-2 try held; 3-4 try held' ],
	[ 'a second confirm with an effect',
		'1-2 try held; 3-4 confirm confirmed; 5-6 confirm confirmed' ],
	[ 'a second cancel with an effect',
		'1-2 cancel cancelled; 3-4 cancel cancelled' ],
	[ 'a second partial confirm with an effect',
		'1-2 try held; 3-4 part held; 5-6 part held' ],
	[ 'a confirm after a cancel',
		'1-2 try held; 3-4 cancel cancelled; 5-6 confirm confirmed' ],
	[ 'a confirm at the time of a cancel',
		'1-2 try held; 3-6 cancel cancelled; 4-5 confirm confirmed' ],
	[ 'a late try after a cancel', '1-2 cancel cancelled; 3-4 try held' ],
	[ 'a cancel after a confirm',
		'1-2 try held; 3-4 confirm confirmed; 5-6 cancel cancelled' ],
	[ 'a try that is forgotten', '1-2 try held; 3-4! confirm IV010' ],
	[ 'a cancel that is forgotten',
		'1-2 try held; 3-4 cancel cancelled; 5-6 look held' ],
	[ 'a confirm that is forgotten',
		'1-2 try held; 3-4 confirm confirmed; 5-6 extend held' ],
	[ 'an extend that is forgotten',
		'1-2 try held; 3-4 extend held; 5-6 try held@12 again' ],
	[ 'a refusal that is forgotten', '1-2 try refused; 3-4 try held' ],
	[ 'a refusal that changes',
		'1-2 try refused; 3-4 try refused again; 5-6 try refused' ],
	[ 'an effect that was rolled back',
		'1-2! try held; 3-4 confirm confirmed' ],
	[ 'an effect that a savepoint took back',
		'1-2 try held; 3-4 savepoint, cancel cancelled, rollback_to;
		 5-6! try IV012:cancelled' ],
	[ 'no effect of what was made before a savepoint',
		'1-2 try held, savepoint, cancel cancelled, rollback_to;
		 3-4! confirm IV010' ],
	[ 'an answer that an own transaction contradicts',
		'1-2! try held, cancel cancelled, confirm confirmed' ],
	[ 'a repetition of nothing', '1-2 try held again' ],
	[ 'a refusal for nothing', '1-2 try held; 3-4! extend IV012:cancelled' ],
	[ 'a refusal that tells another state',
		'1-2 try held; 3-4 cancel cancelled; 5-6! try IV012:held' ],
	[ 'a hold that is over too soon',
		'1-2 try held; 3-4! confirm IV013:expired' ],
	[ 'a hold that is not over in time',
		'1-2 try held; 13-14 confirm confirmed' ],
	[ 'a hold that is swept too soon',
		'1-2 try held; 3-4 look expired; 5-6! try IV013:expired' ],
	[ 'a hold that is not swept', '1-2 try held; 13-14 look held' ],
	[ 'an end too soon', '1-2 try held@10.5' ],
	[ 'an end too late', '1-2 try held@12.5' ],
	[ 'another end', '1-2 try held; 3-4 try held@11.5 again' ],
	[ 'more confirmed than was tried', '1-2 try held; 3-4 more confirmed' ],
	[ 'other totals',
		'1-2 try held; 3-4 less confirmed; 5-6 confirm confirmed again' ],
	[ 'less than was confirmed already',
		'1-2 try held; 3-4 part held; 5-6 none confirmed' ],
	[ 'other arguments', '1-2 try held; 3-4 other held again' ],
	[ 'a rest that is still held', '1-2 try held; 3-4 less held' ],
	[ 'a rest that is not held any more', '1-2 try held; 3-4 part confirmed' ],
	[ 'something done by a call twice',
		'1-2? confirm; 3-4 try held; 5-6 look confirmed' ],
	[ 'a state that nobody made', '1-2 try held; 3-4 look cancelled' ]);

my @try = (ttl_seconds => 10, quantities => [ 3, 2 ], strict => 0);
my %call = (
	try => [ inv_try => @try ],
	strict => [ inv_try => @try, strict => 1 ],
	other => [ inv_try => @try, quantities => [ 4, 2 ] ],
	confirm => ['inv_confirm'],
	less => [ inv_confirm => quantities => [ 2, 1 ] ],
	none => [ inv_confirm => quantities => [ 0, 0 ] ],
	more => [ inv_confirm => quantities => [ 3, 3 ] ],
	part => [ inv_confirm => quantities => [ 2, 1 ], release_rest => 0 ],
	cancel => ['inv_cancel'],
	extend => [ inv_extend => ttl_seconds => 10 ]);
my %fate = ('' => 'committed', '!' => 'rolled back', '?' => 'unsure');
my %hold = (xid => 'x', branch => '');
my %short = (sku => 'A', location => 'main', requested => 3, available => 1);
my $until;

# history(TEXT) - the transactions that it tells of
sub history
{
	my ($text) = @_;

	return map {
		my ($sent, $answered, $mark, $steps) =
		  /^([\d.]+)-([\d.]+)([!?]?)\s+(.*)$/s or die "what is '$_'?";
		{
			fate => $fate{$mark},
			known => $answered,
			in => $_,
			log => [ map { step($_, $sent, $answered) } split /,\s*/, $steps ]
		}
	} split /;\s*/, $text;
}

sub step
{
	my ($text, $sent, $answered) = @_;
	my ($verb, $answer, $again) = split ' ', $text;
	my %step = (verb => $verb, sent => $sent);

	return { %step, given => {%hold}, state => $answer } if $verb eq 'look';
	return \%step if !$call{$verb};
	my ($name, %given) = $call{$verb}->@*;
	%step = (verb => 'call', name => $name, given => { %hold, %given },
		sent => $sent);
	return \%step if !$answer;
	$until = $answered + 10 if $given{ttl_seconds} && !$again;
	return { %step, answered => $answered, answer($answer, $again) };
}

sub answer
{
	my ($text, $again) = @_;
	my ($word, $more) = split /[:@]/, $text;
	my %line = $word eq 'IV015' ? (line => 2, requested => 3, held => 2) : ();

	return (error => { state => $word, detail =>
			JSON::PP::encode_json($word eq 'IV001' ? { line => 1, %short }
				: { %hold, state => $more, %line }) })
	  if $word =~ /^IV/;
	$until = $more if $more;
	return (rows => [ {
			status => $word eq 'refused' ? 'insufficient_stock' : 'ok',
			%hold,
			state => $word,
			expires_at => $word eq 'held' ? $until : undef,
			replayed => $again,
			$word eq 'refused' ? %short : () } ]);
}

# contradictions(TEXT) - what the judge finds
sub contradictions
{
	my ($text) = @_;
	my $judge = InvHoldJudge->new(
		sub { InvHoldJudge::variant('x', '', 'release', qw(A@main B@main)) });
	return $judge->hear(history($text));
}

foreach (@sound)
{
	my ($name, $text) = @$_;
	my @found = contradictions($text);
	ok(!@found, "sound: $name") or diag(@found);
}
foreach (@faulty)
{
	my ($name, $text) = @$_;
	ok(contradictions($text), "faulty: $name");
}

# numbers that no call may tell
foreach my $wrong ([ available => -1 ], [ reserved => -1 ], [ available => 4 ])
{
	my %row = (sku => 'A', location => 'main', status => 'ok', quantity => 1,
		on_hand => 5, reserved => 2, available => 3, @$wrong);
	my $judge = InvHoldJudge->new(sub { });
	my %told = (fate => 'committed', in => 'a test', log => [
			{ verb => 'call', name => 'inv_deduct', given => { sku => 'A' },
				rows => [ \%row ] } ]);

	ok($judge->hear(\%told), "faulty: @$wrong");
}

done_testing();
