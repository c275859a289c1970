/* SPDX-License-Identifier: MIT */
/* SOURCES: hypercall/guest_control.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c vm/cpuid_policy.c
 * vm/cpuid_topology.c vm/guest_memory.c hypercall/cpuid_leaves.c exits/exit_cpuid.c lib/format.c
 * tests/host/vcpu_fixture.c */
#include "hypercall/guest_control.h"

#include "hypercall/hypercall.h"
#include "tests/host/vcpu_fixture.h"

#include <stdio.h>
#include <string.h>

enum {
	ADDRESS = 0x10000,
	FAKE_COUNT = 3,
};

/* What the fake manager was asked, and what it answers. */
static unsigned asked_operation;
static char asked_name[VM_NAME_MAX];
static unsigned asked_times;
static unsigned answer;
static size_t guest_count;

static unsigned fake_control(struct vcpu *caller, unsigned operation, const char *name)
{
	assert_non_null(caller);
	asked_operation = operation;
	snprintf(asked_name, sizeof(asked_name), "%s", name);
	asked_times++;
	return answer;
}

static size_t fake_count(void)
{
	return guest_count;
}

static bool fake_get(size_t index, const struct vcpu *caller, struct trivet_guest_info *info)
{
	static const struct trivet_guest_info zero = {0};

	assert_non_null(caller);
	assert_memory_equal(info, &zero, sizeof(zero));
	if (index >= FAKE_COUNT) {
		return false;
	}
	info->name[0] = (char)('a' + index);
	info->memory_bytes = index;
	return true;
}

static const struct guest_manager fake_manager = {fake_control, fake_count, fake_get};

static int set_up(void **state)
{
	const int result = vcpu_fixture_set_up(state);
	struct vcpu_fixture *f = *state;

	f->vm.manager = &fake_manager;
	f->config.may_manage = true;
	asked_times = 0;
	answer = 0;
	guest_count = FAKE_COUNT;
	return result;
}

static uint64_t make_call(
	struct vcpu_fixture *f, vcpu_hypercall_function function, uint64_t a0, uint64_t a1)
{
	f->vcpu.frame.registers[REGISTER_RBX] = a0;
	f->vcpu.frame.registers[REGISTER_RCX] = a1;
	return function(&f->vcpu, (struct hypercall){f->vcpu.frame.registers, UINT64_MAX});
}

static uint64_t control(struct vcpu_fixture *f, uint64_t operation, const char *name)
{
	memset(f->ram + ADDRESS, 0, TRIVET_GUEST_NAME_BYTES);
	memcpy(f->ram + ADDRESS, name, strlen(name));
	return make_call(f, hypercall_native_guest_control, operation, ADDRESS);
}

static uint64_t list(struct vcpu_fixture *f, uint64_t address, uint64_t room)
{
	return make_call(f, hypercall_native_guest_list, address, room);
}

static const struct trivet_guest_info *listed(struct vcpu_fixture *f, size_t index)
{
	return (const struct trivet_guest_info *)(const void *)(f->ram + ADDRESS) + index;
}

static void the_manager_is_asked_what_the_guest_says(void **state)
{
	assert_int_equal(control(*state, TRIVET_GUEST_RESTART, "some-guest"), 0);
	assert_int_equal(asked_operation, TRIVET_GUEST_RESTART);
	assert_string_equal(asked_name, "some-guest");
	assert_int_equal(control(*state, TRIVET_GUEST_START, "a-name-of-thirty-one-characters"), 0);
	assert_string_equal(asked_name, "a-name-of-thirty-one-characters");
	answer = TRIVET_EALREADY;
	assert_int_equal(control(*state, TRIVET_GUEST_STOP, "x"), hypercall_error(114));
	answer = TRIVET_ENOENT;
	assert_int_equal(control(*state, TRIVET_GUEST_STOP, "x"), hypercall_error(2));
}

static void what_is_wrong_does_not_reach_the_manager(void **state)
{
	assert_int_equal(control(*state, 0, "x"), hypercall_error(TRIVET_EINVAL));
	assert_int_equal(control(*state, 4, "x"), hypercall_error(TRIVET_EINVAL));
	assert_int_equal(control(*state, 0x100000001, "x"), hypercall_error(TRIVET_EINVAL));
	assert_int_equal(control(*state, TRIVET_GUEST_STOP, "a-name-of-thirty-two-characters-"),
		hypercall_error(TRIVET_ENOENT));
	assert_int_equal(make_call(*state, hypercall_native_guest_control, TRIVET_GUEST_STOP,
				 VCPU_FIXTURE_RAM - TRIVET_GUEST_NAME_BYTES + 1),
		hypercall_error(TRIVET_EFAULT));
	assert_int_equal(
		make_call(*state, hypercall_native_guest_control, TRIVET_GUEST_STOP, UINT64_MAX),
		hypercall_error(TRIVET_EFAULT));
	assert_int_equal(asked_times, 0);
}

static void a_guest_without_the_right_is_refused(void **state)
{
	struct vcpu_fixture *f = *state;

	f->config.may_manage = false;
	assert_int_equal(control(f, TRIVET_GUEST_STOP, "x"), hypercall_error(TRIVET_EPERM));
	assert_int_equal(list(f, ADDRESS, FAKE_COUNT), hypercall_error(TRIVET_EPERM));
	assert_int_equal(list(f, UINT64_MAX, UINT64_MAX), hypercall_error(TRIVET_EPERM));
	f->vm.manager = NULL;
	assert_int_equal(list(f, ADDRESS, FAKE_COUNT), hypercall_error(TRIVET_EPERM));
	assert_int_equal(asked_times, 0);
}

static void without_a_manager_nobody_serves_it(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vm.manager = NULL;
	assert_int_equal(control(f, TRIVET_GUEST_STOP, "x"), hypercall_error(TRIVET_ENOSYS));
	assert_int_equal(list(f, ADDRESS, FAKE_COUNT), hypercall_error(TRIVET_ENOSYS));
}

static void the_list_has_as_many_as_fit(void **state)
{
	struct vcpu_fixture *f = *state;

	memset(f->ram + ADDRESS, 0x55, 4 * TRIVET_GUEST_INFO_BYTES);
	assert_int_equal(list(f, ADDRESS, 2), FAKE_COUNT);
	assert_string_equal(listed(f, 0)->name, "a");
	assert_string_equal(listed(f, 1)->name, "b");
	assert_int_equal(listed(f, 1)->memory_bytes, 1);
	assert_int_equal(listed(f, 2)->name[0], 0x55);
	assert_int_equal(list(f, ADDRESS, UINT64_MAX), FAKE_COUNT);
	assert_string_equal(listed(f, 2)->name, "c");
	assert_int_equal(listed(f, 3)->name[0], 0x55);
	assert_int_equal(list(f, UINT64_MAX, 0), FAKE_COUNT);
}

static void a_list_without_ram_is_not_begun(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t address = VCPU_FIXTURE_RAM - 3 * TRIVET_GUEST_INFO_BYTES;

	memset(f->ram + address, 0x55, 3 * TRIVET_GUEST_INFO_BYTES);
	assert_int_equal(list(f, address + 8, 3), hypercall_error(TRIVET_EFAULT));
	assert_int_equal(f->ram[address + 8], 0x55);
	assert_int_equal(list(f, UINT64_MAX - 8, 3), hypercall_error(TRIVET_EFAULT));
	assert_int_equal(list(f, address, 3), FAKE_COUNT);
	assert_int_equal(f->ram[address], 'a');
}

static void a_guest_that_went_meanwhile_ends_the_list(void **state)
{
	struct vcpu_fixture *f = *state;

	guest_count = FAKE_COUNT + 1;
	memset(f->ram + ADDRESS, 0x55, 4 * TRIVET_GUEST_INFO_BYTES);
	assert_int_equal(list(f, ADDRESS, 4), FAKE_COUNT + 1);
	assert_string_equal(listed(f, 2)->name, "c");
	assert_int_equal(listed(f, 3)->name[0], 0x55);
}

#define WITH_MANAGER(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(the_manager_is_asked_what_the_guest_says),
		WITH_MANAGER(what_is_wrong_does_not_reach_the_manager),
		WITH_MANAGER(a_guest_without_the_right_is_refused),
		WITH_MANAGER(without_a_manager_nobody_serves_it),
		WITH_MANAGER(the_list_has_as_many_as_fit),
		WITH_MANAGER(a_list_without_ram_is_not_begun),
		WITH_MANAGER(a_guest_that_went_meanwhile_ends_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
