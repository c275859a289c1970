/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_paging.c vm/guest_memory.c tests/host/fake/fake_insn.c
 * tests/host/fake/fake_vmcs.c vmx/current_vmcs.c vmx/vmcs_names.c cpu/percpu.c cpu/local_apic.c
 * tests/host/fake/fake_log.c lib/format.c tests/host/fake/fake_devices.c
 * tests/host/fake/fake_registers.c tests/host/fake/fake_panic.c */
/*
 * Walks of page tables that another thread changes meanwhile, as a guest's other processors do: an
 * entry that was cleared stays cleared, and each walk ends with the page, a fault or
 * STATUS_CHANGED.
 */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vm/guest_paging.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PAGE = 4096, TABLES = 4, ENTRIES = 512, CHANGES = 20000, LOOKS = 20, FRAME = 0x7000 };
enum { P = 1, W = 2, U = 4 };

static uint64_t tables[TABLES][ENTRIES] __attribute__((aligned(PAGE)));
static bool is_over;
static unsigned came_back;

static void put(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_SEQ_CST);
}

static void *change_leaf(void *entry)
{
	for (unsigned i = 0; i < CHANGES; i++) {
		put(entry, FRAME | P | W | U);
		for (volatile unsigned wait = 0; wait < i % 64; wait++) {
		}
		put(entry, 0);
		for (unsigned look = 0; look < LOOKS; look++) {
			came_back += __atomic_load_n((uint64_t *)entry, __ATOMIC_SEQ_CST) != 0;
		}
	}
	__atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void walk_while_it_changes(const struct guest_paging *paging, uint64_t *leaf)
{
	pthread_t thread;

	is_over = false;
	came_back = 0;
	assert_int_equal(pthread_create(&thread, NULL, change_leaf, leaf), 0);
	while (!__atomic_load_n(&is_over, __ATOMIC_SEQ_CST)) {
		uint32_t error_code;
		gpa_t address;
		const enum status status = guest_paging_translate(
			paging, gva(0), GUEST_ACCESS_WRITE, &address, &error_code);

		assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND ||
			    status == STATUS_CHANGED);
		assert_true(status != STATUS_OK || address.value == FRAME);
		assert_true(status != STATUS_NOT_FOUND || error_code == PAGE_FAULT_WRITE);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(came_back, 0);
}

static void a_cleared_entry_stays_cleared(void **state)
{
	struct guest_memory memory = {.region_count = 0};
	struct guest_paging paging = {.memory = &memory,
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NXE,
		.physical_address_bits = 40};

	(void)state;
	assert_int_equal(
		guest_memory_add(&memory, (struct guest_memory_region){gpa(0), sizeof(tables),
						  (uint8_t *)tables, false}),
		STATUS_OK);
	for (uint64_t i = 0; i + 1 < TABLES; i++) {
		tables[i][0] = (i + 1) * PAGE | P | W | U;
	}
	walk_while_it_changes(&paging, &tables[TABLES - 1][0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cleared_entry_stays_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
