/* SPDX-License-Identifier: MIT */
#include "tests/guests/conformance/conformance_apic.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"

#define MSR_APIC_BASE      0x1bu
#define APIC_BASE_ENABLE   (1ull << 11)
#define APIC_BASE_X2APIC   (1ull << 10)
#define APIC_BASE_ADDRESS  0x000ffffffffff000ull
#define MSR_X2APIC_FIRST   0x800u
#define CPUID_1_EDX_APIC   (1u << 9)
#define CPUID_1_ECX_X2APIC (1u << 21)
#define SPURIOUS_ENABLE    (1u << 8)
#define LVT_MASKED         (1u << 16)
#define DIVIDE_BY_1        0xbu
#define XAPIC_ID_SHIFT     24
/* Long enough for any hypervisor under an emulator, short enough to wait for. */
#define GUARD_TICKS 100000000u
/* Linear addresses that nothing else uses. */
#define APIC_PAGE 0x22000000ull

enum { REGISTER_SHIFT = 4, VECTORS_PER_REGISTER = 32, REGISTER_STRIDE = 0x10 };

void conformance_interrupt_entry(void);
extern volatile uint64_t conformance_interrupt_count;
extern volatile uint64_t conformance_interrupt_rip;

static bool is_x2apic;

bool apic_is_offered(void)
{
	return (guest_cpuid(1, 0).edx & CPUID_1_EDX_APIC) != 0;
}

bool apic_x2apic_is_offered(void)
{
	return (guest_cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC) != 0;
}

static volatile uint32_t *page_register(enum apic_register offset)
{
	const uint64_t physical = guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

	return (volatile uint32_t *)(uintptr_t)(APIC_PAGE + (physical % GUEST_PAGE_2M_BYTES) +
						offset);
}

static uint32_t msr_of(enum apic_register offset)
{
	return MSR_X2APIC_FIRST + ((uint32_t)offset >> REGISTER_SHIFT);
}

uint32_t apic_read(enum apic_register offset)
{
	return is_x2apic ? (uint32_t)guest_rdmsr(msr_of(offset)) : *page_register(offset);
}

void apic_write(enum apic_register offset, uint32_t value)
{
	if (is_x2apic) {
		guest_wrmsr(msr_of(offset), value);
	} else {
		*page_register(offset) = value;
	}
}

uint32_t apic_id(void)
{
	return is_x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> XAPIC_ID_SHIFT;
}

bool apic_vector_is_in(enum apic_register first, unsigned vector)
{
	const unsigned index = vector / VECTORS_PER_REGISTER;
	const uint32_t bits = apic_read(
		(enum apic_register)((unsigned)first + index * (unsigned)REGISTER_STRIDE));

	return (bits >> vector % VECTORS_PER_REGISTER & 1) != 0;
}

static void set_up(void)
{
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | SPURIOUS_VECTOR);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | GUARD_VECTOR);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
}

void apic_enable(void)
{
	const uint64_t base = guest_rdmsr(MSR_APIC_BASE);

	guest_map_2m(APIC_PAGE, base & APIC_BASE_ADDRESS, GUEST_PAGE_DEFAULT | GUEST_PAGE_PCD);
	guest_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	guest_segments_set_gate(INTERRUPT_VECTOR, (uintptr_t)conformance_interrupt_entry, 0);
	guest_segments_set_gate(GUARD_VECTOR, (uintptr_t)conformance_interrupt_entry, 0);
	guest_segments_set_gate(SPURIOUS_VECTOR, (uintptr_t)conformance_interrupt_entry, 0);
	set_up();
}

void apic_enter_x2apic(void)
{
	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	is_x2apic = true;
	set_up();
}

void apic_forget_interrupts(void)
{
	conformance_interrupt_count = 0;
	conformance_interrupt_rip = 0;
}

uint64_t apic_let_interrupts_in(void)
{
	__asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
	return conformance_interrupt_count;
}

bool apic_halt_until_guard(void)
{
	bool is_guard;

	apic_forget_interrupts();
	apic_write(APIC_LVT_TIMER, GUARD_VECTOR);
	apic_write(APIC_TIMER_INITIAL, GUARD_TICKS);
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
	is_guard = conformance_interrupt_count != 0;
	apic_write(APIC_LVT_TIMER, LVT_MASKED | GUARD_VECTOR);
	apic_write(APIC_TIMER_INITIAL, 0);
	if (is_guard) {
		apic_write(APIC_EOI, 0);
	}
	return is_guard;
}

uint64_t apic_interrupt_count(void)
{
	return conformance_interrupt_count;
}

uint64_t apic_interrupt_rip(void)
{
	return conformance_interrupt_rip;
}
