/* SPDX-License-Identifier: MIT */
#include "cpu/local_apic.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "cpu/percpu.h"
#include "lib/bits.h"

enum {
	APIC_REGISTER_STRIDE = 0x10,
	X2APIC_MSR_BASE = 0x800, /* The MSR of a register is this plus offset / 16. */
	VECTORS_PER_ISR = 32,
	SPURIOUS_VECTOR = 0xff,
	XAPIC_ID_HIGH = 31,
	XAPIC_ID_LOW = 24,
	ICR_DELIVERY_PENDING = 1 << 12,
	ICR_DESTINATION_SHIFT = 32, /* In the x2APIC's one register of 64 bits. */
	DELIVERY_READS_MAX = 100000,
};

#define APIC_BASE_ADDRESS_HIGH 51
#define APIC_BASE_ADDRESS_LOW  12
#define APIC_LVT_MASKED        BIT(16)
#define APIC_SVR_ENABLED       BIT(8)

#define APIC_MAX_LVT_HIGH 23
#define APIC_MAX_LVT_LOW  16

#define APIC_LVT_DELIVERY_HIGH 10
#define APIC_LVT_DELIVERY_LOW  8
#define APIC_LVT_DELIVERY_SMI  2
/* Holds the priority classes 0 and 1 back: vectors below 32. */
#define APIC_TPR_VECTORS_ALLOWED 0x10u

static const uint16_t silenced[] = {
	LOCAL_APIC_LVT_TIMER,
	LOCAL_APIC_LVT_ERROR,
	LOCAL_APIC_LVT_PERFORMANCE,
	LOCAL_APIC_LVT_THERMAL,
	LOCAL_APIC_LVT_CMCI,
};

/* By the number of the highest LVT entry: SDM Vol. 3A "Local APIC Version Register". */
static const uint8_t silenced_needs_max_lvt[] = {0, 3, 4, 5, 6};

/* The boot processor's thermal entry as the firmware left it. */
static uint32_t firmware_thermal;

static bool is_present(void)
{
	return this_cpu()->apic_base != 0;
}

bool local_apic_is_x2apic(void)
{
	return (this_cpu()->apic_base & APIC_BASE_EXTD) != 0;
}

static uint32_t x2apic_msr(unsigned offset)
{
	return X2APIC_MSR_BASE + offset / APIC_REGISTER_STRIDE;
}

static volatile uint32_t *apic_register(unsigned offset)
{
	const uint64_t page =
		this_cpu()->apic_base & BITS_MASK(APIC_BASE_ADDRESS_HIGH, APIC_BASE_ADDRESS_LOW);

	return hpa_pointer(hpa(page + offset));
}

uint32_t local_apic_read(unsigned offset)
{
	return local_apic_is_x2apic() ? (uint32_t)insn_rdmsr(x2apic_msr(offset))
				      : *apic_register(offset);
}

void local_apic_write(unsigned offset, uint32_t value)
{
	if (local_apic_is_x2apic()) {
		insn_wrmsr(x2apic_msr(offset), value);
	} else {
		*apic_register(offset) = value;
	}
}

static uint32_t read_id(void)
{
	const uint32_t value = local_apic_read(LOCAL_APIC_ID);

	return local_apic_is_x2apic() ? value
				      : (uint32_t)bits_get(value, XAPIC_ID_HIGH, XAPIC_ID_LOW);
}

bool local_apic_open(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t base;

	cpu->apic_base = 0;
	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).edx & CPUID_1_EDX_APIC) == 0) {
		return false;
	}
	base = insn_rdmsr(MSR_IA32_APIC_BASE);
	if ((base & APIC_BASE_EN) == 0) {
		return false;
	}
	cpu->apic_base = base;
	cpu->apic_id = read_id();
	return true;
}

enum status local_apic_set_x2apic(bool is_wanted)
{
	const uint64_t base = this_cpu()->apic_base & ~APIC_BASE_EXTD;

	if (!is_present() || local_apic_is_x2apic() == is_wanted) {
		return STATUS_OK;
	}
	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).ecx & CPUID_1_ECX_X2APIC) == 0) {
		return STATUS_UNSUPPORTED;
	}
	if (is_wanted) {
		insn_wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD);
	} else {
		/* The way back leads over a disabled APIC. */
		insn_wrmsr(MSR_IA32_APIC_BASE, base & ~APIC_BASE_EN);
		insn_wrmsr(MSR_IA32_APIC_BASE, base);
	}
	return local_apic_open() ? STATUS_OK : STATUS_UNSUPPORTED;
}

static void wait_until_sent(void)
{
	for (unsigned i = 0; i < DELIVERY_READS_MAX; i++) {
		if ((*apic_register(LOCAL_APIC_ICR_LOW) & ICR_DELIVERY_PENDING) == 0) {
			return;
		}
		insn_pause();
	}
}

void local_apic_send(uint32_t apic_id, uint32_t command)
{
	if (local_apic_is_x2apic()) {
		/* This WRMSR waits for no store: the target could be there before it. */
		insn_mfence_lfence();
		insn_wrmsr(x2apic_msr(LOCAL_APIC_ICR_LOW),
			(uint64_t)apic_id << ICR_DESTINATION_SHIFT | command);
		return;
	}
	if (!is_present()) {
		return;
	}
	wait_until_sent();
	*apic_register(LOCAL_APIC_ICR_HIGH) = apic_id << XAPIC_ID_LOW;
	*apic_register(LOCAL_APIC_ICR_LOW) = command;
}

bool local_apic_enable(void)
{
	if (!is_present()) {
		return false;
	}
	local_apic_write(LOCAL_APIC_SVR, (uint32_t)APIC_SVR_ENABLED | SPURIOUS_VECTOR);
	return true;
}

/* The other processors' entry is masked after INIT, though the heat is the package's. */
static void silence(unsigned offset)
{
	const uint32_t entry = local_apic_read(offset);

	if (offset == LOCAL_APIC_LVT_THERMAL) {
		if (this_cpu()->index == 0) {
			firmware_thermal = entry;
		}
		if (bits_get(firmware_thermal, APIC_LVT_DELIVERY_HIGH, APIC_LVT_DELIVERY_LOW) ==
			APIC_LVT_DELIVERY_SMI) {
			local_apic_write(offset, firmware_thermal);
			return;
		}
	}
	local_apic_write(offset, entry | (uint32_t)APIC_LVT_MASKED);
}

void local_apic_quiesce(void)
{
	uint64_t max_lvt;

	if (!is_present()) {
		return;
	}
	max_lvt =
		bits_get(local_apic_read(LOCAL_APIC_VERSION), APIC_MAX_LVT_HIGH, APIC_MAX_LVT_LOW);
	for (size_t i = 0; i < ARRAY_COUNT(silenced); i++) {
		if (max_lvt >= silenced_needs_max_lvt[i]) {
			silence(silenced[i]);
		}
	}
	local_apic_write(LOCAL_APIC_TPR, APIC_TPR_VECTORS_ALLOWED);
}

void local_apic_end_interrupt(void)
{
	local_apic_write(LOCAL_APIC_EOI, 0);
}

void local_apic_eoi(uint8_t vector)
{
	const unsigned word = vector / VECTORS_PER_ISR;
	const unsigned offset = LOCAL_APIC_ISR + word * APIC_REGISTER_STRIDE;

	if (is_present() && (local_apic_read(offset) & BIT(vector % VECTORS_PER_ISR)) != 0) {
		local_apic_write(LOCAL_APIC_EOI, 0);
	}
}
