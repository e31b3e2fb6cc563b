# InvHoldWalk - every sequence of calls about one hold, in the database and in
# the model (InvHoldModel.pm)
#
# The sequences are a tree: each call is made once, in a savepoint, from where
# the call before it has led, and after all that can follow it the savepoint is
# rolled back.  The database does so by itself, in PL/pgSQL, since half a
# million statements would take too long one by one.  Both worlds tell each
# call as "PATH: ANSWER | STOCK | HOLD | OPEN HOLD | MOVEMENTS".
package InvHoldWalk;

use strict;
use warnings;

use InvHoldModel;

# A step is a call with its arguments, or an event:
#   late    time passes, and the hold is over by the clock
#   sweep   what inv_maintain() does from time to time
#   expire  both; where `others_buy`, others then buy all that is available
my $ttl = 1000;
my $later = 5000;
my $hours = 10000;

my %plain = (
	try => [ try => { quantities => [3], ttl => $ttl, strict => 1 } ],
	other => [ try => { quantities => [4], ttl => $ttl, strict => 1 } ],
	confirm => [ confirm => {} ],
	less => [ confirm => { quantities => [1] } ],
	cancel => [ cancel => {} ],
	extend => [ extend => { ttl => $later } ],
	late => ['late'],
	expire => ['expire'],
);
my %loose = map { $_ => [ try => { $plain{$_}[1]->%*, strict => 0 } ] }
  qw(try other);

# depth: the length of the sequences; what is not deep has steps of its own,
# and is walked as deep as the others where there is time
our @variants = (
	{
		name => 'release',
		on_expiry => 'release',
		depth => 5,
		steps => {%plain},
	},
	{
		name => 'keep, and what is not confirmed stays held',
		on_expiry => 'keep',
		branch => 'b1',
		skus => [qw(A B)],
		depth => 5,
		steps => {
			%plain,
			try => [ try => { quantities => [ 3, 2 ], ttl => $ttl,
					strict => 1 } ],
			other => [ try => { quantities => [ 3, 4 ], ttl => $ttl,
					strict => 1 } ],
			less => [ confirm => { quantities => [ 1, 1 ], keep_rest => 1 } ],
		},
	},
	{
		name => 'reacquire, and others buy what has expired',
		on_expiry => 'reacquire',
		others_buy => 1,
		depth => 5,
		steps => {%plain},
	},
	{
		name => 'reacquire, and nobody buys',
		on_expiry => 'reacquire',
		branch => 'b2',
		depth => 4,
		steps => {%plain, sweep => ['sweep']},
	},
	{
		name => 'refused and not strict, then strict',
		on_expiry => 'release',
		depth => 4,
		steps => {
			%plain,
			%loose,
			try => [ try => { quantities => [12], ttl => $ttl, strict => 0 } ],
			strictly =>
			  [ try => { quantities => [12], ttl => $ttl, strict => 1 } ],
		},
	},
	{
		name => 'release, step by step',
		on_expiry => 'release',
		depth => 4,
		steps => {
			%plain,
			less => [ confirm => { quantities => [1], keep_rest => 1 } ],
			half => [ confirm => { quantities => [2] } ],
			most => [ confirm => { quantities => [2], keep_rest => 1 } ],
			more => [ confirm => { quantities => [4] } ],
			none => [ confirm => { quantities => [0] } ],
			sweep => ['sweep'],
		},
	},
);
foreach my $variant (@variants)
{
	%$variant = (xid => 'order-1', branch => '-', skus => ['A'], %$variant,
		stock => { A => 10, B => 10 });
}

# --- the model's walk --------------------------------------------------------

# expected(VARIANT, DEPTH) - what is to be told, in order
sub expected
{
	my ($variant, $depth) = @_;
	my @told;

	walk_model(InvHoldModel->new($variant), $depth, '', \@told);
	return \@told;
}

sub walk_model
{
	my ($world, $depth, $path, $told) = @_;
	my $variant = $world->{variant};

	foreach my $step (sort keys $variant->{steps}->%*)
	{
		my $after = $world->copy;
		my $answer = model_step($after, $variant->{steps}{$step}->@*);

		push @$told, "$path $step: $answer | " . $after->look;
		walk_model($after, $depth - 1, "$path $step", $told) if $depth > 1;
	}
	return;
}

sub model_step
{
	my ($world, $verb, $given) = @_;

	return $world->call($verb, $given) if $given;
	return $world->late($hours) if $verb eq 'late';
	$world->late($hours) if $verb eq 'expire';
	my $swept = $world->sweep;
	$world->sell if $verb eq 'expire' && $world->{variant}{others_buy};
	return $swept;
}

# --- the database's walk -----------------------------------------------------

# what the walks need: goods, and the two ways to tell
our $schema = <<'SQL';
CREATE EXTENSION inventory;
INSERT INTO inv_item (sku, unit_price, currency)
	VALUES ('A', 2.5, 'EUR'), ('B', 2.5, 'EUR');
SELECT inv_receive_many('{A,B}', '{10,10}');

-- the clock cannot be set, but a hold be made older
CREATE FUNCTION grow_old(hold_xid text, seconds integer) RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica AS $$
BEGIN
	UPDATE inv_hold SET expires_at = expires_at - make_interval(secs => seconds)
	 WHERE xid = hold_xid;
END $$;

-- seconds from now; what the walk itself takes is rounded off
CREATE FUNCTION from_now(at timestamptz) RETURNS text LANGUAGE sql
RETURN coalesce((round(extract(epoch FROM at - clock_timestamp()) / 1000) * 1000)
	::bigint::text, '-');

CREATE FUNCTION tell(o inv_hold_outcome) RETURNS text LANGUAGE sql
RETURN concat_ws(' ', o.status, o.xid, coalesce(nullif(o.branch, ''), '-'),
	o.state, from_now(o.expires_at),
	CASE WHEN o.replayed THEN 'replayed' ELSE 'new' END, coalesce(o.sku, '-'),
	coalesce(o.location, '-'), coalesce(o.requested::text, '-'),
	coalesce(o.available::text, '-'));

-- of a shortage the line, else the hold and why
CREATE FUNCTION tell(code text, d jsonb) RETURNS text LANGUAGE sql
RETURN CASE WHEN code = 'IV001'
	THEN concat_ws(' ', code, d ->> 'line', d ->> 'sku', d ->> 'requested',
		d ->> 'available')
	ELSE concat_ws(' ', code, d ->> 'xid', coalesce(nullif(d ->> 'branch', ''),
		'-'), coalesce(d ->> 'state', '-'), coalesce(d ->> 'line', '-'),
		coalesce(d ->> 'sku', '-'), coalesce(d ->> 'requested', '-'),
		coalesce(d ->> 'held', '-')) END;

CREATE FUNCTION look(hold_xid text, hold_branch text, since bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	stock text;
	state_of text;
	open text;
	moved text;
BEGIN
	SELECT string_agg(concat_ws(' ', sku, on_hand, reserved, available,
			version), ', ' ORDER BY sku)
	  INTO stock FROM inv_stock_level WHERE sku IN ('A', 'B');
	SELECT state INTO state_of FROM inv_hold
	 WHERE xid = hold_xid AND branch = hold_branch;
	SELECT concat_ws(' ', state, on_expiry, reference, from_now(expires_at),
			CASE WHEN overdue THEN 'overdue' ELSE 'open' END, lines, units,
			value::float8, currency)
	  INTO open FROM inv_open_holds
	 WHERE xid = hold_xid AND branch = hold_branch;
	SELECT string_agg(concat_ws(' ', sku, version, kind, on_hand_delta,
			reserved_delta, coalesce(hold, '-'), coalesce(reference, '-')),
			', ' ORDER BY sku, version)
	  INTO moved FROM inv_movement WHERE movement_id > since;
	RETURN concat_ws(' | ', stock, coalesce(state_of, '-'), coalesce(open, '-'),
		coalesce(moved, '-'));
END $$;
SQL

# walker(VARIANT, NAME) - a function NAME(depth, path, last movement) that
# walks, and returns what is to be told, in order
sub walker
{
	my ($variant, $name) = @_;
	my @steps = sort keys $variant->{steps}->%*;
	my $branch = sql_branch($variant);
	my $calls = join "\n",
	  map { "WHEN '$_' THEN " . sql_step($variant, $variant->{steps}{$_}->@*) }
	  @steps;
	my $order = join ', ', map { "'$_'" } @steps;

	return <<"SQL";
CREATE FUNCTION $name(depth integer, path text, since bigint)
RETURNS SETOF text LANGUAGE plpgsql AS \$\$
DECLARE
	step text;
	hold inv_hold_outcome;
	answer text;
	code text;
	detail text;
	last bigint;
BEGIN
	FOREACH step IN ARRAY ARRAY[$order] LOOP
	BEGIN
		BEGIN
			hold := NULL;
			CASE step
$calls
			END CASE;
			IF NOT hold IS NULL THEN answer := tell(hold); END IF;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE,
				detail = PG_EXCEPTION_DETAIL, answer = MESSAGE_TEXT;
			IF code LIKE 'IV%' THEN
				answer := tell(code, detail::jsonb);
			END IF;
		END;
		RETURN NEXT concat(path, ' ', step, ': ', answer, ' | ',
			look('$variant->{xid}', '$branch', since));
		IF depth > 1 THEN
			SELECT coalesce(max(movement_id), since) INTO last
			  FROM inv_movement WHERE movement_id > since;
			RETURN QUERY SELECT $name(depth - 1, path || ' ' || step, last);
		END IF;
		RAISE SQLSTATE 'BACK0';
	EXCEPTION WHEN SQLSTATE 'BACK0' THEN
	END;
	END LOOP;
END \$\$;
SQL
}

sub sql_branch
{
	my ($variant) = @_;
	return $variant->{branch} eq '-' ? '' : $variant->{branch};
}

sub sql_step
{
	my ($variant, $verb, $given) = @_;
	my $late = "PERFORM grow_old('$variant->{xid}', $hours);";
	my $sweep = 'answer := inv_expire_holds();';
	my $sell = $variant->{others_buy}
	  ? q{PERFORM inv_deduct(sku, available) FROM inv_stock_level
			WHERE available > 0;}
	  : '';

	return "$late answer := '';" if $verb eq 'late';
	return $sweep if $verb eq 'sweep';
	return "$late $sweep $sell" if $verb eq 'expire';
	my $arguments = sql_arguments($variant, $verb, $given);
	return "SELECT * INTO hold FROM inv_$verb($arguments);";
}

sub sql_arguments
{
	my ($variant, $verb, $given) = @_;
	my @pass = ("xid => '$variant->{xid}'");
	my $branch = sql_branch($variant);

	push @pass, "branch => '$branch'" if $branch ne '';
	push @pass, "quantities => '{" . join(',', $given->{quantities}->@*) . "}'"
	  if $given->{quantities};
	push @pass, "ttl_seconds => $given->{ttl}" if $given->{ttl};
	push @pass, 'release_rest => false' if $given->{keep_rest};
	push @pass, "skus => '{" . join(',', $variant->{skus}->@*) . "}'",
	  "on_expiry => '$variant->{on_expiry}'", "reference => 'order'",
	  'strict => ' . ($given->{strict} ? 'true' : 'false')
	  if $verb eq 'try';
	return join ', ', @pass;
}

1;
