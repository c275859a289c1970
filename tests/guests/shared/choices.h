/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_SHARED_CHOICES_H
#define TESTS_GUESTS_SHARED_CHOICES_H

#include <stdint.h>

/*
 * Random choices, each with a taste for the values where things go wrong. Processors 0 and 1 have a
 * sequence each, which begins with the seed that they give.
 */
void choose_seed(uint64_t seed);

/* A number below `limit`, which is not 0; one of `bits` bits. */
uint64_t choose_below(uint64_t limit);
uint64_t choose_bits(unsigned bits);

/* Any 64-bit value: small, huge, a power of two, or one off. */
uint64_t choose_value(void);

/* One to three bits. */
uint64_t choose_flips(void);

/* Addresses around the edges of memory, of 32 bits and of canonical ones; never our own. */
uint64_t choose_address(void);

/* Any port but those that end the guest by design, and the UART's. */
uint16_t choose_port(void);

/* MSRs that are emulated, their neighbours, and any number. */
uint32_t choose_msr(void);
uint32_t choose_cpuid_leaf(void);
uint64_t choose_call(void);

#endif
