/* SPDX-License-Identifier: MIT */
#include "lib/choice.h"

#include "lib/format.h"
#include "lib/string.h"

_Static_assert(sizeof(enum {CHOICE_ANY}) == sizeof(unsigned), "an enum is copied as an unsigned");

const struct choice_option *choice_option_find(
	const struct choice_option *options, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].key, key) == 0) {
			return &options[i];
		}
	}
	return NULL;
}

bool choice_find(const struct choice *choices, size_t count, const char *word, unsigned *value)
{
	for (size_t i = 0; word != NULL && i < count; i++) {
		if (strcmp(choices[i].word, word) == 0) {
			*value = choices[i].value;
			return true;
		}
	}
	return false;
}

bool choice_take(const struct choice_option *option, const char *word, void *structure)
{
	uint8_t *field = (uint8_t *)structure + option->field_offset;
	unsigned value;

	if (!choice_find(option->choices, option->count, word, &value)) {
		return false;
	}
	if (option->field_bytes == sizeof(bool)) {
		const bool is_set = value != 0;

		memcpy(field, &is_set, sizeof(is_set));
	} else {
		memcpy(field, &value, sizeof(value));
	}
	return true;
}

/* What stands before the word of that index. */
static const char *separator(size_t index, size_t count)
{
	if (index == 0) {
		return "";
	}
	return index == count - 1 ? " or " : ", ";
}

void choice_format(const struct choice_option *option, char *buffer, size_t size_bytes)
{
	size_t length = 0;

	for (size_t i = 0; i < option->count && length < size_bytes; i++) {
		format(&buffer[length], size_bytes - length, "%s%s", separator(i, option->count),
			option->choices[i].word);
		length += strlen(&buffer[length]);
	}
}
