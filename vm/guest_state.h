/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_STATE_H
#define VM_GUEST_STATE_H

#include "vm/vcpu.h"

/*
 * Writes the VMCS's guest-state area, the guest/host masks and read shadows of CR0 and CR4, and the
 * general registers for a vCPU that begins as `start` says. Context: the VMCS is current; pins and
 * controls are written.
 * Source: SDM Vol. 3C "Guest-State Area" and "Guest/Host Masks and Read Shadows for CR0 and CR4".
 */
void guest_state_init(struct vcpu *vcpu, const struct vcpu_start *start);

#endif
