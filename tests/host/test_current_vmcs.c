/* SPDX-License-Identifier: MIT */
/* SOURCES: */
#include "cpu/percpu.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "fake_panic.h"
#include "vmx/vmcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { REGION_WORDS = 1024, RIP = 0x1234 };

static uint32_t own[REGION_WORDS];
static uint32_t other[REGION_WORDS];

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	current_vmcs_load(other);
	current_vmcs_load(own);
	return 0;
}

static void write_rip(void *unused)
{
	(void)unused;
	vmcs_write_natural(VMCS_GUEST_RIP, RIP);
}

static void read_rip(void *unused)
{
	(void)unused;
	(void)vmcs_read_natural(VMCS_GUEST_RIP);
}

static void check_region(void *region)
{
	current_vmcs_check_is(region);
}

static void load(void *region)
{
	current_vmcs_load(region);
}

static void the_vmcs_that_was_loaded_may_be_used(void **state)
{
	const uint64_t digest = fake_vmcs_digest(other);

	(void)state;
	write_rip(NULL);
	assert_int_equal(vmcs_read_natural(VMCS_GUEST_RIP), RIP);
	assert_true(fake_vmcs_digest(other) == digest);
	assert_false(fake_panics(check_region, own));
}

static void an_access_while_another_is_current_panics(void **state)
{
	const uint64_t digest = fake_vmcs_digest(other);

	(void)state;
	(void)!insn_vmptrld(hpa_of(other));
	assert_true(fake_panics(write_rip, NULL));
	assert_non_null(strstr(fake_panic_text(), "the VMCS of another is current"));
	assert_true(fake_panics(read_rip, NULL));
	assert_true(fake_vmcs_digest(other) == digest);
}

static void an_access_between_turns_panics(void **state)
{
	(void)state;
	current_vmcs_use(NULL);
	assert_true(fake_panics(write_rip, NULL));
	current_vmcs_use(own);
	assert_false(fake_panics(write_rip, NULL));
}

static void what_is_about_another_vcpu_panics(void **state)
{
	(void)state;
	assert_true(fake_panics(check_region, other));
	current_vmcs_use(other);
	assert_true(fake_panics(check_region, other));
}

static void a_cleared_one_is_not_used(void **state)
{
	(void)state;
	current_vmcs_clear(own);
	assert_true(fake_panics(read_rip, NULL));
	assert_true(insn_vmptrst().value == UINT64_MAX);
}

/* Else the next access would be to the one before. */
static void a_refused_one_is_not_used(void **state)
{
	(void)state;
	fake_cpu.vmptrld_result = VMX_FAIL_VALID;
	assert_false(current_vmcs_make(other));
	assert_null(this_cpu()->vmcs);
	assert_non_null(strstr(fake_log_text(), "VMCS refused"));
	assert_true(fake_panics(load, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_vmcs_that_was_loaded_may_be_used, set_up),
		cmocka_unit_test_setup(an_access_while_another_is_current_panics, set_up),
		cmocka_unit_test_setup(an_access_between_turns_panics, set_up),
		cmocka_unit_test_setup(what_is_about_another_vcpu_panics, set_up),
		cmocka_unit_test_setup(a_cleared_one_is_not_used, set_up),
		cmocka_unit_test_setup(a_refused_one_is_not_used, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
