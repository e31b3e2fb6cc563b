/*
 * selftest.c - can the checker fail?
 *
 * An honest history of three clients and two stock rows is made by a server
 * that lives in honest_call().  Each case spoils one thing in a fresh copy of
 * it, and the rule that is there for this fault must find it.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "selftest.h"

#define NO_FAULT RULES

#define NCLIENTS	3
#define NSTOCKS		2
#define MAX_EACH	16			/* calls of one client */

typedef struct Fake
{
	History		history;
	CallLog		logs[NCLIENTS];
	Call		calls[NCLIENTS][MAX_EACH];
	Stock		stocks[NSTOCKS];
	Movement	movements[NCLIENTS * MAX_EACH];
	char		references[NCLIENTS * MAX_EACH][REFERENCE_SIZE];
	int64_t		told_versions[NSTOCKS];
	int64_t		clock;
} Fake;

typedef struct Case
{
	const char *name;
	void		(*spoil) (Fake *fake);
	Rule		rule;
} Case;

/* What the script below lets each client do, in order. */
enum
{
	/* client 0 */
	FIRST_SALE = 0, STRICT_SALE, RECEIPT, SALE_OF_B,
	/* client 1 */
	DOUBT_DONE = 1, REFUSED, LAST_SALE,
	/* client 2 */
	DOUBT_NOT_DONE = 1, STRICT_REFUSED, FAILED, LAST_OF_B
};

/* ---------- an honest server ---------- */

static void
add_movement(Fake *fake, const Call *call)
{
	History    *history = &fake->history;
	int64_t		at = history->nmovements++;
	Movement	movement = {
		.movement_id = at + 1,
		.stock = call->stock,
		.kind = call_kinds[call->kind].movement,
		.on_hand_delta = call_kinds[call->kind].direction * call->quantity,
		.version = fake->stocks[call->stock].final.version,
		.reference = fake->references[at],
	};

	call_reference(history, call, fake->references[at]);
	fake->movements[at] = movement;
}

static void
tell_level(Fake *fake, Call *call)
{
	const Level *level = &fake->stocks[call->stock].final;

	call->told_stock = call->stock;
	call->told_quantity = call->quantity;
	call->told_available = level->available;
	call->told_on_hand = level->on_hand;
	call->told_reserved = level->reserved;
	call->told_version = level->version;
	if (call->answer == ANSWER_REFUSED && call->kind == CALL_DEDUCT_STRICT)
	{
		call->told_on_hand = call->told_reserved = UNTOLD;
		call->told_version = UNTOLD;
	}
	else
		fake->told_versions[call->stock] = level->version;
}

/* Do it if there is enough; says whether there was. */
static bool
honest_change(Fake *fake, const Call *call)
{
	Level	   *level = &fake->stocks[call->stock].final;
	int64_t		delta = call_kinds[call->kind].direction * call->quantity;

	if (level->available + delta < 0)
		return false;
	level->on_hand += delta;
	level->available += delta;
	level->version++;
	add_movement(fake, call);
	return true;
}

static Call *
new_call(Fake *fake, int32_t client, KindOfCall kind, int32_t stock,
		 int64_t quantity)
{
	CallLog    *log = &fake->logs[client];
	Call		call = {
		.client = client,
		.number = (int32_t) log->count,
		.kind = kind,
		.stock = stock,
		.quantity = quantity,
		.sent = fake->clock++,
		.seen_version = fake->told_versions[stock],
		.told_stock = -1,
		.told_quantity = UNTOLD,
		.told_version = UNTOLD,
		.told_available = UNTOLD,
	};

	call.answered = fake->clock++;
	log->calls[log->count] = call;
	return &log->calls[log->count++];
}

static void
honest_call(Fake *fake, int32_t client, KindOfCall kind, int32_t stock,
			int64_t quantity)
{
	Call	   *call = new_call(fake, client, kind, stock, quantity);

	call->answer = honest_change(fake, call) ? ANSWER_OK : ANSWER_REFUSED;
	if (call->answer == ANSWER_OK)
		call->told_movement = fake->history.nmovements;
	tell_level(fake, call);
}

/* The connection is lost before, or after, the server has done it. */
static void
doubtful_call(Fake *fake, int32_t client, KindOfCall kind, int32_t stock,
			  int64_t quantity, bool done)
{
	Call	   *call = new_call(fake, client, kind, stock, quantity);

	if (done)
		honest_change(fake, call);
}

static void
failed_call(Fake *fake, int32_t client, const char *code)
{
	Call	   *call = new_call(fake, client, CALL_DEDUCT, 0, 1);

	call->answer = ANSWER_ERROR;
	strcpy(call->code, code);
}

/* A of 10 units, and B of 4 units of which one may not be sold. */
static void
honest_history(Fake *fake)
{
	static const Stock stocks[NSTOCKS] = {
		{.sku = "A", .location = "main", .opening = {10, 0, 10, 1}},
		{.sku = "B", .location = "main", .opening = {4, 0, 3, 7}},
	};
	History    *history = &fake->history;

	history->run = "run.1";
	history->nclients = NCLIENTS;
	history->logs = fake->logs;
	history->nstocks = NSTOCKS;
	history->stocks = fake->stocks;
	history->movements = fake->movements;
	memcpy(fake->stocks, stocks, sizeof(stocks));
	for (int i = 0; i < NCLIENTS; i++)
		fake->logs[i].calls = fake->calls[i];
	for (int i = 0; i < NSTOCKS; i++)
	{
		fake->stocks[i].final = fake->stocks[i].opening;
		fake->told_versions[i] = fake->stocks[i].opening.version;
	}

	honest_call(fake, 1, CALL_DEDUCT, 1, 4);	/* refused: 3 of B */
	honest_call(fake, 2, CALL_DEDUCT_STRICT, 0, 11);	/* refused: 10 of A */
	honest_call(fake, 0, CALL_DEDUCT, 0, 3);	/* 7 of A left */
	doubtful_call(fake, 1, CALL_DEDUCT, 0, 2, true);	/* 5 left, untold */
	doubtful_call(fake, 2, CALL_DEDUCT, 0, 1, false);
	honest_call(fake, 0, CALL_DEDUCT_STRICT, 0, 4); /* 1 left */
	honest_call(fake, 1, CALL_DEDUCT, 0, 2);	/* refused */
	honest_call(fake, 2, CALL_DEDUCT_STRICT, 0, 3); /* refused */
	honest_call(fake, 0, CALL_RECEIVE, 0, 5);	/* 6 left */
	honest_call(fake, 1, CALL_DEDUCT, 0, 6);	/* none left */
	failed_call(fake, 2, "40001");
	honest_call(fake, 0, CALL_DEDUCT, 1, 3);	/* B down to its floor */
	honest_call(fake, 1, CALL_DEDUCT, 1, 1);	/* refused */
	doubtful_call(fake, 1, CALL_RECEIVE, 1, 2, true);
	honest_call(fake, 2, CALL_DEDUCT, 1, 2);	/* what came in doubt */
}

/* ---------- the faults ---------- */

/* The movement of a call that has one. */
static Movement *
movement_of(Fake *fake, int client, int number)
{
	char		reference[REFERENCE_SIZE];

	call_reference(&fake->history, &fake->calls[client][number], reference);
	for (int64_t i = 0; i < fake->history.nmovements; i++)
		if (strcmp(fake->references[i], reference) == 0)
			return &fake->movements[i];
	client_fail("the self-test is broken: no movement of %s", reference);
}

static void
spoil_nothing(Fake *fake)
{
	(void) fake;
}

/* The commit of an acknowledged call did not survive a crash. */
static void
lose_acknowledged(Fake *fake)
{
	Call	   *last = &fake->calls[2][LAST_OF_B];

	fake->history.nmovements--;
	fake->stocks[1].final.on_hand += last->quantity;
	fake->stocks[1].final.available += last->quantity;
	fake->stocks[1].final.version--;
}

static void
double_movement(Fake *fake)
{
	add_movement(fake, &fake->calls[0][FIRST_SALE]);
}

static void
double_doubtful(Fake *fake)
{
	add_movement(fake, &fake->calls[1][DOUBT_DONE]);
}

static void
change_quantity(Fake *fake)
{
	movement_of(fake, 0, FIRST_SALE)->on_hand_delta = -4;
}

static void
change_stock(Fake *fake)
{
	movement_of(fake, 0, FIRST_SALE)->stock = 1;
}

static void
change_kind(Fake *fake)
{
	movement_of(fake, 0, FIRST_SALE)->kind = "adjust";
}

static void
change_version(Fake *fake)
{
	movement_of(fake, 0, FIRST_SALE)->version++;
}

static void
change_movement_id(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_movement += 100;
}

static void
leave_trace_of_refusal(Fake *fake)
{
	add_movement(fake, &fake->calls[1][REFUSED]);
}

static void
leave_trace_of_error(Fake *fake)
{
	add_movement(fake, &fake->calls[2][FAILED]);
}

/* Somebody else sold from the same stock. */
static void
add_foreign(Fake *fake)
{
	add_movement(fake, &fake->calls[0][FIRST_SALE]);
	fake->movements[fake->history.nmovements - 1].reference = "order-17";
}

/* A reference of this run, of a call that no client has made. */
static void
add_unsent(Fake *fake)
{
	add_movement(fake, &fake->calls[0][FIRST_SALE]);
	strcpy(fake->references[fake->history.nmovements - 1], "run.1-0-99");
}

/* A reference that only looks like that of a call. */
static void
add_lookalike(Fake *fake)
{
	movement_of(fake, 0, RECEIPT)->reference = "run.1-0-02";
}

static void
answer_other_quantity(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_quantity--;
}

static void
answer_other_stock(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_stock = 1;
}

static void
answer_replayed(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_replayed = true;
}

static void
answer_without_level(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_on_hand = UNTOLD;
}

static void
answer_wrong_sum(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_available++;
}

static void
fail_oddly(Fake *fake)
{
	strcpy(fake->calls[2][FAILED].code, "XX000");
}

/* "Not enough" to one who asked for less than what it says there is. */
static void
refuse_falsely(Fake *fake)
{
	fake->calls[1][REFUSED].quantity = 1;
	fake->calls[1][REFUSED].told_quantity = 1;
}

/* The same by an error, with a number that was never so. */
static void
refuse_with_a_lie(Fake *fake)
{
	fake->calls[2][STRICT_REFUSED].told_available = 2;
}

/* A number that was so, but only before what had been acknowledged since. */
static void
refuse_with_the_past(Fake *fake)
{
	fake->calls[2][STRICT_REFUSED].quantity = 8;
	fake->calls[2][STRICT_REFUSED].told_quantity = 8;
	fake->calls[2][STRICT_REFUSED].told_available = 7;
}

/* A number that became so only after the answer. */
static void
refuse_with_the_future(Fake *fake)
{
	fake->calls[2][STRICT_REFUSED].told_available = 0;
}

/* A number that was so, but not at the version that was told with it. */
static void
refuse_at_other_version(Fake *fake)
{
	fake->calls[1][REFUSED].told_version--;
}

static void
refuse_without_a_number(Fake *fake)
{
	fake->calls[2][STRICT_REFUSED].told_available = UNTOLD;
}

/* Two buyers are told the same version: one of the updates was lost. */
static void
lose_update(Fake *fake)
{
	Call	   *first = &fake->calls[0][FIRST_SALE];
	Call	   *second = &fake->calls[0][STRICT_SALE];

	second->told_version = first->told_version;
	movement_of(fake, 0, STRICT_SALE)->version = first->told_version;
}

static void
skip_version(Fake *fake)
{
	fake->calls[2][LAST_OF_B].told_version++;
	movement_of(fake, 2, LAST_OF_B)->version++;
	fake->stocks[1].final.version++;
}

static void
end_at_other_version(Fake *fake)
{
	fake->stocks[1].final.version++;
}

static void
tell_wrong_on_hand(Fake *fake)
{
	fake->calls[0][FIRST_SALE].told_on_hand++;
	fake->calls[0][FIRST_SALE].told_available++;
}

/* The sale does not know of the receipt that was acknowledged before. */
static void
forget_acknowledged(Fake *fake)
{
	fake->calls[1][LAST_SALE].seen_version =
		fake->calls[1][LAST_SALE].told_version;
}

static void
refuse_from_the_past(Fake *fake)
{
	fake->calls[1][REFUSED].seen_version++;
}

/* Two units of A are sold that were never there; the tables play along. */
static void
oversell(Fake *fake)
{
	Call	   *call = &fake->calls[1][REFUSED];

	call->answer = ANSWER_OK;
	call->told_on_hand -= call->quantity;
	call->told_available -= call->quantity;
}

/* The same without a trace: only what the clients were told gives it away. */
static void
oversell_silently(Fake *fake)
{
	fake->stocks[0].opening.available = 7;
}

static void
sell_below_zero(Fake *fake)
{
	fake->calls[1][LAST_SALE].told_available = -1;
	fake->calls[1][LAST_SALE].told_on_hand = -1;
}

static void
change_balance(Fake *fake)
{
	fake->stocks[0].final.on_hand++;
}

static void
find_discrepancy(Fake *fake)
{
	fake->history.discrepancies = 1;
	fake->history.discrepancy = "(A,main,on_hand,1,0)";
}

static const Case cases[] = {
	{"an honest run", spoil_nothing, NO_FAULT},
	{"an acknowledged call is lost", lose_acknowledged, RULE_LOST},
	{"a movement is there twice", double_movement, RULE_TWICE},
	{"a call in doubt is done twice", double_doubtful, RULE_TWICE},
	{"the ledger has another quantity", change_quantity, RULE_DIFFERS},
	{"the ledger has another stock", change_stock, RULE_DIFFERS},
	{"the ledger has another kind", change_kind, RULE_DIFFERS},
	{"the ledger has another version", change_version, RULE_DIFFERS},
	{"another movement was told", change_movement_id, RULE_DIFFERS},
	{"a refusal leaves a trace", leave_trace_of_refusal, RULE_TRACE},
	{"an error leaves a trace", leave_trace_of_error, RULE_TRACE},
	{"somebody else moved the stock", add_foreign, RULE_FOREIGN},
	{"a movement nobody asked for", add_unsent, RULE_FOREIGN},
	{"a reference like that of a call", add_lookalike, RULE_FOREIGN},
	{"the answer has another quantity", answer_other_quantity, RULE_ANSWER},
	{"the answer has another stock", answer_other_stock, RULE_ANSWER},
	{"the answer is another call's", answer_replayed, RULE_ANSWER},
	{"the answer has no level", answer_without_level, RULE_ANSWER},
	{"the answer does not add up", answer_wrong_sum, RULE_ANSWER},
	{"an error nobody expects", fail_oddly, RULE_ERROR},
	{"refused though there was enough", refuse_falsely, RULE_REFUSAL},
	{"refused with a number never so", refuse_with_a_lie, RULE_REFUSAL},
	{"refused with an old number", refuse_with_the_past, RULE_REFUSAL},
	{"refused with a later number", refuse_with_the_future, RULE_REFUSAL},
	{"refused with another version", refuse_at_other_version, RULE_REFUSAL},
	{"refused without a number", refuse_without_a_number, RULE_REFUSAL},
	{"two calls told one version", lose_update, RULE_SAME_VERSION},
	{"a version is missing", skip_version, RULE_NO_VERSION},
	{"a last change nobody was told", end_at_other_version, RULE_NO_VERSION},
	{"a wrong on hand was told", tell_wrong_on_hand, RULE_SEQUENCE},
	{"a sale ignores the acknowledged", forget_acknowledged, RULE_STALE},
	{"a refusal ignores it", refuse_from_the_past, RULE_STALE},
	{"more is sold than there is", oversell, RULE_OVERSOLD},
	{"the same, and the tables agree", oversell_silently, RULE_OVERSOLD},
	{"sold below zero", sell_below_zero, RULE_OVERSOLD},
	{"the final stock is another", change_balance, RULE_BALANCE},
	{"inv_verify() finds something", find_discrepancy, RULE_VERIFY},
};

/* The sums of the honest history, worked out by hand. */
static bool
sums_are_right(const Verdict *verdict)
{
	return verdict->sold_units == 18 && verdict->sold_calls == 5 &&
		verdict->refused_calls == 5 && verdict->error_calls == 1 &&
		verdict->doubt_calls == 3 && verdict->left_units == 1;
}

static bool
run_case(const Case *test)
{
	Fake	   *fake = client_alloc(sizeof(Fake));
	Verdict		verdict;
	bool		passed;

	honest_history(fake);
	test->spoil(fake);
	verdict = check_history(&fake->history, NULL);
	if (test->rule == NO_FAULT)
		passed = verdict.violations == 0 && sums_are_right(&verdict);
	else
		passed = verdict.violations > 0 && verdict.broken[test->rule] > 0;
	passed &= verdict.oversold_units == (test->spoil == oversell_silently);
	printf("%s: %s\n", passed ? "ok" : "FAILED", test->name);
	free(fake);
	return passed;
}

int
self_test(void)
{
	size_t		ncases = sizeof(cases) / sizeof(*cases);
	size_t		npassed = 0;

	for (size_t i = 0; i < ncases; i++)
		npassed += run_case(&cases[i]);
	printf("self-test: %zu of %zu cases judged rightly\n", npassed, ncases);
	return npassed == ncases ? EXIT_SUCCESS : EXIT_WRONG;
}
