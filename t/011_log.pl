# What the server log says of refusals: nothing, unless it is asked to. The
# client is told all of it either way, and every other error is logged.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
log_min_messages = warning
log_statement = none
log_min_error_statement = error
log_error_verbosity = verbose
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION inventory;
	CREATE ROLE till LOGIN;
	SELECT inv_grant('till', 'clerk');
	INSERT INTO inv_item (sku, name, active)
	  VALUES ('A', 'Apple', true), ('OLD', 'Old', false);
	SELECT inv_receive('A', 10);
	SELECT inv_deduct('A', 1, key => 'k');
	SELECT inv_deduct('A', 100, key => 'n', strict => false);
});

my $marks = 0;

# logged - what comes into the log while a session runs the SQL, and what the
# client is told. What ends it, and the ROLLBACK, are left out.
sub logged
{
	my ($sql, @options) = @_;
	my $from = -s $node->logfile;
	my $mark = 'mark ' . ++$marks;
	my ($err, $log);

	$node->psql('postgres',
		"\\set VERBOSITY verbose\n$sql;\nROLLBACK;\n"
		  . "DO \$\$ BEGIN RAISE WARNING '$mark'; END \$\$",
		stderr => \$err, on_error_stop => 0, @options);
	$node->wait_for_log(qr/\Q$mark\E/, $from);
	$log = substr(slurp_file($node->logfile), $from);
	$log = join '', grep { !/WARNING:  25P01|\Q$mark\E/ } split /^(?=\d{4}-)/m, $log;
	return ($log, $err);
}

# every refusal of class IV, with the DETAIL that the client is told
my %refusal = (
	IV001 => [ q{SELECT inv_deduct('A', 50)},
		'{"sku":"A","location":"main","requested":50,"available":9}' ],
	IV002 => [ q{SELECT inv_deduct('A', 1, expected_version => 9)},
		'"expected_version":9' ],
	IV003 => [ q{SELECT inv_deduct('a', 1)}, '{"sku":"a"}' ],
	IV004 => [ q{SELECT inv_deduct('OLD', 1)}, '{"sku":"OLD"}' ],
	IV005 => [ q{SELECT inv_deduct('A', 1, 'x')}, '{"location":"x"}' ],
	IV007 => [ q{SELECT inv_deduct('A', 2, key => 'k')},
		'{"key":"k","function":"inv_deduct"}' ],
	IV008 => [ q{SELECT inv_return('none')}, '"of_key":"none"' ],
	IV009 => [ q{SELECT inv_return('k', 2)}, '"of_key":"k"' ]);

foreach my $state (sort keys %refusal)
{
	my ($sql, $detail) = @{ $refusal{$state} };
	my ($log, $err) = logged($sql);
	unlike($log, qr/ERROR|inv_/, "$state is not logged");
	like($err, qr/ERROR:  $state: .*DETAIL:  .*\Q$detail\E/s,
		"$state reaches the client with its DETAIL");
}

# wherever the refusal comes from
my %place = (
	'a transaction block' => q{BEGIN; SELECT inv_deduct('A', 50); SELECT 1},
	'a savepoint' =>
	  q{BEGIN; SAVEPOINT s; SELECT inv_deduct('A', 50); ROLLBACK TO s; COMMIT},
	'a replay' => q{SELECT inv_deduct('A', 100, key => 'n')},
	'plpgsql' =>
	  q{DO $$ BEGIN PERFORM inv_deduct('A', 50); END $$},
	'a prepared statement' =>
	  q{PREPARE p AS SELECT inv_deduct('A', $1); EXECUTE p(50)},
	'a trigger' => q{
		CREATE TABLE sale (n bigint);
		CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS
		  $$ BEGIN PERFORM inv_deduct('A', NEW.n); RETURN NEW; END $$;
		CREATE TRIGGER take BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION take();
		INSERT INTO sale VALUES (50)});
foreach my $place (sort keys %place)
{
	my ($log, $err) = logged($place{$place});
	unlike($log, qr/IV001|insufficient|requested/, "$place: not logged");
	like($err, qr/ERROR:  IV001: /, "$place: told");
}

# every other error is logged
my %error = (
	'22004' => q{SELECT inv_deduct(NULL, 1)},
	'22023' => q{SELECT inv_deduct('A', 0)},
	'22003' => q{SELECT inv_receive('A', 9007199254740991)},
	'25006' => q{BEGIN READ ONLY; SELECT inv_deduct('A', 1)},
	'42501' => q{DELETE FROM inv_stock},
	'0A000' => q{SELECT (inv_deduct('A', 1)).*},
	'22012' => q{SELECT 1 / 0},
	'42601' => q{SELECT FROM FROM},
	'P0001' => q{DO $$ BEGIN RAISE 'mine'; END $$});
foreach my $state (sort keys %error)
{
	my ($log, $err) = logged($error{$state});
	like($log, qr/ERROR:  $state: /, "$state is logged");
	like($err, qr/ERROR:  $state: /, "$state reaches the client");
}
# a refusal before and after it hides nothing
my ($log) = logged(q{SELECT inv_deduct('A', 50); SELECT 1 / 0; SELECT inv_deduct('A', 50)});
my @errors = $log =~ /ERROR:  (\w{5})/g;
is("@errors", '22012', 'an error between two refusals is logged, and it alone');
# somebody's own error of another class that looks like ours
($log) = logged(q{DO $$ BEGIN RAISE 'x' USING ERRCODE = 'IX001'; END $$});
like($log, qr/ERROR:  IX001/, 'a class that is not ours is logged');
# what is no error
($log) = logged(q{DO $$ BEGIN RAISE WARNING 'careful'; END $$});
like($log, qr/WARNING:  01000: careful/, 'warnings are logged');

# switched on, for a session and for the server; only by a superuser
($log, my $err) = logged(q{SET inventory.log_refusals = on; SELECT inv_deduct('A', 50)});
like($log, qr/ERROR:  IV001: .*DETAIL:  \{"sku":"A"/s, 'on: logged with its DETAIL');
like($log, qr/STATEMENT:  .*inv_deduct\('A', 50\)/, 'and with its statement');
like($err, qr/ERROR:  IV001: .*DETAIL:  \{"sku":"A"/s, 'on: told as before');
($log, $err) = logged(q{SET SESSION AUTHORIZATION till; SET inventory.log_refusals = on; SELECT inv_deduct('A', 50)});
like($err, qr/42501.*permission denied to set parameter "inventory.log_refusals"/,
	'an ordinary user does not switch it on');
unlike($log, qr/IV001/, 'and so it stays off');
$node->safe_psql('postgres', 'ALTER SYSTEM SET inventory.log_refusals = on');
$node->reload;
$node->poll_query_until('postgres', q{SHOW inventory.log_refusals}, 'on')
  or die 'not reloaded';
($log) = logged(q{SELECT inv_deduct('A', 50)});
like($log, qr/ERROR:  IV001: /, 'on for the server');
($log) = logged(q{SET inventory.log_refusals = off; SELECT inv_deduct('A', 50)});
unlike($log, qr/IV001/, 'off for a session');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET inventory.log_refusals');

# without preloading: the library comes with the first call, in time for it
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
foreach my $state ('IV001', 'IV003')
{
	($log, $err) = logged($refusal{$state}[0]);
	unlike($log, qr/$state/, "not preloaded: $state is not logged");
	like($err, qr/ERROR:  $state: /, "not preloaded: $state is told");
}

is($node->safe_psql('postgres', 'SELECT * FROM inv_verify()'), '', 'verified');

done_testing();
