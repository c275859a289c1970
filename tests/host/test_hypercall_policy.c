/* SPDX-License-Identifier: MIT */
/* SOURCES: hypercall/policy.c hypercall/table.c hypercall/kvm_calls.c hypercall/native_calls.c
 * hypercall/guest_control.c hypercall/batch.c hypercall/counters.c cpu/tsc.c vm/vm.c
 * vm/guest_memory.c vmx/exit_reason.c lib/format.c vm/tick_histogram.c cpu/wall_clock.c
 * lib/calendar.c lib/scaled_time.c vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c
 * vm/vcpu_apicv.c vm/pv_eoi.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c vm/event.c vm/vm_platform.c
 * vm/port_bus.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c devices/pit8254.c
 * devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c
 * devices/reset_control.c devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c
 * vm/posted_interrupts.c vm/vcpu_halt.c */
#include "hypercall/policy.h"

#include "hypercall/hypercall.h"
#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t all = BIT(HYPERCALL_UNKNOWN) - 1;
static const uint64_t kvm = BIT(HYPERCALL_KVM_COUNT) - 1;
static const uint64_t ping = BIT(HYPERCALL_NATIVE_FIRST);
static const uint64_t end = BIT(HYPERCALL_NATIVE_FIRST + TRIVET_CALL_END - TRIVET_CALL_BASE);

static uint64_t refused(const char *text)
{
	uint64_t calls = 0;

	assert_int_equal(hypercall_policy_parse(text, &calls), STATUS_OK);
	return calls;
}

static void words_allow_and_refuse_from_left_to_right(void **state)
{
	(void)state;
	assert_int_equal(refused("all"), 0);
	assert_int_equal(refused("none"), all);
	assert_int_equal(refused("kvm"), all & ~kvm);
	assert_int_equal(refused("native"), kvm);
	assert_int_equal(refused("kvm,native"), 0);
	assert_int_equal(refused("ping,end"), all & ~ping & ~end);
	assert_int_equal(refused("-end"), end);
	assert_int_equal(refused("-native,ping"), all & ~kvm & ~ping);
	assert_int_equal(refused("all,-kvm,kvm_vapic_poll_irq"), kvm & ~BIT(1));
	assert_int_equal(refused("all,none"), all);
	assert_int_equal(refused("-all"), all);
}

static void other_words_are_errors_and_change_nothing(void **state)
{
	static const struct {
		const char *text;
		enum status status;
	} bad[] = {
		{"", STATUS_INVALID},
		{",", STATUS_INVALID},
		{"ping,", STATUS_INVALID},
		{"-", STATUS_INVALID},
		{"ping,,end", STATUS_INVALID},
		{"pin", STATUS_NOT_FOUND},
		{"pingg", STATUS_NOT_FOUND},
		{"--ping", STATUS_NOT_FOUND},
		{"-none", STATUS_NOT_FOUND},
		{"unknown", STATUS_NOT_FOUND},
		{"KVM", STATUS_NOT_FOUND},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t calls = 0x1234;

		assert_int_equal(hypercall_policy_parse(bad[i].text, &calls), bad[i].status);
		assert_int_equal(calls, 0x1234);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_allow_and_refuse_from_left_to_right),
		cmocka_unit_test(other_words_are_errors_and_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
