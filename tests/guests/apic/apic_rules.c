/* SPDX-License-Identifier: MIT */
#include "tests/guests/apic/apic_rules.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/apic/apic_device.h"

#include <stddef.h>

/* Intel 82093AA (290566), "I/O Redirection Table Registers"; a PC's IRQ 0 is pin 2. */
#define IOAPIC_ADDRESS 0xfec00000ull
#define IOAPIC_PAGE    0x22400000ull
#define IOAPIC_LEVEL   (1u << 15)
#define IOAPIC_MASKED  (1u << 16)
enum { IOAPIC_SELECT = 0, IOAPIC_WINDOW = 0x10, IOAPIC_PIN_TIMER = 0x10 + 2 * 2 };

/* Intel 8254 (231164): counter 0, mode 0, whose output stays high at its end. */
enum { PIT_COUNTER_0 = 0x40, PIT_CONTROL = 0x43, PIT_MODE_0 = 0x30, PIT_COUNT_LOW = 100 };

static void ioapic_write(unsigned index, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)(IOAPIC_PAGE + IOAPIC_SELECT) = index;
	*(volatile uint32_t *)(uintptr_t)(IOAPIC_PAGE + IOAPIC_WINDOW) = value;
}

static void raise_timer_line(void)
{
	guest_out8(PIT_CONTROL, PIT_MODE_0);
	guest_out8(PIT_COUNTER_0, PIT_COUNT_LOW);
	guest_out8(PIT_COUNTER_0, 0);
	apic_spin(WAIT_TICKS);
}

void apic_check_level(void)
{
	guest_map_2m(IOAPIC_PAGE, IOAPIC_ADDRESS, GUEST_PAGE_DEFAULT | GUEST_PAGE_PCD);
	raise_timer_line();
	apic_forget();
	ioapic_write(IOAPIC_PIN_TIMER + 1, 0);
	ioapic_write(IOAPIC_PIN_TIMER, IOAPIC_LEVEL | APIC_VECTOR_LEVEL);
	apic_open();
	report_equal("a_level_comes", apic_count(), 1);
	apic_open();
	report_equal("once_until_its_eoi", apic_count(), 1);
	apic_end_interrupt();
	apic_open();
	report_equal("its_eoi_asks_again", apic_count(), 2);
	ioapic_write(IOAPIC_PIN_TIMER, IOAPIC_LEVEL | IOAPIC_MASKED | APIC_VECTOR_LEVEL);
	apic_end_interrupt();
	apic_open();
	report_equal("a_masked_level_comes_no_more", apic_count(), 2);
	report_true("and_is_not_in_service", !apic_has_bit(APIC_ISR, APIC_VECTOR_LEVEL));
}

static void check_kept(const char *rule, enum apic_register offset, uint32_t value)
{
	const uint32_t before = apic_get(offset);

	apic_put(offset, value);
	report_equal(rule, apic_get(offset), value);
	apic_put(offset, before);
}

void apic_check_registers(void)
{
	check_kept("tpr_is_kept", APIC_TPR, 0x23);
	check_kept("svr_is_kept", APIC_SVR, 0x1ef);
	check_kept("error_lvt_is_kept", APIC_LVT_ERROR, APIC_LVT_MASKED | 0x45);
	check_kept("timer_lvt_is_kept", APIC_LVT_TIMER, APIC_LVT_MASKED | 0x20045);
	check_kept("divider_is_kept", APIC_DIVIDE, 3);
	apic_put(APIC_TPR, 0);
	if (apic_is_x2apic()) {
		report_equal("logical_id_is_1", apic_get(APIC_LDR), 1);
		return;
	}
	check_kept("ldr_is_kept", APIC_LDR, 0x55000000);
	apic_put(APIC_LDR, 0x12345678);
	report_equal("ldr_has_8_bits", apic_get(APIC_LDR), 0x12000000);
	apic_put(APIC_ICR_HIGH, 0xffffffff);
	report_equal("destination_has_8_bits", apic_get(APIC_ICR_HIGH), 0xff000000);
	apic_put(APIC_ID, 0x12000000);
	report_equal("the_id_cannot_be_written", apic_get(APIC_ID), 0);
	apic_put(APIC_DFR, 0);
	report_equal("dfr_has_ones_below", apic_get(APIC_DFR), 0x0fffffff);
	apic_put(APIC_DFR, UINT32_MAX);
}

static void check_refused_read(const char *rule, uint32_t msr)
{
	uint64_t value;
	uint64_t vector = 0;
	const bool is_read = guest_probe_rdmsr(msr, &value, &vector);

	report_equal(rule, is_read ? 0 : vector, VECTOR_GP);
}

static void check_refused_write(const char *rule, uint32_t msr, uint64_t value)
{
	uint64_t vector = 0;
	const bool is_written = guest_probe_wrmsr(msr, value, &vector);

	report_equal(rule, is_written ? 0 : vector, VECTOR_GP);
}

void apic_check_msrs(void)
{
	static const uint64_t icr_of_nobody = 0x00000005000000f0;

	check_refused_read("eoi_cannot_be_read", apic_msr(APIC_EOI));
	check_refused_read("self_ipi_cannot_be_read", apic_msr(APIC_SELF_IPI));
	check_refused_read("dfr_does_not_exist", apic_msr(APIC_DFR));
	check_refused_read("icr_has_no_high_register", apic_msr(APIC_ICR_HIGH));
	check_refused_read("msr_800_does_not_exist", 0x800);
	check_refused_read("msr_82f_does_not_exist", 0x82f);
	check_refused_read("msr_8ff_does_not_exist", 0x8ff);
	check_refused_write("ppr_cannot_be_written", apic_msr(APIC_PPR), 0);
	check_refused_write("current_count_cannot_be_written", apic_msr(APIC_CURRENT_COUNT), 0);
	check_refused_write("tpr_has_8_bits", apic_msr(APIC_TPR), 0x100);
	check_refused_write("eoi_must_be_0", apic_msr(APIC_EOI), 1);
	check_refused_write("self_ipi_has_8_bits", apic_msr(APIC_SELF_IPI), 0x100);
	guest_wrmsr(apic_msr(APIC_ICR), icr_of_nobody);
	report_equal("icr_has_64_bits", guest_rdmsr(apic_msr(APIC_ICR)), icr_of_nobody);
	guest_wrmsr(apic_msr(APIC_ESR), 0);
	guest_wrmsr(apic_msr(APIC_SELF_IPI), 5);
	guest_wrmsr(apic_msr(APIC_ESR), 0);
	report_equal("a_vector_below_16_is_an_error", guest_rdmsr(apic_msr(APIC_ESR)) & 0x20, 0x20);
}
