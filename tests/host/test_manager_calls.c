/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/manager_calls.c */
#include "boot/manager_calls.h"

#include "cpu/wall_clock.h"
#include "hypercall/guest_control.h"
#include "vm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
	COUNT = 3,
	STOPPED = 2, /* The others run. */
};

static struct guest_entry entries[COUNT];
static struct guest_block blocks[COUNT];
static struct managed_guest managed[COUNT];
static struct vcpu vcpus[COUNT][2];
static size_t managed_count;
static unsigned asked_count;

struct scheduler *scheduler_of(unsigned cpu)
{
	assert_int_equal(cpu, 0);
	return NULL;
}

void scheduler_ask_loop(struct scheduler *scheduler)
{
	(void)scheduler;
	asked_count++;
}

uint64_t wall_clock_ticks_ns(uint64_t ticks)
{
	return ticks * 10;
}

static void set_up_guest(size_t i)
{
	struct vm_config *config = &entries[i].config;

	snprintf(config->name, sizeof(config->name), "guest-%zu", i);
	config->vcpu_count = 2;
	config->weight = (uint32_t)(100 + i);
	config->memory_size_bytes = MIB(i + 1);
	managed[i].entry = &entries[i];
	managed[i].block = i == STOPPED ? NULL : &blocks[i];
	managed[i].restart_count = (unsigned)i;
	blocks[i].vm.config = config;
	blocks[i].vm.vcpu_count = 2;
	for (unsigned id = 0; id < 2; id++) {
		blocks[i].vm.vcpus[id] = &vcpus[i][id];
		vcpus[i][id].vm = &blocks[i].vm;
		vcpus[i][id].run.run_ticks = 5 + id;
		vcpus[i][id].run.wait_ticks = 1 + id;
	}
}

static int set_up(void **state)
{
	(void)state;
	memset(entries, 0, sizeof(entries));
	memset(blocks, 0, sizeof(blocks));
	memset(managed, 0, sizeof(managed));
	memset(vcpus, 0, sizeof(vcpus));
	managed_count = COUNT;
	asked_count = 0;
	for (size_t i = 0; i < COUNT; i++) {
		set_up_guest(i);
	}
	manager_calls_init(managed, &managed_count);
	return 0;
}

static unsigned control(unsigned operation, const char *name)
{
	return manager_calls()->control(&vcpus[0][0], operation, name);
}

static void a_wish_is_left_for_the_boot_processor(void **state)
{
	(void)state;
	assert_int_equal(control(TRIVET_GUEST_STOP, "guest-1"), 0);
	assert_int_equal(managed[1].wish, GUEST_WISH_STOP);
	assert_int_equal(control(TRIVET_GUEST_RESTART, "guest-0"), 0);
	assert_int_equal(managed[0].wish, GUEST_WISH_RESTART);
	assert_int_equal(control(TRIVET_GUEST_START, "guest-2"), 0);
	assert_int_equal(managed[2].wish, GUEST_WISH_START);
	assert_int_equal(control(TRIVET_GUEST_RESTART, "guest-2"), 0);
	assert_int_equal(managed[2].wish, GUEST_WISH_RESTART);
	assert_int_equal(asked_count, 4);
}

static void what_is_so_already_is_not_wished(void **state)
{
	(void)state;
	assert_int_equal(control(TRIVET_GUEST_START, "guest-1"), TRIVET_EALREADY);
	assert_int_equal(control(TRIVET_GUEST_STOP, "guest-2"), TRIVET_EALREADY);
	assert_int_equal(control(TRIVET_GUEST_STOP, "guest"), TRIVET_ENOENT);
	assert_int_equal(control(TRIVET_GUEST_STOP, ""), TRIVET_ENOENT);
	assert_int_equal(control(7, "guest-1"), TRIVET_EINVAL);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(managed[i].wish, GUEST_WISH_NONE);
	}
	assert_int_equal(asked_count, 0);
}

static struct trivet_guest_info get(size_t index)
{
	struct trivet_guest_info info = {0};

	assert_true(manager_calls()->get(index, &vcpus[1][0], &info));
	return info;
}

static void the_list_tells_what_the_guests_are(void **state)
{
	const struct trivet_guest_info other = get(0);
	const struct trivet_guest_info caller = get(1);
	const struct trivet_guest_info stopped = get(STOPPED);
	struct trivet_guest_info none = {0};

	(void)state;
	assert_int_equal(manager_calls()->count(), COUNT);
	assert_string_equal(other.name, "guest-0");
	assert_int_equal(other.state, TRIVET_GUEST_RUNNING);
	assert_int_equal(other.flags, 0);
	assert_string_equal(caller.name, "guest-1");
	assert_int_equal(caller.flags, TRIVET_GUEST_FLAG_CALLER);
	assert_int_equal(caller.vcpu_count, 2);
	assert_int_equal(caller.weight, 101);
	assert_int_equal(caller.restart_count, 1);
	assert_int_equal(caller.memory_bytes, MIB(2));
	assert_int_equal(stopped.state, TRIVET_GUEST_STOPPED);
	assert_false(manager_calls()->get(COUNT, &vcpus[1][0], &none));
}

static void times_are_those_of_guests_that_are_shown(void **state)
{
	(void)state;
	assert_int_equal(get(0).run_ns, 0);
	manager_calls_show(&managed[0], true);
	assert_int_equal(get(0).run_ns, 110);
	assert_int_equal(get(0).wait_ns, 30);
	/* Its block is taken away behind this. */
	manager_calls_show(&managed[0], false);
	blocks[0].vm.vcpus[0] = NULL;
	assert_int_equal(get(0).run_ns, 0);
	assert_int_equal(get(0).wait_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_wish_is_left_for_the_boot_processor, set_up),
		cmocka_unit_test_setup(what_is_so_already_is_not_wished, set_up),
		cmocka_unit_test_setup(the_list_tells_what_the_guests_are, set_up),
		cmocka_unit_test_setup(times_are_those_of_guests_that_are_shown, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
