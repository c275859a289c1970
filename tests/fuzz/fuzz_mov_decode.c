/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/mov_decode.c */
#include "exits/mov_decode.h"
#include "tests/fuzz/require.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_size(uint8_t size_bytes)
{
	return size_bytes == 1 || size_bytes == 2 || size_bytes == 4 || size_bytes == 8;
}

static uint64_t mask(uint8_t size_bytes)
{
	return UINT64_MAX >> (64 - 8 * size_bytes);
}

static void check_fields(const struct mov_instruction *found, enum mov_mode mode)
{
	uint8_t register_limit = mode == MOV_MODE_64_BIT ? MOV_REGISTER_COUNT : 8;

	require(is_size(found->access_size) && is_size(found->register_size));
	require(found->register_size >= found->access_size);
	require(found->register_number < register_limit);
	require(found->register_size < 8 || mode == MOV_MODE_64_BIT);
	require(!found->is_high_byte || (found->register_size == 1 && found->register_number < 4));
	require(found->is_write == (found->kind != MOV_KIND_LOAD));
	require(found->kind == MOV_KIND_LOAD || !found->is_sign_extended);
	require(found->kind == MOV_KIND_STRING || (!found->has_repeat && !found->is_move_string));
	require(found->kind == MOV_KIND_STORE_IMMEDIATE || found->immediate == 0);
}

static void check_values(const struct mov_instruction *found)
{
	uint64_t registers[MOV_REGISTER_COUNT];
	uint64_t old_value = 0x1122334455667788;
	uint64_t value;

	memset(registers, 0xa5, sizeof(registers));
	require((mov_store_value(found, registers) & ~mask(found->access_size)) == 0);
	if (found->kind != MOV_KIND_LOAD) {
		return;
	}
	value = mov_load_result(found, old_value, UINT64_MAX);
	if (found->register_size <= 2) {
		require((value & ~mask(2)) == (old_value & ~mask(2)));
	} else {
		require((value & mask(found->access_size)) == mask(found->access_size));
		require(found->is_sign_extended || value == mask(found->access_size));
	}
}

/* Field by field: padding is not ours. */
static bool is_same(const struct mov_instruction *left, const struct mov_instruction *right)
{
	return left->kind == right->kind && left->is_write == right->is_write &&
	       left->is_move_string == right->is_move_string &&
	       left->has_repeat == right->has_repeat && left->is_high_byte == right->is_high_byte &&
	       left->is_sign_extended == right->is_sign_extended &&
	       left->access_size == right->access_size &&
	       left->register_size == right->register_size &&
	       left->register_number == right->register_number && left->length == right->length &&
	       left->immediate == right->immediate;
}

/* What the length says must hold: no fewer bytes suffice, and no further byte matters. */
static void check_length(
	const uint8_t *data, const struct mov_instruction *found, enum mov_mode mode)
{
	uint8_t exact[INSTRUCTION_BYTES_MAX];
	struct mov_instruction again;

	memcpy(exact, data, found->length);
	memset(exact + found->length, 0xcc, sizeof(exact) - found->length);
	require(mov_decode(exact, found->length, mode, &again) == STATUS_OK);
	require(is_same(found, &again));
	require(mov_decode(exact, found->length - 1u, mode, &again) == STATUS_TRUNCATED);
}

static void check_mode(const uint8_t *data, size_t size, enum mov_mode mode)
{
	struct mov_instruction found;
	enum status status;

	memset(&found, 0, sizeof(found));
	status = mov_decode(data, size, mode, &found);
	if (status == STATUS_TRUNCATED) {
		require(size < INSTRUCTION_BYTES_MAX);
	} else if (status == STATUS_OK) {
		require(found.length >= 1 && found.length <= INSTRUCTION_BYTES_MAX);
		require(found.length <= size);
		check_fields(&found, mode);
		check_values(&found);
		check_length(data, &found, mode);
	} else {
		require(status == STATUS_UNSUPPORTED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_mode(data, size, MOV_MODE_16_BIT);
	check_mode(data, size, MOV_MODE_32_BIT);
	check_mode(data, size, MOV_MODE_64_BIT);
	return 0;
}
