/* SPDX-License-Identifier: MIT */
#include "cpu/msr.h"
#include "lib/bits.h"
#include "vm/msr_policy.h"

/* SDM Vol. 3A "Memory Type Range Registers (MTRRs)". */
#define MTRRCAP_FIXED         BIT(8)
#define MTRRCAP_WC            BIT(10)
#define MTRR_DEF_TYPE_DEFINED (BITS_MASK(7, 0) | BIT(10) | BIT(11))
#define MTRR_MASK_VALID       BIT(11)

enum {
	MTRR_TYPE_HIGH = 7,
	MTRR_TYPE_BITS = 8,
	MTRR_ADDRESS_LOW = 12,
};

/* Returns the place of a fixed-range MTRR among our eleven, or -1. */
static int fixed_index(uint32_t msr)
{
	if (msr == MSR_IA32_MTRR_FIX64K_00000) {
		return 0;
	}
	if (msr == MSR_IA32_MTRR_FIX16K_80000 || msr == MSR_IA32_MTRR_FIX16K_A0000) {
		return (int)(msr - MSR_IA32_MTRR_FIX16K_80000) + 1;
	}
	if (msr >= MSR_IA32_MTRR_FIX4K_C0000 && msr <= MSR_IA32_MTRR_FIX4K_F8000) {
		return (int)(msr - MSR_IA32_MTRR_FIX4K_C0000) + 3;
	}
	return -1;
}

static bool is_mtrr_type(uint64_t type)
{
	return type == MEMORY_TYPE_UC || type == MEMORY_TYPE_WC || type == MEMORY_TYPE_WT ||
	       type == MEMORY_TYPE_WP || type == MEMORY_TYPE_WB;
}

static bool is_fixed_value(uint64_t value)
{
	for (unsigned low = 0; low < 64; low += MTRR_TYPE_BITS) {
		if (!is_mtrr_type(bits_get(value, low + MTRR_TYPE_BITS - 1, low))) {
			return false;
		}
	}
	return true;
}

static bool is_variable_value(bool is_mask, uint64_t value, unsigned physical_address_bits)
{
	const uint64_t address = BITS_MASK(physical_address_bits - 1, MTRR_ADDRESS_LOW);

	if (is_mask) {
		return (value & ~(address | MTRR_MASK_VALID)) == 0;
	}
	return (value & ~(address | BITS_MASK(MTRR_TYPE_HIGH, 0))) == 0 &&
	       is_mtrr_type(bits_get(value, MTRR_TYPE_HIGH, 0));
}

bool msr_mtrr_read(const struct vcpu_msrs *msrs, uint32_t msr, uint64_t *value)
{
	const uint32_t variable = msr - MSR_IA32_MTRR_PHYSBASE0;
	const int fixed = fixed_index(msr);

	if (msr == MSR_IA32_MTRRCAP) {
		*value = VCPU_MTRR_VARIABLE_COUNT | MTRRCAP_FIXED | MTRRCAP_WC;
	} else if (msr == MSR_IA32_MTRR_DEF_TYPE) {
		*value = msrs->mtrr_def_type;
	} else if (variable < ARRAY_COUNT(msrs->mtrr_variable)) {
		*value = msrs->mtrr_variable[variable];
	} else if (fixed >= 0) {
		*value = msrs->mtrr_fixed[fixed];
	} else {
		return false;
	}
	return true;
}

bool msr_mtrr_write(
	struct vcpu_msrs *msrs, uint32_t msr, uint64_t value, unsigned physical_address_bits)
{
	const uint32_t variable = msr - MSR_IA32_MTRR_PHYSBASE0;
	const int fixed = fixed_index(msr);

	if (msr == MSR_IA32_MTRR_DEF_TYPE) {
		if ((value & ~MTRR_DEF_TYPE_DEFINED) != 0 ||
			!is_mtrr_type(bits_get(value, MTRR_TYPE_HIGH, 0))) {
			return false;
		}
		msrs->mtrr_def_type = value;
	} else if (variable < ARRAY_COUNT(msrs->mtrr_variable)) {
		if (!is_variable_value((variable & 1) != 0, value, physical_address_bits)) {
			return false;
		}
		msrs->mtrr_variable[variable] = value;
	} else if (fixed >= 0) {
		if (!is_fixed_value(value)) {
			return false;
		}
		msrs->mtrr_fixed[fixed] = value;
	} else {
		return false;
	}
	return true;
}
