/*
 * storm.c - play the clients, remember what each was told, and check it
 *
 * The numbers it prints come from the answers of the server alone; tables
 * are read only after the last client has gone, and only to find out whether
 * they agree (check.h).
 */
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sale.h"
#include "selftest.h"
#include "tables.h"

static const char *const usage =
"usage: storm sale [--dsn CONNINFO] --sku SKU [--sku SKU ...] [option ...]\n"
"       storm self-test\n"
"\n"
"  --dsn CONNINFO       where to connect (default: the PG... environment)\n"
"  --sku SKU            what to sell: it must have stock; may be repeated\n"
"  --clients N          clients at the same time (default 64)\n"
"  --seconds N          how long (default 5, or no limit with --calls)\n"
"  --calls N            how many calls, all clients together\n"
"  --quantity-max N     each call asks for 1 to N units (default 3)\n"
"  --restock PERCENT    so many of the calls receive instead (default 0)\n"
"  --seed N             which of the repeatable series of calls (default 1)\n"
"  --journal FILE       append every call and every answer to a file\n"
"  --reconnect SECONDS  how long to try after a lost connection (default 30)\n"
"\n"
"Exit status: 0 all right, 1 something was wrong, 2 could not be run.\n";

static const struct option long_options[] = {
	{"dsn", required_argument, NULL, 'd'},
	{"sku", required_argument, NULL, 's'},
	{"clients", required_argument, NULL, 'c'},
	{"seconds", required_argument, NULL, 't'},
	{"calls", required_argument, NULL, 'n'},
	{"quantity-max", required_argument, NULL, 'q'},
	{"restock", required_argument, NULL, 'r'},
	{"seed", required_argument, NULL, 'e'},
	{"journal", required_argument, NULL, 'j'},
	{"reconnect", required_argument, NULL, 'w'},
	{"help", no_argument, NULL, 'h'},
	{0}
};

static void
set_option(SaleOptions *options, NameMap *skus, int option, const char *name)
{
	switch (option)
	{
		case 'd':
			options->dsn = optarg;
			break;
		case 's':
			name_add(skus, optarg);
			break;
		case 'c':
			options->nclients = (int32_t) client_number(name, optarg,
														1, 10000);
			break;
		case 't':
			options->seconds = client_number(name, optarg, 1, 1000000);
			break;
		case 'n':
			options->ncalls = client_number(name, optarg, 1, 1000000000);
			break;
		case 'q':
			options->quantity_max = client_number(name, optarg, 1, 1000000);
			break;
		case 'r':
			options->restock = client_number(name, optarg, 0, 100);
			break;
		case 'e':
			options->seed = (uint64_t) client_number(name, optarg,
													 0, INT64_MAX);
			break;
		case 'j':
			options->journal = optarg;
			break;
		case 'w':
			options->reconnect = client_number(name, optarg, 0, 1000000);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			client_fail("%s", usage);
	}
}

static SaleOptions
read_options(int argc, char **argv, NameMap *skus)
{
	SaleOptions options = {
		.dsn = "",
		.nclients = 64,
		.quantity_max = 3,
		.seed = 1,
		.reconnect = 30,
	};
	int			option;
	int			index = 0;

	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1)
		set_option(&options, skus, option, long_options[index].name);
	if (optind < argc)
		client_fail("what is \"%s\"?\n%s", argv[optind], usage);
	if (skus->count == 0)
		client_fail("--sku is missing: what is to be sold?\n%s", usage);
	if (options.seconds == 0 && options.ncalls == 0)
		options.seconds = 5;
	return options;
}

/* A text that no other run has used as its references' beginning. */
static char *
name_run(void)
{
	struct timespec now;
	char		name[REFERENCE_SIZE];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(name, sizeof(name), "s%llx.%lx.%lx", (long long) now.tv_sec,
			 now.tv_nsec, (long) getpid());
	return client_copy(name);
}

/* ---------- what is printed ---------- */

static int
compare_times(const void *left, const void *right)
{
	int64_t		a = *(const int64_t *) left;
	int64_t		b = *(const int64_t *) right;

	return a < b ? -1 : a > b;
}

/* The times from call to answer, sorted; returns how many there are. */
static int64_t
answer_times(const History *history, int64_t **times)
{
	int64_t		room = 0;
	int64_t		count = 0;

	*times = NULL;
	for (int32_t i = 0; i < history->nclients; i++)
		for (int64_t n = 0; n < history->logs[i].count; n++)
		{
			const Call *call = &history->logs[i].calls[n];

			if (call->answer == ANSWER_IN_DOUBT)
				continue;
			*times = client_grow(*times, count, &room, sizeof(int64_t));
			(*times)[count++] = call->answered - call->sent;
		}
	if (count > 0)
		qsort(*times, (size_t) count, sizeof(int64_t), compare_times);
	return count;
}

static double
percentile(const int64_t *times, int64_t count, double part)
{
	if (count == 0)
		return 0;
	return (double) times[(int64_t) ((double) (count - 1) * part)] /
		NS_PER_MS;
}

static void
print_speed(const History *history, const SaleSummary *summary)
{
	int64_t    *times;
	int64_t		count = answer_times(history, &times);
	double		seconds = (double) summary->elapsed / NS_PER_SECOND;

	printf("rate %s calls/s\n",
		   client_commas(seconds > 0 ? (int64_t) ((double) count / seconds)
						 : 0));
	printf("p50 %.2f ms p99 %.2f ms\n", percentile(times, count, 0.50),
		   percentile(times, count, 0.99));
	free(times);
}

static void
print_verdict(const Verdict *verdict)
{
	printf("sold %s units in %s calls\n", client_commas(verdict->sold_units),
		   client_commas(verdict->sold_calls));
	printf("refused %s calls\n", client_commas(verdict->refused_calls));
	printf("in doubt %s calls\n", client_commas(verdict->doubt_calls));
	if (verdict->error_calls > 0)
		printf("failed %s calls\n", client_commas(verdict->error_calls));
	printf("left %s units\n", client_commas(verdict->left_units));
	printf("oversold %s units\n", client_commas(verdict->oversold_units));
}

/* ---------- the sale ---------- */

/*
 * connect_reader - the connection that reads the tables
 *
 * The server may still be on its way up.
 */
static PGconn *
connect_reader(const SaleOptions *options)
{
	ConnectParams params = client_params(options->dsn, "storm reader");
	int64_t		end = client_now() + options->reconnect * NS_PER_SECOND;

	for (;;)
	{
		PGconn	   *conn = PQconnectdbParams(params.keywords,
											 params.values, 1);

		if (PQstatus(conn) == CONNECTION_OK)
			return conn;
		if (client_now() >= end)
			client_fail("cannot connect: %s", PQerrorMessage(conn));
		PQfinish(conn);
		poll(NULL, 0, 100);
	}
}

static int
run_sale(int argc, char **argv)
{
	History		history = {0};
	SaleOptions options = read_options(argc, argv, &history.skus);
	SaleSummary summary;
	Verdict		verdict;
	PGconn	   *conn;

	history.run = name_run();
	conn = client_connect(options.dsn, "storm reader");
	client_require_extension(conn);
	tables_opening(conn, &history);
	PQfinish(conn);

	summary = sale_run(&options, &history);

	conn = connect_reader(&options);
	tables_final(conn, &history);
	PQfinish(conn);

	verdict = check_history(&history, stdout);
	print_verdict(&verdict);
	print_speed(&history, &summary);
	if (summary.gave_up > 0)
		printf("WRONG: %d clients could not connect again\n",
			   summary.gave_up);
	return verdict.violations > 0 || summary.gave_up > 0
		? EXIT_WRONG : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(mode, "sale") == 0)
		return run_sale(argc - 1, argv + 1);
	if (strcmp(mode, "self-test") == 0 && argc == 2)
		return self_test();
	if (strcmp(mode, "--help") == 0)
	{
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	client_fail("%s", usage);
}
