/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vm_platform.c vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c
 * vm/vcpu_apicv.c vm/pv_eoi.c vm/event.c vm/vm.c vm/port_bus.c vm/guest_memory.c devices/pic8259.c
 * devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c devices/rtc_mc146818.c
 * devices/acpi_pm.c devices/i8042.c devices/reset_control.c devices/pci_config.c
 * devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * cpu/tsc.c cpu/wall_clock.c cpu/host_timer.c cpu/local_apic.c lib/calendar.c lib/scaled_time.c
 * lib/tick_rate.c lib/format.c tests/host/vcpu_fixture.c
 * vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c */
#include "vm/vm_platform.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/vmcs.h"

enum {
	PIC_BASE = 0x30,
	IOAPIC_VECTOR = 0x61,
	IOAPIC_SELECT = 0xfec00000u,
	IOAPIC_WINDOW = 0xfec00010u,
	IOAPIC_REDIRECTION = 0x10,
	LEVEL_TRIGGERED = 1 << 15,
};

#define INJECTED(vector) (0x80000000u | (vector))

static void out8(struct vcpu_fixture *f, uint16_t port, uint8_t value)
{
	port_bus_write(&f->vm.ports, port, 1, value);
}

static uint8_t in8(struct vcpu_fixture *f, uint16_t port)
{
	return (uint8_t)port_bus_read(&f->vm.ports, port, 1);
}

static int set_up(void **state)
{
	struct vcpu_fixture *f;

	(void)vcpu_fixture_set_up(state);
	f = *state;
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	vm_platform_attach(&f->vm);
	vcpu_interrupts_init(&f->vcpu);
	return 0;
}

static void start_pic(struct vcpu_fixture *f)
{
	out8(f, 0x20, 0x11);
	out8(f, 0x21, PIC_BASE);
	out8(f, 0x21, 4);
	out8(f, 0x21, 1);
	out8(f, 0x21, 0);
}

static void write_redirection(struct vcpu_fixture *f, unsigned pin, uint32_t low)
{
	vcpu_interrupts_mmio_write(&f->vcpu, gpa(IOAPIC_SELECT), IOAPIC_REDIRECTION + 2 * pin);
	vcpu_interrupts_mmio_write(&f->vcpu, gpa(IOAPIC_WINDOW), low);
}

static void the_pics_interrupt_comes_through_lint0(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pic(f);
	vm_platform_set_irq(&f->vm, VM_IRQ_COM1, true);
	assert_true(vcpu_has_posted(&f->vcpu));
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED(PIC_BASE + VM_IRQ_COM1));
	assert_int_equal(f->vcpu.apic.isr_count, 0);
}

static void an_acknowledge_leaves_nothing_posted(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pic(f);
	vm_platform_set_irq(&f->vm, VM_IRQ_COM1, true);
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED(PIC_BASE + VM_IRQ_COM1));
	assert_false(vcpu_has_posted(&f->vcpu));
}

static void a_masked_line_of_the_pic_gives_nothing(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pic(f);
	out8(f, 0x21, 1 << VM_IRQ_COM1);
	vm_platform_set_irq(&f->vm, VM_IRQ_COM1, true);
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

static void the_io_apic_sends_to_the_local_apic(void **state)
{
	struct vcpu_fixture *f = *state;

	write_redirection(f, VM_IRQ_COM1, IOAPIC_VECTOR);
	vm_platform_set_irq(&f->vm, VM_IRQ_COM1, true);
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED(IOAPIC_VECTOR));
	assert_int_equal(f->vcpu.apic.isr_count, 1);
}

static void the_timer_is_pin_2_of_the_io_apic(void **state)
{
	struct vcpu_fixture *f = *state;

	write_redirection(f, 2, IOAPIC_VECTOR);
	vm_platform_set_irq(&f->vm, VM_IRQ_TIMER, true);
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED(IOAPIC_VECTOR));
}

static void a_level_that_stays_interrupts_again_behind_its_eoi(void **state)
{
	struct vcpu_fixture *f = *state;

	write_redirection(f, VM_IRQ_SCI, LEVEL_TRIGGERED | IOAPIC_VECTOR);
	vm_platform_set_irq(&f->vm, VM_IRQ_SCI, true);
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED(IOAPIC_VECTOR));
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	vcpu_interrupts_mmio_write(&f->vcpu, gpa(0xfee000b0), 0);
	assert_int_equal(vcpu_fixture_injected(), INJECTED(IOAPIC_VECTOR));
}

static void resets_and_power_off_end_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	out8(f, 0xcf9, 6);
	assert_int_equal(f->vm.end, VM_END_RESET);
	vcpu_fixture_revive(f);
	out8(f, 0x64, 0xfe);
	assert_int_equal(f->vm.end, VM_END_RESET);
	vcpu_fixture_revive(f);
	out8(f, 0x92, in8(f, 0x92) | 1);
	assert_int_equal(f->vm.end, VM_END_RESET);
	vcpu_fixture_revive(f);
	port_bus_write(&f->vm.ports, 0x604, 2, 1 << 13);
	assert_int_equal(f->vm.end, VM_END_POWER_OFF);
}

static void an_empty_pci_bus_has_a_host_bridge_alone(void **state)
{
	struct vcpu_fixture *f = *state;

	port_bus_write(&f->vm.ports, 0xcf8, 4, 0x80000000u);
	assert_int_equal(port_bus_read(&f->vm.ports, 0xcfc, 4), 0x00081b36);
	port_bus_write(&f->vm.ports, 0xcf8, 4, 0x80000800u);
	assert_int_equal(port_bus_read(&f->vm.ports, 0xcfc, 4), UINT32_MAX);
}

static void a_wide_access_is_one_for_each_byte(void **state)
{
	struct vcpu_fixture *f = *state;

	out8(f, 0x21, 0x5a);
	assert_int_equal(port_bus_read(&f->vm.ports, 0x20, 2) >> 8, 0x5a);
	assert_int_equal(port_bus_read(&f->vm.ports, 0x21, 2), 0xff5a);
}

#define WITH_PLATFORM(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PLATFORM(the_pics_interrupt_comes_through_lint0),
		WITH_PLATFORM(an_acknowledge_leaves_nothing_posted),
		WITH_PLATFORM(a_masked_line_of_the_pic_gives_nothing),
		WITH_PLATFORM(the_io_apic_sends_to_the_local_apic),
		WITH_PLATFORM(the_timer_is_pin_2_of_the_io_apic),
		WITH_PLATFORM(a_level_that_stays_interrupts_again_behind_its_eoi),
		WITH_PLATFORM(resets_and_power_off_end_the_guest),
		WITH_PLATFORM(an_empty_pci_bus_has_a_host_bridge_alone),
		WITH_PLATFORM(a_wide_access_is_one_for_each_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
