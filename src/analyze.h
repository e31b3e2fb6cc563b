/*
 * analyze.h
 *		Refusing statements that would run one call several times.
 */
#ifndef INV_ANALYZE_H
#define INV_ANALYZE_H

extern void inv_analyze_init(void);

#endif							/* INV_ANALYZE_H */
