/*
 * csv.h - read RFC 4180 files, plain or compressed by gzip
 */
#ifndef CSV_H
#define CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CsvFile CsvFile;

/* Open a file for reading; one that cannot be opened ends the program. */
extern CsvFile *csv_open(const char *path);

/*
 * csv_row - read the next record
 *
 * True with exactly nfields texts, which live until the next call; false at
 * the end of the file.  Anything that RFC 4180 does not allow, and any other
 * number of fields, ends the program with the line it is on.
 */
extern bool csv_row(CsvFile *file, const char **fields, int nfields);

/* The line on which the record just read begins; the first one is 1. */
extern int64_t csv_line(const CsvFile *file);

/* Read uninterpreted bytes instead, from the start; 0 at the end. */
extern size_t csv_bytes(CsvFile *file, char *buffer, size_t size);

extern void csv_close(CsvFile *file);

#endif							/* CSV_H */
