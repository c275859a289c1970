/* SPDX-License-Identifier: MIT */
#include "cpu/mtrr.h"

#include "cpu/address_sizes.h"
#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "lib/bits.h"
#include "lib/string.h"

#define MTRRCAP_FIX BIT(8)

/* IA32_MTRR_DEF_TYPE. */
#define DEF_TYPE_FE BIT(10)
#define DEF_TYPE_E  BIT(11)

/* IA32_MTRR_PHYSMASKn. */
#define PHYSMASK_VALID BIT(11)

#define FIXED_END MIB(1)

enum {
	MTRRCAP_VCNT_HIGH = 7,
	TYPE_HIGH = 7,
	TYPE_BITS = 8,
	ADDRESS_LOW = 12,
	RANGES_PER_FIXED = 8,
};

/* SDM Vol. 3A "Fixed Range MTRRs", Table "Address Mapping for Fixed-Range MTRRs". */
static const struct {
	uint32_t msr;
	uint32_t first; /* The register's first address, */
	uint32_t size;  /* and the size of each of its eight ranges. */
} fixed_ranges[MTRR_FIXED_COUNT] = {
	{MSR_IA32_MTRR_FIX64K_00000, 0x00000, 0x10000},
	{MSR_IA32_MTRR_FIX16K_80000, 0x80000, 0x4000},
	{MSR_IA32_MTRR_FIX16K_A0000, 0xa0000, 0x4000},
	{MSR_IA32_MTRR_FIX4K_C0000, 0xc0000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_C0000 + 1, 0xc8000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_C0000 + 2, 0xd0000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_C0000 + 3, 0xd8000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_C0000 + 4, 0xe0000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_C0000 + 5, 0xe8000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_C0000 + 6, 0xf0000, 0x1000},
	{MSR_IA32_MTRR_FIX4K_F8000, 0xf8000, 0x1000},
};

static enum status read_variables(struct mtrr *mtrr, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct mtrr_variable *variable = &mtrr->variables[mtrr->variable_count];
		const uint32_t msr = MSR_IA32_MTRR_PHYSBASE0 + 2 * i;

		if (!insn_rdmsr_safe(msr, &variable->base) ||
			!insn_rdmsr_safe(msr + 1, &variable->mask)) {
			return STATUS_RANGE;
		}
		if ((variable->mask & PHYSMASK_VALID) != 0) {
			mtrr->variable_count++;
		}
	}
	return STATUS_OK;
}

static enum status read_fixed(struct mtrr *mtrr)
{
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++) {
		if (!insn_rdmsr_safe(fixed_ranges[i].msr, &mtrr->fixed[i])) {
			return STATUS_RANGE;
		}
	}
	return STATUS_OK;
}

enum status mtrr_read(struct mtrr *mtrr)
{
	uint64_t capability;
	uint64_t def_type;
	enum status status;

	memset(mtrr, 0, sizeof(*mtrr));
	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).edx & CPUID_1_EDX_MTRR) == 0) {
		return STATUS_NOT_FOUND;
	}
	if (!insn_rdmsr_safe(MSR_IA32_MTRRCAP, &capability) ||
		!insn_rdmsr_safe(MSR_IA32_MTRR_DEF_TYPE, &def_type) ||
		bits_get(capability, MTRRCAP_VCNT_HIGH, 0) > MTRR_VARIABLE_MAX) {
		return STATUS_RANGE;
	}
	if ((def_type & DEF_TYPE_E) == 0) {
		return STATUS_UNSUPPORTED;
	}
	mtrr->physical_address_bits = address_sizes_read().physical_bits;
	mtrr->default_type = bits_get(def_type, TYPE_HIGH, 0);
	mtrr->is_fixed_enabled = (capability & MTRRCAP_FIX) != 0 && (def_type & DEF_TYPE_FE) != 0;
	status = read_variables(mtrr, (unsigned)bits_get(capability, MTRRCAP_VCNT_HIGH, 0));
	if (status == STATUS_OK && mtrr->is_fixed_enabled) {
		status = read_fixed(mtrr);
	}
	return status;
}

static enum memory_type fixed_type(const struct mtrr *mtrr, uint64_t address, uint64_t *end)
{
	unsigned index = MTRR_FIXED_COUNT - 1;
	uint64_t range;
	unsigned low;

	while (address < fixed_ranges[index].first) {
		index--;
	}
	range = (address - fixed_ranges[index].first) / fixed_ranges[index].size;
	*end = fixed_ranges[index].first + (range + 1) * fixed_ranges[index].size;
	low = (unsigned)range * TYPE_BITS;
	return (enum memory_type)bits_get(mtrr->fixed[index], low + TYPE_BITS - 1, low);
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Returns the next address above this one where a range may begin or end. The mask's lowest 1 is
 * the range's size where no 0 stands above it, as firmware has it; else the range is of many
 * pieces, each that long.
 */
static uint64_t next_edge(uint64_t base, uint64_t mask, uint64_t address_mask, uint64_t address)
{
	const uint64_t size = mask & (~mask + 1);
	const bool is_one_piece = mask == (address_mask & ~(size - 1));

	if (mask == 0) {
		return UINT64_MAX;
	}
	if (!is_one_piece) {
		return align_down(address, size) + size;
	}
	base &= mask;
	if (address < base) {
		return base;
	}
	return address - base < size ? base + size : UINT64_MAX;
}

/* SDM Vol. 3A "MTRR Precedences". */
static enum memory_type combine(enum memory_type a, enum memory_type b)
{
	if (a == b) {
		return a;
	}
	if ((a == MEMORY_TYPE_WT && b == MEMORY_TYPE_WB) ||
		(a == MEMORY_TYPE_WB && b == MEMORY_TYPE_WT)) {
		return MEMORY_TYPE_WT;
	}
	return MEMORY_TYPE_UC;
}

static enum memory_type variable_type(const struct mtrr *mtrr, uint64_t address, uint64_t *end)
{
	const uint64_t address_mask = BITS_MASK(mtrr->physical_address_bits - 1, ADDRESS_LOW);
	enum memory_type type = (enum memory_type)mtrr->default_type;
	bool is_found = false;

	for (unsigned i = 0; i < mtrr->variable_count; i++) {
		const uint64_t base = mtrr->variables[i].base;
		const uint64_t mask = mtrr->variables[i].mask & address_mask;
		const enum memory_type own = (enum memory_type)bits_get(base, TYPE_HIGH, 0);

		*end = lower(*end, next_edge(base, mask, address_mask, address));
		if ((address & mask) == (base & mask)) {
			type = is_found ? combine(type, own) : own;
			is_found = true;
		}
	}
	return type;
}

enum memory_type mtrr_type(const struct mtrr *mtrr, uint64_t address, uint64_t *end)
{
	if (mtrr->is_fixed_enabled && address < FIXED_END) {
		return fixed_type(mtrr, address, end);
	}
	*end = address < FIXED_END ? FIXED_END : UINT64_MAX;
	return variable_type(mtrr, address, end);
}
