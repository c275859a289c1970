/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/pci_config.c */
#include "devices/pci_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ADDRESS = 0, DATA = 4 };

#define ENABLE 0x80000000u

static struct pci_config config;

/* A function that remembers how it was accessed. */
static struct {
	unsigned offset;
	unsigned width;
	uint32_t value;
	unsigned writes;
} seen;

static uint32_t seen_read(void *context, unsigned offset, unsigned width_bytes)
{
	assert_ptr_equal(context, &seen);
	seen.offset = offset;
	seen.width = width_bytes;
	return seen.value;
}

static void seen_write(void *context, unsigned offset, unsigned width_bytes, uint32_t value)
{
	seen_read(context, offset, width_bytes);
	seen.value = value;
	seen.writes++;
}

static const struct pci_function function = {seen_read, seen_write, &seen};

static int start(void **state)
{
	(void)state;
	config = (struct pci_config){.functions[0] = &pci_host_bridge};
	seen.writes = 0;
	return 0;
}

static uint32_t get(unsigned offset, unsigned width)
{
	return pci_config_read(&config, offset, width);
}

static void put(unsigned offset, unsigned width, uint32_t value)
{
	pci_config_write(&config, offset, width, value);
}

static uint32_t get_register(uint32_t where)
{
	put(ADDRESS, 4, ENABLE | where);
	return get(DATA, 4);
}

static void the_address_reads_back_without_reserved_bits(void **state)
{
	(void)state;
	assert_int_equal(get(ADDRESS, 4), 0);
	put(ADDRESS, 4, ENABLE);
	assert_int_equal(get(ADDRESS, 4), ENABLE);
	put(ADDRESS, 4, 0xffffffff);
	assert_int_equal(get(ADDRESS, 4), 0x80fffffc);
	put(ADDRESS, 4, 0x7f000003);
	assert_int_equal(get(ADDRESS, 4), 0);
}

static void narrow_accesses_to_the_address_are_none(void **state)
{
	(void)state;
	put(ADDRESS, 4, 0x80001234);
	for (unsigned offset = ADDRESS; offset < DATA; offset++) {
		put(offset, 1, 0x06);
		put(offset, 2, 0x0606);
		assert_int_equal(get(offset, 1), 0xff);
		assert_int_equal(get(offset, 2), 0xffff);
	}
	for (unsigned offset = 1; offset < DATA; offset++) {
		put(offset, 4, 0);
		assert_int_equal(get(offset, 4), 0xffffffff);
	}
	assert_int_equal(get(ADDRESS, 4), 0x80001234);
}

static void absent_functions_read_as_ones(void **state)
{
	(void)state;
	for (uint32_t devfn = 1; devfn < PCI_FUNCTION_COUNT; devfn++) {
		assert_int_equal(get_register(devfn << 8), 0xffffffff);
		assert_int_equal(get(DATA, 2), 0xffff);
		assert_int_equal(get(DATA + 3, 1), 0xff);
	}
	for (uint32_t bus = 1; bus < 256; bus++) {
		assert_int_equal(get_register(bus << 16), 0xffffffff);
	}
	put(DATA, 4, 0);
}

static void without_the_enable_bit_there_is_nobody(void **state)
{
	(void)state;
	config.functions[0] = &function;
	put(ADDRESS, 4, 0);
	assert_int_equal(get(DATA, 4), 0xffffffff);
	put(DATA, 4, 0);
	assert_int_equal(seen.writes, 0);
}

static void the_host_bridge_has_its_class_and_no_registers(void **state)
{
	(void)state;
	assert_int_equal(get_register(0), 0x00081b36);
	assert_int_equal(get(DATA, 2), 0x1b36);
	assert_int_equal(get(DATA + 2, 2), 0x0008);
	assert_int_equal(get_register(8), 0x06000000);
	assert_int_equal(get(DATA + 2, 2), 0x0600);
	assert_int_equal(get(DATA + 3, 1), 0x06);
	for (uint32_t offset = 4; offset < PCI_CONFIG_SPACE_BYTES; offset += 4) {
		put(ADDRESS, 4, ENABLE | offset);
		put(DATA, 4, 0xffffffff);
		assert_int_equal(get(DATA, 4), offset == 8 ? 0x06000000 : 0);
	}
}

static void an_access_comes_to_its_function_with_its_width(void **state)
{
	(void)state;
	config.functions[3 * 8 + 2] = &function;
	put(ADDRESS, 4, ENABLE | 3 << 11 | 2 << 8 | 0x40);
	for (unsigned width = 1; width <= 4; width *= 2) {
		for (unsigned at = 0; at + width <= 4; at++) {
			put(DATA + at, width, 0x89abcdef);
			assert_int_equal(seen.offset, 0x40 + at);
			assert_int_equal(seen.width, width);
			assert_int_equal(seen.value, 0x89abcdefu & UINT32_MAX >> (32 - 8 * width));
			assert_int_equal(get(DATA + at, width), seen.value);
		}
	}
	assert_int_equal(seen.writes, 4 + 3 + 1);
}

static void an_access_that_leaves_the_data_port_is_nobodys(void **state)
{
	(void)state;
	config.functions[1] = &function;
	put(ADDRESS, 4, ENABLE | 1 << 8);
	assert_int_equal(get(DATA + 3, 2), 0xffff);
	assert_int_equal(get(DATA + 1, 4), 0xffffffff);
	assert_int_equal(get(DATA - 1, 2), 0xffff);
	put(DATA + 3, 2, 0);
	put(DATA + 1, 4, 0);
	assert_int_equal(seen.writes, 0);
}

#define pci_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pci_test(the_address_reads_back_without_reserved_bits),
		pci_test(narrow_accesses_to_the_address_are_none),
		pci_test(absent_functions_read_as_ones),
		pci_test(without_the_enable_bit_there_is_nobody),
		pci_test(the_host_bridge_has_its_class_and_no_registers),
		pci_test(an_access_comes_to_its_function_with_its_width),
		pci_test(an_access_that_leaves_the_data_port_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
