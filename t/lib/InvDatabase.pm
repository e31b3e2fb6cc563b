# InvDatabase - the world of the matrix that is real
#
# It takes the same steps as the model (InvModel.pm), one session for all
# cells.  What cells begin with and what they leave behind goes many cells at
# a time, by a second session.
package InvDatabase;

use strict;
use warnings;

use JSON::PP ();
use InvSession;

my $json = JSON::PP->new;

sub new
{
	my ($class, $node) = @_;
	my $self = bless { node => $node }, $class;

	$self->connect;
	return $self;
}

sub connect
{
	my ($self) = @_;

	$self->{session} = InvSession->open($self->{node});
	$self->{other} = InvSession->open($self->{node});
	$self->{isolation} = '';
	$self->{changed} = [];    # settings
	return;
}

# --- steps -------------------------------------------------------------------

# enter(CELL) - before the first step of a cell
sub enter
{
	my ($self, $cell) = @_;

	$self->{session}->run("RESET $_") foreach splice @{ $self->{changed} };
	return if $self->{isolation} eq $cell->{isolation};
	$self->{isolation} = $cell->{isolation};
	$self->{session}->run(
		"SET default_transaction_isolation = '$cell->{isolation}'");
	return;
}

sub set
{
	my ($self, $settings) = @_;

	foreach my $name (sort keys %$settings)
	{
		push @{ $self->{changed} }, $name;
		$self->{session}->run('SELECT set_config($1, $2, false)',
			$name, $settings->{$name});
	}
	return;
}

sub call
{
	my ($self, @call) = @_;
	return $self->{session}->call(@call);
}

sub look
{
	my ($self, @skus) = @_;
	return $self->{session}->answer(
		'SELECT sku, location, on_hand, reserved, available, version
		   FROM inv_stock_level WHERE sku = ANY ($1) ORDER BY 1, 2', \@skus);
}

sub available
{
	my ($self, $sku, $location) = @_;
	return $self->{session}->answer(
		'SELECT inv_available($1, $2) AS available', $sku, $location);
}

sub update_item
{
	my ($self, $sku, $change) = @_;
	my @names = sort keys %$change;

	$self->{session}->run(
		"UPDATE inv_item SET ("
		  . join(', ', @names)
		  . ") = ROW ("
		  . join(', ', map { "\$$_" } 2 .. @names + 1)
		  . ") WHERE sku = \$1",
		$sku, @$change{@names});
	return;
}

# later(TAG) - the time of the holds of a cell goes by
sub later
{
	my ($self, $tag) = @_;
	my $session = $self->{other};

	$session->run('BEGIN');
	$session->run('SET LOCAL session_replication_role = replica');
	$session->run(
		"UPDATE inv_hold
			SET expires_at = expires_at - interval '1000000 minutes'
		  WHERE xid >= \$1 AND xid < \$2", $tag, $tag =~ s/\.$/\//r);
	$session->run('COMMIT');
	return { tag => 'UPDATE' };
}

# the steps that are one statement; the tag of the cell names its transaction
my %statement = (
	begin => 'BEGIN',
	savepoint => 'SAVEPOINT s',
	rollback_to => 'ROLLBACK TO s',
	commit => 'COMMIT',
	rollback => 'ROLLBACK',
	prepare => "PREPARE TRANSACTION '%s'",
	commit_prepared => "COMMIT PREPARED '%s'",
	rollback_prepared => "ROLLBACK PREPARED '%s'",
);
foreach my $verb (keys %statement)
{
	no strict 'refs';    ## no critic
	*$verb = sub {
		my ($self, $tag) = @_;
		my $sql = $statement{$verb} =~ s/%s/$tag/r;
		return $self->{session}->answer($sql);
	};
}

# --- many cells at a time ----------------------------------------------------

# set_up(ITEMS, BUNDLES, STOCK) - lists of hashes
sub set_up
{
	my ($self, $items, $bundles, $stock) = @_;

	$self->{other}->run(
		'INSERT INTO inv_item (sku, name, active, safety_stock,
				backorder_limit, reorder_point, target_level)
		 SELECT sku, sku, coalesce(active, true), coalesce(safety_stock, 0),
				coalesce(backorder_limit, 0), reorder_point, target_level
		   FROM json_populate_recordset(NULL::inv_item, $1)',
		$json->encode($items));
	$self->set_up_bundles(0, grep { !$_->{forced} } @$bundles);
	$self->set_up_bundles(1, grep { $_->{forced} } @$bundles);
	$self->{other}->rows(
		'SELECT count(o.on_hand)
		   FROM json_to_recordset($1)
				AS s (sku text, location text, quantity bigint),
				inv_receive(s.sku, s.quantity, s.location) o',
		$json->encode($stock));
	return;
}

# set_up_bundles(FORCED, BUNDLES...) - those that should not be are made without
# triggers.  Two that make bundles at the same time may deadlock, which is not
# what cells are about: the other process waits.
sub set_up_bundles
{
	my ($self, $forced, @bundles) = @_;
	my $session = $self->{other};
	my @rows = map {
		my ($sku, $components) = @$_{qw(sku components)};
		map {
			{ sku => $sku, component_sku => $_, quantity => $components->{$_} }
		} sort keys %$components
	} @bundles;

	return if !@rows;
	$session->run('BEGIN');
	$session->run('LOCK TABLE inv_bundle IN SHARE ROW EXCLUSIVE MODE');
	$session->run('SET LOCAL session_replication_role = replica') if $forced;
	$session->run(
		'INSERT INTO inv_bundle (sku, component_sku, quantity)
		 SELECT sku, component_sku, quantity
		   FROM json_populate_recordset(NULL::inv_bundle, $1)',
		$json->encode(\@rows));
	$session->run('COMMIT');
	return;
}

# tables(PREFIX) - what the cells whose tags begin so have left behind, as
# { tag => { table => [rows] } }, and their movements' ids, { id => name }
sub tables
{
	my ($self, $prefix) = @_;
	my (%left, %ids);
	my $sort = sub {
		my ($table, $name, @rows) = @_;

		foreach my $row (@rows)
		{
			my ($tag) = $row->{$name} =~ /^(\w+\.\w+\.)/;
			push @{ $left{$tag}{$table} }, $row;
		}
	};
	my @movements = $self->{other}->rows(
		q{SELECT movement_id AS id, sku, location, kind, on_hand_delta,
				 reserved_delta, version, reference, reason, hold, key, actor,
				 application_name, nullif(traceparent, '') AS traceparent,
				 epoch, original_id,
				 CASE WHEN occurred_at > recorded_at THEN 'future'
					WHEN occurred_at > recorded_at - interval '1 hour'
						THEN 'now'
					ELSE to_char(occurred_at AT TIME ZONE 'UTC',
						'YYYY-MM-DD HH24:MI:SS+00') END AS occurred_at
			FROM inv_movement WHERE sku LIKE $1}, "$prefix.%");

	foreach my $movement (@movements)
	{
		my $id = delete $movement->{id};

		$ids{$id} = "$movement->{sku}\@$movement->{location}"
		  . "#$movement->{version}";
	}
	$sort->('movement', 'sku', @movements);
	$sort->('stock', 'sku', $self->{other}->rows(
		'SELECT sku, location, on_hand, reserved, version, active,
				safety_stock, backorder_limit, reorder_point, target_level
		   FROM inv_stock WHERE sku LIKE $1', "$prefix.%"));
	$sort->('request', 'request', $self->{other}->rows(
		'SELECT r.key AS request, r.function, o.*
		   FROM inv_request r, unnest(r.outcomes) o WHERE r.key LIKE $1',
		"$prefix.%"));
	$sort->('hold', 'xid', $self->{other}->rows(
		'SELECT xid, branch, h.state, o.owner, o.on_expiry, o.reference,
				o.units, ' . InvSession::minutes('o.expires_at') . ' AS minutes
		   FROM inv_hold h LEFT JOIN inv_open_holds o USING (xid, branch)
		  WHERE xid LIKE $1', "$prefix.%"));
	return (\%left, \%ids);
}

# what inv_verify() finds
sub discrepancies
{
	my ($self) = @_;
	return $self->{other}->rows('SELECT * FROM inv_verify()');
}

1;
