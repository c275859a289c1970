/* SPDX-License-Identifier: MIT */
/*
 * Computes the CRC-32 (IEEE 802.3) of 1 MiB again and again, "iterations=N" times, and says it each
 * time that it changes: never. By a table and, once, bit by bit.
 */
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

enum { DATA_BYTES = 1 << 20, TABLE_ENTRIES = 256, BITS = 8, ITERATIONS = 2 };

#define POLYNOMIAL 0xedb88320u
#define FIRST_WORD 1u

static uint8_t data[DATA_BYTES];
static uint32_t table[TABLE_ENTRIES];

/* The host computes the same: word n+1 is 1664525 times word n plus 1013904223, its top byte kept.
 */
static void fill_data(void)
{
	uint32_t word = FIRST_WORD;

	for (unsigned i = 0; i < DATA_BYTES; i++) {
		word = word * 1664525u + 1013904223u;
		data[i] = (uint8_t)(word >> 24);
	}
}

static uint32_t crc_step(uint32_t crc)
{
	for (unsigned bit = 0; bit < BITS; bit++) {
		crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
	}
	return crc;
}

static uint32_t crc_by_bits(void)
{
	uint32_t crc = ~0u;

	for (unsigned i = 0; i < DATA_BYTES; i++) {
		crc = crc_step(crc ^ data[i]);
	}
	return ~crc;
}

static uint32_t crc_by_table(void)
{
	uint32_t crc = ~0u;

	for (unsigned i = 0; i < DATA_BYTES; i++) {
		crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
	}
	return ~crc;
}

uint32_t guest_main(void)
{
	const uint64_t iterations = guest_option("iterations", ITERATIONS);
	uint64_t wrong = 0;
	uint32_t expected;

	fill_data();
	for (uint32_t i = 0; i < TABLE_ENTRIES; i++) {
		table[i] = crc_step(i);
	}
	expected = crc_by_bits();
	for (uint64_t i = 0; i < iterations; i++) {
		wrong += crc_by_table() != expected;
	}
	report_equal("the_checksum_is_always_the_same", wrong, 0);
	guest_printf("%s checksum 0x%x iterations=%lu\n", wrong == 0 ? "PASS" : "FAIL", expected,
		iterations);
	return report_result();
}
