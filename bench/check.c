/*
 * check.c - judge what the clients were told
 *
 * Three passes: every movement is brought home to the call that asked for it;
 * every call is compared with its answer and its movement; and the changes of
 * every stock row are replayed in the order of their versions, which must
 * give every on hand that anybody was told.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define MAX_REPORTED 20

const CallKind call_kinds[CALL_KINDS] = {
	[CALL_DEDUCT] = {
		.name = "deduct",
		.statement = "SELECT * FROM inv_deduct($1, $2, reference => $3, "
		"strict => false)",
		.movement = "deduct",
		.direction = -1,
		.refusal = "insufficient_stock",
	},
	[CALL_DEDUCT_STRICT] = {
		.name = "deduct_strict",
		.statement = "SELECT * FROM inv_deduct($1, $2, reference => $3, "
		"strict => true)",
		.movement = "deduct",
		.direction = -1,
		.refusal = "IV001",
	},
	[CALL_RECEIVE] = {
		.name = "receive",
		.statement = "SELECT * FROM inv_receive($1, $2, reference => $3)",
		.movement = "receive",
		.direction = 1,
	},
};

/*
 * What a caller is expected to retry: serialization failure, deadlock, lock
 * timeout, statement timeout.  Any other error means that something broke.
 */
static const char *const ordinary_errors[] = {
	"40001", "40P01", "55P03", "57014"
};

/* One change of one stock row, for the replay. */
typedef struct Step
{
	int32_t		stock;
	int64_t		version;
	int64_t		delta;
	int64_t		told_on_hand;	/* UNTOLD for a call in doubt */
	int64_t		on_hand;		/* after it, by the replay */
	const Call *call;
} Step;

typedef struct Judge
{
	History    *history;
	Verdict		verdict;
	FILE	   *out;
	Step	   *steps;			/* by stock and version */
	int64_t		nsteps;
} Judge;

void
call_reference(const History *history, const Call *call, char *buffer)
{
	snprintf(buffer, REFERENCE_SIZE, "%s-%d-%d", history->run,
			 call->client, call->number);
}

static void report(Judge *judge, Rule rule, const Call *call,
				   const char *format, ...)
			__attribute__((format(printf, 4, 5)));

/* report - count a violation and say it; call may be NULL */
static void
report(Judge *judge, Rule rule, const Call *call, const char *format, ...)
{
	FILE	   *out = judge->out;
	char		reference[REFERENCE_SIZE];
	va_list		args;

	judge->verdict.broken[rule]++;
	if (judge->verdict.violations++ >= MAX_REPORTED || out == NULL)
		return;
	fputs("WRONG: ", out);
	if (call != NULL)
	{
		call_reference(judge->history, call, reference);
		fprintf(out, "%s %s of %lld %s: ", reference,
				call_kinds[call->kind].name, (long long) call->quantity,
				judge->history->stocks[call->stock].sku);
	}
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

/* ---------- which call asked for which movement ---------- */

/* A number as call_reference writes it, ended by the given character. */
static const char *
parse_part(const char *text, char end, int64_t *number)
{
	const char *start = text;

	*number = 0;
	while (*text >= '0' && *text <= '9' && text - start < 10)
		*number = *number * 10 + (*text++ - '0');
	if (text == start || *text != end || (*start == '0' && text - start > 1))
		return NULL;
	return text + 1;
}

/* The call that was made under a reference; NULL if there was none. */
static Call *
find_call(const History *history, const char *reference)
{
	size_t		length = strlen(history->run);
	int64_t		client;
	int64_t		number;

	if (reference == NULL || strncmp(reference, history->run, length) != 0 ||
		reference[length] != '-')
		return NULL;
	reference = parse_part(reference + length + 1, '-', &client);
	if (reference == NULL || client >= history->nclients ||
		parse_part(reference, '\0', &number) == NULL ||
		number >= history->logs[client].count)
		return NULL;
	return &history->logs[client].calls[number];
}

static void
match_movements(Judge *judge)
{
	History    *history = judge->history;

	for (int64_t i = 0; i < history->nmovements; i++)
	{
		Movement   *movement = &history->movements[i];
		Call	   *call = find_call(history, movement->reference);

		if (call == NULL)
			report(judge, RULE_FOREIGN, NULL,
				   "no client asked for movement %lld (%s)",
				   (long long) movement->movement_id,
				   movement->reference ? movement->reference
				   : "no reference");
		else if (call->nmovements++ == 0)
			call->movement = i;
	}
}

/* ---------- each call by itself ---------- */

static void
check_movement(Judge *judge, const Call *call)
{
	const Movement *movement = &judge->history->movements[call->movement];
	const CallKind *kind = &call_kinds[call->kind];

	if (movement->stock != call->stock ||
		movement->on_hand_delta != kind->direction * call->quantity ||
		strcmp(movement->kind, kind->movement) != 0)
		report(judge, RULE_DIFFERS, call,
			   "movement %lld is a %s of %+lld, perhaps of another stock",
			   (long long) movement->movement_id, movement->kind,
			   (long long) movement->on_hand_delta);
	else if (call->answer == ANSWER_OK &&
			 (movement->version != call->told_version ||
			  movement->movement_id != call->told_movement))
		report(judge, RULE_DIFFERS, call,
			   "told movement %lld, version %lld; the ledger has "
			   "movement %lld, version %lld",
			   (long long) call->told_movement,
			   (long long) call->told_version,
			   (long long) movement->movement_id,
			   (long long) movement->version);
}

/* check_effects - the right number of movements, and the right ones */
static void
check_effects(Judge *judge, const Call *call)
{
	if (call->nmovements > 1)
		report(judge, RULE_TWICE, call, "%d movements under its reference",
			   call->nmovements);
	if (call->answer == ANSWER_OK && call->nmovements == 0)
		report(judge, RULE_LOST, call,
			   "acknowledged as version %lld, and no movement",
			   (long long) call->told_version);
	else if (call->nmovements > 0 && (call->answer == ANSWER_REFUSED ||
									  call->answer == ANSWER_ERROR))
		report(judge, RULE_TRACE, call, "answered %s, and yet a movement",
			   call->code);
	else if (call->nmovements > 0)
		check_movement(judge, call);
}

/* check_told - the answer fits the call and adds up in itself */
static void
check_told(Judge *judge, const Call *call)
{
	const Level *opening = &judge->history->stocks[call->stock].opening;
	int64_t		floor;

	if (call->told_stock != call->stock ||
		call->told_quantity != call->quantity || call->told_replayed)
		report(judge, RULE_ANSWER, call,
			   "the answer is about another stock, quantity or call");

	/* a refusal that is raised tells only what is available */
	if (call->answer == ANSWER_REFUSED && call->told_version == UNTOLD)
		return;
	if (call->told_version == UNTOLD || call->told_on_hand == UNTOLD ||
		call->told_reserved == UNTOLD || call->told_available == UNTOLD)
	{
		report(judge, RULE_ANSWER, call, "the answer tells no level");
		return;
	}
	floor = opening->on_hand - opening->reserved - opening->available;
	if (call->told_available !=
		call->told_on_hand - call->told_reserved - floor)
		report(judge, RULE_ANSWER, call,
			   "told on hand %lld, reserved %lld, available %lld",
			   (long long) call->told_on_hand,
			   (long long) call->told_reserved,
			   (long long) call->told_available);
	if (call->answer == ANSWER_OK && call->told_available < 0 &&
		call_kinds[call->kind].direction < 0)
		report(judge, RULE_OVERSOLD, call, "sold down to %lld available",
			   (long long) call->told_available);
	if (call->told_version < call->seen_version +
		(call->answer == ANSWER_OK ? 1 : 0))
		report(judge, RULE_STALE, call,
			   "told version %lld, but %lld had been told before it was sent",
			   (long long) call->told_version,
			   (long long) call->seen_version);
}

static bool
is_ordinary(const char *code)
{
	size_t		count = sizeof(ordinary_errors) / sizeof(*ordinary_errors);

	for (size_t i = 0; i < count; i++)
		if (strcmp(code, ordinary_errors[i]) == 0)
			return true;
	return false;
}

static void
check_call(Judge *judge, const Call *call)
{
	check_effects(judge, call);
	if (call->answer == ANSWER_OK || call->answer == ANSWER_REFUSED)
		check_told(judge, call);
	else if (call->answer == ANSWER_ERROR && !is_ordinary(call->code))
		report(judge, RULE_ERROR, call, "failed with %s", call->code);
}

/* ---------- the changes of each stock row, one after the other ---------- */

static int
compare_steps(const void *left, const void *right)
{
	const Step *a = left;
	const Step *b = right;

	if (a->stock != b->stock)
		return a->stock < b->stock ? -1 : 1;
	return a->version < b->version ? -1 : a->version > b->version;
}

static void
add_step(Judge *judge, const Call *call)
{
	Step		step = {
		.stock = call->stock,
		.version = call->told_version,
		.delta = call_kinds[call->kind].direction * call->quantity,
		.told_on_hand = call->told_on_hand,
		.call = call,
	};

	if (call->answer == ANSWER_IN_DOUBT && call->nmovements > 0)
	{
		step.version = judge->history->movements[call->movement].version;
		step.told_on_hand = UNTOLD;
	}
	else if (call->answer != ANSWER_OK)
		return;
	judge->steps[judge->nsteps++] = step;
}

/*
 * replay_stock - go through the changes of one stock row
 *
 * Returns the first step of the next stock.  After a violation it goes on
 * from what was told, so that one fault is not reported many times.
 */
static int64_t
replay_stock(Judge *judge, int32_t stock, int64_t at)
{
	const Stock *row = &judge->history->stocks[stock];
	int64_t		version = row->opening.version;
	int64_t		on_hand = row->opening.on_hand;

	for (; at < judge->nsteps && judge->steps[at].stock == stock; at++)
	{
		Step	   *step = &judge->steps[at];

		if (step->version <= version)
			report(judge, RULE_SAME_VERSION, step->call,
				   "version %lld belongs to an earlier change",
				   (long long) step->version);
		else
		{
			if (step->version > version + 1)
				report(judge, RULE_NO_VERSION, step->call,
					   "told version %lld, and nobody was told %lld",
					   (long long) step->version, (long long) version + 1);
			version = step->version;
			on_hand += step->delta;
		}
		if (step->told_on_hand != UNTOLD && step->told_on_hand != on_hand)
		{
			report(judge, RULE_SEQUENCE, step->call,
				   "told on hand %lld at version %lld, %lld would follow",
				   (long long) step->told_on_hand, (long long) version,
				   (long long) on_hand);
			on_hand = step->told_on_hand;
		}
		step->on_hand = on_hand;
	}
	if (version != row->final.version)
		report(judge, RULE_NO_VERSION, NULL,
			   "%s ends at version %lld, the last one told is %lld",
			   row->sku, (long long) row->final.version,
			   (long long) version);
	return at;
}

static void
replay_steps(Judge *judge)
{
	const History *history = judge->history;
	int64_t		at = 0;

	qsort(judge->steps, (size_t) judge->nsteps, sizeof(Step), compare_steps);
	for (int32_t stock = 0; stock < history->nstocks; stock++)
		at = replay_stock(judge, stock, at);
}

/* The first step of a stock row that has at least this version. */
static int64_t
find_step(const Judge *judge, int32_t stock, int64_t version)
{
	const Step	wanted = {.stock = stock, .version = version};
	int64_t		low = 0;
	int64_t		high = judge->nsteps;

	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (compare_steps(&judge->steps[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * was_true - was what a refusal told ever so, at a time it could have seen?
 *
 * Not before what had been acknowledged when it was sent, and not after
 * something that was sent when it had been answered; at exactly one version,
 * if it told one.
 */
static bool
was_true(const Judge *judge, const Call *call)
{
	const Level *opening = &judge->history->stocks[call->stock].opening;
	int64_t		withheld = opening->on_hand - opening->available;
	bool		exact = call->told_version != UNTOLD;
	int64_t		from = exact ? call->told_version : call->seen_version;

	if (from <= opening->version &&
		call->told_available == opening->available)
		return true;
	for (int64_t at = find_step(judge, call->stock, from);
		 at < judge->nsteps && judge->steps[at].stock == call->stock; at++)
	{
		const Step *step = &judge->steps[at];

		if (step->call->sent > call->answered ||
			(exact && step->version != from))
			return false;
		if (step->on_hand - withheld == call->told_available)
			return true;
	}
	return false;
}

static void
check_refusal(Judge *judge, const Call *call)
{
	if (call->answer != ANSWER_REFUSED)
		return;
	if (call->told_available == UNTOLD)
		report(judge, RULE_REFUSAL, call, "refused without a number");
	else if (call->told_available >= call->quantity)
		report(judge, RULE_REFUSAL, call, "refused with %lld available",
			   (long long) call->told_available);
	else if (!was_true(judge, call))
		report(judge, RULE_REFUSAL, call,
			   "refused with %lld available, which was not so at that time",
			   (long long) call->told_available);
}

/* ---------- the sums ---------- */

static void
count_call(Verdict *verdict, const Call *call)
{
	switch (call->answer)
	{
		case ANSWER_OK:
			if (call_kinds[call->kind].direction < 0)
			{
				verdict->sold_units += call->quantity;
				verdict->sold_calls++;
			}
			break;
		case ANSWER_REFUSED:
			verdict->refused_calls++;
			break;
		case ANSWER_ERROR:
			verdict->error_calls++;
			break;
		case ANSWER_IN_DOUBT:
			verdict->doubt_calls++;
			break;
	}
}

/*
 * add_promise - the units of a stock row that were promised beyond what the
 * row had to offer, so far
 *
 * A receipt in doubt may have come, so it counts; a sale in doubt was
 * promised to nobody, so it does not.
 */
static void
add_promise(const Call *call, int64_t *promised)
{
	int			direction = call_kinds[call->kind].direction;

	if (call->answer == ANSWER_OK ||
		(call->answer == ANSWER_IN_DOUBT && direction > 0))
		promised[call->stock] -= direction * call->quantity;
}

static void
check_balance(Judge *judge)
{
	const History *history = judge->history;
	int64_t    *moved = client_alloc((size_t) history->nstocks *
									 sizeof(int64_t));

	for (int64_t i = 0; i < history->nmovements; i++)
		if (history->movements[i].stock >= 0)
			moved[history->movements[i].stock] +=
				history->movements[i].on_hand_delta;
	for (int32_t i = 0; i < history->nstocks; i++)
	{
		const Stock *stock = &history->stocks[i];

		judge->verdict.left_units += stock->final.on_hand;
		if (stock->final.on_hand != stock->opening.on_hand + moved[i])
			report(judge, RULE_BALANCE, NULL,
				   "%s has %lld on hand; %lld at first and %+lld moved",
				   stock->sku, (long long) stock->final.on_hand,
				   (long long) stock->opening.on_hand, (long long) moved[i]);
	}
	free(moved);
}

static void
check_oversold(Judge *judge, const int64_t *promised)
{
	for (int32_t i = 0; i < judge->history->nstocks; i++)
	{
		const Stock *stock = &judge->history->stocks[i];
		int64_t		oversold = promised[i] - stock->opening.available;

		if (oversold <= 0)
			continue;
		judge->verdict.oversold_units += oversold;
		report(judge, RULE_OVERSOLD, NULL, "%s is oversold by %lld units",
			   stock->sku, (long long) oversold);
	}
}

/* Call a function for each call of a history. */
#define FOR_EACH_CALL(history, call) \
	for (int32_t client_ = 0; client_ < (history)->nclients; client_++) \
		for (Call *call = (history)->logs[client_].calls, \
			 *end_ = call + (history)->logs[client_].count; \
			 call < end_; call++)

Verdict
check_history(History *history, FILE *out)
{
	Judge		judge = {.history = history, .out = out};
	int64_t    *promised = client_alloc((size_t) history->nstocks *
										sizeof(int64_t));
	int64_t		ncalls = 0;

	for (int32_t i = 0; i < history->nclients; i++)
		ncalls += history->logs[i].count;
	judge.steps = client_alloc((size_t) ncalls * sizeof(Step));

	FOR_EACH_CALL(history, call)
		call->nmovements = 0;
	match_movements(&judge);
	FOR_EACH_CALL(history, call)
	{
		count_call(&judge.verdict, call);
		add_promise(call, promised);
		check_call(&judge, call);
		add_step(&judge, call);
	}
	check_oversold(&judge, promised);
	replay_steps(&judge);
	FOR_EACH_CALL(history, call)
		check_refusal(&judge, call);
	check_balance(&judge);
	if (history->discrepancies > 0)
		report(&judge, RULE_VERIFY, NULL,
			   "inv_verify() returns %lld rows, the first: %s",
			   (long long) history->discrepancies, history->discrepancy);
	if (out != NULL && judge.verdict.violations > MAX_REPORTED)
		fprintf(out, "WRONG: and %lld more\n",
				(long long) judge.verdict.violations - MAX_REPORTED);
	free(judge.steps);
	free(promised);
	return judge.verdict;
}
