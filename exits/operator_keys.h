/* SPDX-License-Identifier: MIT */
#ifndef EXITS_OPERATOR_KEYS_H
#define EXITS_OPERATOR_KEYS_H

#include "vm/vcpu.h"

/*
 * Keys for the hypervisor, typed on its console: Ctrl-A and a letter, as docs/guests.md lists them.
 * Ctrl-A twice is one Ctrl-A for the guest.
 */

/*
 * Takes the console's next byte that is not for the hypervisor; keys on the way to it are obeyed.
 * Returns false if none has come. A guest_input's pull, with the vCPU as its context. Context: the
 * vCPU's VMCS is current, it does not run.
 */
bool operator_keys_pull(void *vcpu, uint8_t *byte);

/* Obeys the keys that have come, and takes what else was typed for the guest. Context: as above. */
void operator_keys_poll(struct vcpu *vcpu);

#endif
