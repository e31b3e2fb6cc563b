# InvRequest - the request of inv_apply
#
# The matrix has its members as arguments, and the fields of its lines as
# hashes.  A value is written as JSON by its kind: { quantity => 5 } is a
# number, { sku => 5 } a string.  A reference to a string is that very JSON,
# for what is not as it should be: { quantity => \'"5"' }.  The argument
# `request` instead of all others is the whole request.
package InvRequest;

use strict;
use warnings;

use InvErrors;
use InvFunctions;
use JSON::PP ();

my $json = JSON::PP->new->allow_nonref;

# the kinds of the members of a request, and of all fields of lines
my %member =
  map { @$_[ 0, 1 ] } @{ $InvFunctions::function{inv_apply}{arguments} };
our %field = (
	op => 'op',
	map { ($_->{must}->%*, $_->{may}->%*) } values %InvFunctions::operation
);

# --- for the database --------------------------------------------------------

# text(GIVEN) - the request as JSON
sub text
{
	my ($given) = @_;
	return $given->{request} if exists $given->{request};
	return object($given, \%member);
}

sub object
{
	my ($given, $kinds) = @_;
	return '{'
	  . join(',', map { "\"$_\":" . value_text($given->{$_}, $kinds->{$_}) }
		  sort keys %$given)
	  . '}';
}

sub value_text
{
	my ($value, $kind) = @_;
	my $type = $InvFunctions::kind{ $kind // '' }{type} // '';

	return 'null' if !defined $value;
	return $$value if ref $value eq 'SCALAR';
	return object($value, \%field) if ref $value eq 'HASH';
	return '[' . join(',', map { value_text($_, $kind) } @$value) . ']'
	  if ref $value eq 'ARRAY';
	return $value ? 'true' : 'false' if $type eq 'boolean';
	return $value if $type eq 'bigint';
	return $value =~ /^[\w .:+-]*$/ ? "\"$value\"" : $json->encode("$value");
}

# --- for the model -----------------------------------------------------------

# checked(GIVEN, DEFAULT LOCATION) - the values of all members
sub checked
{
	my ($given, $default_location) = @_;

	if (exists $given->{request})
	{
		raise('22004') if !defined $given->{request};
		raise('22023');    # only what is no object is written so
	}
	my %call = values_of($given, \%member);

	complain('22023', 'lines')
	  if ref $call{lines} ne 'ARRAY' || !@{ $call{lines} };
	$call{$_} //= undef foreach keys %member;
	$call{strict} //= 1;
	my $number = 0;
	$call{lines} = [
		map {
			my $line = $_;
			about_line(++$number,
				sub { checked_line($line, $number, $default_location) })
		} @{ $call{lines} }
	];
	return \%call;
}

sub checked_line
{
	my ($given, $number, $default_location) = @_;
	complain('22023') if ref $given ne 'HASH';

	my $name = field_value(op => $given->{op}, 'op')
	  // complain('22023', 'op');
	my $operation = $InvFunctions::operation{$name}
	  or complain('22023', $name);
	my %kinds = (op => 'op', $operation->{must}->%*, $operation->{may}->%*);
	my %line = (line => $number, values_of($given, \%kinds));

	foreach my $field (sort keys $operation->{must}->%*)
	{
		complain('22023', $field) if !defined $line{$field};
	}
	complain('22023', 'location', 'sources')
	  if defined $line{location} && $line{sources};
	foreach my $field (grep { $kinds{$_} eq 'location' } keys %kinds)
	{
		$line{$field} //= $default_location if !$line{sources};
	}
	complain('22023')
	  if $name eq 'transfer' && $line{from_location} eq $line{to_location};
	delete @line{ grep { !defined $line{$_} } keys %line };
	return \%line;
}

# values_of(GIVEN, KINDS) - of an object; null is not given
sub values_of
{
	my ($given, $kinds) = @_;
	my %values;

	foreach my $name (sort keys %$given)
	{
		my $kind = $kinds->{$name} or complain('22023', $name);
		my $value = field_value($name, $given->{$name}, $kind);

		$values{$name} = $value if defined $value;
	}
	return %values;
}

sub field_value
{
	my ($name, $value, $kind) = @_;

	$value = from_json($name, $$value, $kind) if ref $value eq 'SCALAR';
	return if !defined $value;
	return $value if $kind eq 'lines';    # is checked line by line
	complain('22023', $name)
	  if !!ref $value != !!($kind eq 'sources') || ref $value eq 'HASH';
	$value = [ map { ref ? from_json($name, $$_, 'location') : $_ } @$value ]
	  if ref $value;
	eval { InvFunctions::check_value($name, $kind, $value) if $kind ne 'op'; 1 }
	  or complain($@->{state}, $kind eq 'sources' ? () : $name);
	return $value;
}

# from_json(NAME, TEXT, KIND) - what is written as JSON itself, if its type is
# that of the kind
sub from_json
{
	my ($name, $text, $kind) = @_;
	my $type = $InvFunctions::kind{$kind}{type} // 'text';
	my %form = (
		bigint => qr/^-?\d+(?:\.\d+)?(?:e\d+)?$/i,
		boolean => qr/^(?:true|false)$/,
	);

	return if $text eq 'null';
	complain('22023', $name)
	  if $text !~ ($form{$type} // qr/^"/) || $kind =~ /^(?:lines|sources)$/;
	return $text eq 'true' ? 1 : 0 if $type eq 'boolean';
	return $json->decode($text) if $type ne 'bigint';
	complain('22023', $name) if $text != int $text;
	return 0 + $text;
}

1;
