/* SPDX-License-Identifier: MIT */
#ifndef BOOT_MANAGER_H
#define BOOT_MANAGER_H

#include "boot/guests.h"
#include "boot/run_guest.h"

/*
 * Starts, ends and restarts the guests. All of it happens on the boot processor, between two turns
 * of its scheduler, so that it needs no lock; the other CPUs tell it what they want by atomic words
 * and an IPI. The lines of a report take long on a serial line: between them the guests of that CPU
 * run.
 */

/*
 * Runs the guests to their ends: side by side, or one after another where the context says so.
 * Returns the first exit status that is not 0, in the order of their ends; 0 if there is none.
 * Context: the boot processor, VMX root operation, all schedulers are there.
 */
unsigned manager_run(const struct run_context *run_context, const struct guest_list *list);

/* Lets the boot processor's guests run for a while: within what takes long. Context: as above. */
void manager_relax(void);

#endif
