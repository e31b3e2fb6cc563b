# Random orders, in databases that are twins: line by line as by single calls,
# all or none by inv_deduct_many as by inv_apply and as the contract says
# (t/lib/InvOrders.pm).  Answers, levels, versions, ledger and keys must agree.
#
# INVENTORY_LONG=1 for many more; INV_SEED=NUMBER for a certain one,
# INV_ORDERS=NUMBER for so many.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use InvAlerts;
use InvOrders;
use InvSession;
use JSON::PP ();
use List::Util qw(uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{INV_SEED} || time;
my $orders = $ENV{INV_ORDERS} || ($ENV{INVENTORY_LONG} ? 20_000 : 300);
my $json = JSON::PP->new->canonical->allow_nonref;
my @columns = qw(line status sku location quantity on_hand reserved available
  backordered version replayed);

my $node = PostgreSQL::Test::Cluster->new('orders');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'inventory'
inventory.leaf_size = 2000
log_statement = none
CONF
$node->start;

note("seed $seed, $orders orders");
srand $seed;

# --- twins -------------------------------------------------------------------

sub database
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");

	my $session = InvSession->open($node, undef, $name);
	$session->run($_) foreach InvOrders::catalogue();
	return { name => $name, session => $session, seen => 0,
		time => '-infinity' };
}

# the same statements in both
sub in_both
{
	my ($twins, @sql) = @_;

	foreach my $statement (@sql)
	{
		foreach my $twin (@$twins)
		{
			my $answer = $twin->{session}->answer($statement);
			die "$twin->{name}: $statement: $answer->{error}{message}"
			  if $answer->{error};
		}
	}
	return;
}

my %query = (
	stock => q{
		SELECT sku, location, on_hand, reserved, version, safety_stock,
			   backorder_limit, own_limits, active
		  FROM inv_stock WHERE version > 0 OR own_limits},
	ledger => q{
		SELECT sku, location, version, kind, on_hand_delta, reserved_delta,
			   reference, reason, key, occurred_at = recorded_at AS now,
			   dense_rank() OVER (ORDER BY movement_id) AS id
		  FROM inv_movement WHERE movement_id > %d},
	requests => q{
		SELECT key, o.line, o.status, o.sku, o.location, o.quantity, o.on_hand,
			   o.reserved, o.available, o.backordered, o.version
		  FROM inv_request, unnest(outcomes) o
		 WHERE created_at > '%s'},
);

# tables(TWIN, COLUMNS) - all that is there, and the ledger since the last time
sub tables
{
	my ($twin) = @_;
	my %since = (ledger => $twin->{seen}, requests => $twin->{time});
	my @texts;

	foreach my $name (sort keys %query)
	{
		my $sql = sprintf $query{$name}, $since{$name} // ();
		my @rows = $twin->{session}->rows("SELECT t::text FROM ($sql) t");
		push @texts, sort map { "$name $_->{t}" } @rows;
	}
	my ($last) = $twin->{session}->rows(
		'SELECT coalesce(max(movement_id), 0) AS id, clock_timestamp() AS time
		   FROM inv_movement');
	@$twin{qw(seen time)} = @$last{qw(id time)};
	return join "\n", @texts;
}

# --- comparing ---------------------------------------------------------------

my %failed;
my $shown = 3;

# compare(WHAT, ORDER, GOT, EXPECTED) - two texts; says the lines that differ
sub compare
{
	my ($what, $order, $got, $expected) = @_;

	$failed{$what} //= 0;
	return if $got eq $expected;
	return if ++$failed{$what} > $shown;
	diag("$what differs, seed $seed, order $order->{number}:\n"
		  . $json->encode($order));
	my @got = split /\n/, $got;
	my @expected = split /\n/, $expected;
	diag(join "\n", 'got:', without(\@got, \@expected), 'expected:',
		without(\@expected, \@got));
	return;
}

# without(LINES, OTHERS) - those that the others have not
sub without
{
	my ($lines, $others) = @_;
	my %there = map { $_ => 1 } @$others;
	return grep { !$there{$_} } @$lines;
}

# text(ANSWER) - an answer; of movement ids only whether there is one
sub text
{
	my ($answer) = @_;
	my $error = $answer->{error};

	# of several keys that were used otherwise, any may be named
	return "error $error->{state} "
	  . ($error->{state} eq 'IV007' ? '' : line_of($error))
	  if $error;
	return join "\n", map { row_text($_) } @{ $answer->{rows} };
}

sub row_text
{
	my ($row) = @_;
	my $id = $row->{movement_id};

	return join ' ', (map { $row->{$_} // '-' } @columns),
	  defined $id ? 'moved' : 'not moved';
}

sub line_of
{
	my ($error) = @_;
	my $detail = $error->{detail} // '{}';

	return $detail =~ /"line":(\d+)/ ? "line $1" : 'no line';
}

my %partner;    # movement ids of one twin: those of the other

# A movement of one twin has always the same partner in the other.
sub same_ids
{
	my ($what, $order, $one, $other) = @_;
	my @one = map { $_->{movement_id} } @{ $one->{rows} // [] };
	my @other = map { $_->{movement_id} } @{ $other->{rows} // [] };

	foreach my $number (0 .. $#one)
	{
		next if !defined $one[$number] || !defined $other[$number];
		my $partner = $partner{$what}{ $one[$number] } //= $other[$number];
		compare("$what: movement ids", $order, $other[$number], $partner);
	}
	return;
}

# in_transaction(SESSION, CODE) - what the code answers; an error rolls back
sub in_transaction
{
	my ($session, $code) = @_;

	$session->run('BEGIN');
	my $answer = $code->();
	$session->run($answer->{error} ? 'ROLLBACK' : 'COMMIT');
	return $answer;
}

# --- line by line ------------------------------------------------------------

my @keyed;    # lines that were done under a key

sub each_order
{
	my ($number, $most) = @_;
	my @lines = InvOrders::lines($most);
	my $keys = InvOrders::chance(60);
	my $references = InvOrders::chance(50);
	my $reason = InvOrders::chance(50) ? 'sold' : undef;

	foreach my $i (0 .. $#lines)
	{
		my $line = $lines[$i];
		$line->{key} = "$number-$i" if $keys && InvOrders::chance(80);
		$line->{reference} = 'order-' . ($number % 50)
		  if $references && InvOrders::chance(80);
		repeat_key($line, @lines[ 0 .. $i ]) if $keys && !defined $reason;
	}
	# where one line names a location, all do
	if (grep { defined $_->{location} } @lines)
	{
		$_->{location} //= 'main' foreach @lines;
	}
	$references = 1 if grep { defined $_->{reference} } @lines;
	return { number => $number, lines => \@lines, keys => $keys,
		references => $references, reason => $reason };
}

# a key of before: with all that goes with it, or seldom with something else
sub repeat_key
{
	my ($line, @before) = @_;
	my $old = InvOrders::one_of(@keyed, grep { defined $_->{key} } @before);

	return if !$old || !InvOrders::chance(15);
	%$line = %$old;
	$line->{quantity}++ if InvOrders::chance(6);
	return;
}

sub call_each
{
	my ($session, $order) = @_;
	my @lines = @{ $order->{lines} };
	my @each = ([ map { $_->{key} } @lines ], [ map { $_->{reference} } @lines ]);

	return in_transaction(
		$session,
		sub {
			$session->answer(
				'SELECT * FROM inv_deduct_each($1::text[], $2::bigint[],
					$3::text[], $4::text[], $5::text[], $6)',
				InvOrders::arrays(@lines),
				$order->{keys} ? $each[0] : undef,
				$order->{references} ? $each[1] : undef,
				$order->{reason});
		});
}

sub call_singles
{
	my ($session, $order) = @_;

	return in_transaction(
		$session,
		sub {
			my @rows;
			foreach my $line (@{ $order->{lines} })
			{
				my $answer = $session->answer(
					'SELECT * FROM inv_deduct($1, $2::bigint, $3, $4, $5, $6,
						strict => false)',
					@$line{qw(sku quantity location reference)},
					$order->{reason}, $line->{key});

				if ($answer->{error})
				{
					$answer->{error}{detail} = sprintf '{"line":%d}', @rows + 1;
					return $answer;
				}
				push @rows, { %{ $answer->{rows}[0] }, line => @rows + 1 };
			}
			return { rows => \@rows };
		});
}

sub each_round
{
	my ($twins, $number, $most) = @_;

	in_both($twins, InvOrders::events());
	my $order = each_order($number, $most);
	my $each = call_each($twins->[0]{session}, $order);
	my $singles = call_singles($twins->[1]{session}, $order);

	compare('each: answers', $order, text($each), text($singles));
	same_ids('each', $order, $singles, $each);
	compare('each: tables', $order, map { tables($_) } @$twins);
	return $each->{error}{state} if $each->{error};
	push @keyed, grep { defined $_->{key} } @{ $order->{lines} }
	  if !defined $order->{reason};
	shift @keyed while @keyed > 100;
	return map { $_->{status} . ($_->{replayed} ? ' again' : '') }
	  @{ $each->{rows} };
}

# --- all or none -------------------------------------------------------------

my @known;    # orders that were answered under a key

sub many_order
{
	my ($number, $most) = @_;
	my $old = InvOrders::one_of(@known);

	return $old if $old && InvOrders::chance(5);
	my @lines = InvOrders::lines($most);
	my $sources = InvOrders::sources();
	if ($sources)
	{
		delete $_->{location} foreach @lines;
	}
	return {
		number => $number,
		call => InvOrders::one_of(('deduct') x 6, 'receive', 'adjust'),
		lines => \@lines,
		sources => $sources,
		key => InvOrders::chance(40) ? "order-$number" : undef,
		reference => InvOrders::chance(50) ? 'ref-' . $number % 50 : undef,
		reason => InvOrders::chance(20) ? 'why' : undef,
		strict => InvOrders::chance(20) ? 1 : 0,
	};
}

# what is not for bundles, and has no sources
sub fit
{
	my ($order) = @_;

	return $order if $order->{call} eq 'deduct';
	$order->{sources} = undef;
	$order->{strict} = 1 if $order->{call} eq 'receive';
	$_->{sku} =~ s/^[KG]\d?$/P7/ foreach @{ $order->{lines} };
	return $order;
}

sub call_many
{
	my ($session, $order) = @_;
	my $call = $order->{call};
	my ($skus, $quantities, $locations) =
	  InvOrders::arrays(@{ $order->{lines} });
	my @more = ('locations => $3::text[]', 'reference => $4', 'reason => $5',
		'key => $6');
	my @values = ($skus, $quantities, $locations,
		@$order{qw(reference reason key)});

	if ($call ne 'receive')
	{
		push @values, $order->{strict} ? 'true' : 'false';
		push @more, 'strict => $7::boolean';
	}
	if ($call eq 'deduct')
	{
		push @values, $order->{sources};
		push @more, 'sources => $8::text[]';
	}
	return $session->answer(
		"SELECT * FROM inv_${call}_many(\$1::text[], \$2::bigint[], "
		  . join(', ', @more) . ')', @values);
}

sub call_apply
{
	my ($session, $order) = @_;
	my $count = $order->{call} eq 'adjust' ? 'counted' : 'quantity';
	my @lines = map {
		{
			op => $order->{call},
			sku => $_->{sku},
			$count => 0 + $_->{quantity},
			defined $_->{location} ? (location => $_->{location}) : (),
			$order->{sources} ? (sources => $order->{sources}) : ()
		}
	} @{ $order->{lines} };
	my %request = (
		lines => \@lines,
		strict => $order->{strict} ? JSON::PP::true : JSON::PP::false,
		map { $_ => $order->{$_} } qw(reference reason key));

	return $session->answer('SELECT * FROM inv_apply($1::jsonb)',
		$json->encode(\%request));
}

sub world
{
	my ($session) = @_;
	my %world;

	$world{stock}{"$_->{sku} $_->{location}"} = $_
	  foreach $session->rows(
		'SELECT sku, location, on_hand, reserved, version, safety_stock,
				backorder_limit FROM inv_stock');
	$world{item}{ $_->{sku} } = $_
	  foreach $session->rows(
		'SELECT sku, active, safety_stock, backorder_limit FROM inv_item');
	$world{sellable} = [ map { $_->{location} } $session->rows(
		'SELECT location FROM inv_location WHERE sellable
		  ORDER BY priority, location') ];
	return \%world;
}

# as_expected(ORDER, ANSWER, ROWS) - the members that the contract leaves open
# are those that the answer has
sub as_expected
{
	my ($order, $answer, @rows) = @_;
	my @got = @{ $answer->{rows} };
	my @full =
	  map { +{ %{ $got[$_] // {} }, %{ $rows[$_] } } } 0 .. $#rows;

	compare('many: as the contract says',
		$order, text($answer), text({ rows => \@full }));
	return;
}

# one movement for each stock row, which all its rows show
sub one_movement
{
	my ($order, $answer) = @_;
	my %ids;

	foreach my $row (grep { defined $_->{movement_id} } @{ $answer->{rows} })
	{
		$ids{"$row->{sku} $row->{location}"}{ $row->{movement_id} } = 1;
	}
	compare('many: one movement for each stock row',
		$order, join(' ', grep { keys %{ $ids{$_} } > 1 } sort keys %ids), '');
	return;
}

# a refusal leaves every row as it was, and makes none
sub unchanged
{
	my ($order, $session, $before) = @_;

	compare('many: a refusal changes nothing',
		$order, map { stock_text($_) } world($session), $before);
	return;
}

sub stock_text
{
	my ($world) = @_;
	my $stock = $world->{stock};

	return join "\n", map {
		my $row = $stock->{$_};
		join ' ', $_, map { $row->{$_} } sort keys %$row
	} sort keys %$stock;
}

sub many_round
{
	my ($twins, $number, $most) = @_;

	in_both($twins, InvOrders::events());
	my $order = fit(many_order($number, $most));
	my $world = world($twins->[0]{session});
	my $many = call_many($twins->[0]{session}, $order);
	my $apply = call_apply($twins->[1]{session}, $order);

	compare('many: answers as of apply', $order, text($apply), text($many));
	same_ids('many', $order, $many, $apply);
	compare('many: tables', $order, map { tables($_) } @$twins);
	return $many->{error}{state} if $many->{error};
	one_movement($order, $many);
	unchanged($order, $twins->[0]{session}, $world)
	  if grep { $_->{status} ne 'ok' } @{ $many->{rows} };
	as_expected($order, $many,
		InvOrders::expected($world, $order->{lines}, $order->{sources}))
	  if $order->{call} eq 'deduct' && !$many->{rows}[0]{replayed};
	push @known, $order if defined $order->{key};
	shift @known while @known > 30;
	my @statuses = sort map { $_->{status} } @{ $many->{rows} };
	return join ' ', $order->{sources} ? 'sources' : (),
	  join(' and ', uniq(@statuses)),
	  $many->{rows}[0]{replayed} ? 'again' : ();
}

# --- rounds ------------------------------------------------------------------

my %count;

foreach my $kind ([ each => \&each_round ], [ many => \&many_round ])
{
	my ($name, $round) = @$kind;
	my @twins = map { database("$name$_") } 1, 2;

	in_both(\@twins, map { InvOrders::event() } 1 .. 40);
	tables($_) foreach @twins;
	foreach my $number (1 .. $orders)
	{
		my $most = $number % 50 == 0 ? 200 : 12;
		$count{"$name: $_"}++ foreach $round->(\@twins, $number, $most);
	}
	compare("$name: verified", { number => 'all' },
		join(' ', map { %$_ } map { $_->[0]{session}->rows($_->[1]) }
			[ $_, 'SELECT * FROM inv_verify()' ], [ $_, $InvAlerts::astray ]),
		'')
	  foreach @twins;
	$_->{session}->close foreach @twins;
}
note("$_: $count{$_}") foreach sort keys %count;
is($failed{$_}, 0, $_) foreach sort keys %failed;
done_testing();
