/*
 * check.h - what the clients were told, against what the tables say
 *
 * This is the checker outside the database.  It owns no connection and asks
 * nothing: it is given a History and judges it.
 *
 * The contract: sold, refused, in doubt and oversold come from the calls
 * alone, that is from what each client asked and was told.  The levels and
 * movements, read after the last client has gone, only serve to find out
 * whether the tables agree with that.
 *
 * A history is complete: no other program moved the same stock between the
 * opening and the final levels.  A call is a kind, one stock row, a quantity
 * and an answer.  A new kind of call of one line is a new row in call_kinds;
 * what moves reserved, several stock rows, or hot stock (whose versions are
 * lower bounds) needs the replay in check.c to learn it first.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

#include "client.h"

typedef enum KindOfCall
{
	CALL_DEDUCT,
	CALL_DEDUCT_STRICT,
	CALL_RECEIVE,
	CALL_KINDS
} KindOfCall;

typedef struct CallKind
{
	const char *name;			/* also the name of the prepared statement */
	const char *statement;		/* $1 sku, $2 quantity, $3 reference */
	const char *movement;		/* inv_movement.kind of its effect */
	int			direction;		/* what one unit does to on hand */
	const char *refusal;		/* the status or SQLSTATE of a refusal */
} CallKind;

extern const CallKind call_kinds[CALL_KINDS];

typedef enum Answer
{
	ANSWER_IN_DOUBT,			/* sent, and the answer never came */
	ANSWER_OK,
	ANSWER_REFUSED,				/* not enough */
	ANSWER_ERROR				/* anything else that is not ok */
} Answer;

typedef struct Call
{
	/* who asked for what */
	int32_t		client;
	int32_t		number;			/* counts the calls of the client from 0 */
	int32_t		stock;			/* index in History.stocks */
	KindOfCall	kind;
	int64_t		quantity;
	int64_t		sent;			/* client_now() */
	int64_t		seen_version;	/* highest version anyone had been told of
								 * this stock when the call was sent */

	/* what came back; UNTOLD where it was not said */
	Answer		answer;
	char		code[20];		/* SQLSTATE or status unless ok */
	int64_t		answered;
	int32_t		told_stock;		/* -1: none of History.stocks */
	bool		told_replayed;
	int64_t		told_quantity;
	int64_t		told_on_hand;
	int64_t		told_reserved;
	int64_t		told_available;
	int64_t		told_version;
	int64_t		told_movement;

	/* the checker's own: the movements under this call's reference */
	int32_t		nmovements;
	int64_t		movement;		/* index of the first of them */
} Call;

typedef struct CallLog
{
	Call	   *calls;
	int64_t		count;
	int64_t		room;
} CallLog;

typedef struct Level
{
	int64_t		on_hand;
	int64_t		reserved;
	int64_t		available;
	int64_t		version;
} Level;

typedef struct Stock
{
	const char *sku;
	const char *location;
	Level		opening;
	Level		final;
} Stock;

typedef struct Movement
{
	int64_t		movement_id;
	int32_t		stock;			/* -1: none of History.stocks */
	const char *kind;
	int64_t		on_hand_delta;
	int64_t		version;
	const char *reference;		/* may be NULL */
} Movement;

typedef struct History
{
	const char *run;			/* what the references of the run start with */
	int32_t		nclients;
	CallLog    *logs;			/* one for each client */
	int32_t		nstocks;
	Stock	   *stocks;
	NameMap		skus;			/* stocks[i] is of skus.names[i] */
	int64_t		nmovements;
	Movement   *movements;		/* under a reference of this run, or of these
								 * stocks since their opening version */
	int64_t		discrepancies;	/* rows of inv_verify() */
	const char *discrepancy;	/* the first of them */
} History;

typedef enum Rule
{
	RULE_LOST,					/* acknowledged, and no movement */
	RULE_TWICE,					/* two movements under one reference */
	RULE_DIFFERS,				/* the movement is not what was told */
	RULE_TRACE,					/* refused or failed, and yet a movement */
	RULE_FOREIGN,				/* a movement that no client asked for */
	RULE_ANSWER,				/* the answer contradicts itself or the call */
	RULE_ERROR,					/* an error this run should not meet */
	RULE_REFUSAL,				/* refused although there was enough */
	RULE_SAME_VERSION,			/* a version told twice */
	RULE_NO_VERSION,			/* a version nobody was told */
	RULE_SEQUENCE,				/* on hand does not follow from the versions */
	RULE_STALE,					/* the answer ignores what was acknowledged */
	RULE_OVERSOLD,				/* more sold than there was */
	RULE_BALANCE,				/* final is not opening plus movements */
	RULE_VERIFY,				/* inv_verify() found something */
	RULES
} Rule;

typedef struct Verdict
{
	int64_t		sold_units;
	int64_t		sold_calls;
	int64_t		refused_calls;
	int64_t		error_calls;
	int64_t		doubt_calls;
	int64_t		oversold_units;
	int64_t		left_units;
	int64_t		broken[RULES];	/* violations of each rule */
	int64_t		violations;		/* all together */
} Verdict;

#define REFERENCE_SIZE 64

/* The reference under which a call is made: run - client - number. */
extern void call_reference(const History *history, const Call *call,
						   char *buffer);

/*
 * check_history - judge a history
 *
 * Writes the first 20 violations to out, if out is not NULL, one line each.
 */
extern Verdict check_history(History *history, FILE *out);

#endif							/* CHECK_H */
