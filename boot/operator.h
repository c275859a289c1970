/* SPDX-License-Identifier: MIT */
#ifndef BOOT_OPERATOR_H
#define BOOT_OPERATOR_H

#include "boot/options.h"
#include "vm/vm.h"

/*
 * Who sits at the machine: what is typed goes to the guest that has the input, but for the keys
 * behind Ctrl-A, which are for the hypervisor. Where the guests have a serial line of their own
 * (guest_serial=), it belongs to the guest that has the input, both ways; the keys are typed on the
 * console all the same.
 */

/* Opens the guests' line, if the options name one, and lets both interrupt this CPU. Context: the
 * boot processor, before the first guest. */
void operator_start(const struct options *options);

/* From here on what is typed is taken: there is a guest, or there can be one. Before, it waits in
 * the ports. Context: the boot processor. */
void operator_begin(void);

/* Connects a guest's UART with the operator; the first one gets the input. Context: the boot
 * processor, as for all below. */
void operator_add(struct vm *vm);

/* Takes a guest away, and the input from it. */
void operator_remove(const struct vm *vm);

/* Gives a guest the input. */
void operator_select(struct vm *vm);

/* Returns the guest that has the input; NULL if none has. */
struct vm *operator_selected(void);

/* Looks what was typed: the scheduler's poll on the boot processor. */
void operator_poll(void);

/* Takes the next key that was typed behind Ctrl-A. Returns false if there is none. What was typed
 * behind the key waits until then: the next operator_poll() takes it. */
bool operator_take_key(char *key);

/* Waits until all that the guests wrote has left. */
void operator_drain(void);

#endif
