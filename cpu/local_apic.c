/* SPDX-License-Identifier: MIT */
#include "cpu/local_apic.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "lib/bits.h"

enum {
	APIC_REGISTER_STRIDE = 0x10,
	X2APIC_MSR_BASE = 0x800, /* The MSR of a register is this plus offset / 16. */
	VECTORS_PER_ISR = 32,
	SPURIOUS_VECTOR = 0xff,
};

#define APIC_BASE_ADDRESS_HIGH 51
#define APIC_BASE_ADDRESS_LOW  12
#define APIC_LVT_MASKED        BIT(16)
#define APIC_SVR_ENABLED       BIT(8)

#define APIC_MAX_LVT_HIGH 23
#define APIC_MAX_LVT_LOW  16

static const uint16_t silenced[] = {
	LOCAL_APIC_LVT_TIMER,
	LOCAL_APIC_LVT_ERROR,
	LOCAL_APIC_LVT_PERFORMANCE,
	LOCAL_APIC_LVT_THERMAL,
	LOCAL_APIC_LVT_CMCI,
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

static uint32_t read_register(uint64_t base, unsigned offset)
{
	if ((base & APIC_BASE_EXTD) != 0) {
		return (uint32_t)insn_rdmsr(X2APIC_MSR_BASE + offset / APIC_REGISTER_STRIDE);
	}
	return *apic_register(base, offset);
}

static void write_register(uint64_t base, unsigned offset, uint32_t value)
{
	if ((base & APIC_BASE_EXTD) != 0) {
		insn_wrmsr(X2APIC_MSR_BASE + offset / APIC_REGISTER_STRIDE, value);
	} else {
		*apic_register(base, offset) = value;
	}
}

uint32_t local_apic_read(unsigned offset)
{
	return read_register(insn_rdmsr(MSR_IA32_APIC_BASE), offset);
}

void local_apic_write(unsigned offset, uint32_t value)
{
	write_register(insn_rdmsr(MSR_IA32_APIC_BASE), offset, value);
}

bool local_apic_enable(void)
{
	uint64_t base;

	if (!is_enabled(&base)) {
		return false;
	}
	write_register(base, LOCAL_APIC_SVR, (uint32_t)APIC_SVR_ENABLED | SPURIOUS_VECTOR);
	return true;
}

void local_apic_quiesce(void)
{
	uint64_t base = 0;
	uint64_t max_lvt;

	if (!is_enabled(&base)) {
		return;
	}
	max_lvt = bits_get(
		read_register(base, LOCAL_APIC_VERSION), APIC_MAX_LVT_HIGH, APIC_MAX_LVT_LOW);
	for (size_t i = 0; i < ARRAY_COUNT(silenced); i++) {
		if (max_lvt >= silenced_needs_max_lvt[i]) {
			write_register(base, silenced[i],
				read_register(base, silenced[i]) | (uint32_t)APIC_LVT_MASKED);
		}
	}
}

void local_apic_eoi(uint8_t vector)
{
	uint64_t base = 0;
	unsigned word = vector / VECTORS_PER_ISR;
	unsigned offset = LOCAL_APIC_ISR + word * APIC_REGISTER_STRIDE;

	if (is_enabled(&base) &&
		(read_register(base, offset) & BIT(vector % VECTORS_PER_ISR)) != 0) {
		write_register(base, LOCAL_APIC_EOI, 0);
	}
}
