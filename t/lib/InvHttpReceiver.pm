# InvHttpReceiver - a real receiver of webhooks, and what it was sent
package InvHttpReceiver;

use strict;
use warnings;

use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

my $json = JSON::PP->new->utf8;

# start(CERTIFICATE, KEY) - both or none
sub start
{
	my ($class, @tls) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { log => "$folder/log", tls => scalar @tls }, $class;

	append_to_file($self->{log}, '');
	$self->{process} = IPC::Run::start(
		[ 'python3', 't/receiver.py', $self->{log}, "$folder/port", @tls ]);
	usleep(10_000) until -s "$folder/port";
	chomp($self->{port} = slurp_file("$folder/port"));
	return $self;
}

sub stop
{
	my ($self) = @_;
	$self->{process}->kill_kill;
	return;
}

# url(PATH)
sub url
{
	my ($self, $path) = @_;
	return ($self->{tls} ? 'https' : 'http') . "://127.0.0.1:$self->{port}$path";
}

# answer_with(STATUS) - whoever is sent to /switch
sub answer_with
{
	my ($self, $status) = @_;
	my $file = "$self->{log}.status";

	open my $handle, '>', "$file.new" or die $!;
	print $handle $status;
	close $handle;
	rename "$file.new", $file or die $!;
	return;
}

# requests(PATH) - those that came there
sub requests
{
	my ($self, $path) = @_;
	return grep { !defined $path || $_->{path} eq $path }
	  map { $json->decode($_) } split /\n/, slurp_file($self->{log});
}

# wait_for(NUMBER, PATH) - until so many have come; answers all of them
sub wait_for
{
	my ($self, $number, $path) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my @requests;

	while ((@requests = $self->requests($path)) < $number && time < $end)
	{
		usleep(10_000);
	}
	return @requests;
}

1;
