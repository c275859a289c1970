/* SPDX-License-Identifier: MIT */
#ifndef LIB_CHOICE_H
#define LIB_CHOICE_H

#include "lib/types.h"

/* Options with few words, as data: which words, what they stand for, which field takes that. */

struct choice {
	const char *word;
	unsigned value;
};

struct choice_option {
	const char *key;
	const struct choice *choices;
	size_t count;
	size_t field_offset;
	size_t field_bytes; /* Of a bool, or of an enum. */
};

/* choices is an array, field a bool or an enum of type. */
#define CHOICE_OPTION(key, choices, type, field)                                                   \
	{                                                                                          \
		key, choices, ARRAY_COUNT(choices), offsetof(type, field),                         \
			sizeof(((type *)NULL)->field)                                              \
	}

/* Returns the option of that key among count; NULL if there is none. */
const struct choice_option *choice_option_find(
	const struct choice_option *options, size_t count, const char *key);

/* Returns true, with its value, if the word (or NULL) is one of the choices. */
bool choice_find(const struct choice *choices, size_t count, const char *word, unsigned *value);

/* Puts what the word (or NULL) stands for into the structure's field; false if it is none of the
 * option's. */
bool choice_take(const struct choice_option *option, const char *word, void *structure);

/* Writes the words as "a, b or c", cut to fit. */
void choice_format(const struct choice_option *option, char *buffer, size_t size_bytes);

#endif
