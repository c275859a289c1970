/* SPDX-License-Identifier: MIT */
#include "tests/guests/apic/apic_device.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"

#define MSR_APIC_BASE      0x1bu
#define APIC_BASE_ENABLE   (1ull << 11)
#define APIC_BASE_X2APIC   (1ull << 10)
#define APIC_BASE_ADDRESS  0x000ffffffffff000ull
#define MSR_X2APIC_FIRST   0x800u
#define CPUID_1_ECX_X2APIC (1u << 21)
#define SVR_ENABLE         (1u << 8)
#define ICR_SELF           (1u << 18)
/* A linear address that nothing else uses. */
#define APIC_PAGE 0x22000000ull

enum {
	REGISTER_SHIFT = 4,
	REGISTER_STRIDE = 0x10,
	VECTORS_PER_REGISTER = 32,
	LOG_MAX = 64,
};

void apic_handler_low(void);
void apic_handler_timer(void);
void apic_handler_high(void);
void apic_handler_level(void);
void apic_handler_spurious(void);
extern volatile uint8_t apic_log[LOG_MAX];
extern volatile uint64_t apic_log_count;
extern volatile uint64_t apic_log_masked_count;

static bool is_x2apic;

bool apic_has_x2apic(void)
{
	return (guest_cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC) != 0;
}

bool apic_is_x2apic(void)
{
	return is_x2apic;
}

static volatile uint32_t *page_register(enum apic_register offset)
{
	const uint64_t physical = guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

	return (volatile uint32_t *)(uintptr_t)(APIC_PAGE + physical % GUEST_PAGE_2M_BYTES +
						offset);
}

uint32_t apic_msr(enum apic_register offset)
{
	return MSR_X2APIC_FIRST + ((uint32_t)offset >> REGISTER_SHIFT);
}

uint32_t apic_get(enum apic_register offset)
{
	return is_x2apic ? (uint32_t)guest_rdmsr(apic_msr(offset)) : *page_register(offset);
}

void apic_put(enum apic_register offset, uint32_t value)
{
	if (is_x2apic) {
		guest_wrmsr(apic_msr(offset), value);
	} else {
		*page_register(offset) = value;
	}
}

void apic_end_interrupt(void)
{
	apic_put(APIC_EOI, 0);
}

void apic_send_self(unsigned vector)
{
	if (is_x2apic) {
		apic_put(APIC_SELF_IPI, vector);
	} else {
		apic_put(APIC_ICR, ICR_SELF | vector);
	}
}

bool apic_has_bit(enum apic_register first, unsigned vector)
{
	const unsigned index = vector / VECTORS_PER_REGISTER;
	const uint32_t bits =
		apic_get((enum apic_register)((unsigned)first + index * (unsigned)REGISTER_STRIDE));

	return (bits >> vector % VECTORS_PER_REGISTER & 1) != 0;
}

static void set_up(void)
{
	apic_put(APIC_SVR, SVR_ENABLE | APIC_VECTOR_SPURIOUS);
	apic_put(APIC_DIVIDE, APIC_DIVIDE_BY_1);
	apic_stop_timer();
}

void apic_start(void)
{
	const uint64_t base = guest_rdmsr(MSR_APIC_BASE);

	guest_map_2m(APIC_PAGE, base & APIC_BASE_ADDRESS, GUEST_PAGE_DEFAULT | GUEST_PAGE_PCD);
	guest_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	guest_segments_set_gate(APIC_VECTOR_LOW, (uintptr_t)apic_handler_low, 0);
	guest_segments_set_gate(APIC_VECTOR_TIMER, (uintptr_t)apic_handler_timer, 0);
	guest_segments_set_gate(APIC_VECTOR_HIGH, (uintptr_t)apic_handler_high, 0);
	guest_segments_set_gate(APIC_VECTOR_LEVEL, (uintptr_t)apic_handler_level, 0);
	guest_segments_set_gate(APIC_VECTOR_SPURIOUS, (uintptr_t)apic_handler_spurious, 0);
	set_up();
}

void apic_enter_x2apic(void)
{
	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	is_x2apic = true;
	set_up();
}

void apic_forget(void)
{
	apic_log_count = 0;
	apic_log_masked_count = 0;
	for (unsigned i = 0; i < LOG_MAX; i++) {
		apic_log[i] = 0;
	}
}

uint64_t apic_count(void)
{
	return apic_log_count;
}

unsigned apic_came(unsigned index)
{
	return apic_log[index % LOG_MAX];
}

uint64_t apic_masked_count(void)
{
	return apic_log_masked_count;
}

void apic_open(void)
{
	__asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

void apic_spin(uint64_t ticks)
{
	const uint64_t start = guest_rdtsc();

	while (guest_rdtsc() - start < ticks) {
	}
}

void apic_start_timer(uint32_t count)
{
	apic_put(APIC_LVT_TIMER, APIC_VECTOR_TIMER);
	apic_put(APIC_INITIAL_COUNT, count);
}

void apic_stop_timer(void)
{
	apic_put(APIC_LVT_TIMER, APIC_LVT_MASKED | APIC_VECTOR_TIMER);
	apic_put(APIC_INITIAL_COUNT, 0);
}
