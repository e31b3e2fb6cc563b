/*
 * replay.c - replay the order lines of a shop, and check the stock after it
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "audittest.h"
#include "book.h"
#include "catalogue.h"
#include "feed.h"

#define BAR_WIDTH 30

static const char *const usage =
"usage: replay --file CSV[.gz] [--dsn CONNINFO] [option ...]\n"
"       replay self-test\n"
"\n"
"  --file CSV[.gz]      order lines, see bench/README.md\n"
"  --dsn CONNINFO       where to connect (default: the PG... environment)\n"
"  --connections N      connections at the same time (default 8)\n"
"  --calls KIND         what is one call (default orders):\n"
"                       lines   each line: inv_deduct, inv_receive\n"
"                       orders  what an invoice sells: inv_deduct_many; each\n"
"                               line that is given back: inv_return\n"
"                       apply   the same by inv_apply, all that an invoice\n"
"                               gives back in one\n"
"  --opening full|half  opening stock: just enough, or half (default full)\n"
"  --progress           show progress even if stderr is not a terminal\n"
"\n"
"The database must have the extension and no stock of these SKUs yet.\n"
"Exit status: 0 everything right, 1 differences, 2 could not be run.\n";

static const struct option long_options[] = {
	{"file", required_argument, NULL, 'f'},
	{"dsn", required_argument, NULL, 'd'},
	{"connections", required_argument, NULL, 'c'},
	{"calls", required_argument, NULL, 'k'},
	{"opening", required_argument, NULL, 'o'},
	{"progress", no_argument, NULL, 'p'},
	{"help", no_argument, NULL, 'h'},
	{0}
};

typedef struct Options
{
	const char *dsn;
	const char *path;
	int			nconnections;
	Calls		calls;
	bool		half;
	bool		progress;
} Options;

static Calls
parse_calls(const char *text)
{
	static const char *const names[] = {
		[CALLS_LINES] = "lines",
		[CALLS_ORDERS] = "orders",
		[CALLS_APPLY] = "apply"
	};

	for (int i = CALLS_LINES; i <= CALLS_APPLY; i++)
		if (strcmp(text, names[i]) == 0)
			return (Calls) i;
	client_fail("--calls must be lines, orders or apply, not \"%s\"", text);
}

static void
set_option(Options *options, int option)
{
	switch (option)
	{
		case 'f':
			options->path = optarg;
			break;
		case 'd':
			options->dsn = optarg;
			break;
		case 'c':
			options->nconnections = (int) client_number("connections", optarg,
														1, 1000);
			break;
		case 'k':
			options->calls = parse_calls(optarg);
			break;
		case 'o':
			options->half = strcmp(optarg, "half") == 0;
			if (!options->half && strcmp(optarg, "full") != 0)
				client_fail("--opening must be full or half, not \"%s\"",
							optarg);
			break;
		case 'p':
			options->progress = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			client_fail("%s", usage);
	}
}

static Options
read_options(int argc, char **argv)
{
	Options		options = {
		.dsn = "",
		.nconnections = 8,
		.calls = CALLS_ORDERS,
		.progress = isatty(STDERR_FILENO),
	};
	int			option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(&options, option);
	if (optind < argc)
		client_fail("what is \"%s\"?\n%s", argv[optind], usage);
	if (options.path == NULL)
		client_fail("--file is missing\n%s", usage);
	return options;
}

/* ---------- progress ---------- */

static void
no_progress(int64_t done, int64_t total)
{
	(void) done;
	(void) total;
}

/* A bar that is drawn over itself, at most ten times a second. */
static void
draw_bar(int64_t done, int64_t total)
{
	static int64_t started = 0;
	static int64_t drawn = 0;
	int64_t		now = client_now();
	int			filled = (int) (done * BAR_WIDTH / total);
	double		seconds;

	if (started == 0)
		started = now;
	if (done < total && now - drawn < 100 * NS_PER_MS)
		return;
	drawn = now;
	seconds = (double) (now - started) / NS_PER_SECOND;
	fprintf(stderr, "\r[%.*s%*s] %3d%% %s of %s lines, %s s left \033[K",
			filled, "==============================", BAR_WIDTH - filled, "",
			(int) (done * 100 / total), client_commas(done),
			client_commas(total),
			client_commas(done > 0 ? (int64_t) (seconds * (double)
												(total - done) /
												(double) done) : 0));
	if (done == total)
		fputc('\n', stderr);
}

/* For a log: a line for every tenth. */
static void
print_tenths(int64_t done, int64_t total)
{
	static int64_t printed = 0;

	for (; printed < done * 10 / total; printed++)
		fprintf(stderr, "%lld%% of %s lines\n", (long long) printed * 10 + 10,
				client_commas(total));
}

/* ---------- what is printed ---------- */

static void
print_book(const Options *options, const Book *book)
{
	int64_t		units = 0;
	int64_t		known = 0;
	int64_t		given_back = 0;

	for (int32_t i = 0; i < book->skus.count; i++)
		units += book->opening[i];
	printf("read %s lines of %s SKUs, skipped %s lines of fees and the like\n",
		   client_commas(book->nlines), client_commas(book->skus.count),
		   client_commas(book->nskipped));
	for (int64_t i = 0; i < book->nlines; i++)
	{
		given_back += book->lines[i].quantity < 0;
		known += book->lines[i].original >= 0;
	}
	if (options->calls != CALLS_LINES)
		printf("%s orders, %s of %s returns of a known sale\n",
			   client_commas(book->norders), client_commas(known),
			   client_commas(given_back));
	printf("opening %s units (%s)\n", client_commas(units),
		   options->half ? "half of what is needed" : "just enough");
}

static void
print_sum(const char *what, int64_t lines, int64_t units)
{
	printf("%s %s lines, %s units\n", what, client_commas(lines),
		   client_commas(units));
}

static void
print_told(const Book *book, const Told *told)
{
	enum
	{
		SOLD, REFUSED, NOT_APPLIED, RETURNED, SUMS
	};
	int64_t		lines[SUMS] = {0};
	int64_t		units[SUMS] = {0};

	for (int64_t i = 0; i < book->nlines; i++)
	{
		int64_t		quantity = book->lines[i].quantity;
		int			sum = SOLD;

		if (quantity < 0)
			sum = RETURNED;
		else if (told[i].answer == LINE_REFUSED)
			sum = REFUSED;
		else if (told[i].answer == LINE_NOT_APPLIED)
			sum = NOT_APPLIED;
		lines[sum]++;
		units[sum] += quantity < 0 ? -quantity : quantity;
	}
	print_sum("sold", lines[SOLD], units[SOLD]);
	print_sum("refused", lines[REFUSED], units[REFUSED]);
	if (lines[NOT_APPLIED] > 0)
		print_sum("not applied", lines[NOT_APPLIED], units[NOT_APPLIED]);
	print_sum("returned", lines[RETURNED], units[RETURNED]);
}

int
main(int argc, char **argv)
{
	Options		options;
	Book	   *book;
	Told	   *told;
	Told	   *expected;
	int64_t    *on_hand;
	PGconn	   *conn;
	int64_t		elapsed;
	int64_t		differences;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "self-test") == 0)
		return audit_self_test();
	options = read_options(argc, argv);
	conn = client_connect(options.dsn, "replay");
	client_require_extension(conn);
	book = book_read(options.path, options.calls);
	book_open(book, options.half);
	expected = client_alloc((size_t) book->nlines * sizeof(Told));
	on_hand = client_alloc((size_t) book->skus.count * sizeof(int64_t));
	book_simulate(book, expected, on_hand);
	print_book(&options, book);
	catalogue_load(conn, book);

	told = client_alloc((size_t) book->nlines * sizeof(Told));
	elapsed = feed_book(options.dsn, options.nconnections, book,
						options.calls, told, !options.progress ? no_progress
						: isatty(STDERR_FILENO) ? draw_bar : print_tenths);
	print_told(book, told);
	printf("rate %s lines/s over %d connections, %.1f s in all\n",
		   client_commas((int64_t) ((double) book->nlines * NS_PER_SECOND /
									(double) elapsed)),
		   options.nconnections, (double) elapsed / NS_PER_SECOND);

	differences = audit_answers(book, told, expected, true);
	differences += audit_tables(conn, book, options.calls, told, expected,
								on_hand);
	if (!options.half)
		differences += audit_full(conn, book, options.calls, told,
								  options.path);
	PQfinish(conn);
	printf("replay: %s (%s differences)\n", differences ? "WRONG" : "OK",
		   client_commas(differences));
	return differences ? EXIT_WRONG : EXIT_SUCCESS;
}
