/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/entry_check.c vmx/entry_check_activity.c vmx/entry_check_controls.c
 * vmx/entry_check_guest.c vmx/entry_check_host.c vmx/entry_check_misc.c
 * vmx/entry_check_msr_loading.c vmx/entry_check_segments.c vmx/entry_check_shared.c
 * vmx/entry_check_transitions.c vmx/vmcs_names.c tests/host/entry_check_vmcs.c
 * vmx/entry_break.c vmx/entry_break_controls.c vmx/entry_break_guest.c vmx/entry_break_host.c
 */
#include "cpu/registers.h"
#include "entry_check_vmcs.h"
#include "fake_insn.h"
#include "vmx/entry_break.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS_MIN = 40, FIELD_END = 0x7000 };

/* The guests that a breakage may start from. */
static const enum valid_guest start_guests[] = {GUEST_64_BIT, GUEST_REAL_MODE};

static void each_row_is_caught_with_its_area(void **state)
{
	struct vmx_capability capability = valid_capability();

	(void)state;
	for (size_t guest = 0; guest < ARRAY_COUNT(start_guests); guest++) {
		for (size_t i = 0; i < entry_break_count(); i++) {
			const struct entry_break *row = entry_break_get(i);
			struct entry_check_failure failure = {0};

			valid_vmcs(start_guests[guest]);
			if (!entry_break_applies(row, &capability)) {
				continue;
			}
			entry_break_apply(row);
			if (entry_check(&capability, &failure, 1) == 0) {
				fail_msg("%s breaks nothing", row->name);
			}
			if (failure.area != row->area) {
				fail_msg("%s is refused by: %s", row->name, failure.rule);
			}
		}
	}
}

static void each_row_applies_to_a_start_guest_on_a_full_cpu(void **state)
{
	struct vmx_capability capability = valid_capability();

	(void)state;
	for (size_t i = 0; i < entry_break_count(); i++) {
		bool applies = false;

		for (size_t guest = 0; guest < ARRAY_COUNT(start_guests); guest++) {
			valid_vmcs(start_guests[guest]);
			applies |= entry_break_applies(entry_break_get(i), &capability);
		}
		if (!applies) {
			fail_msg("%s never applies", entry_break_get(i)->name);
		}
	}
}

/* The blamed field is one that the row changed: no row works by a side effect. */
static void each_row_is_blamed_on_a_field_that_it_changed(void **state)
{
	struct vmx_capability capability = valid_capability();

	(void)state;
	for (size_t i = 0; i < entry_break_count(); i++) {
		const struct entry_break *row = entry_break_get(i);
		struct entry_check_failure failure = {0};
		bool is_changed = false;

		valid_vmcs(GUEST_64_BIT);
		if (!entry_break_applies(row, &capability)) {
			valid_vmcs(GUEST_REAL_MODE);
		}
		entry_break_apply(row);
		(void)entry_check(&capability, &failure, 1);
		for (size_t j = 0; j < ENTRY_BREAK_CHANGES_MAX; j++) {
			is_changed |= row->changes[j].field == failure.field &&
				      (row->changes[j].clear | row->changes[j].set) != 0;
		}
		if (!is_changed) {
			fail_msg("%s is blamed on %s", row->name, vmcs_field_name(failure.field));
		}
	}
}

static bool is_snake_case(const char *name)
{
	return name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static void rows_have_names_of_their_own(void **state)
{
	(void)state;
	assert_true(entry_break_count() >= ROWS_MIN);
	for (size_t i = 0; i < entry_break_count(); i++) {
		assert_true(is_snake_case(entry_break_get(i)->name));
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(entry_break_get(i)->name, entry_break_get(j)->name);
		}
	}
	assert_null(entry_break_get(entry_break_count()));
}

static void apply_touches_only_the_fields_of_the_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < entry_break_count(); i++) {
		const struct entry_break *row = entry_break_get(i);
		uint64_t before[FIELD_END / 2];

		valid_vmcs(GUEST_64_BIT);
		for (uint32_t field = 0; field < FIELD_END; field += 2) {
			before[field / 2] = fake_vmcs_get(field);
		}
		entry_break_apply(row);
		for (size_t j = 0; j < ENTRY_BREAK_CHANGES_MAX; j++) {
			if ((row->changes[j].clear | row->changes[j].set) != 0) {
				uint32_t field = row->changes[j].field;

				fake_vmcs_set(field, before[field / 2]);
			}
		}
		for (uint32_t field = 0; field < FIELD_END; field += 2) {
			assert_int_equal(before[field / 2], fake_vmcs_get(field));
		}
	}
}

static const struct entry_break *find(const char *name)
{
	for (size_t i = 0; i < entry_break_count(); i++) {
		if (strcmp(entry_break_get(i)->name, name) == 0) {
			return entry_break_get(i);
		}
	}
	fail_msg("no row %s", name);
	return NULL;
}

static void a_row_is_skipped_where_its_control_is_missing(void **state)
{
	struct vmx_capability capability = valid_capability();

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	assert_true(entry_break_applies(find("pml_address_not_aligned"), &capability));
	capability.secondary.allowed1 &= ~(uint32_t)SECONDARY_ENABLE_PML;
	assert_false(entry_break_applies(find("pml_address_not_aligned"), &capability));
}

static void a_row_is_skipped_with_another_guest(void **state)
{
	struct vmx_capability capability = valid_capability();

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	assert_true(entry_break_applies(find("guest_rflags_vm_in_ia32e_mode"), &capability));
	assert_false(entry_break_applies(find("guest_cr4_pcide_outside_ia32e_mode"), &capability));
	valid_vmcs(GUEST_REAL_MODE);
	assert_false(entry_break_applies(find("guest_rflags_vm_in_ia32e_mode"), &capability));
	assert_true(entry_break_applies(find("guest_cr4_pcide_outside_ia32e_mode"), &capability));
	assert_false(entry_break_applies(find("injection_of_gp_without_error_code"), &capability));
}

static void error_code_rows_are_skipped_where_codes_are_free(void **state)
{
	struct vmx_capability capability = valid_capability();

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	assert_true(entry_break_applies(find("injection_of_ud_with_error_code"), &capability));
	capability.basic |= BIT(56);
	assert_false(entry_break_applies(find("injection_of_ud_with_error_code"), &capability));
}

/* A CPU with what we require and no more, as the oldest that we run on. */
static void enough_rows_are_left_on_a_plain_cpu(void **state)
{
	struct vmx_capability capability = valid_capability();
	size_t count = 0;

	(void)state;
	capability.secondary.allowed1 = SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID |
					SECONDARY_UNRESTRICTED_GUEST | SECONDARY_WBINVD_EXITING;
	valid_vmcs(GUEST_REAL_MODE);
	for (size_t i = 0; i < entry_break_count(); i++) {
		count += entry_break_applies(entry_break_get(i), &capability);
	}
	assert_true(count >= 2 * ROWS_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_caught_with_its_area),
		cmocka_unit_test(each_row_applies_to_a_start_guest_on_a_full_cpu),
		cmocka_unit_test(each_row_is_blamed_on_a_field_that_it_changed),
		cmocka_unit_test(rows_have_names_of_their_own),
		cmocka_unit_test(apply_touches_only_the_fields_of_the_row),
		cmocka_unit_test(a_row_is_skipped_where_its_control_is_missing),
		cmocka_unit_test(a_row_is_skipped_with_another_guest),
		cmocka_unit_test(error_code_rows_are_skipped_where_codes_are_free),
		cmocka_unit_test(enough_rows_are_left_on_a_plain_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
