/* SPDX-License-Identifier: MIT */
#ifndef LIB_COMMAND_LINE_H
#define LIB_COMMAND_LINE_H

#include "lib/status.h"
#include "lib/types.h"

enum { COMMAND_LINE_WORD_MAX = 256 };

/*
 * Command lines are words split by blanks or tabs; a word is `key` or `key=value`. Quoting is that
 * with which GRUB hands words over: double quotes, anywhere in a word, keep blanks in it and are
 * not part of it; a backslash, in quotes or out, takes the next character as it is. The unquoted
 * word "--" ends the options.
 */
struct command_line_word {
	char key[COMMAND_LINE_WORD_MAX];
	const char *value; /* Into key[], behind its NUL; NULL if the word has no '='. */
};

/*
 * Takes the next word off *cursor, unquotes it, and moves *cursor behind it. Returns STATUS_OK;
 * STATUS_NOT_FOUND at the end of the text or at "--" (then *cursor stands at the end or behind the
 * "--"); STATUS_INVALID for a quote that does not end or a backslash at the end, STATUS_RANGE for a
 * word too long (in both cases *cursor moves behind the word). Context: any; pure; the text is
 * NUL-terminated.
 */
must_use enum status command_line_next(const char **cursor, struct command_line_word *word);

/*
 * Unquotes all that is left at `cursor` (the guest's own command line, behind "--") into buffer,
 * each run of unquoted blanks as one blank, none at either end. Returns STATUS_OK; STATUS_INVALID
 * as above; STATUS_RANGE if it does not fit size_bytes with its NUL (then what fits is there).
 */
must_use enum status command_line_rest(const char *cursor, char *buffer, size_t size_bytes);

/*
 * Reads the value as an unsigned number: decimal, or hex with 0x. Returns STATUS_OK; STATUS_INVALID
 * (no value, a strange character, no digit); STATUS_RANGE (over 64 bits or not in
 * minimum..maximum).
 */
must_use enum status command_line_number(
	const struct command_line_word *word, uint64_t minimum, uint64_t maximum, uint64_t *number);

/* As command_line_number() for a size in bytes, with an optional suffix K, M or G (either case). */
must_use enum status command_line_size(const struct command_line_word *word, uint64_t minimum,
	uint64_t maximum, uint64_t *size_bytes);

#endif
