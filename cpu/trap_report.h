/* SPDX-License-Identifier: MIT */
#ifndef CPU_TRAP_REPORT_H
#define CPU_TRAP_REPORT_H

#include "cpu/trap.h"

/*
 * Says everything about an exception of ours, on every console, and ends the run as panic() does. A
 * trap while it does so makes it short; one more stops the machine. Context: any.
 */
_Noreturn void trap_report(const struct trap_frame *frame);

/* Returns the SDM's name of an exception ("#GP general protection"); "reserved" for what has none.
 */
const char *trap_vector_name(uint64_t vector);

#endif
