# Who may be called: inventory.webhook_allow, and never an address that is not
# public unless it is listed, judged by the address that is connected to.
#
# Names that resolve to whatever a test wants come from libnss-wrapper.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlertNode;
use InvReceiver;
use InvSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

command_ok(['bench/addresstest'],
	'hosts and addresses are judged right, each by itself');

# addresses that are not public, at both ends of each range
my %private = (
	'this network' => [qw(0.0.0.0 0.0.0.1 0.255.255.255)],
	'private 10' => [qw(10.0.0.0 10.255.255.255)],
	'carriers' => [qw(100.64.0.0 100.100.100.200 100.127.255.255)],
	'loopback' => [qw(127.0.0.1 127.255.255.255)],
	'link-local' => [qw(169.254.0.0 169.254.169.254 169.254.255.255)],
	'private 172' => [qw(172.16.0.0 172.31.255.255)],
	'protocols' => [qw(192.0.0.0 192.0.0.255)],
	'private 192' => [qw(192.168.0.0 192.168.255.255)],
	'benchmarks' => [qw(198.18.0.0 198.19.255.255)],
	'multicast' => [qw(224.0.0.0 239.255.255.255)],
	'reserved' => [qw(240.0.0.0 255.255.255.254)],
	'broadcast' => [qw(255.255.255.255)],
	'unspecified 6' => [qw(::)],
	'loopback 6' => [qw(::1)],
	'unique local 6' => [qw(fc00:: fdff:ffff:ffff::1)],
	'link-local 6' => [qw(fe80::1 febf:ffff::1)],
	'multicast 6' => [qw(ff00::1 ff02::1 ffff::1)],
	'mapped' => [qw(::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:a00:1)],
	'NAT64' => [qw(64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe)],
	'6to4' => [qw(2002:7f00:1::1 2002:a00:1::1 2002:a9fe:a9fe::1)]);

# and their public neighbours
my @public = qw(1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0
  126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255
  172.32.0.0 191.255.255.255 192.0.1.0 192.167.255.255 192.169.0.0
  198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111
  64:ff9b::8.8.8.8 2002:808:808::1 ::ffff:8.8.8.8);

# names for addresses that are not public: one of each range
my %named = map {
	my $name = ($_ =~ s/\W/-/gr) . '.example';
	($name => $private{$_}[ $#{ $private{$_} } > 0 ? 1 : 0 ])
} keys %private;
my $hosts = PostgreSQL::Test::Utils::tempdir() . '/hosts';
append_to_file($hosts, "$named{$_} $_\n") foreach sort keys %named;
append_to_file($hosts, "127.0.0.1 shop.example hook.shop.example evilshop.example\n");
append_to_file($hosts, "::1 six.example\n");
append_to_file($hosts, "127.0.0.1 localhost\n::1 localhost\n");

my $receiver = InvReceiver->start('http', 'six');
my $port = $receiver->{port}{http};
my $node;
{
	local $ENV{LD_PRELOAD} = 'libnss_wrapper.so';
	local $ENV{NSS_WRAPPER_HOSTS} = $hosts;
	$node = InvAlertNode::start('addresses', <<'CONF');
inventory.webhook_allow = ''
inventory.webhook_timeout = 1000
CONF
}
my $session = InvSession->open($node, undef, 'shop');

sub allow
{
	my ($value) = @_;

	InvAlertNode::configure($node, 'inventory.webhook_allow', $value);
	# the session, too, has to have seen it
	$receiver->wait_for(sub {
		($session->rows('SHOW inventory.webhook_allow'))[0]{'inventory.webhook_allow'} eq $value
	}) or die "inventory.webhook_allow is not $value";
	return;
}

sub url
{
	my ($host, $at) = @_;

	$host = "[$host]" if $host =~ /:/;
	return "http://$host:" . ($at // $port) . '/hook';
}

# refusal(URL) - the error if an endpoint for it is refused
sub refusal
{
	my ($url) = @_;
	return $session->answer(
		q{SELECT inv_add_endpoint('e', $1, secrets => '{}', timeout_ms => 1000, max_attempts => 1)}, $url)->{error};
}

# add(URL) - the SQLSTATE if an endpoint for it is refused
sub add
{
	my $error = refusal(@_);
	return $error ? $error->{state} : '';
}

sub remove { return $session->answer(q{SELECT inv_remove_endpoint('e')}) }

sub connections { return scalar grep { $_->{event} eq 'connected' } $receiver->events }

# call(URL) - what a call says: 'refused' (added or called), or the status
sub call
{
	my ($url) = @_;
	my $state = add($url);

	return "refused $state" if $state;
	my ($row) = $session->rows(q{SELECT * FROM inv_test_endpoint('e')});
	remove();
	return $row->{status} || $row->{error};
}

# --- who is listed -----------------------------------------------------------

is(add(url('127.0.0.1')), '22023', 'nobody is listed: nobody is called');
allow('127.0.0.1');
is(call(url('127.0.0.1')), 200, 'an address that is listed');
is(call(url('127.0.0.2')), 'refused 22023', 'another is not');
is(call(url('localhost')), 'refused 22023', 'a name is not, though it has that address');
foreach my $url (url('10.0.0.1'), url('::1'), url('2130706433'), 'http://127.0.0.1@example.com/', 'ftp://127.0.0.1/')
{
	like(refusal($url)->{message}, qr/^ERROR:  nothing may be sent to "/, "$url is not, and that is said");
}
allow('127.0.0.0/8');
is(call(url('127.0.0.1')), 200, 'an address in a range');
allow('localhost');
my $was = connections();
like(call(url('localhost')), qr/^the address is not public/, 'a name that is listed, with an address that is not');
is(connections(), $was, 'nobody was connected to');
allow('localhost, 127.0.0.1');
is(call(url('localhost')), 200, 'both listed');
is(call(url('LOCALHOST')), 200, 'in whatever case');
is(call(url('shop.example')), 'refused 22023', 'but no other name');
allow('shop.example, 127.0.0.1');
is(call(url('shop.example')), 200, 'a name');
is(call(url('hook.shop.example')), 'refused 22023', 'is no name below it');
is(call(url('evilshop.example')), 'refused 22023', 'and none that ends alike');
allow('*.shop.example, 127.0.0.1');
is(call(url('hook.shop.example')), 200, 'all names below one');
is(call(url('shop.example')), 'refused 22023', 'are not that one');
is(call(url('evilshop.example')), 'refused 22023', 'nor one that ends alike');
allow("shop.example:$port, 127.0.0.1");
is(call(url('shop.example')), 200, 'a name with its port');
is(call(url('shop.example', $port == 1024 ? 1025 : 1024)), 'refused 22023', 'and no other port');
allow('*.shop.example:1, 127.0.0.1');
is(call(url('hook.shop.example')), 'refused 22023', 'nor with a wildcard');
allow('six.example, ::1');
is(call(url('six.example', $receiver->{port}{six})), 200, 'IPv6 by name');
is(call(url('::1', $receiver->{port}{six})), 200, 'and by address');
allow('fc00::/7, ::1/128');
is(call(url('::1', $receiver->{port}{six})), 200, 'and by range');

# bad entries are no setting
foreach my $bad ('http://shop.example', '10.0.0.0/33', '10.0.0.0/-1', '::/129', 'shop example',
	'sh*p.example', '*.', 'shop.example:0', 'shop.example:65536', 'shop.example:x', 'a,,b',
	'300.1.1.1', 'shop.example/24', '[::1')
{
	my $answer = $session->answer("ALTER SYSTEM SET inventory.webhook_allow = '$bad'");
	is($answer->{error}{state}, '22023', "no entry: $bad");
}

# --- every public host -------------------------------------------------------

allow('*');
$was = connections();
foreach my $range (sort keys %private)
{
	foreach my $address (@{ $private{$range} })
	{
		is(add(url($address)), '22023', "$range: $address is refused");
		remove();
	}
}
foreach my $address (@public)
{
	is(add(url($address)), '', "$address is public");
	remove();
}

# Names: what they stand for is seen when they are called.  The answer must be
# that for a name that stands for the receiver, which is listening, but for the
# address: so it is no failure to get there.
my $refusal = call(url('loopback.example'));
unlike($refusal, qr/time|route|unreachable|resolve/i, 'a name for a loopback address is refused');
foreach my $name (sort keys %named)
{
	my $answer = call(url($name));
	is(general($answer), general($refusal), "$name ($named{$name}) is refused")
	  or diag("$answer, and not $refusal");
}

# general(ERROR) - without names and addresses
sub general
{
	my ($error) = @_;
	return $error =~ s/[\w-]+\.example/NAME/gr =~ s/[0-9a-f]*[.:][0-9a-f.:]*[0-9a-f]/ADDRESS/gr =~ s/::/ADDRESS/gr;
}

unlike(call(url('localhost')), qr/^200/, 'localhost is refused');
unlike(call(url('six.example', $receiver->{port}{six})), qr/^200/, 'and a name for ::1');
# other ways to write 127.0.0.1
foreach my $host ('127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001',
	'127.0.0.1.', 'localhost.', '0', '0.0.0.0', '127.000.000.001', '%31%32%37.0.0.1', '127。0。0。1')
{
	unlike(call(url($host)), qr/^200/, "$host is refused");
}
foreach my $host ('::ffff:7f00:1', '::ffff:0:127.0.0.1', '::127.0.0.1', '0:0:0:0:0:0:0:1', '::1%lo')
{
	unlike(call(url($host, $receiver->{port}{six})), qr/^200/, "[$host] is refused");
	unlike(call(url($host)), qr/^200/, "[$host] is refused on the other port");
}
is(connections(), $was, 'and nobody was connected to');

# the worker is no less strict, and a name may change what it stands for
append_to_file($hosts, "8.8.8.8 moving.example\n");
is(add(url('moving.example')), '', 'a name that is public');
my $text = slurp_file($hosts) =~ s/8\.8\.8\.8 moving/127.0.0.1 moving/r;
unlink $hosts;
append_to_file($hosts, $text);
$session->run(q{INSERT INTO inv_item (sku) VALUES ('A')});
$session->run(q{SELECT inv_receive('A', 1), inv_deduct('A', 1)});
ok(InvAlertNode::wait_for($node, q{SELECT state = 'dead' FROM inv_delivery WHERE sku = 'A'}),
	'and stands for a loopback address when it is called');
my ($dead) = $session->rows(q{SELECT last_error FROM inv_delivery WHERE sku = 'A'});
is(general($dead->{last_error}), general($refusal), 'the worker refuses it');
remove();
is(connections(), $was, 'and has not connected');

# an endpoint that is there when the setting changes
allow('127.0.0.1');
is(add(url('127.0.0.1')), '', 'listed');
allow('*');
$session->run(q{INSERT INTO inv_item (sku) VALUES ('B')});
$session->run(q{SELECT inv_receive('B', 1), inv_deduct('B', 1)});
ok(InvAlertNode::wait_for($node, q{SELECT state = 'dead' FROM inv_delivery WHERE sku = 'B'}),
	'and then not any more: the worker sends nothing');
is($session->answer(q{SELECT inv_change_endpoint('e', url => 'http://127.0.0.1:2/')})->{error}{state},
	'22023', 'nor can it be changed to another');
remove();
is(connections(), $was, 'nobody was connected to');

# --- what is no address for a webhook ----------------------------------------

allow('*, 127.0.0.1, shop.example');
foreach my $url ('ftp://shop.example/', 'file:///etc/passwd', 'gopher://shop.example/', 'dict://shop.example/',
	'smtp://shop.example/', 'unix:///tmp/x', 'javascript:alert(1)', 'shop.example', '//shop.example/', '', 'http://',
	'http:///x', 'http://:80/', 'http://shop.example:0/', 'http://shop.example:65536/', 'http://shop.example:x/',
	'http://user@shop.example/', 'http://user:word@shop.example/', 'http://@shop.example/',
	'http://127.0.0.1@10.0.0.1/', 'http://10.0.0.1#@shop.example/', 'http://10.0.0.1\\@shop.example/',
	"http://shop.example/\r\nX: y", "http://shop.example/\n", "http://shop.example/\t", "http://shop .example/",
	"http://shop.example\x01/", 'http://[::1/', 'http://[127.0.0.1]/', 'http://exa%00mple.com/')
{
	is(add($url), '22023', 'refused: ' . ($url =~ s/([\x00-\x1f])/sprintf '\\x%02x', ord $1/ger));
	remove();
}
is(call("http://shop.example:$port/a/b?c=d&e=%20"), 200, 'a path and a query are fine');
my ($request) = $receiver->requests('/a/b');
is($request->{query}, 'c=d&e=%20', 'and sent as they are');
is($request->{headers}{host}, "shop.example:$port", 'to the host by its name');

done_testing();
