/* SPDX-License-Identifier: MIT */
#ifndef CPU_ADDRESS_SIZES_H
#define CPU_ADDRESS_SIZES_H

#include "cpu/cpuid.h"
#include "cpu/insn.h"

/* SDM Vol. 2A "CPUID - CPU Identification", leaf 80000008H. */
#define PHYSICAL_ADDRESS_BITS_HIGH 7
#define PHYSICAL_ADDRESS_BITS_LOW  0
#define LINEAR_ADDRESS_BITS_HIGH   15
#define LINEAR_ADDRESS_BITS_LOW    8

/* SDM Vol. 3A "Enumeration of Paging Features by CPUID": what holds where CPUID.80000008H is
 * absent. */
enum {
	DEFAULT_PHYSICAL_ADDRESS_BITS = 36,
	DEFAULT_LINEAR_ADDRESS_BITS = 48,
};

struct address_sizes {
	unsigned physical_bits; /* MAXPHYADDR. */
	unsigned linear_bits;
};

/* Returns the widths of this processor's addresses. Context: any. */
static inline struct address_sizes address_sizes_read(void)
{
	uint32_t sizes;

	if (insn_cpuid(CPUID_LEAF_EXTENDED, 0).eax < CPUID_LEAF_ADDRESS_SIZES) {
		return (struct address_sizes){
			DEFAULT_PHYSICAL_ADDRESS_BITS, DEFAULT_LINEAR_ADDRESS_BITS};
	}
	sizes = insn_cpuid(CPUID_LEAF_ADDRESS_SIZES, 0).eax;
	return (struct address_sizes){
		(unsigned)bits_get(sizes, PHYSICAL_ADDRESS_BITS_HIGH, PHYSICAL_ADDRESS_BITS_LOW),
		(unsigned)bits_get(sizes, LINEAR_ADDRESS_BITS_HIGH, LINEAR_ADDRESS_BITS_LOW)};
}

#endif
