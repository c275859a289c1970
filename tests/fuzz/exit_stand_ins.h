/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_EXIT_STAND_INS_H
#define FUZZ_EXIT_STAND_INS_H

#include "hypercall/guest_control.h"
#include "lib/types.h"

/* What lies below the exit path and is the machine's: consoles, interrupts, whoever manages. */

/* Serves the calls that list and control guests: there are two, and nothing is done to them. */
extern const struct guest_manager exit_stand_in_manager;

/* How many bytes are typed to the guests; each look takes one. */
extern unsigned exit_stand_in_typed_count;
bool exit_stand_in_typed(void *context, uint8_t *byte);

/* The scheduler's look for what comes from outside. */
void exit_stand_in_poll(void);

void exit_stand_ins_reset(void);

/* Called after each read of guest RAM within an exit: another processor's chance. NULL: none. */
extern void (*exit_memory_was_read)(void);

#endif
