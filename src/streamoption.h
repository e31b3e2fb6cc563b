/*
 * streamoption.h
 *		Options of the output plugin, from their texts.
 *
 * Plain C strings in, nothing of the server used: so it can be fuzzed by
 * itself.
 */
#ifndef INV_STREAMOPTION_H
#define INV_STREAMOPTION_H

#include <stdbool.h>
#include <stddef.h>

/* A part of the template of keys: a text, or what stands for a column */
typedef enum InvKeyPartKind
{
	INV_KEY_TEXT,
	INV_KEY_SKU,
	INV_KEY_LOCATION,
	INV_KEY_STOCK_ID
} InvKeyPartKind;

typedef struct InvKeyPart
{
	InvKeyPartKind kind;
	const char *text;
	size_t		length;
} InvKeyPart;

#define INV_MAX_KEY_PARTS 16

/* Names, each ended by a zero byte; one that ends in '*' is a prefix */
typedef struct InvNameList
{
	char	   *names;
	int			count;			/* 0: every name is meant */
} InvNameList;

typedef struct InvStreamOptions
{
	bool		stock;
	bool		movements;
	bool		lsn;
	bool		xid;
	bool		time;
	bool		commits;
	bool		streaming;
	int			format;
	InvKeyPart	key[INV_MAX_KEY_PARTS];
	int			key_parts;
	InvNameList skus;
	InvNameList locations;
} InvStreamOptions;

/* how memory is had: palloc() in the server, malloc() in a test */
typedef void *(*InvAllocate) (size_t size);

/* the names of all options with what they may be, for a hint */
extern const char *const inv_stream_option_list;

extern void inv_stream_options_default(InvStreamOptions *options,
									   InvAllocate allocate);

/*
 * inv_stream_options_set - one option; value may be null
 *
 * Answers null, or what is wrong, as the end of the sentence 'option "name"
 * ...'.  The options keep no pointer into name and value.
 */
extern const char *inv_stream_options_set(InvStreamOptions *options,
										  const char *name,
										  const char *value,
										  InvAllocate allocate);

/* inv_name_list_admits - is the name, of that length, in the list? */
extern bool inv_name_list_admits(const InvNameList *list, const char *name,
								 size_t length);

#endif							/* INV_STREAMOPTION_H */
