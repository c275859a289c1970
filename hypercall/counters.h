/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_COUNTERS_H
#define HYPERCALL_COUNTERS_H

#include "vm/vcpu.h"

/*
 * Logs the vCPU's counters as a table: a line for each exit reason and each call that came, with
 * its count and the histogram of the ticks that the hypervisor took; behind it the trace, if
 * anything is in it. Calls `between`, if it is not NULL, behind each line: a table takes long on a
 * serial line. Context: any that owns the vCPU.
 */
void hypercall_report_counters(const struct vcpu *vcpu, void (*between)(void));

#endif
