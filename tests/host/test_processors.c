/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/processors.c lib/format.c lib/status.c */
#include "boot/processors.h"

#include "boot/ap_start.h"
#include "boot/host_memory.h"
#include "boot/processor.h"
#include "cpu/acpi_tables.h"
#include "cpu/host_timer.h"
#include "cpu/local_apic.h"
#include "cpu/madt.h"
#include "cpu/page_alloc.h"
#include "cpu/tsc.h"
#include "fake_insn.h"
#include "fake_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MACHINE_MAX = 8, POLLS_TO_START = 3, BIG_APIC_ID = 300 };

/* What a processor of the machine does behind its start-up IPI. */
enum behaviour {
	STARTS,
	STAYS_AWAY,
	CANNOT_BE_USED, /* It sets itself up, and says why not. */
	DIFFERS,        /* Its TSC is not the boot processor's. */
	IS_SILENT,      /* It does not answer when the TSCs are compared. */
};

static struct {
	uint32_t apic_ids[MACHINE_MAX];
	enum behaviour behaviours[MACHINE_MAX];
	unsigned count;
	bool has_acpi;
	bool has_start_page;
	bool has_x2apic;
	bool has_memory;
	bool has_page_tables;
} machine;

static struct cpu *cpus[CPUS_MAX];
static unsigned started_count;
static void *taken[MACHINE_MAX]; /* It is never given back. */
static unsigned taken_count;
static struct processor *starting; /* Was sent the IPI. */
static enum behaviour starting_does;
static unsigned polls;
static uint32_t revoked;
static bool is_unsynchronised;
static bool is_x2apic;
static unsigned executable_count;
static uint8_t start_page[PAGE_SIZE_4K];

struct cpu percpu_boot = {.self = &percpu_boot};

/* --- The machine --- */

void *host_memory_start_page(void)
{
	return machine.has_start_page ? start_page : NULL;
}

enum status host_memory_set_executable(const void *page, bool is_executable)
{
	assert_ptr_equal(page, start_page);
	executable_count += is_executable ? 1 : -1u;
	return STATUS_OK;
}

enum status host_memory_set_guard(const void *page, bool is_guard)
{
	(void)page;
	(void)is_guard;
	return machine.has_page_tables ? STATUS_OK : STATUS_NO_MEMORY;
}

struct page_alloc *host_memory_pages(void)
{
	return NULL;
}

const uint8_t *host_memory_firmware(uint64_t address, uint64_t size_bytes)
{
	(void)address;
	(void)size_bytes;
	return NULL;
}

enum status page_alloc_take(struct page_alloc *pages, uint64_t size_bytes, uint64_t alignment,
	uint64_t end, hpa_t *base)
{
	void *memory = machine.has_memory ? aligned_alloc(alignment, size_bytes) : NULL;

	(void)pages;
	(void)end;
	if (memory != NULL) {
		taken[taken_count++] = memory;
		*base = hpa_of(memory);
	}
	return memory != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status acpi_table_find(const uint8_t *rsdp, size_t rsdp_size_bytes, const char *signature,
	acpi_memory_map *map, struct acpi_table *table)
{
	(void)rsdp;
	(void)rsdp_size_bytes;
	(void)map;
	assert_string_equal(signature, "APIC");
	memset(table, 0, sizeof(*table));
	return machine.has_acpi ? STATUS_OK : STATUS_NOT_FOUND;
}

void madt_read_processors(const struct acpi_table *madt, struct madt_processors *processors)
{
	(void)madt;
	memcpy(processors->apic_ids, machine.apic_ids, sizeof(machine.apic_ids));
	processors->count = machine.count;
}

void ap_start_write(void *page, const struct ap_start *start)
{
	assert_ptr_equal(page, start_page);
	assert_int_equal((uintptr_t)start->stack_top % 16, 0);
	starting = start->argument;
}

void ap_start_send(uint32_t apic_id, const void *page)
{
	assert_ptr_equal(page, start_page);
	assert_int_equal(executable_count, 1);
	assert_int_equal(starting->cpu.apic_id, apic_id);
	for (unsigned i = 0; i < machine.count; i++) {
		if (machine.apic_ids[i] == apic_id) {
			starting_does = machine.behaviours[i];
		}
	}
	polls = 0;
}

void ap_start_revoke(uint32_t apic_id)
{
	revoked = apic_id;
}

void processor_main(void *argument)
{
	(void)argument;
}

/* The other processor makes its way while this one waits. */
void tsc_wait_us(uint32_t time_us)
{
	(void)time_us;
	polls++;
	if (polls == POLLS_TO_START && starting_does != STAYS_AWAY) {
		starting->state =
			starting_does == CANNOT_BE_USED ? PROCESSOR_LEFT_OUT : PROCESSOR_READY;
	}
}

struct tsc_sync_result tsc_sync_lead(struct tsc_sync *sync)
{
	assert_ptr_equal(sync, &starting->sync);
	assert_int_equal(starting->state, PROCESSOR_RUNNING);
	return (struct tsc_sync_result){.is_measured = starting_does != IS_SILENT,
		.difference = starting_does == DIFFERS ? 5000 : 0,
		.uncertainty = 40};
}

void tsc_set_unsynchronised(void)
{
	is_unsynchronised = true;
}

bool tsc_is_synchronised(void)
{
	return !is_unsynchronised;
}

bool host_timer_is_started(void)
{
	return true;
}

bool local_apic_enable(void)
{
	return true;
}

bool local_apic_is_x2apic(void)
{
	return is_x2apic;
}

enum status local_apic_set_x2apic(bool is_wanted)
{
	is_x2apic = is_wanted && machine.has_x2apic;
	return is_x2apic == is_wanted ? STATUS_OK : STATUS_UNSUPPORTED;
}

void percpu_add(struct cpu *cpu)
{
	assert_int_equal(cpu->index, started_count);
	cpus[started_count++] = cpu;
}

unsigned cpu_count(void)
{
	return started_count;
}

struct cpu *cpu_of(unsigned index)
{
	return cpus[index];
}

void cpu_kick(const struct cpu *cpu)
{
	(void)cpu;
}

/* --- The tests --- */

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	memset(&machine, 0, sizeof(machine));
	machine.count = 4;
	for (unsigned i = 0; i < machine.count; i++) {
		machine.apic_ids[i] = 2 * i;
	}
	machine.has_acpi = machine.has_start_page = machine.has_memory = true;
	machine.has_page_tables = true;
	cpus[0] = &percpu_boot;
	started_count = 1;
	revoked = UINT32_MAX;
	is_unsynchronised = is_x2apic = false;
	executable_count = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(executable_count, 0);
	while (taken_count != 0) {
		free(taken[--taken_count]);
	}
	return 0;
}

static unsigned start(unsigned count_max)
{
	const struct boot_info info = {0};
	const struct processors_plan plan = {.count_max = count_max};

	return processors_start(&info, &plan);
}

static bool is_said(const char *text)
{
	return strstr(fake_log_text(), text) != NULL;
}

static void all_of_the_machine_run(void **state)
{
	(void)state;
	assert_int_equal(start(0), 4);
	assert_true(is_said("cpus: count=4 found=4 apic ids=0,2,4,6\n"));
	assert_true(is_said("tsc: synchronised on 4 processors within 40 ticks\n"));
	assert_false(is_said("warning"));
}

static void one_that_does_not_come_up_is_left_out(void **state)
{
	(void)state;
	machine.behaviours[1] = STAYS_AWAY;
	assert_int_equal(start(0), 3);
	assert_true(is_said("warning: cpus: processor apic_id=2 did not start: left out\n"));
	assert_true(is_said("cpus: count=3 found=4 apic ids=0,4,6\n"));
	assert_int_equal(revoked, 2);
	/* It may still come: its memory is its own, and it finds that nobody waits. */
	assert_true(is_said("tsc: synchronised on 3 processors"));
}

static void one_that_cannot_be_used_has_said_why(void **state)
{
	(void)state;
	machine.behaviours[3] = CANNOT_BE_USED;
	assert_int_equal(start(0), 3);
	assert_false(is_said("did not start"));
	assert_true(is_said("cpus: count=3 found=4 apic ids=0,2,4\n"));
	assert_int_equal(revoked, 6);
}

static void a_tsc_that_differs_is_said(void **state)
{
	(void)state;
	machine.behaviours[2] = DIFFERS;
	assert_int_equal(start(0), 4);
	assert_true(is_said("warning: tsc: of processor apic_id=4 differs by 5000 ticks: "
			    "not synchronised\n"));
	assert_false(is_said("tsc: synchronised"));
}

static void a_tsc_that_cannot_be_compared_is_said(void **state)
{
	(void)state;
	machine.behaviours[2] = IS_SILENT;
	assert_int_equal(start(0), 4);
	assert_true(is_said("warning: tsc: of processor apic_id=4 cannot be compared"));
	assert_false(is_said("tsc: synchronised"));
}

static void no_more_than_are_wanted_are_started(void **state)
{
	(void)state;
	assert_int_equal(start(2), 2);
	assert_true(is_said("cpus: count=2 found=4 apic ids=0,2\n"));
}

static void without_acpi_the_boot_processor_is_alone(void **state)
{
	(void)state;
	machine.has_acpi = false;
	assert_int_equal(start(0), 1);
	assert_true(is_said("warning: cpus: ACPI names no processors"));
	assert_true(is_said("cpus: count=1 found=1 apic ids=0\n"));
}

static void without_a_start_page_the_boot_processor_is_alone(void **state)
{
	(void)state;
	machine.has_start_page = false;
	assert_int_equal(start(0), 1);
	assert_true(is_said("warning: cpus: no free page below 1 MiB: the boot processor alone"));
}

static void without_memory_they_are_left_out(void **state)
{
	(void)state;
	machine.has_memory = false;
	assert_int_equal(start(0), 1);
	assert_true(is_said("warning: cpus: processor apic_id=6 is left out: no memory"));
}

static void without_page_tables_for_their_guard_pages_they_are_left_out(void **state)
{
	(void)state;
	machine.has_page_tables = false;
	assert_int_equal(start(0), 1);
	assert_true(is_said("warning: cpus: processor apic_id=6 is left out: no memory"));
}

static void an_id_beyond_xapic_needs_x2apic_mode(void **state)
{
	(void)state;
	machine.apic_ids[3] = BIG_APIC_ID;
	assert_int_equal(start(0), 3);
	assert_true(is_said("warning: cpus: processor apic_id=300 is left out: no x2APIC mode"));
	tear_down(NULL);
	set_up(NULL);
	machine.apic_ids[3] = BIG_APIC_ID;
	machine.has_x2apic = true;
	assert_int_equal(start(0), 4);
	assert_true(is_said("apic ids=0,2,4,300 x2apic\n"));
}

#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(all_of_the_machine_run),
		WITH_MACHINE(one_that_does_not_come_up_is_left_out),
		WITH_MACHINE(one_that_cannot_be_used_has_said_why),
		WITH_MACHINE(a_tsc_that_differs_is_said),
		WITH_MACHINE(a_tsc_that_cannot_be_compared_is_said),
		WITH_MACHINE(no_more_than_are_wanted_are_started),
		WITH_MACHINE(without_acpi_the_boot_processor_is_alone),
		WITH_MACHINE(without_a_start_page_the_boot_processor_is_alone),
		WITH_MACHINE(without_memory_they_are_left_out),
		WITH_MACHINE(without_page_tables_for_their_guard_pages_they_are_left_out),
		WITH_MACHINE(an_id_beyond_xapic_needs_x2apic_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
