/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vm_devices.c vm/vm.c vm/port_bus.c vm/guest_console.c devices/acpi_pm.c
 * devices/debug_exit.c devices/uart16550.c vm/guest_input.c lib/format.c lib/tick_rate.c
 * vm/vm_platform.c cpu/wall_clock.c lib/calendar.c lib/scaled_time.c devices/pic8259.c
 * devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c devices/rtc_mc146818.c
 * devices/i8042.c devices/reset_control.c devices/pci_config.c vm/vcpu_interrupts.c vm/vcpu_timer.c
 * vmx/preemption_timer.c vm/vcpu_apicv.c
 * vm/pv_eoi.c devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * cpu/host_timer.c cpu/local_apic.c cpu/tsc.c vm/event.c vm/guest_memory.c
 * tests/host/console_output.c
 * vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c */
#include "tests/host/console_output.h"
#include "vm/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct vm vm;

static int set_up(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	console_output_clear();
	vm.console.name = "vm0";
	vm_attach_devices(&vm);
	return 0;
}

static uint32_t in(uint16_t port, unsigned size_bytes)
{
	return port_bus_read(&vm.ports, port, size_bytes);
}

static void out(uint16_t port, unsigned size_bytes, uint32_t value)
{
	port_bus_write(&vm.ports, port, size_bytes, value);
}

static void com1_puts_out_lines(void **state)
{
	(void)state;
	out(0x3f8, 1, 'h');
	out(0x3f8, 1, 'i');
	out(0x3f8, 1, '\n');
	assert_string_equal(console_output, "vm0| hi\n");
	assert_int_equal(in(0x3fd, 1), 0x60);
}

static void a_wide_access_is_one_for_each_register(void **state)
{
	(void)state;
	out(0x3fe, 2, 0x5a00);
	assert_int_equal(in(0x3ff, 1), 0x5a);
	assert_int_equal(in(0x3fe, 2) & 0xff00, 0x5a00);
	/* Behind the last register there is nothing. */
	assert_int_equal(in(0x3ff, 4), 0xffffff5a);
	assert_int_equal(in(0x3ff, 2), 0xff5a);
	out(0x3ff, 4, 0xffffffa5);
	assert_int_equal(in(0x3ff, 1), 0xa5);
}

static void no_read_gives_more_than_its_size(void **state)
{
	(void)state;
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		assert_true(in((uint16_t)port, 1) <= UINT8_MAX);
		assert_true(in((uint16_t)port, 2) <= UINT16_MAX);
	}
	assert_int_equal(vm.end, VM_END_NONE);
}

static void the_debug_exit_port_ends_the_guest(void **state)
{
	(void)state;
	assert_int_equal(in(0xf4, 1), 0xff);
	out(0xf4, 4, 0x12345678);
	out(0xf4, 1, 0);
	assert_int_equal(vm.end, VM_END_DEBUG_EXIT);
	assert_int_equal(vm.end_code, 0x12345678);
}

static void slp_en_powers_off(void **state)
{
	(void)state;
	out(0x604, 2, 0x1c00);
	assert_int_equal(vm.end, VM_END_NONE);
	out(0x604, 2, 0x2000);
	assert_int_equal(vm.end, VM_END_POWER_OFF);
}

static void the_keyboard_controller_resets(void **state)
{
	(void)state;
	out(0x64, 1, 0xff);
	out(0x64, 1, 0xd1);
	assert_int_equal(vm.end, VM_END_NONE);
	out(0x64, 1, 0xfe);
	assert_int_equal(vm.end, VM_END_RESET);
	assert_int_equal(vm_end_status(&vm), 0);
}

static void the_reset_control_register_resets(void **state)
{
	(void)state;
	out(0xcf9, 1, 2);
	assert_int_equal(vm.end, VM_END_NONE);
	out(0xcf9, 1, 6);
	assert_int_equal(vm.end, VM_END_RESET);
}

#define WITH_DEVICES(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DEVICES(com1_puts_out_lines),
		WITH_DEVICES(a_wide_access_is_one_for_each_register),
		WITH_DEVICES(no_read_gives_more_than_its_size),
		WITH_DEVICES(the_debug_exit_port_ends_the_guest),
		WITH_DEVICES(slp_en_powers_off),
		WITH_DEVICES(the_keyboard_controller_resets),
		WITH_DEVICES(the_reset_control_register_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
