# Whom a webhook may be sent to: two hundred cases, see bench/addresstest.c.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'bench/addresstest is not built' unless -x 'bench/addresstest';
command_ok(['bench/addresstest'], 'every host and address is judged right');
done_testing();
