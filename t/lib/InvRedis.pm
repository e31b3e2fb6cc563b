# A real Redis for a test: started, asked, killed. Debian's redis-tools has its
# program under another name; installing redis-server would start one.
package InvRedis;

use strict;
use warnings;

use InvRelay qw(wait_until);
use IO::Socket::INET;
use POSIX ();

my @running;

# start(FOLDER, SETTINGS...) - on a free port of 127.0.0.1
sub start
{
	my ($class, $folder, @settings) = @_;
	my $probe;
	# a cluster's nodes talk to each other by the port that is 10000 above
	do
	{
		$probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
	} while ($probe->sockport > 55_000);
	my $self = bless {
		folder => $folder, settings => \@settings, port => $probe->sockport
	}, $class;

	close $probe;
	mkdir $folder or die "$folder: $!";
	chomp(my $program = `sh -c 'command -v redis-check-rdb'`);
	symlink $program, "$folder/redis-server" or die;
	return $self->up;
}

sub up
{
	my ($self) = @_;

	$self->{pid} = fork // die;
	if ($self->{pid} == 0)
	{
		open STDOUT, '>', '/dev/null';
		exec "$self->{folder}/redis-server", '--port', $self->{port}, '--bind', '127.0.0.1',
		  '--dir', $self->{folder}, '--logfile', "$self->{folder}/log", '--save', '',
		  @{ $self->{settings} } or POSIX::_exit(99);
	}
	push @running, $self;
	wait_until(sub { ($self->call('PING') // '') eq 'PONG' }) or die 'Redis does not start';
	return $self;
}

# down(SIGNAL)
sub down
{
	my ($self, $signal) = @_;

	close delete $self->{socket} if $self->{socket};
	kill $signal // 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
	return;
}

sub signal { kill $_[1], $_[0]{pid}; return; }

# call(WORDS...) - what it answers: a text, a number, undef, a list; what is an
# error of its own begins with a hyphen
sub call
{
	my ($self, @words) = @_;

	$self->{socket} //= IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) or return;
	my $text = sprintf "*%d\r\n", scalar @words;
	$text .= sprintf "\$%d\r\n%s\r\n", length, $_ foreach @words;
	return $self->answer if $self->{socket}->syswrite($text) && !$self->{socket}->error;
	close delete $self->{socket};
	return;
}

sub answer
{
	my ($self) = @_;
	my $line = readline $self->{socket};

	if (!defined $line)
	{
		close delete $self->{socket};
		return;
	}
	$line =~ s/\r\n\z//;
	my ($type, $rest) = (substr($line, 0, 1), substr($line, 1));
	return $rest if $type =~ /[+:]/;
	return "-$rest" if $type eq '-';
	return if $rest < 0;
	return [ map { $self->answer } 1 .. $rest ] if $type eq '*';
	read $self->{socket}, my $text, $rest + 2;
	return substr $text, 0, $rest;
}

# script(NAME, KEY, ARGUMENTS...) - one of those that are shipped
sub script
{
	my ($self, $name, $key, @arguments) = @_;

	return $self->call('EVAL', InvRelay::slurp("$FindBin::RealBin/../relay/lua/$name.lua"), 1, $key, @arguments);
}

END
{
	my $status = $?;
	foreach my $redis (grep { $_->{pid} } @running)
	{
		kill 'KILL', $redis->{pid};
		waitpid $redis->{pid}, 0;
	}
	$? = $status;
}

1;
