/* SPDX-License-Identifier: MIT */
#ifndef BOOT_SELFTEST_H
#define BOOT_SELFTEST_H

#include "boot/run_guest.h"

/*
 * Tests on this very machine what no guest module can: the trap path, the agreement of the CPU's
 * VM-entry checks with ours, host interrupts and NMIs out of a running guest, an EPT
 * misconfiguration. Logs a PASS, FAIL or SKIP line for each and the totals. Returns true if none
 * failed. Context: VMX root operation; before any guest.
 */
bool selftest_run(const struct run_context *context);

/* One result: logs it and counts it. is_pass false: a failure. */
void selftest_result(const char *name, bool is_pass, const char *template, ...)
	__attribute__((format(printf, 3, 4)));
void selftest_skip(const char *name, const char *why);

/* The VM-entry checks: breaks a good VMCS in every way of vmx/entry_break.h and compares verdicts.
 */
void selftest_entry_checks(const struct run_context *context);

/* Flat real-mode images: [start, end). */
extern const uint8_t selftest_spin_masked_start[], selftest_spin_masked_end[];
extern const uint8_t selftest_spin_open_start[], selftest_spin_open_end[];
extern const uint8_t selftest_nmi_start[], selftest_nmi_end[];

#endif
