/* SPDX-License-Identifier: MIT */
#include "hypercall/policy.h"

#include "hypercall/hypercall.h"
#include "lib/bits.h"
#include "lib/string.h"

/* All rows that a policy is about. */
static const uint64_t ALL_ROWS = BIT(HYPERCALL_UNKNOWN) - 1;

static bool word_is(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

/* Returns the rows that a word names; 0 if none. */
static uint64_t rows_of(const char *word, size_t length)
{
	uint64_t rows = 0;

	if (word_is(word, length, "all")) {
		return ALL_ROWS;
	}
	for (size_t row = 0; row < HYPERCALL_UNKNOWN; row++) {
		const struct hypercall_row *call = &hypercall_table[row];
		const char *abi = call->abi == HYPERCALL_ABI_KVM ? "kvm" : "native";

		if (word_is(word, length, abi) || word_is(word, length, call->name)) {
			rows |= BIT(row);
		}
	}
	return rows;
}

static enum status apply_word(const char *word, size_t length, uint64_t *refused)
{
	const bool is_refusal = length != 0 && word[0] == '-';
	uint64_t rows;

	if (is_refusal) {
		word++;
		length--;
	}
	if (length == 0) {
		return STATUS_INVALID;
	}
	if (!is_refusal && word_is(word, length, "none")) {
		*refused = ALL_ROWS;
		return STATUS_OK;
	}
	rows = rows_of(word, length);
	*refused = is_refusal ? *refused | rows : *refused & ~rows;
	return rows == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

enum status hypercall_policy_parse(const char *text, uint64_t *refused_calls)
{
	uint64_t refused = text[0] == '-' ? 0 : ALL_ROWS;
	size_t start = 0;

	for (;;) {
		size_t end = start;
		enum status status;

		while (text[end] != '\0' && text[end] != ',') {
			end++;
		}
		status = apply_word(&text[start], end - start, &refused);
		if (status != STATUS_OK) {
			return status;
		}
		if (text[end] == '\0') {
			*refused_calls = refused;
			return STATUS_OK;
		}
		start = end + 1;
	}
}
