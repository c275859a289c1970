/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/cpuid_topology.c */
#include "vm/cpuid_topology.h"

#include "cpu/cpuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ALL_ONES ((struct cpuid_result){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX})

enum {
	CACHE_OWN_BITS = 0x3fff, /* EAX[13:0] of leaf 04H. */
	DATA_CACHE_OF_LEVEL_1 = 0x0121,
	UNIFIED_CACHE_OF_LEVEL_2 = 0x0143,
	UNIFIED_CACHE_OF_LEVEL_3 = 0x0163,
	SHARING_LOW = 14,
	CORES_LOW = 26,
};

static const struct {
	unsigned vcpu_count;
	unsigned id_bits;
} rows[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {8, 3}, {33, 6}, {64, 6}};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static struct cpuid_topology last_of(size_t row)
{
	return (struct cpuid_topology){rows[row].vcpu_count, rows[row].vcpu_count - 1};
}

static void leaf_1_has_the_id_and_a_power_of_two(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct cpuid_topology topology = last_of(i);
		const struct cpuid_result result = cpuid_topology_features(&topology, ALL_ONES);

		assert_int_equal(result.ebx,
			(rows[i].vcpu_count - 1) << 24 | 1u << rows[i].id_bits << 16 | 0xffff);
		assert_int_equal(result.eax, UINT32_MAX);
		assert_int_equal(result.ecx, UINT32_MAX);
	}
}

static void htt_is_that_of_several(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct cpuid_topology topology = last_of(i);
		const bool is_several = rows[i].vcpu_count > 1;

		assert_int_equal(cpuid_topology_features(&topology, ALL_ONES).edx,
			is_several ? UINT32_MAX : UINT32_MAX & ~(1u << 28));
		assert_int_equal(cpuid_topology_features(&topology, (struct cpuid_result){0}).edx,
			is_several ? 1u << 28 : 0);
	}
}

static uint32_t cache(const struct cpuid_topology *topology, uint32_t own_bits)
{
	const struct cpuid_result result = cpuid_topology_caches(
		topology, (struct cpuid_result){own_bits | ~(uint32_t)CACHE_OWN_BITS, 1, 2, 3});

	assert_int_equal(result.ebx, 1);
	assert_int_equal(result.ecx, 2);
	assert_int_equal(result.edx, 3);
	return result.eax;
}

static void near_caches_are_a_cores_own_and_the_last_is_the_packages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct cpuid_topology topology = last_of(i);
		const uint32_t others = (1u << rows[i].id_bits) - 1;

		assert_int_equal(cache(&topology, DATA_CACHE_OF_LEVEL_1),
			DATA_CACHE_OF_LEVEL_1 | others << CORES_LOW);
		assert_int_equal(cache(&topology, UNIFIED_CACHE_OF_LEVEL_2),
			UNIFIED_CACHE_OF_LEVEL_2 | others << CORES_LOW);
		assert_int_equal(cache(&topology, UNIFIED_CACHE_OF_LEVEL_3),
			UNIFIED_CACHE_OF_LEVEL_3 | others << CORES_LOW | others << SHARING_LOW);
		assert_int_equal(cache(&topology, 0), 0);
	}
}

static void leaf_b_has_threads_then_cores_then_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct cpuid_topology topology = last_of(i);
		const struct cpuid_result threads = cpuid_topology_levels(&topology, 0);
		const struct cpuid_result cores = cpuid_topology_levels(&topology, 1);
		const struct cpuid_result none = cpuid_topology_levels(&topology, 0x102);

		assert_int_equal(threads.eax, 0);
		assert_int_equal(threads.ebx, 1);
		assert_int_equal(threads.ecx, 0x100);
		assert_int_equal(cores.eax, rows[i].id_bits);
		assert_int_equal(cores.ebx, rows[i].vcpu_count);
		assert_int_equal(cores.ecx, 0x201);
		assert_int_equal(none.eax | none.ebx, 0);
		assert_int_equal(none.ecx, 2);
		assert_int_equal(threads.edx, topology.id);
		assert_int_equal(cores.edx, topology.id);
		assert_int_equal(none.edx, topology.id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaf_1_has_the_id_and_a_power_of_two),
		cmocka_unit_test(htt_is_that_of_several),
		cmocka_unit_test(near_caches_are_a_cores_own_and_the_last_is_the_packages),
		cmocka_unit_test(leaf_b_has_threads_then_cores_then_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
