# Calendar work by the real pg_cron: in its own database, and from another one.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'inventory'
autovacuum = off
});
$node->start;
plan skip_all => 'pg_cron is not installed'
  if !$node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});

# message(DATABASE, SQL) - the error, with its SQLSTATE
sub message
{
	my ($database, $sql) = @_;
	my $err;
	$node->psql($database, "\\set VERBOSITY verbose\n$sql", stderr => \$err);
	return $err;
}

my $schedule = 'SELECT * FROM inv_schedule_maintenance()';
$node->safe_psql('postgres', 'CREATE EXTENSION inventory; CREATE DATABASE "my shop"');
my $err = message('postgres', $schedule);
like($err, qr/ERROR:  55000: pg_cron is not in this database/, 'no pg_cron at all');
like($err, qr/HINT:  .*shared_preload_libraries.*cron\.schedule_in_database/s,
	'says how to get it, and what then');

$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_cron, inventory'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 20
});
$node->restart;
like(message('postgres', $schedule), qr/HINT:  In database "postgres"/,
	'loaded, but not created');
# a schema of that name is not pg_cron
$node->safe_psql('postgres', q{
	CREATE SCHEMA cron;
	CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0'});
like(message('postgres', $schedule), qr/ERROR:  55000/, 'nor is its name enough');
$node->safe_psql('postgres', 'DROP SCHEMA cron CASCADE; CREATE EXTENSION pg_cron');

# --- in the database of pg_cron ----------------------------------------------

my $jobs = "inventory_maintain_postgres|*/10 * * * *|SELECT public.inv_maintain()\n"
  . 'inventory_verify_postgres|30 2 * * *|SELECT public.inv_verify_or_fail()';
is($node->safe_psql('postgres', $schedule), $jobs, 'registered');
is($node->safe_psql('postgres', $schedule), $jobs, 'again');
my $listed = q{SELECT jobname, schedule, command FROM cron.job WHERE database = '%s' ORDER BY jobname};
is($node->safe_psql('postgres', sprintf $listed, 'postgres'), $jobs,
	'pg_cron has each of them once');

# the level counts, not what one may do with pg_cron; and there is still one
$node->safe_psql('postgres', q{
	CREATE ROLE admin; SELECT inv_grant('admin', 'admin');
	CREATE ROLE clerk; SELECT inv_grant('clerk', 'clerk')});
like(message('postgres', "SET ROLE clerk; $schedule"), qr/ERROR:  42501/, 'not for a clerk');
is($node->safe_psql('postgres', "SET ROLE admin; $schedule"), $jobs, 'an admin may');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT username) FROM cron.job'),
	'2|1', 'it is the same jobs');
like(message('postgres', "BEGIN READ ONLY; $schedule"), qr/ERROR:  25006/, 'read-only');

# --- for another database ----------------------------------------------------

$node->safe_psql('my shop', q{
	CREATE SCHEMA "The Shop";
	CREATE EXTENSION inventory SCHEMA "The Shop";
	SET search_path = "The Shop";
	INSERT INTO inv_item (sku) VALUES ('A');
	SELECT inv_receive('A', 10)});
$err = message('my shop', 'SELECT * FROM "The Shop".inv_schedule_maintenance()');
like($err, qr/HINT:  In database "postgres", where pg_cron belongs, run:/, 'said where');
my @statements = $err =~ /^(SELECT cron\.schedule_in_database\(.*\);)$/mg;
is(scalar @statements, 2, 'and what');
$node->safe_psql('postgres', $_) foreach @statements, @statements;
is( $node->safe_psql('postgres', sprintf $listed, 'my shop'),
	qq{inventory_maintain_my shop|*/10 * * * *|SELECT "The Shop".inv_maintain()\n}
	  . q{inventory_verify_my shop|30 2 * * *|SELECT "The Shop".inv_verify_or_fail()},
	'so it is there, once');

# --- they run ----------------------------------------------------------------

# in the shop something is wrong, and a hold and its time are over
$node->safe_psql('my shop', q{
	SET search_path = "The Shop";
	SELECT state FROM inv_try('x', '{A}', '{3}');
	SET session_replication_role = replica;
	UPDATE inv_stock SET on_hand = 11;
	UPDATE inv_hold SET expires_at = clock_timestamp()});
$err = message('my shop', 'SELECT "The Shop".inv_verify_or_fail()');
like($err, qr/WARNING:  XX001: on_hand of "A" at "main": expected 10, found 11/,
	'inv_verify_or_fail names what is wrong');
like($err, qr/ERROR:  XX001: .*\n^DETAIL:  \{"discrepancies":1\}/m, 'and fails');
is($node->safe_psql('postgres', 'SELECT inv_verify_or_fail()'), '', 'or not');

# pg_cron knows no less than a minute
$node->safe_psql('postgres', q{SELECT cron.alter_job(jobid, schedule => '* * * * *') FROM cron.job});
ok( $node->poll_query_until('postgres', q{
		SELECT count(DISTINCT jobid) = 4 FROM cron.job_run_details WHERE end_time IS NOT NULL}),
	'all run');
is( $node->safe_psql('postgres', q{
		SELECT DISTINCT jobname, status FROM cron.job_run_details JOIN cron.job USING (jobid)
		 WHERE end_time IS NOT NULL ORDER BY 1}),
	"inventory_maintain_my shop|succeeded\ninventory_maintain_postgres|succeeded\n"
	  . "inventory_verify_my shop|failed\ninventory_verify_postgres|succeeded",
	'and a verification that finds something has failed');
is($node->safe_psql('my shop', q{SELECT state FROM "The Shop".inv_hold}), 'expired',
	'the work is done');

done_testing();
