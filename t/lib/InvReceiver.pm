# InvReceiver - an HTTP receiver for what the extension sends (receiver.py)
#
# Listeners, each at a free port of its own:
#
#   http      127.0.0.1        six      ::1
#   dead      127.0.0.1, closed at first: nobody is there
#   tls       127.0.0.1, its certificate good for 127.0.0.1 and localhost
#   expired   likewise, but expired; foreign: of an authority nobody knows;
#   misnamed  for another host
#
# How a path answers is a list of steps, see receiver.py; there are names for
# the common ones in %step.  Everything that came is in a log, and the tests
# wait for what they expect in it.
package InvReceiver;

use strict;
use warnings;

use IPC::Open2;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

my $json = JSON::PP->new->utf8;
our $python = '/usr/bin/python3';    # Debian's

our %step = (
	ok => {},
	slow => { delay => 1 },
	gone => { status => 410 },
	drop => { how => 'drop' },
	never => { how => 'never' },
	hold => { how => 'hold' },
	half => { how => 'half' },
	garbage => { how => 'garbage' },
	'endless body' => { how => 'endless body' },
	'endless headers' => { how => 'endless headers' });

# start(LISTENER...) - those named, or http alone
sub start
{
	my ($class, @names) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { dir => $dir, file => "$dir/requests", at => 0, seen => [] },
	  $class;
	my $program = __FILE__ =~ s/InvReceiver\.pm$/receiver.py/r;
	my $secure = grep { /^(tls|expired|foreign|misnamed)$/ } @names;

	append_to_file($self->{file}, '');
	$self->make_certificates if $secure;
	@names = ('http') if !@names;
	$self->{pid} = open2($self->{answers}, $self->{orders}, $python, $program,
		$self->{file}, map { $self->listener($_) } @names);
	$self->{orders}->autoflush(1);
	$self->{port} = $self->heard;
	$self->order({ do => 'close', listener => 'dead' })
	  if grep { $_ eq 'dead' } @names;
	return $self;
}

sub listener
{
	my ($self, $name) = @_;
	my $host = $name eq 'six' ? '::1' : '127.0.0.1';
	my $file = "$self->{dir}/$name";

	return ($name, $host, 0, -e "$file.pem" ? ("$file.pem", "$file.key") : ('-', '-'));
}

sub stop
{
	my ($self) = @_;

	return if !$self->{pid};
	close $self->{orders};
	waitpid delete $self->{pid}, 0;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	$self->stop if $self->{pid} && ($self->{owner} //= $$) == $$;
	return;
}

# --- what it is told ---------------------------------------------------------

# answers(PATH, STEP...) - each is a name in %step, a status, or a hash
sub answers
{
	my ($self, $path, @steps) = @_;

	return $self->order({
		do => 'answer',
		path => $path,
		steps => [ map { named($_) } @steps ] });
}

sub named
{
	my ($step) = @_;

	return $step if ref $step;
	return { status => $step + 0 } if $step =~ /^\d+$/;
	return { %{ $step{$step} // die "no step $step" } };
}

# release(PATH) - answer what is held there
sub release { return $_[0]->order({ do => 'release', path => $_[1] }) }

sub close_listener { return $_[0]->order({ do => 'close', listener => $_[1] }) }
sub open_listener { return $_[0]->order({ do => 'open', listener => $_[1] }) }

sub order
{
	my ($self, $order) = @_;
	my $orders = $self->{orders};

	print $orders $json->encode($order) . "\n";
	return $self->heard;
}

sub heard
{
	my ($self) = @_;
	my $answers = $self->{answers};
	my $line = <$answers>;

	die 'the receiver has ended' if !defined $line;
	return $json->decode($line);
}

# url(PATH, LISTENER, HOST) - HOST instead of the listener's address
sub url
{
	my ($self, $path, $name, $host) = @_;
	my $scheme;

	$name //= 'http';
	$scheme = -e "$self->{dir}/$name.pem" ? 'https' : 'http';
	$host //= $name eq 'six' ? '[::1]' : '127.0.0.1';
	return "$scheme://$host:$self->{port}{$name}$path";
}

# --- what it has seen --------------------------------------------------------

# events() - all that happened so far, oldest first.  What was read is kept.
sub events
{
	my ($self) = @_;

	CORE::open my $log, '<', $self->{file} or die "$self->{file}: $!";
	seek $log, $self->{at}, 0;
	while (my $line = <$log>)
	{
		last if $line !~ /\n\z/;
		$self->{at} += length $line;
		push @{ $self->{seen} }, $json->decode($line);
	}
	return @{ $self->{seen} };
}

# requests(PATH) - those for this path, or all
sub requests
{
	my ($self, $path) = @_;

	return grep {
		$_->{event} eq 'request' && (!defined $path || $_->{path} eq $path)
	} $self->events;
}

# sent(PATH) - what the bodies of the requests say, decoded
sub sent
{
	my ($self, $path) = @_;
	return map { body($_) } $self->requests($path);
}

# The log has the bytes that came as the characters they spelled.
sub body
{
	my ($request) = @_;
	return JSON::PP->new->decode($request->{body});
}

# wait_for(CONDITION) - until the function answers true, which it returns
sub wait_for
{
	my ($self, $condition, $seconds) = @_;
	my $end = time + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	my $found;

	while (!($found = $condition->($self)) && time < $end)
	{
		usleep(5_000);
	}
	return $found;
}

# wait_for_requests(PATH, NUMBER) - until so many have come in all; returns
# them (fewer, if it took too long)
sub wait_for_requests
{
	my ($self, $path, $number, $seconds) = @_;
	my @found;

	$self->wait_for(sub { (@found = $self->requests($path)) >= $number }, $seconds);
	return @found;
}

# --- certificates ------------------------------------------------------------

sub authority { return "$_[0]{dir}/authority.pem" }

# make_certificates() - an authority, and one certificate per listener
sub make_certificates
{
	my ($self) = @_;
	my $here = 'IP:127.0.0.1,DNS:localhost';

	$self->make_authority($_) foreach 'authority', 'stranger';
	$self->make_certificate('tls', 'authority', $here, '20200101000000Z',
		'20991231000000Z');
	$self->make_certificate('expired', 'authority', $here, '20200101000000Z',
		'20210101000000Z');
	$self->make_certificate('misnamed', 'authority', 'DNS:shop.example',
		'20200101000000Z', '20991231000000Z');
	$self->make_certificate('foreign', 'stranger', $here, '20200101000000Z',
		'20991231000000Z');
	return;
}

sub make_authority
{
	my ($self, $name) = @_;
	my $file = "$self->{dir}/$name";

	append_to_file("$file.index", '');
	append_to_file("$file.conf", <<"CONF");
[ca]
default_ca = it
[it]
database = $file.index
new_certs_dir = $self->{dir}
certificate = $file.pem
private_key = $file.key
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
CONF
	system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
		'-days', '30', '-subj', "/CN=$name", '-keyout', "$file.key", '-out',
		"$file.pem");
	return;
}

sub make_certificate
{
	my ($self, $name, $authority, $hosts, $from, $to) = @_;
	my $file = "$self->{dir}/$name";

	system_or_bail('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-subj',
		"/CN=$name", '-addext', "subjectAltName=$hosts", '-keyout',
		"$file.key", '-out', "$file.csr");
	system_or_bail('openssl', 'ca', '-batch', '-notext', '-config',
		"$self->{dir}/$authority.conf", '-startdate', $from, '-enddate', $to,
		'-in', "$file.csr", '-out', "$file.pem");
	return;
}

# --- signatures --------------------------------------------------------------

# signature(REQUEST, SECRET) - what openssl makes of the request, as the
# standard wants it; the secret is whsec_ and the key in base64
sub signature
{
	my ($request, $secret) = @_;
	my ($key) = $secret =~ /^whsec_(.+)/ or die "no secret: $secret";
	my $text = join '.', @{ $request->{headers} }{qw(webhook-id webhook-timestamp)},
	  $request->{body};
	my $digest;

	utf8::encode($text);
	IPC::Run::run(
		[ 'openssl', 'dgst', '-sha256', '-binary', '-mac', 'HMAC', '-macopt',
			'hexkey:' . unpack('H*', decode_base64($key)) ],
		'<' => \$text, '>' => \$digest) or die 'openssl';
	return 'v1,' . encode_base64($digest);
}

# base64 by openssl too
sub decode_base64 { return base64($_[0], '-d') }
sub encode_base64 { return base64($_[0]) }

sub base64
{
	my ($in, @options) = @_;
	my $out;

	IPC::Run::run([ 'openssl', 'base64', '-A', @options ],
		'<' => \$in, '>' => \$out) or die 'openssl';
	return $out;
}

1;
