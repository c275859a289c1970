/* SPDX-License-Identifier: MIT */
#include "cpu/local_apic.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "lib/bits.h"

/* SDM Vol. 3A "Local APIC Registers": offsets in the page; the x2APIC MSR is 0x800 plus offset/16.
 */
enum {
	APIC_VERSION = 0x30,
	APIC_EOI = 0xb0,
	APIC_ISR = 0x100,
	APIC_LVT_CMCI = 0x2f0,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERFORMANCE = 0x340,
	APIC_LVT_ERROR = 0x370,
	APIC_REGISTER_STRIDE = 0x10,
	X2APIC_MSR_BASE = 0x800,
	VECTORS_PER_ISR = 32,
};

#define APIC_BASE_ADDRESS_HIGH 51
#define APIC_BASE_ADDRESS_LOW  12
#define APIC_LVT_MASKED        BIT(16)

#define APIC_MAX_LVT_HIGH 23
#define APIC_MAX_LVT_LOW  16

static const uint16_t silenced[] = {
	APIC_LVT_TIMER,
	APIC_LVT_ERROR,
	APIC_LVT_PERFORMANCE,
	APIC_LVT_THERMAL,
	APIC_LVT_CMCI,
};

/* By the number of the highest LVT entry: SDM Vol. 3A "Local APIC Version Register". */
static const uint8_t silenced_needs_max_lvt[] = {0, 3, 4, 5, 6};

static bool is_enabled(uint64_t *base)
{
	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).edx & CPUID_1_EDX_APIC) == 0) {
		return false;
	}
	*base = insn_rdmsr(MSR_IA32_APIC_BASE);
	return (*base & APIC_BASE_EN) != 0;
}

static volatile uint32_t *apic_register(uint64_t base, unsigned offset)
{
	uint64_t page = base & BITS_MASK(APIC_BASE_ADDRESS_HIGH, APIC_BASE_ADDRESS_LOW);

	return hpa_pointer(hpa(page + offset));
}

static uint32_t apic_read(uint64_t base, unsigned offset)
{
	if ((base & APIC_BASE_EXTD) != 0) {
		return (uint32_t)insn_rdmsr(X2APIC_MSR_BASE + offset / APIC_REGISTER_STRIDE);
	}
	return *apic_register(base, offset);
}

static void apic_write(uint64_t base, unsigned offset, uint32_t value)
{
	if ((base & APIC_BASE_EXTD) != 0) {
		insn_wrmsr(X2APIC_MSR_BASE + offset / APIC_REGISTER_STRIDE, value);
	} else {
		*apic_register(base, offset) = value;
	}
}

void local_apic_quiesce(void)
{
	uint64_t base = 0;
	uint64_t max_lvt;

	if (!is_enabled(&base)) {
		return;
	}
	max_lvt = bits_get(apic_read(base, APIC_VERSION), APIC_MAX_LVT_HIGH, APIC_MAX_LVT_LOW);
	for (size_t i = 0; i < ARRAY_COUNT(silenced); i++) {
		if (max_lvt >= silenced_needs_max_lvt[i]) {
			apic_write(base, silenced[i],
				apic_read(base, silenced[i]) | (uint32_t)APIC_LVT_MASKED);
		}
	}
}

void local_apic_eoi(uint8_t vector)
{
	uint64_t base = 0;
	unsigned word = vector / VECTORS_PER_ISR;
	unsigned offset = APIC_ISR + word * APIC_REGISTER_STRIDE;

	if (is_enabled(&base) && (apic_read(base, offset) & BIT(vector % VECTORS_PER_ISR)) != 0) {
		apic_write(base, APIC_EOI, 0);
	}
}
