/* SPDX-License-Identifier: MIT */
/* SOURCES: hypercall/kvm_msrs.c hypercall/table.c hypercall/kvm_calls.c hypercall/native_calls.c
 * hypercall/guest_control.c hypercall/batch.c hypercall/counters.c cpu/tsc.c vm/vm.c
 * vm/guest_memory.c vmx/exit_reason.c lib/format.c vm/tick_histogram.c tests/host/vcpu_fixture.c
 * cpu/wall_clock.c lib/calendar.c lib/scaled_time.c vm/vcpu_interrupts.c vm/vcpu_timer.c
 * vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c
 * vm/event.c vm/vm_platform.c vm/port_bus.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c
 * devices/pit8254.c devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c
 * devices/i8042.c devices/reset_control.c devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c
 * vm/vcpu_post.c vm/posted_interrupts.c vm/steal_time.c vm/vcpu_halt.c */
#include "hypercall/kvm_msrs.h"

#include "cpu/tsc.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/hypercall.h"
#include "hypercall/kvm_structs.h"
#include "tests/host/vcpu_fixture.h"

#include <string.h>

enum { ADDRESS = 0x4000, PAGE = 4096, ENABLED = 1, PATTERN = 0xa5, HZ = 100000000 };

/* The structures that are written, taken from guest memory byte by byte. */
static struct kvm_system_time system_time_at(const struct vcpu_fixture *f, size_t address)
{
	struct kvm_system_time time;

	memcpy(&time, &f->ram[address], sizeof(time));
	return time;
}

static int set_up(void **state)
{
	const int result = vcpu_fixture_set_up(state);

	tsc_set_hz(HZ);
	hypercall_init(&((struct vcpu_fixture *)*state)->vcpu);
	return result;
}

#define WITH_MSRS(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

static void system_time_has_an_even_version_above_the_old(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint32_t old = 7;

	memcpy(&f->ram[ADDRESS], &old, sizeof(old));
	assert_true(hypercall_msr_write(&f->vcpu, MSR_KVM_SYSTEM_TIME_NEW, ADDRESS | ENABLED));
	assert_int_equal(system_time_at(f, ADDRESS).version, 10);
	assert_int_equal(system_time_at(f, ADDRESS).flags, KVM_SYSTEM_TIME_TSC_STABLE);
	assert_true(hypercall_msr_write(&f->vcpu, MSR_KVM_SYSTEM_TIME, ADDRESS | ENABLED));
	assert_int_equal(system_time_at(f, ADDRESS).flags, 0);
}

static void system_time_keeps_the_flag_that_the_guest_was_stopped(void **state)
{
	struct vcpu_fixture *f = *state;
	uint8_t *flags = &f->ram[ADDRESS + offsetof(struct kvm_system_time, flags)];

	*flags = 0xff;
	assert_true(hypercall_msr_write(&f->vcpu, MSR_KVM_SYSTEM_TIME_NEW, ADDRESS | ENABLED));
	assert_int_equal(*flags, KVM_SYSTEM_TIME_TSC_STABLE | KVM_SYSTEM_TIME_GUEST_STOPPED);
	*flags = KVM_SYSTEM_TIME_TSC_STABLE;
	hypercall_clock_update(&f->vcpu);
	assert_int_equal(*flags, KVM_SYSTEM_TIME_TSC_STABLE);
}

static void system_time_in_two_pages_is_not_written(void **state)
{
	struct vcpu_fixture *f = *state;
	const size_t last = ADDRESS + PAGE - sizeof(struct kvm_system_time);

	memset(&f->ram[ADDRESS], PATTERN, 2 * (size_t)PAGE);
	assert_true(hypercall_msr_write(&f->vcpu, MSR_KVM_SYSTEM_TIME_NEW, (last + 2) | ENABLED));
	for (size_t i = 0; i < 2 * (size_t)PAGE; i++) {
		assert_int_equal(f->ram[ADDRESS + i], PATTERN);
	}
	assert_true(hypercall_msr_write(&f->vcpu, MSR_KVM_SYSTEM_TIME_NEW, last | ENABLED));
	assert_int_not_equal(system_time_at(f, last).tsc_to_system_mul, 0xa5a5a5a5);
}

static void system_time_without_memory_is_no_error(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_true(hypercall_msr_write(
		&f->vcpu, MSR_KVM_SYSTEM_TIME_NEW, (uint64_t)VCPU_FIXTURE_RAM | ENABLED));
	assert_true(hypercall_msr_write(&f->vcpu, MSR_KVM_SYSTEM_TIME_NEW, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MSRS(system_time_has_an_even_version_above_the_old),
		WITH_MSRS(system_time_keeps_the_flag_that_the_guest_was_stopped),
		WITH_MSRS(system_time_in_two_pages_is_not_written),
		WITH_MSRS(system_time_without_memory_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
