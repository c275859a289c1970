/* SPDX-License-Identifier: MIT */
#include "lib/command_line.h"

enum {
	BASE_DECIMAL = 10,
	BASE_HEX = 16,
	NOT_A_DIGIT = 255,
};

/* Where a reader of quoted text stands. */
struct scanner {
	const char *cursor;
	bool is_quoted;
};

/* What scan() gives besides characters, which are 0 to 255. */
enum scan_mark {
	SCAN_BLANK = -1,
	SCAN_END = -2,
	SCAN_BROKEN = -3, /* In quotes, or behind a backslash, at the end of the text. */
};

struct output {
	char *buffer;
	size_t size_bytes; /* Never 0. */
	size_t length;     /* Of the whole text, also of what did not fit. */
};

static bool is_blank(char character)
{
	return character == ' ' || character == '\t';
}

static const char *skip_blanks(const char *cursor)
{
	while (is_blank(*cursor)) {
		cursor++;
	}
	return cursor;
}

/* Returns the next character without its quoting, or a mark. */
static int scan(struct scanner *scanner)
{
	char character;

	for (; *scanner->cursor == '"'; scanner->cursor++) {
		scanner->is_quoted = !scanner->is_quoted;
	}
	character = *scanner->cursor;
	if (character == '\0') {
		return scanner->is_quoted ? SCAN_BROKEN : SCAN_END;
	}
	scanner->cursor++;
	if (character == '\\') {
		character = *scanner->cursor;
		if (character == '\0') {
			return SCAN_BROKEN;
		}
		scanner->cursor++;
		return (uint8_t)character;
	}
	return is_blank(character) && !scanner->is_quoted ? SCAN_BLANK : (uint8_t)character;
}

static void output_put(struct output *output, int character)
{
	if (output->length < output->size_bytes - 1) {
		output->buffer[output->length] = (char)character;
	}
	output->length++;
}

/* Ends the text with a NUL; `mark` is how the scan ended. */
static enum status output_end(struct output *output, int mark)
{
	bool is_cut = output->length >= output->size_bytes;

	output->buffer[is_cut ? output->size_bytes - 1 : output->length] = '\0';
	if (mark == SCAN_BROKEN) {
		return STATUS_INVALID;
	}
	return is_cut ? STATUS_RANGE : STATUS_OK;
}

/* Ends the key at the first '=' and lets value begin behind it. */
static void split_word(struct command_line_word *word)
{
	for (char *cursor = word->key; *cursor != '\0'; cursor++) {
		if (*cursor == '=') {
			*cursor = '\0';
			word->value = cursor + 1;
			return;
		}
	}
}

/* True at an unquoted "--" that is a word of its own. */
static bool is_end_of_options(const char *cursor)
{
	return cursor[0] == '-' && cursor[1] == '-' && (cursor[2] == '\0' || is_blank(cursor[2]));
}

enum status command_line_next(const char **cursor, struct command_line_word *word)
{
	struct scanner scanner = {.cursor = skip_blanks(*cursor)};
	struct output output = {.buffer = word->key, .size_bytes = sizeof(word->key)};
	enum status status;
	int character;

	word->key[0] = '\0';
	word->value = NULL;
	if (is_end_of_options(scanner.cursor)) {
		*cursor = scanner.cursor + 2;
		return STATUS_NOT_FOUND;
	}
	*cursor = scanner.cursor;
	if (*scanner.cursor == '\0') {
		return STATUS_NOT_FOUND;
	}
	while ((character = scan(&scanner)) >= 0) {
		output_put(&output, character);
	}
	*cursor = scanner.cursor;
	status = output_end(&output, character);
	split_word(word);
	return status;
}

enum status command_line_rest(const char *cursor, char *buffer, size_t size_bytes)
{
	struct scanner scanner = {.cursor = cursor};
	struct output output = {.buffer = buffer, .size_bytes = size_bytes};
	bool is_blank_due = false;
	int character;

	if (size_bytes == 0) {
		return STATUS_RANGE;
	}
	for (;;) {
		character = scan(&scanner);
		if (character == SCAN_END || character == SCAN_BROKEN) {
			return output_end(&output, character);
		}
		if (character == SCAN_BLANK) {
			is_blank_due = output.length > 0;
			continue;
		}
		if (is_blank_due) {
			output_put(&output, ' ');
			is_blank_due = false;
		}
		output_put(&output, character);
	}
}

static unsigned digit_value(char character)
{
	if (character >= '0' && character <= '9') {
		return (unsigned)(character - '0');
	}
	if (character >= 'a' && character <= 'f') {
		return (unsigned)(character - 'a') + BASE_DECIMAL;
	}
	if (character >= 'A' && character <= 'F') {
		return (unsigned)(character - 'A') + BASE_DECIMAL;
	}
	return NOT_A_DIGIT;
}

/* Reads digits off *cursor; it then stands on the first character that is none. */
static enum status read_digits(const char **cursor, uint64_t *number)
{
	uint64_t base = BASE_DECIMAL;
	bool is_too_large = false;
	const char *start;

	if ((*cursor)[0] == '0' && (*cursor)[1] == 'x') {
		base = BASE_HEX;
		*cursor += 2;
	}
	*number = 0;
	for (start = *cursor; digit_value(**cursor) < base; (*cursor)++) {
		uint64_t digit = digit_value(**cursor);

		is_too_large = is_too_large || *number > (UINT64_MAX - digit) / base;
		*number = *number * base + digit;
	}
	if (*cursor == start) {
		return STATUS_INVALID;
	}
	return is_too_large ? STATUS_RANGE : STATUS_OK;
}

/* Reads a size suffix off *cursor; returns by how many bits it shifts. */
static unsigned read_suffix(const char **cursor)
{
	static const struct {
		char upper;
		char lower;
		unsigned shift;
	} suffixes[] = {{'K', 'k', 10}, {'M', 'm', 20}, {'G', 'g', 30}};

	for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
		if (**cursor == suffixes[i].upper || **cursor == suffixes[i].lower) {
			(*cursor)++;
			return suffixes[i].shift;
		}
	}
	return 0;
}

/* What both readers share; `result` changes only if the status is OK. */
static enum status finish_number(
	enum status status, uint64_t number, uint64_t minimum, uint64_t maximum, uint64_t *result)
{
	if (status == STATUS_OK && (number < minimum || number > maximum)) {
		status = STATUS_RANGE;
	}
	if (status == STATUS_OK) {
		*result = number;
	}
	return status;
}

enum status command_line_number(
	const struct command_line_word *word, uint64_t minimum, uint64_t maximum, uint64_t *number)
{
	const char *cursor = word->value;
	uint64_t value = 0;
	enum status status;

	if (cursor == NULL) {
		return STATUS_INVALID;
	}
	status = read_digits(&cursor, &value);
	if (*cursor != '\0') {
		return STATUS_INVALID;
	}
	return finish_number(status, value, minimum, maximum, number);
}

enum status command_line_size(const struct command_line_word *word, uint64_t minimum,
	uint64_t maximum, uint64_t *size_bytes)
{
	const char *cursor = word->value;
	uint64_t value = 0;
	enum status status;
	unsigned shift;

	if (cursor == NULL) {
		return STATUS_INVALID;
	}
	status = read_digits(&cursor, &value);
	shift = read_suffix(&cursor);
	if (*cursor != '\0') {
		return STATUS_INVALID;
	}
	if (status == STATUS_OK && value > UINT64_MAX >> shift) {
		status = STATUS_RANGE;
	}
	return finish_number(status, value << shift, minimum, maximum, size_bytes);
}
