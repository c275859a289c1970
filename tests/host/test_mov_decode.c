/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/mov_decode.c */
#include "exits/mov_decode.h"

#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct mov_case {
	const char *text;
	enum mov_mode mode;
	const char *hex;
	enum mov_kind kind;
	uint8_t access_size;
	uint8_t register_size;
	uint8_t register_number;
	const char *flags;
	uint64_t immediate;
};

#define MOV_CASE(text, mode, hex, kind, access, size, number, flags, immediate)                    \
	{text, MOV_MODE_##mode##_BIT, hex, MOV_KIND_##kind, access, size, number, flags, immediate},
static const struct mov_case cases[] = {
#include "tests/host/mov_decode_cases.def"
};

enum { BYTES_MAX = 64 };

static const enum mov_mode modes[] = {MOV_MODE_16_BIT, MOV_MODE_32_BIT, MOV_MODE_64_BIT};

static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t count = strlen(hex) / 2;

	for (size_t i = 0; i < count; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return count;
}

/* Decodes from a heap block of just that size: ASan sees each byte read behind it. */
static enum status decode(
	const uint8_t *bytes, size_t count, enum mov_mode mode, struct mov_instruction *instruction)
{
	uint8_t *block = malloc(count);
	enum status status;

	memcpy(block, bytes, count);
	memset(instruction, 0xa5, sizeof(*instruction));
	status = mov_decode(block, count, mode, instruction);
	free(block);
	return status;
}

static enum status decode_hex(
	const char *hex, enum mov_mode mode, struct mov_instruction *instruction)
{
	uint8_t bytes[BYTES_MAX];

	return decode(bytes, from_hex(hex, bytes), mode, instruction);
}

static bool has(const struct mov_case *row, char flag)
{
	return strchr(row->flags, flag) != NULL;
}

static void check_row(
	const struct mov_case *row, const struct mov_instruction *found, size_t length)
{
	bool is_right =
		found->kind == row->kind && found->is_write == (row->kind != MOV_KIND_LOAD) &&
		found->is_move_string == has(row, 'M') && found->has_repeat == has(row, 'R') &&
		found->is_high_byte == has(row, 'H') && found->is_sign_extended == has(row, 'S') &&
		found->access_size == row->access_size &&
		found->register_size == row->register_size &&
		found->register_number == row->register_number && found->length == length &&
		found->immediate == row->immediate;

	if (!is_right) {
		fail_msg("%s (%s): kind %d write %d access %u register %u size %u high %d signed "
			 "%d repeat %d length %u immediate 0x%llx",
			row->text, row->hex, (int)found->kind, found->is_write, found->access_size,
			found->register_number, found->register_size, found->is_high_byte,
			found->is_sign_extended, found->has_repeat, found->length,
			(unsigned long long)found->immediate);
	}
}

static void every_encoding_decodes_as_it_was_assembled(void **state)
{
	(void)state;
	assert_true(ARRAY_COUNT(cases) > 400);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct mov_instruction found;
		enum status status = decode_hex(cases[i].hex, cases[i].mode, &found);

		if (status != STATUS_OK) {
			fail_msg("%s (%s): status %d", cases[i].text, cases[i].hex, (int)status);
		}
		check_row(&cases[i], &found, strlen(cases[i].hex) / 2);
	}
}

static void every_shorter_piece_of_an_encoding_is_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint8_t bytes[BYTES_MAX];
		size_t count = from_hex(cases[i].hex, bytes);
		struct mov_instruction found;

		while (count-- > 0) {
			assert_int_equal(
				decode(bytes, count, cases[i].mode, &found), STATUS_TRUNCATED);
		}
	}
}

static void bytes_behind_the_instruction_do_not_matter(void **state)
{
	static const uint8_t fillers[] = {0x00, 0x66, 0x90, 0xf0, 0xff};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases) * ARRAY_COUNT(fillers); i++) {
		const struct mov_case *row = &cases[i / ARRAY_COUNT(fillers)];
		uint8_t bytes[BYTES_MAX];
		size_t count = from_hex(row->hex, bytes);
		struct mov_instruction found;

		memset(bytes + count, fillers[i % ARRAY_COUNT(fillers)], BYTES_MAX - count);
		assert_int_equal(decode(bytes, BYTES_MAX, row->mode, &found), STATUS_OK);
		check_row(row, &found, count);
	}
}

/* Puts `count` segment prefixes, which change nothing, before the row's bytes. */
static size_t lengthen(const struct mov_case *row, size_t count, uint8_t bytes[BYTES_MAX])
{
	memset(bytes, 0x3e, count);
	return count + from_hex(row->hex, bytes + count);
}

static void instruction_of_15_bytes_is_the_longest(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		size_t length = strlen(cases[i].hex) / 2;
		uint8_t bytes[BYTES_MAX] = {0};
		struct mov_instruction found;

		lengthen(&cases[i], 15 - length, bytes);
		assert_int_equal(decode(bytes, 15, cases[i].mode, &found), STATUS_OK);
		check_row(&cases[i], &found, 15);
		lengthen(&cases[i], 16 - length, bytes);
		assert_int_equal(decode(bytes, 14, cases[i].mode, &found), STATUS_TRUNCATED);
		assert_int_equal(decode(bytes, 15, cases[i].mode, &found), STATUS_UNSUPPORTED);
		assert_int_equal(decode(bytes, 16, cases[i].mode, &found), STATUS_UNSUPPORTED);
		assert_int_equal(
			decode(bytes, BYTES_MAX, cases[i].mode, &found), STATUS_UNSUPPORTED);
	}
}

static void prefixes_without_end_are_refused(void **state)
{
	static const uint8_t prefixes[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
	uint8_t bytes[BYTES_MAX];
	struct mov_instruction found;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(prefixes) * ARRAY_COUNT(modes); i++) {
		enum mov_mode mode = modes[i % ARRAY_COUNT(modes)];

		memset(bytes, prefixes[i / ARRAY_COUNT(modes)], sizeof(bytes));
		assert_int_equal(decode(bytes, 14, mode, &found), STATUS_TRUNCATED);
		assert_int_equal(decode(bytes, 15, mode, &found), STATUS_UNSUPPORTED);
		assert_int_equal(decode(bytes, BYTES_MAX, mode, &found), STATUS_UNSUPPORTED);
	}
	memset(bytes, 0x48, sizeof(bytes));
	assert_int_equal(decode(bytes, BYTES_MAX, MOV_MODE_64_BIT, &found), STATUS_UNSUPPORTED);
	assert_int_equal(decode(bytes, 3, MOV_MODE_64_BIT, &found), STATUS_TRUNCATED);
}

static void lock_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint8_t bytes[BYTES_MAX] = {0xf0};
		struct mov_instruction found;

		from_hex(cases[i].hex, bytes + 1);
		assert_int_equal(
			decode(bytes, BYTES_MAX, cases[i].mode, &found), STATUS_UNSUPPORTED);
	}
}

static void register_operand_is_refused(void **state)
{
	static const char *const opcodes[] = {
		"88", "89", "8a", "8b", "c6", "c7", "63", "0fb6", "0fb7", "0fbe", "0fbf"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(opcodes) * ARRAY_COUNT(modes); i++) {
		uint8_t bytes[BYTES_MAX] = {0};
		size_t count = from_hex(opcodes[i / ARRAY_COUNT(modes)], bytes);
		struct mov_instruction found;

		for (unsigned modrm = 0xc0; modrm <= 0xff; modrm++) {
			bytes[count] = (uint8_t)modrm;
			assert_int_equal(
				decode(bytes, BYTES_MAX, modes[i % ARRAY_COUNT(modes)], &found),
				STATUS_UNSUPPORTED);
		}
	}
}

static void group_with_another_reg_field_is_refused(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 8; reg++) {
		uint8_t bytes[BYTES_MAX] = {0xc6, (uint8_t)(reg << 3)};
		enum status expected = reg == 0 ? STATUS_OK : STATUS_UNSUPPORTED;
		struct mov_instruction found;

		assert_int_equal(decode(bytes, BYTES_MAX, MOV_MODE_64_BIT, &found), expected);
		bytes[0] = 0xc7;
		assert_int_equal(decode(bytes, BYTES_MAX, MOV_MODE_32_BIT, &found), expected);
	}
}

static bool is_ours(uint8_t opcode, enum mov_mode mode)
{
	static const uint8_t ours[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3,
		0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xaa, 0xab, 0xc6, 0xc7};
	bool is_rex = opcode >= 0x40 && opcode <= 0x4f;

	return memchr(ours, opcode, sizeof(ours)) != NULL ||
	       (mode == MOV_MODE_64_BIT && (is_rex || opcode == 0x63));
}

static void every_other_opcode_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256 * ARRAY_COUNT(modes); i++) {
		uint8_t opcode = (uint8_t)(i / ARRAY_COUNT(modes));
		enum mov_mode mode = modes[i % ARRAY_COUNT(modes)];
		uint8_t one[BYTES_MAX] = {opcode};
		uint8_t two[BYTES_MAX] = {0x0f, opcode};
		bool is_two_byte_ours =
			opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf;
		struct mov_instruction found;

		if (!is_ours(opcode, mode)) {
			assert_int_equal(decode(one, BYTES_MAX, mode, &found), STATUS_UNSUPPORTED);
		}
		assert_int_equal(decode(two, BYTES_MAX, mode, &found),
			is_two_byte_ours ? STATUS_OK : STATUS_UNSUPPORTED);
	}
}

static uint64_t load(const char *hex, enum mov_mode mode, uint64_t old_value, uint64_t value_read)
{
	struct mov_instruction found;

	assert_int_equal(decode_hex(hex, mode, &found), STATUS_OK);
	assert_int_equal(found.kind, MOV_KIND_LOAD);
	return mov_load_result(&found, old_value, value_read);
}

static const uint64_t old = 0x1122334455667788;
static const uint64_t ones = UINT64_MAX;

static void load_of_8_or_16_bits_leaves_the_other_bits(void **state)
{
	(void)state;
	assert_int_equal(load("8a08", MOV_MODE_64_BIT, old, ones), 0x11223344556677ff);
	assert_int_equal(
		load("8a28", MOV_MODE_64_BIT, old, 0xffffffffffffff5a), 0x1122334455665a88);
	assert_int_equal(load("668b08", MOV_MODE_64_BIT, old, 0xffff1234), 0x1122334455661234);
	assert_int_equal(load("660fb608", MOV_MODE_64_BIT, old, 0xff80), 0x1122334455660080);
	assert_int_equal(load("660fbe08", MOV_MODE_64_BIT, old, 0x0080), 0x112233445566ff80);
	assert_int_equal(load("666308", MOV_MODE_64_BIT, old, 0x12348001), 0x1122334455668001);
}

static void load_of_32_bits_zero_extends(void **state)
{
	(void)state;
	assert_int_equal(load("8b08", MOV_MODE_64_BIT, old, ones), 0xffffffff);
	assert_int_equal(load("8b08", MOV_MODE_32_BIT, old, 0x80000000), 0x80000000);
	assert_int_equal(load("6308", MOV_MODE_64_BIT, old, 0x80000000), 0x80000000);
	assert_int_equal(load("0fb608", MOV_MODE_64_BIT, old, ones), 0xff);
	assert_int_equal(load("0fb708", MOV_MODE_64_BIT, old, ones), 0xffff);
	assert_int_equal(load("0fbe08", MOV_MODE_64_BIT, old, 0x80), 0xffffff80);
	assert_int_equal(load("0fbf08", MOV_MODE_32_BIT, old, 0x8000), 0xffff8000);
	assert_int_equal(load("0fbf08", MOV_MODE_32_BIT, old, 0xffff7fff), 0x7fff);
}

static void load_of_64_bits_takes_the_whole_register(void **state)
{
	(void)state;
	assert_int_equal(
		load("488b08", MOV_MODE_64_BIT, old, 0x8000000000000001), 0x8000000000000001);
	assert_int_equal(load("486308", MOV_MODE_64_BIT, old, 0x80000000), 0xffffffff80000000);
	assert_int_equal(load("486308", MOV_MODE_64_BIT, old, 0xffffffff7fffffff), 0x7fffffff);
	assert_int_equal(load("480fbe08", MOV_MODE_64_BIT, old, 0x80), 0xffffffffffffff80);
	assert_int_equal(load("480fbf08", MOV_MODE_64_BIT, old, 0x8000), 0xffffffffffff8000);
	assert_int_equal(load("480fb608", MOV_MODE_64_BIT, old, ones), 0xff);
	assert_int_equal(load("480fb708", MOV_MODE_64_BIT, old, ones), 0xffff);
}

static uint64_t store(const char *hex, enum mov_mode mode)
{
	uint64_t registers[MOV_REGISTER_COUNT];
	struct mov_instruction found;

	for (size_t i = 0; i < MOV_REGISTER_COUNT; i++) {
		registers[i] = 0x0123456789abcdef ^ i * 0x1111111111111111;
	}
	assert_int_equal(decode_hex(hex, mode, &found), STATUS_OK);
	assert_true(found.is_write);
	return mov_store_value(&found, registers);
}

static void store_writes_the_register_cut_to_the_access(void **state)
{
	(void)state;
	assert_int_equal(store("8808", MOV_MODE_64_BIT), 0xfe);
	assert_int_equal(store("8828", MOV_MODE_64_BIT), 0xdc);
	assert_int_equal(store("8838", MOV_MODE_32_BIT), 0xfe);
	assert_int_equal(store("408820", MOV_MODE_64_BIT), 0xab);
	assert_int_equal(store("448808", MOV_MODE_64_BIT), 0x76);
	assert_int_equal(store("668908", MOV_MODE_64_BIT), 0xdcfe);
	assert_int_equal(store("8908", MOV_MODE_64_BIT), 0x98badcfe);
	assert_int_equal(store("488908", MOV_MODE_64_BIT), 0x1032547698badcfe);
	assert_int_equal(store("4c8938", MOV_MODE_64_BIT), 0xfedcba9876543210);
	assert_int_equal(store("a27856", MOV_MODE_16_BIT), 0xef);
}

static void store_writes_the_immediate_cut_to_the_access(void **state)
{
	(void)state;
	assert_int_equal(store("c60080", MOV_MODE_64_BIT), 0x80);
	assert_int_equal(store("66c7000080", MOV_MODE_64_BIT), 0x8000);
	assert_int_equal(store("c70000000080", MOV_MODE_64_BIT), 0x80000000);
	assert_int_equal(store("48c70000000080", MOV_MODE_64_BIT), 0xffffffff80000000);
	assert_int_equal(store("48c700ffffff7f", MOV_MODE_64_BIT), 0x7fffffff);
}

#define NONE MOV_NO_REGISTER

/* SDM Vol. 2A "ModR/M and SIB Bytes"; Vol. 1 "Default Segment Selection Rules". */
static const struct {
	const char *text;
	enum mov_mode mode;
	const char *hex;
	struct mov_address address;
} addresses[] = {
	{"[bx+si]", MOV_MODE_16_BIT, "8800", {SEGMENT_DS, 2, 3, 6, 1, false, 0}},
	{"[bp+di]", MOV_MODE_16_BIT, "8a03", {SEGMENT_SS, 2, 5, 7, 1, false, 0}},
	{"[0x1234]", MOV_MODE_16_BIT, "8a0e3412", {SEGMENT_DS, 2, NONE, NONE, 1, false, 0x1234}},
	{"[bp-3]", MOV_MODE_16_BIT, "8a56fd", {SEGMENT_SS, 2, 5, NONE, 1, false, -3ull}},
	{"[es:bp]", MOV_MODE_16_BIT, "268a5600", {SEGMENT_ES, 2, 5, NONE, 1, false, 0}},
	{"[bx+0x7ff0]", MOV_MODE_16_BIT, "8a97f07f", {SEGMENT_DS, 2, 3, NONE, 1, false, 0x7ff0}},
	{"[esp]", MOV_MODE_16_BIT, "67891424", {SEGMENT_SS, 4, 4, NONE, 1, false, 0}},
	{"[edi]", MOV_MODE_32_BIT, "8907", {SEGMENT_DS, 4, 7, NONE, 1, false, 0}},
	{"[0x12345678]", MOV_MODE_32_BIT, "8b0578563412",
		{SEGMENT_DS, 4, NONE, NONE, 1, false, 0x12345678}},
	{"[eax+ecx*4-1]", MOV_MODE_32_BIT, "8b4488ff", {SEGMENT_DS, 4, 0, 1, 4, false, -1ull}},
	{"[ecx*8+0x10]", MOV_MODE_32_BIT, "8b04cd10000000",
		{SEGMENT_DS, 4, NONE, 1, 8, false, 0x10}},
	{"[ebp+eax]", MOV_MODE_32_BIT, "8b440500", {SEGMENT_SS, 4, 5, 0, 1, false, 0}},
	{"[cs:bx]", MOV_MODE_32_BIT, "2e678b07", {SEGMENT_CS, 2, 3, NONE, 1, false, 0}},
	{"[rip+4]", MOV_MODE_64_BIT, "8b0504000000", {SEGMENT_DS, 8, NONE, NONE, 1, true, 4}},
	{"[abs 4]", MOV_MODE_64_BIT, "8b042504000000", {SEGMENT_DS, 8, NONE, NONE, 1, false, 4}},
	{"[r13]", MOV_MODE_64_BIT, "418b4500", {SEGMENT_DS, 8, 13, NONE, 1, false, 0}},
	{"[r12+r12*2]", MOV_MODE_64_BIT, "438b0464", {SEGMENT_DS, 8, 12, 12, 2, false, 0}},
	{"[rbp+r12]", MOV_MODE_64_BIT, "428b442500", {SEGMENT_SS, 8, 5, 12, 1, false, 0}},
	{"[fs:rax]", MOV_MODE_64_BIT, "648b00", {SEGMENT_FS, 8, 0, NONE, 1, false, 0}},
	{"[gs:rax], ds ignored", MOV_MODE_64_BIT, "653e8b00",
		{SEGMENT_GS, 8, 0, NONE, 1, false, 0}},
	{"[eax]", MOV_MODE_64_BIT, "678b00", {SEGMENT_DS, 4, 0, NONE, 1, false, 0}},
	{"moffs", MOV_MODE_64_BIT, "a1f0ffffffffffffff",
		{SEGMENT_DS, 8, NONE, NONE, 1, false, 0xfffffffffffffff0}},
	{"moffs 32", MOV_MODE_32_BIT, "a1f0ffffff",
		{SEGMENT_DS, 4, NONE, NONE, 1, false, 0xfffffff0}},
	{"[rax], immediate", MOV_MODE_64_BIT, "c7000000000a",
		{SEGMENT_DS, 8, 0, NONE, 1, false, 0}},
};

static void the_operands_address_is_as_it_was_assembled(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		const struct mov_address *want = &addresses[i].address;
		const struct mov_address *found;
		struct mov_instruction instruction;

		assert_int_equal(
			decode_hex(addresses[i].hex, addresses[i].mode, &instruction), STATUS_OK);
		found = &instruction.address;
		if (found->segment != want->segment || found->size_bytes != want->size_bytes ||
			found->base != want->base || found->index != want->index ||
			found->scale != want->scale ||
			found->is_rip_relative != want->is_rip_relative ||
			found->displacement != want->displacement) {
			fail_msg("%s: segment %d size %u base %u index %u scale %u rip %d %#llx",
				addresses[i].text, (int)found->segment, found->size_bytes,
				found->base, found->index, found->scale, found->is_rip_relative,
				(unsigned long long)found->displacement);
		}
	}
}

static void an_offset_is_cut_to_the_address_size(void **state)
{
	const struct mov_address both = {SEGMENT_DS, 8, 3, 6, 4, false, -1ull};
	const struct mov_address word = {SEGMENT_DS, 2, 3, 6, 1, false, 2};
	const struct mov_address alone = {SEGMENT_DS, 4, NONE, NONE, 1, false, -1ull};
	const struct mov_address relative = {SEGMENT_DS, 8, NONE, NONE, 1, true, -16ull};

	(void)state;
	assert_int_equal(mov_address_offset(&both, 0x1000, 0x10, 0x5555), 0x103f);
	assert_int_equal(mov_address_offset(&word, 0x1fff0, 0x2000f, 0x5555), 1);
	assert_int_equal(mov_address_offset(&alone, 0x1000, 0x10, 0x5555), UINT32_MAX);
	assert_int_equal(mov_address_offset(&relative, 0x1000, 0x10, 0x2000), 0x1ff0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_operands_address_is_as_it_was_assembled),
		cmocka_unit_test(an_offset_is_cut_to_the_address_size),
		cmocka_unit_test(every_encoding_decodes_as_it_was_assembled),
		cmocka_unit_test(every_shorter_piece_of_an_encoding_is_truncated),
		cmocka_unit_test(bytes_behind_the_instruction_do_not_matter),
		cmocka_unit_test(instruction_of_15_bytes_is_the_longest),
		cmocka_unit_test(prefixes_without_end_are_refused),
		cmocka_unit_test(lock_is_refused),
		cmocka_unit_test(register_operand_is_refused),
		cmocka_unit_test(group_with_another_reg_field_is_refused),
		cmocka_unit_test(every_other_opcode_is_refused),
		cmocka_unit_test(load_of_8_or_16_bits_leaves_the_other_bits),
		cmocka_unit_test(load_of_32_bits_zero_extends),
		cmocka_unit_test(load_of_64_bits_takes_the_whole_register),
		cmocka_unit_test(store_writes_the_register_cut_to_the_access),
		cmocka_unit_test(store_writes_the_immediate_cut_to_the_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
