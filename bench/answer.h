/*
 * answer.h - what the server said to a call
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "check.h"

/* Write an answer into its call: a row, or an error that is not fatal. */
extern void answer_take(const History *history, Call *call,
						const PGresult *result);

#endif							/* ANSWER_H */
