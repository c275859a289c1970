/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/steal_time.c tests/host/smp_fixture.c vm/guest_memory.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c */
#include "vm/steal_time.h"

#include "cpu/wall_clock.h"
#include "fake_insn.h"
#include "tests/host/smp_fixture.h"

#include <string.h>

enum { RECORD = 0x2000 };

/* A tick is a nanosecond here. */
uint64_t wall_clock_ticks_ns(uint64_t ticks)
{
	return ticks;
}

static struct steal_time_record *record_of(struct smp_fixture *f)
{
	return (struct steal_time_record *)(void *)(f->ram + RECORD);
}

static void it_tells_what_was_waited_so_far(void **state)
{
	struct smp_fixture *f = *state;

	f->vcpus[0].run.wait_ticks = 500;
	steal_time_set(&f->vcpus[0], RECORD, true);
	assert_int_equal(record_of(f)->steal_ns, 500);
	assert_int_equal(record_of(f)->version % 2, 0);
	assert_int_not_equal(record_of(f)->version, 0);
	assert_int_equal(record_of(f)->flags, 0);
	assert_int_equal(record_of(f)->preempted, 0);
}

static void waits_add_up(void **state)
{
	struct smp_fixture *f = *state;

	steal_time_set(&f->vcpus[0], RECORD, true);
	f->vcpus[0].run.wait_ticks = 100;
	steal_time_runs(&f->vcpus[0]);
	assert_int_equal(record_of(f)->steal_ns, 100);
	f->vcpus[0].run.wait_ticks = 130;
	steal_time_runs(&f->vcpus[0]);
	assert_int_equal(record_of(f)->steal_ns, 130);
	assert_int_equal(record_of(f)->version % 2, 0);
}

/* What stands there is what the guest counts from. */
static void a_guest_that_has_a_count_keeps_it(void **state)
{
	struct smp_fixture *f = *state;

	steal_time_set(&f->vcpus[0], RECORD, true);
	record_of(f)->steal_ns = 1000;
	f->vcpus[0].run.wait_ticks = 30;
	steal_time_runs(&f->vcpus[0]);
	assert_int_equal(record_of(f)->steal_ns, 1030);
}

static void the_version_changes_with_the_count_alone(void **state)
{
	struct smp_fixture *f = *state;
	uint32_t version;

	steal_time_set(&f->vcpus[0], RECORD, true);
	version = record_of(f)->version;
	steal_time_runs(&f->vcpus[0]);
	assert_int_equal(record_of(f)->version, version);
	f->vcpus[0].run.wait_ticks = 1;
	steal_time_runs(&f->vcpus[0]);
	assert_int_equal(record_of(f)->version, version + 2);
}

static void an_odd_version_of_the_guests_becomes_even(void **state)
{
	struct smp_fixture *f = *state;

	record_of(f)->version = 7;
	steal_time_set(&f->vcpus[0], RECORD, true);
	assert_int_equal(record_of(f)->version, 8);
}

static void it_is_preempted_while_others_have_the_cpu(void **state)
{
	struct smp_fixture *f = *state;

	steal_time_set(&f->vcpus[0], RECORD, true);
	steal_time_leaves(&f->vcpus[0]);
	assert_int_equal(record_of(f)->preempted, STEAL_TIME_PREEMPTED);
	steal_time_runs(&f->vcpus[0]);
	assert_int_equal(record_of(f)->preempted, 0);
	assert_int_equal(fake_cpu.invvpid_count, 0);
}

static void a_flush_that_was_asked_for_meanwhile_is_done_once(void **state)
{
	struct smp_fixture *f = *state;

	steal_time_set(&f->vcpus[1], RECORD, true);
	steal_time_leaves(&f->vcpus[1]);
	record_of(f)->preempted |= STEAL_TIME_FLUSH_TLB;
	steal_time_runs(&f->vcpus[1]);
	assert_int_equal(fake_cpu.invvpid_count, 1);
	assert_int_equal(fake_cpu.invvpid_descriptor.first, f->vcpus[1].vpid);
	assert_int_equal(f->vcpus[1].kvm.tlb_flush_count, 1);
	assert_int_equal(record_of(f)->preempted, 0);
	steal_time_leaves(&f->vcpus[1]);
	steal_time_runs(&f->vcpus[1]);
	assert_int_equal(fake_cpu.invvpid_count, 1);
}

static void a_record_that_is_switched_off_is_left_alone(void **state)
{
	struct smp_fixture *f = *state;
	uint8_t before[SMP_RAM];

	steal_time_set(&f->vcpus[0], RECORD, true);
	steal_time_set(&f->vcpus[0], RECORD, false);
	memcpy(before, f->ram, sizeof(before));
	f->vcpus[0].run.wait_ticks = 5;
	steal_time_leaves(&f->vcpus[0]);
	steal_time_runs(&f->vcpus[0]);
	assert_memory_equal(f->ram, before, sizeof(before));
}

static void a_record_that_is_not_all_ram_is_never_written(void **state)
{
	struct smp_fixture *f = *state;

	steal_time_set(&f->vcpus[0], SMP_RAM - 32, true);
	assert_null(f->vcpus[0].kvm.steal_record);
	steal_time_set(&f->vcpus[0], UINT64_MAX - 63, true);
	assert_null(f->vcpus[0].kvm.steal_record);
	steal_time_leaves(&f->vcpus[0]);
	steal_time_set(&f->vcpus[0], SMP_RAM - sizeof(struct steal_time_record), true);
	assert_non_null(f->vcpus[0].kvm.steal_record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(it_tells_what_was_waited_so_far),
		WITH_SMP(waits_add_up),
		WITH_SMP(a_guest_that_has_a_count_keeps_it),
		WITH_SMP(the_version_changes_with_the_count_alone),
		WITH_SMP(an_odd_version_of_the_guests_becomes_even),
		WITH_SMP(it_is_preempted_while_others_have_the_cpu),
		WITH_SMP(a_flush_that_was_asked_for_meanwhile_is_done_once),
		WITH_SMP(a_record_that_is_switched_off_is_left_alone),
		WITH_SMP(a_record_that_is_not_all_ram_is_never_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
