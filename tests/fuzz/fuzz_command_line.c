/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/command_line.c */
#include "lib/command_line.h"
#include "tests/fuzz/require.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check_word(const struct command_line_word *word)
{
	size_t key_length = strnlen(word->key, sizeof(word->key));
	uint64_t number = 0;

	require(key_length < sizeof(word->key));
	require(word->value == NULL || word->value == word->key + key_length + 1);
	require(strchr(word->key, '=') == NULL);
	if (command_line_number(word, 3, 1000, &number) == STATUS_OK) {
		require(number >= 3 && number <= 1000);
	}
	if (command_line_size(word, 4096, GIB(4), &number) == STATUS_OK) {
		require(number >= 4096 && number <= GIB(4));
	}
}

/* The words must come to an end, each call moving on, and never beyond the NUL. */
static const char *check_words(const char *text)
{
	const char *end = text + strlen(text);
	const char *cursor = text;

	for (;;) {
		struct command_line_word word;
		const char *before = cursor;
		enum status status = command_line_next(&cursor, &word);

		require(cursor <= end);
		check_word(&word);
		if (status == STATUS_NOT_FOUND) {
			return cursor;
		}
		require(cursor > before);
	}
}

/* Size 0 to the whole: the NUL is in place, and a status of OK means that all is there. */
static void check_rest(const char *text, size_t size_bytes)
{
	char *buffer = malloc(size_bytes + 1);
	enum status status;

	require(buffer != NULL);
	status = command_line_rest(text, buffer, size_bytes);
	require(size_bytes != 0 || status == STATUS_RANGE);
	if (size_bytes != 0) {
		require(strnlen(buffer, size_bytes) < size_bytes);
	}
	free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	char *text = malloc(size_bytes + 1);
	const char *rest;

	require(text != NULL);
	memcpy(text, data, size_bytes);
	text[size_bytes] = '\0';
	rest = check_words(text);
	check_rest(rest, strlen(rest) + 1);
	check_rest(text, size_bytes / 2);
	free(text);
	return 0;
}
