# InvWorker - a server with workers: who runs, and waiting for what they do
package InvWorker;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# What clients do must not fail by what is set for the worker to ignore.
sub be_patient
{
	$ENV{PGOPTIONS} = join ' ', map { "-c $_=0" }
	  qw(statement_timeout lock_timeout idle_session_timeout
	  idle_in_transaction_session_timeout);
	$ENV{PGOPTIONS} .= ' -c default_transaction_read_only=off'
	  . ' -c default_transaction_isolation=read\ committed';
	return;
}

# new(NODE)
sub new
{
	my ($class, $node) = @_;
	return bless { node => $node }, $class;
}

my $workers = q{pg_stat_activity WHERE backend_type = 'inventory worker'
	AND datname};

# pid(DATABASE) - of its worker, or empty
sub pid
{
	my ($self, $database) = @_;
	return $self->{node}->safe_psql('postgres',
		"SELECT pid FROM $workers = '$database'");
}

# arrived(DATABASE, OLD) - waits until there is one, not with the pid OLD;
# answers its pid, or empty
sub arrived
{
	my ($self, $database, $old) = @_;
	$self->{node}->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM $workers = '$database' AND pid <> "
		  . ($old || 0))
	  or return '';
	return $self->pid($database);
}

# left(DATABASE) - waits until there is none
sub left
{
	my ($self, $database) = @_;
	return $self->{node}->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM $workers = '$database'");
}

# stands_at_lock(PID) - waits until that process waits for one
sub stands_at_lock
{
	my ($self, $pid) = @_;
	return $self->{node}->poll_query_until('postgres', qq{
		SELECT wait_event_type = 'Lock' FROM pg_stat_activity
		 WHERE pid = $pid});
}

# exit_time - how long the server's processes took to end, at the last fast
# stop, in seconds: the checkpoint that follows is not ours
sub exit_time
{
	my ($self) = @_;
	my ($began, $ended);

	foreach my $line (split /\n/, slurp_file($self->{node}->logfile))
	{
		$began = $line if $line =~ /received fast shutdown request/;
		$ended = $line if $line =~ /LOG:  shutting down/;
	}
	my $time = seconds_of_day($ended) - seconds_of_day($began);
	return $time < 0 ? $time + 86400 : $time;
}

# seconds_of_day(LINE) - of the log
sub seconds_of_day
{
	my ($line) = @_;
	my ($hours, $minutes, $seconds) = $line =~ /^\S+ (\d+):(\d+):([\d.]+)/;
	return $hours * 3600 + $minutes * 60 + $seconds;
}

# make_shop(DATABASE) - the extension, and 1000 of A
sub make_shop
{
	my ($self, $database) = @_;
	$self->{node}->safe_psql($database, q{
		CREATE EXTENSION inventory;
		INSERT INTO inv_item (sku) VALUES ('A');
		SELECT inv_receive('A', 1000)});
	return;
}

# hold(XID, DATABASE) - three of A, whose time is over at once
sub hold
{
	my ($self, $xid, $database) = @_;
	my $state = $self->{node}->safe_psql($database,
		qq{SELECT state FROM inv_try('$xid', '{A}', '{3}')});
	$self->end_time($xid, $database);
	return $state;
}

# end_time(XID, DATABASE) - of that hold, now
sub end_time
{
	my ($self, $xid, $database) = @_;
	$self->{node}->safe_psql($database, qq{
		SET session_replication_role = replica;
		UPDATE inv_hold SET expires_at = clock_timestamp() WHERE xid = '$xid'});
	return;
}

# expired(XID, DATABASE) - waits until that hold has
sub expired
{
	my ($self, $xid, $database) = @_;
	return $self->{node}->poll_query_until($database,
		"SELECT state = 'expired' FROM inv_hold WHERE xid = '$xid'");
}

# block(XID, DATABASE) - lets the worker wait for the row of A, on its way to
# expire that hold; answers the session that it waits for
sub block
{
	my ($self, $xid, $database) = @_;
	my $session = $self->{node}->background_psql($database);

	$self->{node}->safe_psql($database,
		qq{SELECT state FROM inv_try('$xid', '{A}', '{3}')});
	$session->query_safe(q{BEGIN; SELECT on_hand FROM inv_deduct('A', 1)});
	$self->end_time($xid, $database);
	return $self->stands_at_lock($self->pid($database)) ? $session : undef;
}

1;
