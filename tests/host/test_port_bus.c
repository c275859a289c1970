/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/port_bus.c */
#include "vm/port_bus.h"

#include "fake_panic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct device {
	unsigned offset;
	unsigned size_bytes;
	uint32_t value;
	unsigned accesses;
};

static uint32_t device_read(void *context, unsigned offset, unsigned size_bytes)
{
	struct device *device = context;

	device->offset = offset;
	device->size_bytes = size_bytes;
	device->accesses++;
	return device->value;
}

static void device_write(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	struct device *device = context;

	device->value = value;
	(void)device_read(device, offset, size_bytes);
}

static struct port_range range(uint16_t first, uint16_t count, struct device *device)
{
	return (struct port_range){first, count, device_read, device_write, device};
}

static void an_access_comes_to_the_device_of_its_first_port(void **state)
{
	struct port_bus bus = {.range_count = 0};
	struct device low = {0};
	struct device high = {0};

	(void)state;
	port_bus_add(&bus, range(0x3f8, 8, &low));
	port_bus_add(&bus, range(0x400, 1, &high));
	(void)port_bus_read(&bus, 0x3ff, 4);
	assert_int_equal(low.offset, 7);
	assert_int_equal(low.size_bytes, 4);
	port_bus_write(&bus, 0x400, 1, 5);
	assert_int_equal(high.offset, 0);
	assert_int_equal(high.value, 5);
	assert_int_equal(low.accesses, 1);
}

static void a_port_beside_a_range_is_not_in_it(void **state)
{
	struct port_bus bus = {.range_count = 0};
	struct device device = {0};

	(void)state;
	port_bus_add(&bus, range(0x3f8, 8, &device));
	(void)port_bus_read(&bus, 0x3f7, 4);
	(void)port_bus_read(&bus, 0x400, 1);
	port_bus_write(&bus, 0x3f7, 2, 0);
	assert_int_equal(device.accesses, 0);
}

static void the_last_ports_do_not_wrap_around(void **state)
{
	struct port_bus bus = {.range_count = 0};
	struct device device = {0};

	(void)state;
	port_bus_add(&bus, range(0xfffe, 2, &device));
	(void)port_bus_read(&bus, 0xffff, 4);
	assert_int_equal(device.offset, 1);
	(void)port_bus_read(&bus, 0, 1);
	assert_int_equal(device.accesses, 1);
}

static void a_written_value_is_cut_to_the_access(void **state)
{
	struct port_bus bus = {.range_count = 0};
	struct device device = {.value = 0};

	(void)state;
	port_bus_add(&bus, range(0x10, 1, &device));
	port_bus_write(&bus, 0x10, 1, 0xabcdef01);
	assert_int_equal(device.value, 0x01);
	port_bus_write(&bus, 0x10, 2, 0xabcdef01);
	assert_int_equal(device.value, 0xef01);
	port_bus_write(&bus, 0x10, 4, 0xabcdef01);
	assert_int_equal(device.value, 0xabcdef01);
	assert_int_equal(port_bus_read(&bus, 0x10, 4), 0xabcdef01);
}

static void an_empty_port_reads_ones_of_its_size(void **state)
{
	const struct port_bus bus = {.range_count = 0};

	(void)state;
	assert_int_equal(port_bus_read(&bus, 0x80, 1), 0xff);
	assert_int_equal(port_bus_read(&bus, 0x80, 2), 0xffff);
	assert_int_equal(port_bus_read(&bus, 0x80, 4), 0xffffffff);
}

static void add_one(void *bus)
{
	port_bus_add(bus, range(0x10, 1, NULL));
}

static void a_full_bus_is_a_panic(void **state)
{
	struct port_bus bus = {.range_count = 0};

	(void)state;
	for (int i = 0; i < PORT_BUS_RANGES_MAX; i++) {
		assert_false(fake_panics(add_one, &bus));
	}
	assert_true(fake_panics(add_one, &bus));
	assert_int_equal(bus.range_count, PORT_BUS_RANGES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_access_comes_to_the_device_of_its_first_port),
		cmocka_unit_test(a_port_beside_a_range_is_not_in_it),
		cmocka_unit_test(the_last_ports_do_not_wrap_around),
		cmocka_unit_test(a_written_value_is_cut_to_the_access),
		cmocka_unit_test(an_empty_port_reads_ones_of_its_size),
		cmocka_unit_test(a_full_bus_is_a_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
