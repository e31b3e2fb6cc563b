/*
 * selftest.h - can the checker fail?
 */
#ifndef SELFTEST_H
#define SELFTEST_H

/*
 * self_test - feed the checker histories with one fault each
 *
 * Prints one line for each and returns the exit status: EXIT_WRONG if a fault
 * was not found by the rule that is there for it, or if an honest history was
 * called wrong.
 */
extern int	self_test(void);

#endif							/* SELFTEST_H */
