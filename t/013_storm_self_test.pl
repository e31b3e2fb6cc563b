# The checker is what we trust where the database cannot judge itself: it must
# find each fault in histories that were made up to have one.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'bench/storm is not built' unless -x 'bench/storm';
command_ok([ 'bench/storm', 'self-test' ], 'the checker finds every fault');
done_testing();
