/* SPDX-License-Identifier: MIT */
#ifndef BOOT_MACHINE_END_H
#define BOOT_MACHINE_END_H

#include "boot/multiboot2.h"
#include "boot/options.h"

/*
 * Says how the machine ends, from now on also after a panic; until then it halts. Finds what
 * powers it off or resets it, with a warning if ACPI does not say. Context: boot, with all memory
 * mapped.
 */
void machine_end_init(enum end_action action, const struct boot_info *info);

/*
 * Writes the last line, "trivet: end status=N", waits until it is on the wire, and halts, powers
 * off or resets the machine. Context: any.
 */
_Noreturn void machine_end(unsigned status);

#endif
