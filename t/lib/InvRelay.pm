# The relay as a process of a test: started, asked, killed.
package InvRelay;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time usleep);

our @EXPORT_OK = qw(wait_until http_get);

our $program = "$FindBin::RealBin/../relay/inv_relay";
my $count = 0;
my @running;

# wait_until(CONDITION) - true once it is; false after a minute
sub wait_until
{
	my ($condition) = @_;
	my $end = time + ($ENV{INVENTORY_PATIENCE} || 60);

	until ($condition->())
	{
		return 0 if time > $end;
		usleep(5_000);
	}
	return 1;
}

# settled(NODE, SLOT) - once all that is committed by now has been confirmed
sub settled
{
	my ($node, $slot) = @_;
	my $now = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');

	$node->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', 'x')});
	return wait_until(sub {
		$node->safe_psql('postgres',
			"SELECT confirmed_flush_lsn >= '$now' FROM pg_replication_slots WHERE slot_name = '$slot'") eq 't'
	});
}

# start(FOLDER, OPTIONS...) - its standard output goes to ->{out}
sub start
{
	my ($class, $folder, @options) = @_;
	my $self = bless {}, $class;

	$count++;
	$self->{out} = "$folder/relay-$count.out";
	$self->{err} = "$folder/relay-$count.err";
	return $self->spawn(@options);
}

# start_into(HANDLE, FOLDER, OPTIONS...) - its standard output goes there
sub start_into
{
	my ($class, $handle, $folder, @options) = @_;
	my $self = bless { handle => $handle }, $class;

	$count++;
	$self->{err} = "$folder/relay-$count.err";
	return $self->spawn(@options);
}

sub spawn
{
	my ($self, @options) = @_;

	$self->{pid} = fork // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		open STDERR, '>', $self->{err} or POSIX::_exit(99);
		if ($self->{handle}) { open STDOUT, '>&', $self->{handle} or POSIX::_exit(99); }
		else { open STDOUT, '>', $self->{out} or POSIX::_exit(99); }
		exec $program, @options or POSIX::_exit(99);
	}
	push @running, $self;
	return $self;
}

sub signal
{
	my ($self, $signal) = @_;
	kill $signal, $self->{pid};
	return $self;
}

# end(SIGNAL) - the exit code, or minus the signal that it died of
sub end
{
	my ($self, $signal) = @_;

	return $self->{status} if defined $self->{status};
	$self->signal($signal) if $signal;
	waitpid $self->{pid}, 0;
	return $self->{status} = $? & 127 ? -($? & 127) : $? >> 8;
}

sub ended
{
	my ($self) = @_;
	return 1 if defined $self->{status};
	return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;
	$self->{status} = $? & 127 ? -($? & 127) : $? >> 8;
	return 1;
}

sub slurp
{
	my ($name) = @_;
	open my $file, '<:raw', $name or return '';
	local $/ = undef;
	return <$file> // '';
}

sub said { return slurp($_[0]{err}); }

# lines - whole ones: the last may have been cut off by kill -9
sub lines
{
	my ($self) = @_;
	my $text = slurp($self->{out});

	return split /\n/, substr($text, 0, rindex($text, "\n") + 1);
}

# http_get(PORT, PATH) - (status, body); (0, '') if nobody answers
sub http_get
{
	my ($port, $path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return (0, '');

	print $socket "GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n";
	local $/ = undef;
	my $answer = <$socket> // '';
	return $answer =~ m{^HTTP/1.1 (\d+) .*?\r\n\r\n(.*)}s ? ($1, $2) : (0, $answer);
}

END
{
	my $status = $?;
	foreach my $relay (grep { !defined $_->{status} } @running)
	{
		kill 'KILL', $relay->{pid};
		waitpid $relay->{pid}, 0;
	}
	$? = $status;
}

1;
