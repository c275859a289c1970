/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_HALT_H
#define VM_VCPU_HALT_H

#include "vm/vcpu.h"

/*
 * What a vCPU waits for, and when that is over. A vCPU waits outside of the guest and without its
 * CPU: its handler leaves the guest, and the scheduler gives it the CPU again when something is
 * posted for it, or at wake_tsc.
 */

/*
 * Makes a vCPU that has its CPU ready for the next VM entry: takes what is posted, and injects what
 * the guest can take. Returns false if it is not to enter: its VM has ended, or it still waits.
 * Context: the vCPU's own CPU, its VMCS is current, outside of a VM exit's handling.
 */
bool vcpu_prepare(struct vcpu *vcpu);

/*
 * HLT. Returns true if the guest is to be left: it waits, or all its processors wait for nothing
 * that could come, which ends it. False: something pends that ends the halt at once. Context: the
 * handler of that exit.
 */
bool vcpu_halt(struct vcpu *vcpu);

/* Lets a call return at this value of the host's TSC. Context: the call. */
void vcpu_sleep_until(struct vcpu *vcpu, uint64_t tsc);

#endif
