# InvMatrix - the call matrix, run and compared
#
# The database (InvDatabase.pm) and the model (InvModel.pm) take the steps of
# each cell (InvCells.pm), and all that either answered and left behind is
# compared as text.  Each cell has items and keys of its own, whose names begin
# with its tag, so that thousands of cells share one database and none knows of
# another.
package InvMatrix;

use strict;
use warnings;
use feature 'state';

use InvCells;
use InvErrors;
use InvFunctions;
use InvModel;
use JSON::PP ();

# What is not sellable would be the first to be taken from.
our %locations = (
	main => { priority => 2, sellable => 1 },
	north => { priority => 2, sellable => 1 },
	south => { priority => 1, sellable => 1 },
	quarantine => { priority => 0, sellable => 0 },
);

my $json = JSON::PP->new;

# what is compared of an answer and of a table
my @limits = qw(safety_stock backorder_limit reorder_point target_level);
my @outcome = qw(line status sku location quantity on_hand reserved available
  backordered version movement_id replayed);
our %columns = (
	outcome => \@outcome,
	level => [qw(sku location on_hand reserved available version)],
	available => ['available'],
	stock => [ qw(sku location on_hand reserved version active), @limits ],
	movement => [
		qw(sku location kind on_hand_delta reserved_delta version reference
		  reason hold key actor application_name traceparent epoch original_id
		  occurred_at)
	],
	request => [ 'request', 'function', @outcome ],
	answer => [
		qw(status xid branch state expires_at replayed sku location requested
		  available)
	],
	hold => [qw(xid branch state owner on_expiry reference minutes units)],
);

# where movements are named in them
my %movements_at = map {
	my $columns = $columns{$_};
	$_ => [ grep { $columns->[$_] =~ /^(?:movement|original)_id$/ }
		  0 .. $#$columns ]
} keys %columns;

# the steps that are one statement, with the same name in both worlds
my %statement = map { $_ => 1 }
  qw(begin savepoint rollback_to commit rollback prepare commit_prepared
  rollback_prepared);

# --- running -----------------------------------------------------------------

# run(DATABASE, USER, CELLS, HALFWAY) - take the cells through both worlds;
# each gets {differences}.  With HALFWAY all cells stop before the first step
# that ends a prepared transaction, and go on after HALFWAY->() was called.
sub run
{
	my ($database, $user, $cells, $halfway) = @_;
	state $batches = 0;
	my $prefix = "p${$}b" . ++$batches;
	my $number = 0;

	foreach my $cell (@$cells)
	{
		$cell->{tag} = "$prefix." . ++$number . '.';
		$cell->{model} = model_of($cell, $user);
	}
	set_up($database, $cells);
	my @later = map { take_steps($database, $_, !!$halfway) } @$cells;
	$halfway->() if $halfway;
	take_steps($database, $_) foreach @later;
	my ($left, $ids) = $database->tables($prefix);
	foreach my $cell (@$cells)
	{
		$cell->{differences} =
		  [ compare($cell, $left->{ $cell->{tag} } // {}, $ids) ];
		delete @$cell{qw(model answers)};    # there are many cells
	}
	return;
}

# tagged(TAG, FUNCTION, ARGUMENTS) - with SKUs and keys of the cell's own; a
# code reference makes the value that follows the tag
sub tagged
{
	my ($tag, $name, $given) = @_;
	my %tagged = %$given;

	foreach my $argument (@{ $InvFunctions::function{$name}{arguments} })
	{
		my ($word, $kind) = @$argument;

		$tagged{$word} = tagged_value($tag, $kind, $tagged{$word})
		  if exists $tagged{$word};
	}
	return \%tagged;
}

sub tagged_value
{
	my ($tag, $kind, $value) = @_;

	$kind = $InvFunctions::kind{$kind}{of} // $kind;
	return [ map { tagged_value($tag, $kind, $_) } @$value ]
	  if ref $value eq 'ARRAY';
	return { map {
			$_ => tagged_value($tag, $InvRequest::field{$_} // '', $value->{$_})
	} keys %$value }
	  if ref $value eq 'HASH';
	return $value
	  if $kind !~ /^(?:sku|key|of_key|xid)$/
	  || !defined $value
	  || $value eq ''
	  || ref $value eq 'SCALAR';
	return $tag . (ref $value ? $value->($tag) : $value);
}

# a model in the situation of the cell
sub model_of
{
	my ($cell, $user) = @_;
	my $model = InvModel->new(user => $user, locations => \%locations);
	my $items = InvCells::items_of($cell->{row});

	$model->add_item($cell->{tag} . $_, $items->{$_}) foreach keys %$items;
	foreach my $bundle (bundles_of($cell))
	{
		$model->add_bundle($bundle->{sku}, $bundle->{components});
	}
	foreach my $stock (InvCells::stock_of($cell->{row}))
	{
		$model->call('inv_receive',
			tagged($cell->{tag}, 'inv_receive', $stock));
	}
	return $model;
}

sub bundles_of
{
	my ($cell) = @_;
	my $row = $cell->{row};
	my %bundles = (($row->{bundles} // {})->%*, ($row->{forced} // {})->%*);

	return map {
		my $components = $bundles{$_};
		{
			sku => $cell->{tag} . $_,
			forced => $row->{forced}{$_} ? 1 : 0,
			components => {
				map { $cell->{tag} . $_ => $components->{$_} }
				  keys %$components
			}
		}
	} sort keys %bundles;
}

sub set_up
{
	my ($database, $cells) = @_;
	my (@items, @bundles, @stock);

	foreach my $cell (@$cells)
	{
		my $items = InvCells::items_of($cell->{row});

		push @items, map { { sku => "$cell->{tag}$_", $items->{$_}->%* } }
		  sort keys %$items;
		push @bundles, bundles_of($cell);
		push @stock, map { tagged($cell->{tag}, 'inv_receive', $_) }
		  InvCells::stock_of($cell->{row});
	}
	$database->set_up(\@items, \@bundles, \@stock);
	return;
}

# take_steps(DATABASE, CELL, PAUSE) - the cell, if it has paused
sub take_steps
{
	my ($database, $cell, $pause) = @_;

	$database->enter($cell);
	while (my $step = shift @{ $cell->{steps} })
	{
		my @taken = tagged_step($cell, $step);
		my $answer = step($database, @taken);

		push @{ $cell->{answers} },
		  [ $step, step($cell->{model}, @taken), $answer ];
		return $cell if $pause && $cell->{steps}[0][0] =~ /_prepared$/;
	}
	return;
}

# a step in the words of the cell
sub tagged_step
{
	my ($cell, $step) = @_;
	my ($verb, @more) = @$step;
	my $tag = $cell->{tag};
	my $items = InvCells::items_of($cell->{row});

	return ($verb, $tag) if $statement{$verb};
	return ($verb, $more[0], tagged($tag, @more)) if $verb eq 'call';
	return ($verb, map { $tag . $_ } keys %$items) if $verb eq 'look';
	return ('update_item', $tag . $more[0], $more[1]) if $verb eq 'item';
	return ($verb, $tag . $more[0], $more[1]) if $verb eq 'available';
	return ($verb, $tag) if $verb eq 'later';
	return ($verb, @more) if $verb eq 'set';
	die "no step $verb";
}

# WORLD is a model or a database: both know the calls, the statements about
# transactions, look, available, later, set and update_item
sub step
{
	my ($world, $verb, @more) = @_;
	return $world->$verb(@more);
}

# --- comparing ---------------------------------------------------------------

# compare(CELL, TABLES, IDS) - in which lines the cell differs from the model
sub compare
{
	my ($cell, $tables, $ids) = @_;
	my ($model_tables, $model_ids) = $cell->{model}->tables;
	my @out = compare_row($cell);

	foreach my $taken (@{ $cell->{answers} })
	{
		my ($step, $model, $database) = @$taken;
		my $shape = shape_of(@$step);
		my @both = (
			told($cell, $shape, $model, $model_ids, $model),
			told($cell, $shape, $database, $ids, $model));

		next if $both[0] eq $both[1];
		push @out, '  ' . join(' ', grep { !ref } @$step),
		  "  model     $both[0]", "  database  $both[1]";
	}
	return @out,
	  differences(
		[ left_behind($cell, $model_tables, $model_ids) ],
		[ left_behind($cell, $tables, $ids) ]);
}

# the table whose columns the answer to a step has
sub shape_of
{
	my ($verb, $name) = @_;

	return 'level' if $verb eq 'look';
	return 'available' if $verb eq 'available';
	return $verb eq 'call' && $InvFunctions::function{$name}{hold}
	  ? 'answer' : 'outcome';
}

# The model must answer what the row says: the two have been written apart.
# Who may not make the call was refused before it, if anything came before.
sub compare_row
{
	my ($cell) = @_;
	return if !$cell->{first};

	my ($taken) = grep { $_->[0] == $cell->{call} } @{ $cell->{answers} };
	my $answer = $taken->[1];
	my $said = $answer->{error} ? $answer->{error}{state} : status($answer);
	my $status = $cell->{row}{says};
	my $want = $status;

	$want = $InvErrors::sqlstate{$status} // $status
	  if $cell->{strict} // !$InvFunctions::function{ $cell->{row}{call}[0] }
	  {each};
	return if $said eq $want || $said eq '25P02';
	return "  the row says $want, the model $said";
}

# of several lines the one that says why
sub status
{
	my ($answer) = @_;
	my @statuses = map { $_->{status} } @{ $answer->{rows} };
	my ($why) = grep { !/^(?:ok|not_applied)$/ } @statuses;

	return $why // $statuses[0];
}

# told(CELL, SHAPE, ANSWER, IDS, LIKE) - an answer as text; IDS names the
# movements; of an error is told what LIKE, the model's answer, specifies
sub told
{
	my ($cell, $shape, $answer, $ids, $like) = @_;
	my $text = $answer->{tag} // 'connection lost';

	return told_error($cell, $answer->{error}, $like->{error})
	  if $answer->{error};
	$text = join ' | ', map { line($shape, $_, $ids) } $answer->{rows}->@*
	  if $answer->{rows};
	return untagged($cell, $text);
}

sub told_error
{
	my ($cell, $error, $like) = @_;
	my $text = "error $error->{state}";
	my $message = untagged($cell, $error->{message} // '');

	return "$text $message" if !$like;
	$text .= ' ' . object($cell, $error->{detail}) if $like->{detail};
	$text .= " $_=" . member($cell, $error, $_)
	  foreach sort keys %{ $like->{has} // {} };
	$text .= ", says $_" foreach grep { $error == $like || says($message, $_) }
	  map { untagged($cell, $_) } @{ $like->{words} // [] };
	return untagged($cell, $text);
}

# a member of a DETAIL of which no more is specified
sub member
{
	my ($cell, $error, $name) = @_;

	return $error->{has}{$name} // 'null' if $error->{has};
	my ($value) = object($cell, $error->{detail}) =~ /(?:^| )$name=(\S+)/;
	return $value // 'none';
}

sub says
{
	my ($message, $word) = @_;
	return $message =~ /(?<!\w)\Q$word\E(?!\w)/;
}

sub untagged
{
	my ($cell, $text) = @_;
	return $text =~ s/\Q$cell->{tag}\E//gr;
}

# object(CELL, DETAIL) - a DETAIL as text: the model gives it as a hash, the
# database as a JSON object without blanks
sub object
{
	my ($cell, $detail) = @_;
	state %known;

	return '(no detail)' if !defined $detail;
	return pairs($detail) if ref $detail;
	my $json_text = untagged($cell, $detail);
	return $known{$json_text} //= do
	{
		my $object = eval { $json->decode($json_text) };
		my $late = $json_text =~ /.,"line":/ ? 'line is not the first: ' : '';

		ref $object && length $json->encode($object) == length $json_text
		  ? $late . pairs($object)
		  : "not an object without blanks: $json_text";
	};
}

sub pairs
{
	my ($object) = @_;
	return join ' ',
	  map { "$_=" . ($object->{$_} // 'null') } sort keys %$object;
}

# line(SHAPE, ROW, IDS) - a row as text
sub line
{
	my ($shape, $row, $ids) = @_;
	my $columns = $columns{$shape};
	my @values = @$row{@$columns};

	foreach my $at (@{ $movements_at{$shape} })
	{
		$values[$at] = $ids->{ $values[$at] } // 'rolled back'
		  if defined $values[$at];
	}
	return join ' ',
	  map { "$columns->[$_]=" . ($values[$_] // 'null') } 0 .. $#values;
}

# left_behind(CELL, TABLES, IDS) - tables as text
sub left_behind
{
	my ($cell, $tables, $ids) = @_;
	my @lines;

	foreach my $shape (keys %$tables)
	{
		push @lines,
		  map { "$shape " . line($shape, $_, $ids) } @{ $tables->{$shape} };
	}
	return map { untagged($cell, $_) } @lines;
}

# differences(MODEL'S, DATABASE'S) - lines of two lists that differ
sub differences
{
	my ($want, $have) = @_;
	my (%count, @out);

	$count{$_}++ foreach @$want;
	$count{$_}-- foreach @$have;
	foreach my $line (sort keys %count)
	{
		push @out, "  model     $line" if $count{$line} > 0;
		push @out, "  database  $line" if $count{$line} < 0;
	}
	return @out;
}

1;
