/* SPDX-License-Identifier: MIT */
/*
 * A timer of its own that strikes every "period_us=N", and a processor that never gives its CPU
 * back: interrupts disabled, a jump to itself. "forever=1": what is to come is to come from
 * outside. With a second processor that is woken by INIT and STARTUP: from that one, which must get
 * its turn. Else it spins for a while, and looks whether the timer has struck.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"

enum {
	PERIOD_US = 10000,
	COUNTS_PER_US = 1000, /* As KVM's and ours count. */
	DIVIDE_BY_1 = 0xb,
	TIMER_VECTOR = 0x61,
	STARTUP_VECTOR = 0x10,
	SPIN_TICKS = 300000,
};

#define LVT_PERIODIC (1u << 17)

static void start_timer(uint64_t period_us)
{
	guest_lapic_write(LAPIC_DIVIDE, DIVIDE_BY_1);
	guest_lapic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | TIMER_VECTOR);
	guest_lapic_write(LAPIC_INITIAL_COUNT, (uint32_t)(period_us * COUNTS_PER_US));
}

static void report_and_end(void *argument)
{
	(void)argument;
	report_pass("the_second_processor_gets_its_turn");
	guest_exit(report_result());
}

/* Not guest_smp_start(), which looks whether it comes. */
static void wake_second(void)
{
	const struct guest_cpu *second = guest_cpu_at(1);

	guest_smp_begin_with(report_and_end);
	(void)guest_smp_place(STARTUP_VECTOR);
	guest_smp_send_init(second);
	guest_smp_send_startup(second, STARTUP_VECTOR);
}

uint32_t guest_main(void)
{
	const unsigned count = guest_smp_init();

	start_timer(guest_option("period_us", PERIOD_US));
	if (guest_option("forever", 0) != 0) {
		guest_printf("short_timer: spins\n");
		guest_print_flush();
		if (count > 1) {
			wake_second();
		}
		__asm__ volatile("cli\n1:\tjmp\t1b");
	}
	guest_spin_ticks(SPIN_TICKS);
	report_true("the_timer_strikes", guest_lapic_has_bit(LAPIC_IRR, TIMER_VECTOR));
	return report_result();
}
