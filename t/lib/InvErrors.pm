# InvErrors - how a call says no, by the contract
#
# An error is { state, detail, has, words }.  detail is the whole DETAIL;
# where the contract says less, `has` are some members of it, and `words` must
# stand in the message.  What is left out is not specified.
package InvErrors;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(raise complain about_line);

our %sqlstate = (
	insufficient_stock => 'IV001',
	version_conflict => 'IV002',
	unknown_item => 'IV003',
	inactive_item => 'IV004',
	unknown_location => 'IV005',
);

# raise(STATE, name => value...) - without pairs the DETAIL is not specified
sub raise
{
	my ($state, @pairs) = @_;
	die { state => $state, @pairs ? (detail => {@pairs}) : () };
}

# complain(STATE, WORDS...) - of an argument, in a message with these words
sub complain
{
	my ($state, @words) = @_;
	die { state => $state, words => \@words };
}

# about_line(LINE, CODE) - an error within CODE is about this line: it says so
# in its message and as the first member of its DETAIL
sub about_line
{
	my ($line, $code) = @_;
	my @answer = eval { ($code->(), 1) };
	my $error = $@;

	return @answer[ 0 .. $#answer - 1 ] if @answer;
	die $error if !ref $error;
	die {
		state => $error->{state},
		has => { line => $line },
		words => [ "line $line", ($error->{words} // [])->@* ]
	};
}

1;
