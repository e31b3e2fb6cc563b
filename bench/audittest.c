/*
 * audittest.c - can the audit of the answers fail?
 *
 * A book of a few invoices is answered as it should be; what that is, is
 * written down here by hand, so that the model is under test as well.  Each
 * case spoils one thing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "audittest.h"

#define NLINES 12

/* Two of A and one of B in one order, and so on; half of A is in stock. */
enum
{
	SALE_A, SALE_B, SALE_A_TOO, /* done: A twice */
	SHORT_A, SHORT_B,			/* refused for A */
	BACK_A, BACK_A_TOO, BACK_B, /* to the first; to the first; write-off */
	LATE_B, AGAIN_A,			/* done: B down to nothing */
	BACK_UNKNOWN, BACK_REST		/* more than is left of the first; that */
};

static const struct
{
	const char *invoice;
	const char *sku;
	const char *customer;
	int32_t		quantity;
}			script[NLINES] = {
	{"1", "A", "x", 3}, {"1", "B", "x", 2}, {"1", "A", "x", 4},
	{"2", "A", "y", 4}, {"2", "B", "y", 1},
	{"C3", "A", "x", -2}, {"C3", "A", "x", -1}, {"C3", "B", "", -1},
	{"4", "B", "y", 4}, {"4", "A", "y", 5},
	{"C5", "A", "x", -5}, {"C5", "A", "x", -4},
};

static void
write_book(Book *book, Calls calls)
{
	static int64_t opening[2] = {10, 5};	/* A, B */

	book->lines = client_alloc(NLINES * sizeof(Line));
	book->nlines = NLINES;
	book->opening = opening;
	for (int i = 0; i < NLINES; i++)
	{
		const char *customer = script[i].customer;
		const Line	line = {
			.position = i + 2,
			.sku = name_add(&book->skus, script[i].sku),
			.invoice = name_add(&book->invoices, script[i].invoice),
			.customer = *customer ? name_add(&book->customers, customer) : -1,
			.quantity = script[i].quantity,
			.original = -1,
		};

		book->lines[i] = line;
	}
	book_arrange(book, calls);
}

/* What is told of each line: answer, line, on_hand, version, movement. */
typedef struct Row
{
	int			answer;
	int64_t		line;
	int64_t		on_hand;
	int64_t		version;
	int64_t		movement;
} Row;

#define NONE UNTOLD

static const Row as_lines[NLINES] = {
	{LINE_DONE, 1, 7, 2, 101}, {LINE_DONE, 1, 3, 2, 102},
	{LINE_DONE, 1, 3, 3, 103},
	{LINE_REFUSED, 1, 3, 3, NONE}, {LINE_DONE, 1, 2, 3, 104},
	{LINE_DONE, 1, 5, 4, 105}, {LINE_DONE, 1, 6, 5, 106},
	{LINE_DONE, 1, 3, 4, 107},
	{LINE_REFUSED, 1, 3, 4, NONE}, {LINE_DONE, 1, 1, 6, 108},
	{LINE_DONE, 1, 6, 7, 109}, {LINE_DONE, 1, 10, 8, 110},
};

static const Row as_orders[NLINES] = {
	{LINE_DONE, 1, 3, 2, 101}, {LINE_DONE, 2, 3, 2, 102},
	{LINE_DONE, 3, 3, 2, 101},
	{LINE_REFUSED, 1, 3, 2, NONE}, {LINE_NOT_APPLIED, 2, 3, 2, NONE},
	{LINE_DONE, 1, 5, 3, 103}, {LINE_DONE, 1, 6, 4, 104},
	{LINE_DONE, 1, 4, 3, 105},
	{LINE_DONE, 1, 0, 4, 106}, {LINE_DONE, 2, 1, 5, 107},
	{LINE_DONE, 1, 6, 6, 108}, {LINE_DONE, 1, 10, 7, 109},
};

static const Row as_apply[NLINES] = {
	{LINE_DONE, 1, 3, 2, 101}, {LINE_DONE, 2, 3, 2, 102},
	{LINE_DONE, 3, 3, 2, 101},
	{LINE_REFUSED, 1, 3, 2, NONE}, {LINE_NOT_APPLIED, 2, 3, 2, NONE},
	{LINE_DONE, 1, 6, 3, 103}, {LINE_DONE, 2, 6, 3, 103},
	{LINE_DONE, 3, 4, 3, 104},
	{LINE_DONE, 1, 0, 4, 105}, {LINE_DONE, 2, 1, 4, 106},
	{LINE_DONE, 1, 10, 6, 107}, {LINE_DONE, 2, 10, 6, 108},
};

static const Row *const rows[] = {
	[CALLS_LINES] = as_lines,
	[CALLS_ORDERS] = as_orders,
	[CALLS_APPLY] = as_apply,
};

static void
answer_honestly(const Book *book, Calls calls, Told *told)
{
	for (int i = 0; i < NLINES; i++)
	{
		const Row  *row = &rows[calls][i];
		int32_t		quantity = book->lines[i].quantity;
		const Told	line = {
			.answer = row->answer,
			.sku = book->lines[i].sku,
			.line = row->line,
			.quantity = quantity < 0 ? -quantity : quantity,
			.on_hand = row->on_hand,
			.available = row->on_hand,
			.version = row->version,
			.movement = row->movement,
			.plain = true,
		};

		told[i] = line;
	}
}

/* ---------- the faults ---------- */

static void
spoil_nothing(Told *told)
{
	(void) told;
}

static void
forget_line(Told *told)
{
	told[LATE_B].answer = LINE_UNTOLD;
}

static void
refuse_what_suffices(Told *told)
{
	told[SALE_B].answer = LINE_REFUSED;
}

static void
sell_what_is_short(Told *told)
{
	told[SHORT_A].answer = LINE_DONE;
}

/* Which of the lines was short, and which only went with it? */
static void
blame_other_line(Told *told)
{
	told[SHORT_B].answer = told[SHORT_B].answer == LINE_REFUSED ?
		LINE_NOT_APPLIED : LINE_REFUSED;
}

static void
answer_other_sku(Told *told)
{
	told[SALE_B].sku = -1;
}

static void
answer_other_line(Told *told)
{
	told[AGAIN_A].line++;
}

static void
answer_other_quantity(Told *told)
{
	told[SALE_A_TOO].quantity--;
}

static void
answer_other_on_hand(Told *told)
{
	told[BACK_A].on_hand--;
}

static void
answer_no_on_hand(Told *told)
{
	told[SHORT_B].on_hand = UNTOLD;
}

static void
answer_other_available(Told *told)
{
	told[BACK_B].available++;
}

static void
answer_other_version(Told *told)
{
	told[AGAIN_A].version++;
}

static void
answer_reserved(Told *told)
{
	told[SALE_A].plain = false;
}

static void
answer_no_movement(Told *told)
{
	told[BACK_UNKNOWN].movement = UNTOLD;
}

static void
move_in_refusal(Told *told)
{
	told[SHORT_A].movement = 200;
}

/* Lines on one stock row that should share a movement, or should not. */
static void
share_otherwise(Told *told)
{
	told[SALE_A_TOO].movement = told[SALE_A_TOO].movement ==
		told[SALE_A].movement ? told[SALE_B].movement :
		told[SALE_A].movement;
}

static void
move_before(Told *told)
{
	told[AGAIN_A].movement = told[SALE_A].movement - 1;
}

static const struct
{
	const char *name;
	void		(*spoil) (Told *told);
}			cases[] = {
	{"honest answers", spoil_nothing},
	{"a line without an answer", forget_line},
	{"a refusal although there is enough", refuse_what_suffices},
	{"a sale of more than there is", sell_what_is_short},
	{"the wrong line is refused", blame_other_line},
	{"another SKU", answer_other_sku},
	{"another line", answer_other_line},
	{"another quantity", answer_other_quantity},
	{"another on_hand", answer_other_on_hand},
	{"no on_hand", answer_no_on_hand},
	{"another available", answer_other_available},
	{"another version", answer_other_version},
	{"something reserved, backordered or replayed", answer_reserved},
	{"no movement", answer_no_movement},
	{"a movement of a refused line", move_in_refusal},
	{"lines share a movement wrongly", share_otherwise},
	{"a movement before an earlier one", move_before},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static bool
test_case(const Book *book, Calls calls, const Told *expected, size_t number)
{
	static const char *const names[] = {
		[CALLS_LINES] = "lines",
		[CALLS_ORDERS] = "orders",
		[CALLS_APPLY] = "apply",
	};
	Told		told[NLINES];
	bool		found;

	answer_honestly(book, calls, told);
	cases[number].spoil(told);
	found = audit_answers(book, told, expected, false) > 0;
	printf("%s: %s, %s: %s\n", found == (number > 0) ? "ok" : "WRONG",
		   names[calls], cases[number].name,
		   found ? "found" : "nothing found");
	return found == (number > 0);
}

int
audit_self_test(void)
{
	int			wrong = 0;

	for (int calls = CALLS_LINES; calls <= CALLS_APPLY; calls++)
	{
		Book		book = {0};
		Told		expected[NLINES] = {{0}};
		int64_t		on_hand[2];

		write_book(&book, (Calls) calls);
		book_simulate(&book, expected, on_hand);
		for (size_t i = 0; i < CASES; i++)
			wrong += !test_case(&book, (Calls) calls, expected, i);
	}
	printf("self-test: %s\n", wrong ? "WRONG" : "OK");
	return wrong ? EXIT_WRONG : EXIT_SUCCESS;
}
