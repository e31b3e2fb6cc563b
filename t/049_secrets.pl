# Secrets of endpoints: nobody but the owner reads them, and they are in no
# log, error, view or dump.  And what a dump or a copy of the database does
# with endpoints: nothing, until somebody says so.
#
# What cannot be helped: log_statement and log_min_duration_statement write
# statements as they come.  A secret that is a literal in the statement is in
# the log then; one that is a bound parameter is, unless log_parameter_max_length
# is 0, as it is here.
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

my $receiver = InvReceiver->start('http', 'tls', 'expired');
my $node = InvAlertNode::start('secrets', <<"CONF");
inventory.databases = 'shop, restored, copied'
inventory.webhook_ca_file = '@{[ $receiver->authority ]}'
inventory.webhook_timeout = 1000
log_statement = all
log_min_duration_statement = 0
log_min_messages = debug2
log_error_verbosity = verbose
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
CONF
my $session = InvSession->open($node, undef, 'shop');
my @secrets = map { 'whsec_' . InvReceiver::encode_base64($_ x 32) } 'k' .. 'n';
my $authorization = 'Bearer 7d1ce0f2';
# the secrets as they are given, and the keys that are in them
my $secret = join '|', map { quotemeta } @secrets, $authorization,
  (map { $_ x 16 } 'k' .. 'n'), (map { unpack 'H*', $_ x 16 } 'k' .. 'n');

sub out { return InvAlertNode::out($_[1] // $session, $_[0]) }

sub requests_of
{
	my ($path, $sku) = @_;
	return grep { $_->{body} =~ /"\Q$sku\E"/ } $receiver->requests($path);
}

sub is_told
{
	my ($path, $sku, $what) = @_;
	ok($receiver->wait_for(sub { scalar requests_of($path, $sku) }), $what);
	return;
}

# --- endpoints that do all that endpoints do ---------------------------------

$session->run(
	q{SELECT inv_add_endpoint($1, $2, secrets => $3, "authorization" => $4, max_attempts => $5)}, @$_)
  foreach
  [ 'signed', $receiver->url('/signed'), "{$secrets[0]}", $authorization, 3 ],
  [ 'failing', $receiver->url('/failing'), "{$secrets[1]}", $authorization, 2 ],
  [ 'expired', $receiver->url('/expired', 'expired'), "{$secrets[1]}", $authorization, 2 ],
  [ 'unsigned', $receiver->url('/unsigned'), '{}', undef, 3 ];
$receiver->answers('/failing', 500);
$session->run(q{SELECT inv_change_endpoint('signed', secrets => $1)}, "{$secrets[2],$secrets[0]}");
out('first');
is_told($_, 'first', "$_ is told") foreach '/signed', '/unsigned', '/failing';
is((requests_of('/signed', 'first'))[0]{headers}{authorization}, $authorization, 'with authorization');
ok(InvAlertNode::wait_for($node,
	q{SELECT count(*) = 2 FROM inv_deliveries WHERE state = 'dead'}), 'two have failed');
foreach my $name (qw(signed failing expired))
{
	my @row = $session->rows('SELECT * FROM inv_test_endpoint($1)', $name);
	unlike(join(' ', map { $_ // '' } map { values %$_ } @row), qr/$secret/, "the answer of a test of $name has no secret");
}

# errors about secrets and with them
foreach my $wrong (
	[ q{SELECT inv_add_endpoint('x', 'http://127.0.0.1/', secrets => ARRAY[$1])}, "$secrets[3]***" ],
	[ q{SELECT inv_add_endpoint('x', 'http://127.0.0.1/', secrets => ARRAY[$1])}, 'whsec_' . 'k' x 16 ],
	[ q{SELECT inv_add_endpoint('signed', 'http://127.0.0.1/', secrets => ARRAY[$1])}, $secrets[3] ],
	[ q{SELECT inv_add_endpoint('x', 'ftp://127.0.0.1/', secrets => ARRAY[$1])}, $secrets[3] ],
	[ q{SELECT inv_change_endpoint('nothing', secrets => ARRAY[$1])}, $secrets[3] ],
	[ q{SELECT inv_add_endpoint('x', 'http://127.0.0.1/', "authorization" => $1)}, "$authorization\r\nX: y" ])
{
	my ($sql, $value) = @$wrong;
	my $statement = $session->{dbh}->prepare($sql);
	my $taken = $statement->execute($value);

	ok(!$taken, "refused: $sql");
	unlike($session->{dbh}->errstr // '', qr/$secret/, 'and the error does not tell the secret');
}
my @names = map { $_->{name} } $session->rows('SELECT name FROM inv_endpoint ORDER BY name');
is("@names", 'expired failing signed unsigned', 'and nothing was added');

# --- who reads what ----------------------------------------------------------

my @levels = qw(reader clerk admin);
foreach my $level (@levels)
{
	$session->run("CREATE ROLE $level");
	$session->run('SELECT inv_grant($1, $1)', $level);
}
$session->run('CREATE ROLE stranger');
my @relations = map { $_->{name} } $session->rows(
	q{SELECT c.oid::regclass::text AS name FROM pg_class c
		JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
	   WHERE c.relkind IN ('r', 'v', 'p', 'm', 'f') ORDER BY 1});
cmp_ok(scalar @relations, '>', 10, 'there are relations to look at');
foreach my $role ('stranger', @levels)
{
	my %read;

	$session->run("SET ROLE $role");
	foreach my $relation (@relations)
	{
		my $answer = $session->answer("SELECT t::text AS row FROM $relation t");
		$read{$relation} = $answer->{rows}
		  ? join("\n", map { $_->{row} } @{ $answer->{rows} }) : undef;
	}
	my $answer = $session->answer('SELECT secrets FROM inv_endpoint_secret');
	$session->run('RESET ROLE');
	is($answer->{error}{state}, '42501', "$role may not read secrets");
	is_deeply([ grep { ($read{$_} // '') =~ /$secret/ } sort keys %read ], [],
		"and what $role may read has none");
	ok(defined $read{inv_endpoints}, 'an admin reads the endpoints') if $role eq 'admin';
	is_deeply([ grep { ($read{$_} // '') =~ m{/signed|/failing} } sort keys %read ], [],
		"nor the path of a URL");
	ok(!defined $read{inv_endpoints}, "$role does not read the endpoints") if $role ne 'admin';
}
foreach my $attempt (
	[ admin => q{SELECT inv_add_endpoint('mine', 'http://127.0.0.1/', secrets => '{}')}, undef ],
	[ admin => q{SELECT inv_disable_endpoint('mine')}, undef ],
	[ admin => q{SELECT inv_remove_endpoint('mine')}, undef ],
	[ admin => q{SELECT * FROM inv_deliveries}, undef ],
	[ admin => q{SELECT inv_endpoints_enable()}, undef ],
	[ admin => q{SELECT * FROM inv_endpoint}, '42501' ],
	[ admin => q{SELECT * FROM inv_delivery}, '42501' ],
	[ admin => q{UPDATE inv_endpoint SET url = 'http://127.0.0.1/'}, '42501' ],
	[ admin => q{DELETE FROM inv_delivery}, '42501' ],
	map { my $role = $_; map { [ $role => $_, '42501' ] } (
		q{SELECT inv_add_endpoint('mine', 'http://127.0.0.1/', secrets => '{}')},
		q{SELECT inv_change_endpoint('signed', url => 'http://127.0.0.1/')},
		q{SELECT * FROM inv_test_endpoint('signed')},
		q{SELECT inv_disable_endpoint('signed')},
		q{SELECT inv_enable_endpoint('signed')},
		q{SELECT inv_remove_endpoint('signed')},
		q{SELECT inv_redeliver('signed')},
		q{SELECT inv_endpoints_enable()},
		q{SELECT * FROM inv_deliveries}) } qw(clerk stranger))
{
	my ($role, $sql, $state) = @$attempt;

	$session->run("SET ROLE $role");
	is($session->answer($sql)->{error}{state}, $state, "as $role: $sql");
	$session->run('RESET ROLE');
}
# the settings that say who may be called are the superuser's
foreach my $setting (qw(webhook_allow webhook_ca_file))
{
	my $shown = $session->answer("SET inventory.$setting = '*'");
	ok($shown->{error}, "no session sets inventory.$setting");
}

# what the owner sees of his own sessions and of the worker
my @activity = map { values %$_ } $session->rows(
	q{SELECT query, application_name FROM pg_stat_activity WHERE pid <> pg_backend_pid()});
unlike(join("\n", map { $_ // '' } @activity), qr/$secret/, 'no process shows a secret');
unlike(join("\n", map { values %$_ } $session->rows('SELECT s::text AS status FROM inv_worker_status() s')),
	qr/$secret/, 'the worker tells none');

# turns(DATABASE) - how often its worker has looked for deliveries
sub turns
{
	my ($database) = @_;
	return $node->safe_psql($database,
		q{SELECT coalesce(sum(runs), 0) FROM inv_worker_status() WHERE verb = 'deliver' AND running});
}

# signed_with(REQUEST, SECRET)
sub signed_with
{
	my ($request, $by) = @_;
	return grep { $_ eq InvReceiver::signature($request, $by) }
	  split / /, $request->{headers}{'webhook-signature'} // '';
}

# --- secrets that the owner has spoiled --------------------------------------

# An UPDATE by hand puts in what inv_change_endpoint() refuses.  Nothing is sent
# unsigned then, and others are told as before.
my %spoiled = (
	'no base64' => '{whsec_' . 'n' x 16 . '***}',
	'an empty text' => '{""}',
	'a null' => '{NULL}',
	'a good one, and a null' => "{$secrets[3],NULL}",
	'no element' => '{}',
	'two dimensions' => "{{$secrets[3]},{whsec_***}}");
foreach my $what (sort keys %spoiled)
{
	my $path = '/spoiled/' . $what =~ s/\W/-/gr;

	$session->run(q{SELECT inv_add_endpoint($1, $2, secrets => $3)}, @$_) foreach
	  [ 'spoiled', $receiver->url($path), "{$secrets[3]}" ],
	  [ 'witness', $receiver->url("/witness$path"), "{$secrets[3]}" ];
	$session->run(
		q{UPDATE inv_endpoint_secret s SET secrets = $1 FROM inv_endpoint e
		   WHERE e.endpoint_id = s.endpoint_id AND e.name = 'spoiled'}, $spoiled{$what});
	my @skus = map { out("$_ $what") } 'first', 'second';
	my $was = turns('shop');
	ok($receiver->wait_for(sub { requests_of("/witness$path", $skus[0]) && requests_of("/witness$path", $skus[1]) }, 10),
		"$what: others are told");
	ok($receiver->wait_for(sub { turns('shop') > $was + 3 }, 10), "$what: the worker is well");
	is_deeply([ grep { !signed_with($_, $secrets[3]) } $receiver->requests($path) ], [],
		"$what: nothing is sent unsigned");
	my ($state) = $session->rows(
		q{SELECT count(*) FILTER (WHERE state = 'delivered') AS delivered FROM inv_deliveries WHERE endpoint = 'spoiled'});
	is($state->{delivered}, scalar $receiver->requests($path), "$what: nor is anything said to be delivered");
	$session->run(q{SELECT inv_change_endpoint('spoiled', secrets => $1)}, "{$secrets[2]}");
	$session->run(q{SELECT inv_enable_endpoint('spoiled')});
	out("mended $what");
	ok($receiver->wait_for(sub { requests_of($path, "mended $what") }, 10), "$what: mended, it is told");
	my ($told) = requests_of($path, "mended $what");
	ok($told && signed_with($told, $secrets[2]), "$what: and signed");
	$session->run('SELECT inv_remove_endpoint($1)', $_) foreach 'spoiled', 'witness';
}

# --- the log -----------------------------------------------------------------

# a secret that is made here is in no statement either
$session->run(q{SELECT inv_add_endpoint('generated', $1)}, $receiver->url('/generated'));
my ($generated) = $session->rows(
	q{SELECT secrets[1] AS secret FROM inv_endpoint_secret JOIN inv_endpoint USING (endpoint_id)
	   WHERE name = 'generated'});
out('with a generated secret');
is_told('/generated', 'with a generated secret', 'a secret that was made here signs');
my ($made) = requests_of('/generated', 'with a generated secret');
is($made->{headers}{'webhook-signature'}, InvReceiver::signature($made, $generated->{secret}),
	'and it is that one');
$session->run(q{SELECT inv_remove_endpoint('generated')});
$secret .= '|' . quotemeta $generated->{secret};

my $log = slurp_file($node->logfile);
like($log, qr/inv_add_endpoint/, 'the log has the statements');
unlike($log, qr/$secret/, 'and no secret, not even at debug2');

# --- dumps and copies --------------------------------------------------------

# after_turns(DATABASE) - wait until it has looked several times more
sub after_turns
{
	my ($database) = @_;
	my $was = turns($database);

	return $node->poll_query_until($database,
		qq{SELECT coalesce(sum(runs), 0) > $was + 3 FROM inv_worker_status() WHERE verb = 'deliver'});
}

# enable(DATABASE) - what inv_endpoints_enable() answers there, and warns of
sub enable
{
	my ($database) = @_;
	my ($status, $out, $err) = $node->psql($database, 'SELECT inv_endpoints_enable()');

	return ($out, $err);
}

# one alert that is on its way when the dump is made
$receiver->answers('/unsigned', 500);
$session->run(q{SELECT inv_change_endpoint('unsigned', max_attempts => 100)});
out('on its way');
is_told('/unsigned', 'on its way', 'a delivery that is under way');
my $dir = PostgreSQL::Test::Utils::tempdir;
foreach my $format (qw(plain custom))
{
	$node->command_ok([ 'pg_dump', "--format=$format", '--compress=0', '-f', "$dir/$format", 'shop' ],
		"dumped, $format");
	unlike(slurp_file("$dir/$format"), qr/$secret/, "no secret is in the dump, $format");
	like(slurp_file("$dir/$format"), qr/failing/, 'but the endpoints are');
}
$node->command_ok([ 'pg_dumpall', '-f', "$dir/all" ], 'dumped, everything');
unlike(slurp_file("$dir/all"), qr/$secret/, 'no secret is in that dump');

# The worker is in the way of a copy, and makes way.
$session->close;
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE shop');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--jobs=2', '-d', 'restored', "$dir/custom" ],
	'restored, by two jobs');

# from here on the shop itself is quiet
$session = InvSession->open($node, undef, 'shop');
$session->run("SELECT inv_disable_endpoint('$_')") foreach qw(signed failing unsigned expired);
after_turns('shop');
$receiver->answers('/unsigned', 'ok');
$receiver->answers('/failing', 'ok');
foreach my $database (qw(restored copied))
{
	my $before = $receiver->requests;
	my $there = InvSession->open($node, undef, $database);

	$node->poll_query_until($database,
		q{SELECT bool_and(running) FROM inv_worker_status()}) or die "no worker in $database";
	out("in $database", $there);
	ok(after_turns($database), "$database: its worker works");
	is_deeply([ map { $_->{enabled} } $there->rows('SELECT DISTINCT enabled FROM inv_endpoint') ],
		[1], "$database: the endpoints are enabled");
	is_deeply([ map { $_->{off_because} =~ /(inv_endpoints_enable)/ } $there->rows('SELECT DISTINCT off_because FROM inv_endpoints') ],
		['inv_endpoints_enable'], "$database: and say why they are silent");
	is_deeply([ map { $_->{state} } $there->rows(
			q{SELECT DISTINCT state FROM inv_deliveries WHERE sku = $1}, "in $database") ],
		['pending'], "$database: what is to be told waits");
	is(scalar($receiver->requests) - $before, 0, "$database: nothing is sent");
	is(scalar(grep { $_->{body} =~ /in $database/ } $receiver->requests), 0, "$database: of what is new, either");
	my ($enabled, $warning) = enable($database);
	like($enabled, qr/^[1-4]$/, "$database: somebody says so");
	like($warning, $database eq 'restored' ? qr/have lost their secrets/ : qr/^$/,
		"$database: and is told what is missing");
	out("then in $database", $there);
	is_told('/unsigned', "then in $database", "$database: armed, it sends");
	is_told('/unsigned', "in $database", "$database: what has waited, too");
	is_told('/signed', "then in $database", 'a copy has the secrets') if $database eq 'copied';
	if ($database eq 'restored')
	{
		after_turns($database);
		my ($silent) = $there->rows(q{SELECT off_because FROM inv_endpoints WHERE name = 'signed'});
		like($silent->{off_because}, qr/secrets are missing/, 'the secrets are not there: it says that it is silent');
		is(scalar requests_of('/signed', "then in $database"), 0,
			'the secrets are not there: what has to be signed is not sent');
		$there->run(q{SELECT inv_change_endpoint('signed', secrets => $1)}, "{$secrets[3]}");
		$there->run(q{SELECT inv_enable_endpoint('signed')});
		out("signed in $database", $there);
		is_told('/signed', "signed in $database", 'until they are given');
		my ($request) = requests_of('/signed', "signed in $database");
		is($request->{headers}{'webhook-signature'}, InvReceiver::signature($request, $secrets[3]),
			'and then it is signed with them');
	}
	$there->close;
}

unlike(slurp_file($node->logfile), qr/$secret/, 'after all that, the log has no secret');

done_testing();
