# InvSession - one connection that makes calls and tells what they answered
#
# An answer is { rows => [...] } for a call, { tag => 'COMMIT' } for another
# statement, { error => { state, detail, message } }, or { lost => 1 } if
# there is no connection any more: what became of the statement is then
# unknown.
package InvSession;

use strict;
use warnings;

use DBI;
use DBD::Pg;    # Debian: libdbd-pg-perl
use InvFunctions;
use InvRequest;

# A time is told in minutes from now, rounded up: that is the same in every run.
our $expires_at = minutes('expires_at');
my $hold_columns = 'status, xid, branch, state, replayed, sku, location,
	requested, available';

sub minutes
{
	my ($time) = @_;
	return "ceil(extract(epoch FROM $time - clock_timestamp()) / 60)";
}

# open(NODE, OPTIONS, DATABASE) - undef if the server does not take us
sub open
{
	my ($class, $node, $options, $database) = @_;
	my $connstr =
	  $node->connstr($database // 'postgres') . ' application_name=tests';
	$connstr .= " options='$options'" if $options;

	$connstr =~ s/ (?=\w+=)/;/g;
	my $dbh = DBI->connect("dbi:Pg:$connstr", '', '',
		{ RaiseError => 0, PrintError => 0, PrintWarn => 0,
			AutoInactiveDestroy => 1 })
	  or return;
	$dbh->{pg_enable_utf8} = 0;
	return bless { dbh => $dbh, pid => $dbh->{pg_pid} }, $class;
}

sub close
{
	my ($self) = @_;
	$self->{dbh}->disconnect;
	return;
}

# call(FUNCTION, { argument => value })
sub call
{
	my ($self, $name, $given) = @_;
	return $self->answer(statement($name, $given));
}

# statement(FUNCTION, { argument => value }) - the call by name, with values
# to be bound
sub statement
{
	my ($name, $given) = @_;
	my $function = $InvFunctions::function{$name};
	my $columns =
	  $function->{hold} ? "$hold_columns, $expires_at AS expires_at" : '*';
	my (@pass, @values);

	return ("SELECT * FROM $name(request => \$1::jsonb)",
		InvRequest::text($given))
	  if $function->{request};
	foreach my $argument (@{ $function->{arguments} })
	{
		my ($word, $kind) = @$argument;

		next if !exists $given->{$word};
		push @values, $given->{$word};
		push @pass,
		  sprintf '%s => $%d::%s', $word, scalar @values,
		  $InvFunctions::kind{$kind}{type};
	}
	return ("SELECT $columns FROM $name(" . join(', ', @pass) . ')', @values);
}

# hang_up_on(SQL, VALUES...) - send a statement, and be gone before it answers
sub hang_up_on
{
	my ($self, $sql, @values) = @_;
	my $statement =
	  $self->{dbh}->prepare($sql, { pg_async => DBD::Pg::PG_ASYNC });

	$statement->execute(@values) if $statement;
	CORE::open my $line, '+<&', $self->{dbh}{pg_socket} or die "socket: $!";
	shutdown $line, 2;
	return { lost => 1 };
}

# answer(SQL, VALUES...) - run one statement
sub answer
{
	my ($self, $sql, @values) = @_;
	my $statement = $self->{dbh}->prepare_cached($sql, undef, 3);

	return $self->failure if !$statement || !$statement->execute(@values);
	return { tag => $statement->{pg_cmd_status} =~ s/ [\d ]+$//r }
	  if !$statement->{NUM_OF_FIELDS};
	my $rows = $statement->fetchall_arrayref({});
	return $statement->err ? $self->failure : { rows => $rows };
}

sub failure
{
	my ($self) = @_;
	my $dbh = $self->{dbh};
	my ($message) = $dbh->errstr =~ /^(.*?)(?:\n(?:DETAIL|HINT|CONTEXT):|\z)/s;
	my %error = (message => $message, state => $dbh->state);

	$error{detail} = $dbh->pg_error_field('detail');    # forgets the others

	return $self->alive ? { error => \%error } : { lost => 1 };
}

# A connection that the server has ended is bad or idle without an answer.
sub alive
{
	my ($self) = @_;
	return $self->{dbh}->ping > 0;
}

# rows(SQL, VALUES...) - what a query that must succeed answers
sub rows
{
	my ($self, $sql, @values) = @_;
	my $answer = $self->answer($sql, @values);

	die "$sql: " . ($answer->{error}{message} // 'no connection')
	  if !$answer->{rows};
	return @{ $answer->{rows} };
}

# run(SQL, VALUES...) - a statement that must succeed
sub run
{
	my ($self, $sql, @values) = @_;
	my $answer = $self->answer($sql, @values);

	die "$sql: " . ($answer->{error}{message} // 'no connection')
	  if $answer->{error} || $answer->{lost};
	return;
}

1;
