/*
 * fuzz_line.c
 *		Lines for the relay, of any bytes.
 *
 * What was accepted must hold together: the line is there as it came, has what
 * the sinks take from it, and reads the same a second time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../relay/line.h"

static int
differ(const char *a, const char *b)
{
	return (a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0);
}

static void
check(const Line *line, const char *string, size_t length)
{
	if (line->length != length || memcmp(line->string, string, length) != 0 ||
		line->string[length] != '\0')
		abort();
	if (line->kind <= LINE_MOVEMENT && (line->key == NULL || line->sku == NULL))
		abort();
	if (line->kind >= LINE_KINDS || line->state != LINE_WAITING)
		abort();
}

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *problem = NULL;
	const char *again_problem;
	char	   *string = malloc(size + 1);
	Line	   *line;
	Line	   *again;

	/* of just this size, so that a look beyond it is seen */
	memcpy(string, data, size);
	line = line_read(string, size, &problem);
	if (line == NULL)
	{
		if (problem == NULL)
			abort();
		free(string);
		return 0;
	}
	check(line, string, size);
	again = line_read(line->string, line->length, &again_problem);
	if (again == NULL || again->kind != line->kind || again->lsn != line->lsn ||
		again->time != line->time || again->version != line->version ||
		differ(again->key, line->key) || differ(again->sku, line->sku))
		abort();
	line_free(again);
	line_free(line);
	free(string);
	return 0;
}
