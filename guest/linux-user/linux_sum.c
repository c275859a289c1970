/* SPDX-License-Identifier: MIT */
/*
 * Computes a checksum that is known beforehand again and again, and ends at the first wrong one:
 * what another guest does meanwhile must not be seen here. A line each SAY_EACH_ROUND rounds shows
 * that it goes on.
 *
 * linux_sum [ROUNDS]    0: for ever; exit status 0 for PASS, 1 for FAIL
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_DEFAULT 100
#define SAY_EACH_ROUND 50
#define BUFFER_BYTES   65536
/* CRC-32 as Ethernet has it (IEEE 802.3), bits reversed. */
#define CRC_POLYNOMIAL 0xedb88320u
/* The CRC of the bytes that fill() makes. */
#define CRC_WANT  0x5b5a2981u
#define BYTE_STEP 167u

static uint8_t buffer[BUFFER_BYTES];
static uint32_t table[UINT8_MAX + 1];

static void make_table(void)
{
	uint32_t i;

	for (i = 0; i <= UINT8_MAX; i++) {
		uint32_t value = i;
		unsigned bit;

		for (bit = 0; bit < 8; bit++) {
			value = value >> 1 ^ (value % 2 != 0 ? CRC_POLYNOMIAL : 0);
		}
		table[i] = value;
	}
}

/* Each byte from the index alone, all pages written anew. */
static void fill(void)
{
	uint32_t i;

	for (i = 0; i < BUFFER_BYTES; i++) {
		buffer[i] = (uint8_t)(i * BYTE_STEP + (i >> 8));
	}
}

static uint32_t sum(void)
{
	uint32_t value = UINT32_MAX;
	uint32_t i;

	for (i = 0; i < BUFFER_BYTES; i++) {
		value = value >> 8 ^ table[(value ^ buffer[i]) & UINT8_MAX];
	}
	return ~value;
}

int main(int argc, char **argv)
{
	const unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS_DEFAULT;
	unsigned long round = 0;
	uint32_t got = CRC_WANT;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	make_table();
	while ((rounds == 0 || round < rounds) && got == CRC_WANT) {
		fill();
		got = sum();
		round++;
		if (round % SAY_EACH_ROUND == 0) {
			printf("linux_sum: round=%lu sum=0x%08x\n", round, got);
		}
	}
	printf("%s sum=0x%08x rounds=%lu\n", got == CRC_WANT ? "PASS" : "FAIL", got, round);
	return got == CRC_WANT ? EXIT_SUCCESS : EXIT_FAILURE;
}
