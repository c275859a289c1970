/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/manager_keys.c vm/vcpu_post.c vm/posted_interrupts.c */
#include "boot/manager_keys.h"

#include "boot/manager.h"

#include "boot/operator.h"
#include "cpu/wall_clock.h"
#include "fake_log.h"
#include "fake_scheduler.h"
#include "hypercall/counters.h"
#include "vm/vcpu_posted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUESTS = 3, VCPUS = 2, MS = 1000000 };

/* --- What the keys act on --- */

static const char *typed;
static struct vm *input_owner;
static const struct vcpu *counters_shown[GUESTS * VCPUS];
static size_t counters_count;
static unsigned poll_count;

bool operator_take_key(char *key)
{
	if (*typed == '\0') {
		return false;
	}
	*key = *typed++;
	return true;
}

void operator_poll(void)
{
	poll_count++;
}

void operator_select(struct vm *vm)
{
	input_owner = vm;
}

struct vm *operator_selected(void)
{
	return input_owner;
}

void manager_relax(void)
{
}

void hypercall_report_counters(const struct vcpu *vcpu, void (*between)(void))
{
	assert_ptr_equal(between, manager_relax);
	counters_shown[counters_count++] = vcpu;
}

/* A tick is a nanosecond here. */
uint64_t wall_clock_ticks_ns(uint64_t ticks)
{
	return ticks;
}

struct fixture {
	struct guest_entry entries[GUESTS];
	struct managed_guest guests[GUESTS];
	struct vcpu vcpus[GUESTS][VCPUS];
};

/* vm0 and vm1 run, vm0 with the input; vm2 is stopped. */
static int set_up(void **state)
{
	struct fixture *f = aligned_alloc(_Alignof(struct fixture), sizeof(*f));

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	fake_log_clear();
	fake_scheduler_clear();
	counters_count = 0;
	for (size_t i = 0; i < GUESTS; i++) {
		(void)snprintf(f->entries[i].config.name, VM_NAME_MAX, "vm%zu", i);
		f->entries[i].config.vcpu_count = VCPUS;
		f->entries[i].config.weight = 256;
		f->guests[i].entry = &f->entries[i];
	}
	for (size_t i = 0; i + 1 < GUESTS; i++) {
		f->guests[i].block =
			aligned_alloc(_Alignof(struct guest_block), sizeof(struct guest_block));
		assert_non_null(f->guests[i].block);
		memset(f->guests[i].block, 0, sizeof(struct guest_block));
		f->guests[i].block->vm.vcpu_count = VCPUS;
		for (size_t id = 0; id < VCPUS; id++) {
			f->guests[i].block->vm.vcpus[id] = &f->vcpus[i][id];
		}
	}
	input_owner = &f->guests[0].block->vm;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < GUESTS; i++) {
		free(f->guests[i].block);
	}
	free(f);
	return 0;
}

static void press(struct fixture *f, const char *keys)
{
	typed = keys;
	poll_count = 0;
	manager_keys_obey(f->guests, GUESTS);
	assert_string_equal(typed, "");
	/* What stands behind a key is taken when that has been obeyed. */
	assert_int_equal(poll_count, strlen(keys));
}

static bool is_logged(const char *text)
{
	return strstr(fake_log_text(), text) != NULL;
}

/* --- The keys --- */

static void n_goes_to_the_next_guest_and_round(void **state)
{
	struct fixture *f = *state;

	press(f, "n");
	assert_ptr_equal(input_owner, &f->guests[1].block->vm);
	assert_true(is_logged("keys: the input is for vm1\n"));
	press(f, "n");
	assert_null(input_owner);
	assert_true(is_logged("keys: the input is for vm2, which is stopped\n"));
	press(f, "n");
	assert_ptr_equal(input_owner, &f->guests[0].block->vm);
}

static void a_digit_goes_to_that_guest(void **state)
{
	struct fixture *f = *state;

	press(f, "2");
	assert_ptr_equal(input_owner, &f->guests[1].block->vm);
	press(f, "1");
	assert_ptr_equal(input_owner, &f->guests[0].block->vm);
}

static void a_digit_of_no_guest_and_an_unknown_key_show_the_list(void **state)
{
	struct fixture *f = *state;

	press(f, "4");
	assert_ptr_equal(input_owner, &f->guests[0].block->vm);
	assert_true(is_logged("keys: Ctrl-A n: "));
	fake_log_clear();
	press(f, "0");
	assert_true(is_logged("keys: Ctrl-A n: "));
	fake_log_clear();
	press(f, "?");
	assert_true(is_logged("keys: Ctrl-A Ctrl-A: a Ctrl-A for the guest\n"));
}

static void h_lists_each_key(void **state)
{
	static const char keys[] = "nlsSRcrh";
	char line[32];

	press(*state, "h");
	for (size_t i = 0; i < sizeof(keys) - 1; i++) {
		(void)snprintf(line, sizeof(line), "keys: Ctrl-A %c: ", keys[i]);
		assert_true(is_logged(line));
	}
}

static void s_and_capital_s_and_r_are_wishes_for_the_selected_guest(void **state)
{
	struct fixture *f = *state;

	press(f, "s");
	assert_int_equal(f->guests[0].wish, GUEST_WISH_STOP);
	press(f, "R");
	assert_int_equal(f->guests[0].wish, GUEST_WISH_RESTART);
	press(f, "3S");
	assert_int_equal(f->guests[2].wish, GUEST_WISH_START);
	assert_int_equal(f->guests[0].wish, GUEST_WISH_RESTART);
	assert_int_equal(f->guests[1].wish, GUEST_WISH_NONE);
}

/* It lost the input when it stopped: the keys mean it all the same. */
static void keys_mean_the_guest_that_had_the_input_last(void **state)
{
	struct fixture *f = *state;

	press(f, "2");
	input_owner = NULL;
	press(f, "S");
	assert_int_equal(f->guests[1].wish, GUEST_WISH_START);
}

static void a_guest_that_got_the_input_since_is_meant(void **state)
{
	struct fixture *f = *state;

	press(f, "3");
	input_owner = &f->guests[1].block->vm;
	press(f, "s");
	assert_int_equal(f->guests[1].wish, GUEST_WISH_STOP);
	assert_int_equal(f->guests[2].wish, GUEST_WISH_NONE);
}

static void c_shows_the_counters_of_each_processor(void **state)
{
	struct fixture *f = *state;

	press(f, "2c");
	assert_int_equal(counters_count, VCPUS);
	assert_ptr_equal(counters_shown[0], &f->vcpus[1][0]);
	assert_ptr_equal(counters_shown[1], &f->vcpus[1][1]);
}

static void r_asks_each_processor_for_its_registers(void **state)
{
	struct fixture *f = *state;

	press(f, "r");
	for (size_t id = 0; id < VCPUS; id++) {
		assert_int_equal(f->vcpus[0][id].posted.requests, POSTED_REQUEST_REPORT);
		assert_false(vcpu_has_posted(&f->vcpus[1][id]));
	}
	assert_int_equal(fake_scheduler.look_count, VCPUS);
}

static void a_stopped_guest_has_neither(void **state)
{
	struct fixture *f = *state;

	press(f, "3c");
	assert_int_equal(counters_count, 0);
	assert_true(is_logged("keys: vm2 is stopped\n"));
	press(f, "r");
	assert_int_equal(fake_scheduler.notify_count, 0);
}

static void l_lists_the_guests(void **state)
{
	struct fixture *f = *state;

	f->vcpus[1][0].run.run_ticks = 30 * MS;
	f->vcpus[1][1].run.run_ticks = 12 * MS;
	f->vcpus[1][1].run.wait_ticks = 5 * MS;
	f->guests[1].restart_count = 4;
	press(f, "2l");
	assert_true(is_logged("guests: 1 vm0 runs vcpus=2 weight=256 ran=0 ms waited=0 ms "
			      "restarts=0\n"));
	assert_true(is_logged("guests: 2 vm1 runs, has the input vcpus=2 weight=256 ran=42 ms "
			      "waited=5 ms restarts=4\n"));
	assert_true(is_logged("guests: 3 vm2 stopped vcpus=2 weight=256 "));
}

static void without_guests_keys_wait(void **state)
{
	struct fixture *f = *state;

	typed = "l";
	manager_keys_obey(f->guests, 0);
	assert_string_equal(typed, "l");
}

#define WITH_GUESTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GUESTS(n_goes_to_the_next_guest_and_round),
		WITH_GUESTS(a_digit_goes_to_that_guest),
		WITH_GUESTS(a_digit_of_no_guest_and_an_unknown_key_show_the_list),
		WITH_GUESTS(h_lists_each_key),
		WITH_GUESTS(s_and_capital_s_and_r_are_wishes_for_the_selected_guest),
		WITH_GUESTS(keys_mean_the_guest_that_had_the_input_last),
		WITH_GUESTS(a_guest_that_got_the_input_since_is_meant),
		WITH_GUESTS(c_shows_the_counters_of_each_processor),
		WITH_GUESTS(r_asks_each_processor_for_its_registers),
		WITH_GUESTS(a_stopped_guest_has_neither),
		WITH_GUESTS(l_lists_the_guests),
		WITH_GUESTS(without_guests_keys_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
