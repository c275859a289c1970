/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in all its modes: its registers by any access, timers of any rate, HLT until one
 * of them strikes, interrupts to itself and the other processor; the I/O APIC, the 8259s and the
 * clock.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum {
	TIMER_VECTOR = 0x51,
	ISR_WORDS = 8,
	LAPIC_WORD_STRIDE = 0x10,
	DEADLINE_BITS = 14,
	COUNT_BITS = 18,
	IOAPIC_REGISTERS_BITS = 6
};

#define MSR_TSC_DEADLINE     0x6e0u
#define ICR_DELIVERY_MODE    0x700ull
#define ICR_SMI              0x200ull
#define ICR_EXTINT           0x700ull
#define LVT_TIMER_PERIODIC   (1u << 17)
#define LVT_TIMER_DEADLINE   (2u << 17)
#define CPUID_1_ECX_DEADLINE (1u << 24)
/* Where guest_lapic_map() and this file map the pages. */
#define LAPIC_LINEAR  0x22000000ull
#define IOAPIC_PAGE   0xfec00000ull
#define IOAPIC_LINEAR 0x2a000000ull

static const struct hostile_code write_msr = {PROBE_CODE("\x0f\x30")};
static const struct hostile_code halt = {PROBE_CODE("\xfb\xf4")};

/* Loads and stores of RAX at RDI. */
static const struct hostile_code moves[] = {
	{PROBE_CODE("\x88\x07")},     /* MOV of 8 bits. */
	{PROBE_CODE("\x66\x89\x07")}, /* Of 16. */
	{PROBE_CODE("\x89\x07")},     /* Of 32. */
	{PROBE_CODE("\x89\x07")},
	{PROBE_CODE("\x89\x07")},
	{PROBE_CODE("\x8a\x07")},
	{PROBE_CODE("\x8b\x07")},
	{PROBE_CODE("\x0f\xb6\x07")}, /* MOVZX. */
	{PROBE_CODE("\xc7\x07\x00\x00\x00\x00")},
	{PROBE_CODE("\x48\x89\x07")}, /* Of 64: the last ones. */
	{PROBE_CODE("\x48\x8b\x07")},
};

static bool change_mode(void)
{
	const uint64_t base = guest_rdmsr(MSR_APIC_BASE) & ~(APIC_BASE_X2APIC | APIC_BASE_ENABLE);

	guest_wrmsr(MSR_APIC_BASE, base);
	if (choose_bits(3) != 0) {
		guest_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
		if (guest_lapic_has_x2apic() && choose_bits(1) != 0) {
			guest_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
		}
	}
	hostile_keep();
	hostile_restore_apic();
	return true;
}

static bool write_register_msr(void)
{
	struct guest_probe probe = hostile_probe(&write_msr, false);
	bool is_done;

	probe.in.rcx = 0x800 + choose_bits(6);
	probe.in.rax = hostile_without_init(choose_value());
	probe.in.rdx = choose_bits(2) == 0 ? choose_value() : choose_bits(1);
	if (probe.in.rcx == guest_lapic_msr(LAPIC_INITIAL_COUNT)) {
		probe.in.rax = hostile_timer_count(probe.in.rax);
	}
	is_done = hostile_run(&probe);
	hostile_restore_apic();
	return is_done;
}

/* Any register, any size; never an INIT. Aligned: Bochs stops at an access of a virtual APIC that
 * crosses 32 bits. */
static bool access_page(void)
{
	struct guest_probe probe =
		hostile_probe(&moves[choose_below(ARRAY_COUNT(moves) - 2)], choose_bits(2) == 0);
	bool is_done;

	probe.in.rdi =
		LAPIC_LINEAR + (choose_bits(3) == 0 ? choose_bits(9) << 3 : choose_bits(6) << 4);
	probe.in.rax = choose_value();
	if (probe.in.rdi - LAPIC_LINEAR >= LAPIC_ICR - 8 &&
		probe.in.rdi - LAPIC_LINEAR < LAPIC_ICR + 4) {
		probe.in.rax = choose_bits(1) << 14 | 0x40;
	}
	if (probe.in.rdi - LAPIC_LINEAR >= LAPIC_INITIAL_COUNT - 8 &&
		probe.in.rdi - LAPIC_LINEAR < LAPIC_INITIAL_COUNT + 4) {
		probe.in.rax = hostile_timer_count(probe.in.rax);
	}
	is_done = hostile_run(&probe);
	hostile_restore_apic();
	return is_done;
}

static bool has_deadline(void)
{
	return (guest_cpuid(1, 0).ecx & CPUID_1_ECX_DEADLINE) != 0;
}

/* Arms the timer, so that it strikes for certain if `is_certain`. */
static void arm_timer(bool is_certain)
{
	const uint32_t vector = is_certain ? TIMER_VECTOR : (uint32_t)choose_bits(8) | 0x10;

	if (has_deadline() && choose_bits(1) != 0) {
		guest_lapic_write(LAPIC_LVT_TIMER, LVT_TIMER_DEADLINE | vector);
		__asm__ volatile("mfence" : : : "memory");
		guest_wrmsr(MSR_TSC_DEADLINE, guest_rdtsc() + choose_bits(DEADLINE_BITS));
		return;
	}
	guest_lapic_write(LAPIC_LVT_TIMER, vector | (choose_bits(1) != 0 ? LVT_TIMER_PERIODIC : 0));
	guest_lapic_write(LAPIC_DIVIDE, is_certain ? 0xb : (uint32_t)choose_bits(4) & 0xb);
	guest_lapic_write(
		LAPIC_INITIAL_COUNT, (uint32_t)hostile_timer_count(choose_bits(COUNT_BITS)));
}

static bool is_enabled(void)
{
	return (guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLE) != 0;
}

/* One that an attack has left in service would keep the timer's away for good. */
static void end_interrupts_in_service(void)
{
	for (unsigned word = 0; word < ISR_WORDS; word++) {
		uint32_t bits = guest_lapic_read(LAPIC_ISR + word * LAPIC_WORD_STRIDE);

		for (; bits != 0; bits &= bits - 1) {
			guest_lapic_end_interrupt();
		}
	}
}

/* STI; HLT with a timer that strikes: without one the processor would stand still for good. */
static bool halt_with_timer(void)
{
	struct guest_probe probe = hostile_probe(&halt, false);

	guest_lapic_write(LAPIC_TPR, 0);
	end_interrupts_in_service();
	arm_timer(true);
	guest_probe_run(&probe);
	hostile_restore();
	guest_lapic_end_interrupt();
	/* No storm of the periodic one. */
	guest_lapic_write(LAPIC_INITIAL_COUNT, 0);
	guest_lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
	return true;
}

/* SMI and ExtINT are the firmware's on a bare machine: they become fixed ones. */
static uint64_t without_firmware_modes(uint64_t icr)
{
	const uint64_t mode = icr & ICR_DELIVERY_MODE;

	return mode == ICR_SMI || mode == ICR_EXTINT ? icr & ~ICR_DELIVERY_MODE : icr;
}

static bool send(void)
{
	struct guest_probe probe = hostile_probe(&write_msr, false);
	const uint64_t icr = without_firmware_modes(hostile_without_init(choose_bits(20)));
	const uint64_t destination = choose_bits(1) != 0 ? choose_bits(1) : choose_value();

	if (guest_lapic_is_x2apic()) {
		probe.in.rcx = guest_lapic_msr(LAPIC_ICR);
		probe.in.rax = icr;
		probe.in.rdx = destination;
		return hostile_run(&probe);
	}
	guest_lapic_send((uint32_t)destination, (uint32_t)icr & ~LAPIC_ICR_PENDING);
	return true;
}

static bool program_ioapic(void)
{
	struct guest_probe probe = hostile_probe(&moves[choose_below(ARRAY_COUNT(moves))], false);
	const uint64_t linear = hostile_window(IOAPIC_LINEAR);
	volatile uint32_t *page = (volatile uint32_t *)(uintptr_t)linear;

	hostile_map_absent(linear, IOAPIC_PAGE);
	page[0] = (uint32_t)choose_bits(IOAPIC_REGISTERS_BITS);
	probe.in.rdi = linear + (choose_bits(2) == 0 ? choose_bits(7) : 0x10);
	probe.in.rax = hostile_without_init(choose_bits(18));
	return hostile_run(&probe);
}

static bool program_ports(void)
{
	static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x61, 0x70, 0x71, 0x4d0, 0x4d1};

	for (unsigned i = 0; i < 4; i++) {
		/* ICW2 gives vectors from 32 on: hostile_port(). */
		guest_out8(
			ports[choose_below(ARRAY_COUNT(ports))], (uint8_t)(choose_bits(8) | 0x20));
	}
	return true;
}

bool hostile_apic(void)
{
	if (!hostile_has_apic()) {
		return program_ports();
	}
	switch (choose_bits(4)) {
	case 0:
		return change_mode();
	case 1:
		return program_ioapic();
	case 2:
		return program_ports();
	case 3:
	case 4:
	case 5:
		return write_register_msr();
	case 6:
	case 7:
	case 8:
		return access_page();
	case 9:
		return is_enabled() && send();
	case 10:
	case 11:
		if (is_enabled()) {
			arm_timer(false);
		}
		return true;
	default:
		return is_enabled() && halt_with_timer();
	}
}
