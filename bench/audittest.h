/*
 * audittest.h - can the audit of the answers fail?
 */
#ifndef AUDITTEST_H
#define AUDITTEST_H

/*
 * audit_self_test - spoil honest answers in one way at a time
 *
 * Prints one line for each and returns the exit status: EXIT_WRONG if a fault
 * was not found, or if honest answers were called wrong.
 */
extern int	audit_self_test(void);

#endif							/* AUDITTEST_H */
