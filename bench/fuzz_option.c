/*
 * fuzz_option.c
 *		Options of the output plugin, of any bytes.
 *
 * The input is a name and values, each ended by a zero byte; the name is one
 * of the options' more often than chance would have it.  What was accepted must
 * hold together: the parts of the key are the template, a name in a list is
 * admitted by it, and setting the same again changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../src/streamoption.h"

static const char *const names[] = {
	"emit", "key", "skus", "locations", "include", "commits", "streaming",
	"format", "other"
};

static void *taken[64];
static int	taken_count;

static void *
take(size_t size)
{
	if (taken_count == sizeof(taken) / sizeof(taken[0]))
		abort();
	return taken[taken_count++] = malloc(size);
}

static void
check_key(const InvStreamOptions *options)
{
	size_t		length = 0;
	int			named = 0;

	if (options->key_parts < 1 || options->key_parts > INV_MAX_KEY_PARTS)
		abort();
	for (int i = 0; i < options->key_parts; i++)
	{
		const InvKeyPart *part = &options->key[i];

		if (part->length == 0 || part->length > strlen(part->text))
			abort();
		/* they follow each other in one text */
		if (i > 0 && part->text != options->key[0].text + length)
			abort();
		length += part->length;
		named += part->kind == INV_KEY_SKU || part->kind == INV_KEY_STOCK_ID;
	}
	if (named == 0 || options->key[0].text[length] != '\0')
		abort();
}

static void
check_list(const InvNameList *list)
{
	const char *name = list->names;

	for (int i = 0; i < list->count; i++, name += strlen(name) + 1)
		if (*name == '\0' || !inv_name_list_admits(list, name, strlen(name)))
			abort();
}

static void
check(const InvStreamOptions *options)
{
	check_key(options);
	check_list(&options->skus);
	check_list(&options->locations);
	if (!options->stock && !options->movements)
		abort();
}

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	InvStreamOptions options;
	char	   *input;
	const char *value;

	if (size < 1)
		return 0;
	input = malloc(size);
	memcpy(input, data + 1, size - 1);
	input[size - 1] = '\0';
	inv_stream_options_default(&options, take);
	value = input;
	for (int i = 0; i < 8 && value < input + size; i++)
	{
		const char *name = names[(data[0] + i) % (sizeof(names) / sizeof(names[0]))];

		if (data[0] >= 128)
			name = value;
		if (inv_stream_options_set(&options, name, value, take) == NULL &&
			inv_stream_options_set(&options, name, value, take) != NULL)
			abort();
		check(&options);
		value += strlen(value) + 1;
	}
	while (taken_count > 0)
		free(taken[--taken_count]);
	free(input);
	return 0;
}
