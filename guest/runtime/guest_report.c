/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_report.h"

#include "guest/runtime/guest_print.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

static unsigned pass_count;
static unsigned fail_count;
static unsigned skip_count;
static const char *current_scope;

void report_set_scope(const char *scope)
{
	current_scope = scope;
}

static void print_rule(const char *verdict, const char *rule)
{
	if (current_scope == NULL) {
		guest_printf("%s %s", verdict, rule);
	} else {
		guest_printf("%s %s.%s", verdict, current_scope, rule);
	}
}

void report_pass(const char *rule)
{
	pass_count++;
	print_rule("PASS", rule);
	guest_printf("\n");
}

void report_skip(const char *rule, const char *why)
{
	skip_count++;
	print_rule("SKIP", rule);
	guest_printf(": %s\n", why);
}

bool report_equal(const char *rule, uint64_t got, uint64_t want)
{
	if (got == want) {
		report_pass(rule);
		return true;
	}
	fail_count++;
	print_rule("FAIL", rule);
	guest_printf(": got=0x%lx want=0x%lx\n", got, want);
	return false;
}

bool report_true(const char *rule, bool holds)
{
	return report_equal(rule, holds, true);
}

bool report_fault(
	const char *rule, const struct guest_probe *probe, uint64_t vector, uint64_t error_code)
{
	if (probe->vector == vector && probe->error_code == error_code && probe->rip_offset == 0) {
		report_pass(rule);
		return true;
	}
	fail_count++;
	print_rule("FAIL", rule);
	guest_printf(": got=vector %lu error 0x%lx offset %ld want=vector %lu error 0x%lx "
		     "offset 0\n",
		probe->vector, probe->error_code, probe->rip_offset, vector, error_code);
	return false;
}

bool report_done(const char *rule, const struct guest_probe *probe)
{
	if (guest_probe_is_done(probe)) {
		report_pass(rule);
		return true;
	}
	fail_count++;
	print_rule("FAIL", rule);
	guest_printf(": got=vector %lu error 0x%lx offset %ld want=no exception\n", probe->vector,
		probe->error_code, probe->rip_offset);
	return false;
}

bool report_is_trivet(void)
{
	return trivet_find("TrivetTrivet") != 0;
}

bool report_has_trivet(const char *rule)
{
	if (!report_is_trivet()) {
		report_skip(rule, "not under Trivet");
		return false;
	}
	return true;
}

uint32_t report_result(void)
{
	guest_printf("done: pass=%u fail=%u skip=%u\n", pass_count, fail_count, skip_count);
	return fail_count != 0 || pass_count + skip_count == 0;
}
