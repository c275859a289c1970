/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_lapic.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"

#define MSR_X2APIC_FIRST   0x800u
#define CPUID_1_ECX_X2APIC (1u << 21)
/* A linear address that nothing else uses. */
#define LAPIC_PAGE 0x22000000ull

enum {
	PENDING_POLLS_MAX = 1000,
	REGISTER_SHIFT = 4,
	REGISTER_STRIDE = 0x10,
	VECTORS_PER_REGISTER = 32,
	DESTINATION_SHIFT = 24,
	DESTINATION_SHIFT_X2APIC = 32,
	VECTOR_SPURIOUS = 0xff,
};

/* Set before another processor runs. */
static uint64_t page_linear;

void guest_lapic_map(void)
{
	const uint64_t physical = guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

	/* Not for user code: most of the 2 MiB have no memory, and random instructions of a test
	 * would find them. */
	guest_map_2m(
		LAPIC_PAGE, physical, (GUEST_PAGE_DEFAULT & ~GUEST_PAGE_USER) | GUEST_PAGE_PCD);
	page_linear = LAPIC_PAGE + physical % GUEST_PAGE_2M_BYTES;
}

void guest_lapic_enable(void)
{
	guest_lapic_write(LAPIC_TPR, 0);
	guest_lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
}

bool guest_lapic_has_x2apic(void)
{
	return (guest_cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC) != 0;
}

bool guest_lapic_is_x2apic(void)
{
	return (guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC) != 0;
}

void guest_lapic_enter_x2apic(void)
{
	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	guest_lapic_enable();
}

/* SDM Vol. 3A "x2APIC State Transitions": only through the disabled state. */
void guest_lapic_leave_x2apic(void)
{
	const uint64_t base = guest_rdmsr(MSR_APIC_BASE);
	const uint64_t off = base & ~(APIC_BASE_X2APIC | APIC_BASE_ENABLE);

	guest_wrmsr(MSR_APIC_BASE, off);
	guest_wrmsr(MSR_APIC_BASE, off | APIC_BASE_ENABLE);
	guest_lapic_enable();
}

static volatile uint32_t *page_register(enum guest_lapic_register offset)
{
	return (volatile uint32_t *)(uintptr_t)(page_linear + offset);
}

uint32_t guest_lapic_msr(enum guest_lapic_register offset)
{
	return MSR_X2APIC_FIRST + ((uint32_t)offset >> REGISTER_SHIFT);
}

uint32_t guest_lapic_read(enum guest_lapic_register offset)
{
	return guest_lapic_is_x2apic() ? (uint32_t)guest_rdmsr(guest_lapic_msr(offset))
				       : *page_register(offset);
}

void guest_lapic_write(enum guest_lapic_register offset, uint32_t value)
{
	if (guest_lapic_is_x2apic()) {
		guest_wrmsr(guest_lapic_msr(offset), value);
	} else {
		*page_register(offset) = value;
	}
}

void guest_lapic_end_interrupt(void)
{
	guest_lapic_write(LAPIC_EOI, 0);
}

uint32_t guest_lapic_id(void)
{
	const uint32_t id = guest_lapic_read(LAPIC_ID);

	return guest_lapic_is_x2apic() ? id : id >> DESTINATION_SHIFT;
}

bool guest_lapic_has_bit(enum guest_lapic_register first, unsigned vector)
{
	const unsigned index = vector / VECTORS_PER_REGISTER;
	const enum guest_lapic_register offset =
		(enum guest_lapic_register)((unsigned)first + index * (unsigned)REGISTER_STRIDE);

	return (guest_lapic_read(offset) >> vector % VECTORS_PER_REGISTER & 1) != 0;
}

void guest_lapic_send(uint32_t destination, uint32_t icr)
{
	if (guest_lapic_is_x2apic()) {
		/* WRMSR to the x2APIC does not wait for earlier stores: SDM Vol. 3A "MSR Access in
		 * x2APIC Mode". */
		__asm__ volatile("mfence" : : : "memory");
		guest_wrmsr(guest_lapic_msr(LAPIC_ICR),
			(uint64_t)destination << DESTINATION_SHIFT_X2APIC | icr);
		return;
	}
	/* Where no APIC is, ones are read for ever. */
	for (unsigned i = 0; i < PENDING_POLLS_MAX; i++) {
		if ((*page_register(LAPIC_ICR) & LAPIC_ICR_PENDING) == 0) {
			break;
		}
		guest_pause();
	}
	*page_register(LAPIC_ICR_HIGH) = destination << DESTINATION_SHIFT;
	*page_register(LAPIC_ICR) = icr;
}
