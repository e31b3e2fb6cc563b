# Bytes that are no text in the encoding of the database, by ways on which
# nobody checks them: the settings that come with the start of a session, those
# of roles and databases, the name of a role. The ledger never keeps such a
# byte, or a dump of it could not be restored.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $bad = "\xe9";               # an e with an acute accent in LATIN1
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
	SELECT on_hand FROM inv_receive('A', 100);
	CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0;
	CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0;
});

# answer - what psql prints for SQL in a session that starts with these options
sub answer
{
	my ($options, $sql, %more) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGOPTIONS} = $options;
	local $ENV{PGAPPNAME} = $more{name} // 'test';

	$node->psql($more{db} // 'postgres', $sql, stdout => \$out, stderr => \$err,
		extra_params => [ '-v', 'VERBOSITY=verbose', $more{user} ? ('-U', $more{user}) : () ]);
	return $out . $err;
}

# kept - what the ledger keeps of a call in such a session
sub kept
{
	my ($columns, $options, %more) = @_;
	return answer($options, qq{
		SELECT status FROM inv_deduct('A', 1);
		SELECT $columns FROM inv_movement ORDER BY movement_id DESC LIMIT 1}, %more);
}

# PostgreSQL itself leaves nothing but ASCII in an application_name: 15 writes
# a question mark, later versions write what the byte was.
sub settings
{
	my ($when) = @_;

	foreach my $column ('actor', 'traceparent')
	{
		is(kept($column, "-c inventory.$column=Zo$bad"), "ok\nZo?",
			"$when: $column with an invalid byte is kept without it");
		is(kept($column, "-c inventory.$column=Zo\xc3\xa9"), "ok\nZo\xc3\xa9",
			"$when: $column with an accent in UTF-8 is kept");
	}
	like(kept('application_name', '', name => "Zo$bad"), qr/^ok\nZo(\?|\\xe9)$/,
		"$when: application_name with an invalid byte is kept without it");
	is( kept('actor, traceparent', "-c inventory.actor=\xff\xfe$bad -c inventory.traceparent=a\xc3",
			name => "\xc3\x28"),
		"ok\n???|a?", "$when: all of them at once");
	is( answer("-c inventory.actor=Zo$bad", q{
			SELECT status FROM inv_try('hold', '{A}', '{1}', branch => }
			  . "'$when');"
			  . q{SELECT owner FROM inv_open_holds ORDER BY created_at DESC LIMIT 1}),
		"ok\nZo?", "$when: the owner of a hold, too");

	# a location is a name, and no other is made of it
	foreach my $call (q{inv_deduct('A', 1)}, q{inv_deduct('A', 1, strict => false)},
		q{inv_receive('A', 1)}, q{inv_try('x', '{A}', '{1}')}, q{inv_adjust('A', 1)}, q{inv_set_limits('A', safety_stock => 1)},
		q{inv_transfer('A', 1, NULL, 'main')}, q{inv_transfer('A', 1, 'main', NULL)})
	{
		like(answer("-c inventory.default_location=m$bad", "SELECT status FROM $call"),
			qr/^psql.*ERROR:  22021: invalid byte sequence for encoding "UTF8"/,
			"$when: refused at such a location: $call");
	}
	like(answer("-c inventory.default_location=m$bad", q{SELECT inv_available('A')}),
		qr/ERROR:  22021/, "$when: nor asked for");
	like(answer("-c inventory.default_location=m$bad", q{SELECT * FROM inv_history('A')}),
		qr/ERROR:  22021/, "$when: nor its history");
	like(answer("-c inventory.default_location=m$bad", q{SELECT status FROM inv_deduct('A', 1, 'main')}),
		qr/^ok$/, "$when: whoever names a location needs no default");
	return;
}

settings('loaded by a call');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'inventory'");
$node->restart;
settings('loaded with the server');

# a role whose name, and whose settings, were given in another encoding
foreach my $db ('raw', 'latin')
{
	my $role = "$db$bad";
	my ($sql) = ("CREATE ROLE \"$role\" SUPERUSER LOGIN;"
		  . "ALTER ROLE \"$role\" SET inventory.traceparent = 't$bad';");
	local $ENV{PGCLIENTENCODING} = $db eq 'raw' ? 'SQL_ASCII' : 'LATIN1';

	is(answer('', $sql, db => $db), '', "$db: a role of such a name");
	delete local $ENV{PGCLIENTENCODING};
	is( kept('actor, traceparent', '', user => $role),
		"ok\n$db?|t?", "$db: it sells, and the ledger knows it as well as it can");
	is( kept('actor', '-c inventory.actor=caller', user => $role),
		"ok\ncaller", "$db: or by the name that the caller says");
}
is($node->safe_psql('postgres', 'SELECT * FROM inv_verify()'), '', 'verified');

# nothing of all that is in a dump: it can be restored
my $everything = q{
	SELECT m::text FROM inv_movement m ORDER BY movement_id;
	SELECT s::text FROM inv_stock_level s;
	SELECT l::text FROM inv_location l;
	SELECT key, function FROM inv_request ORDER BY key;
	SELECT h::text FROM inv_hold h ORDER BY hold_id};
my $was = $node->safe_psql('postgres', $everything);
my $dir = PostgreSQL::Test::Utils::tempdir;

cmp_ok(length($was), '>', 2000, 'there is something to lose');
foreach my $format ('custom', 'plain')
{
	my $db = "restored_$format";
	my $dump = "$dir/$format";

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok([ 'pg_dump', "--format=$format", '-f', $dump, 'postgres' ], "$format: dumped");
	$node->command_ok(
		$format eq 'custom'
		? [ 'pg_restore', '--exit-on-error', '-d', $db, $dump ]
		: [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-d', $db, '-f', $dump ],
		"$format: restored");
	ok($node->safe_psql($db, $everything) eq $was, "$format: the same");
	is($node->safe_psql($db, q{SELECT status FROM inv_deduct('A', 1)}), 'ok', "$format: it goes on");
}

done_testing();
