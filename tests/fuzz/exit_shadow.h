/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_EXIT_SHADOW_H
#define FUZZ_EXIT_SHADOW_H

#include "vm/vcpu.h"

/*
 * A copy of all that the hypervisor has, and what one VM exit may change of it.
 *
 * Of the vCPU that exited: its registers, its fields named in exit_shadow.c, its virtual-APIC page,
 * its MSR bitmap (to what the policy says for its controls), and the VMCS fields named in
 * exit_shadow_vmcs.c. Of its VM: the devices, the console, the input, how it ended, the locks, and
 * its RAM. Of the other vCPUs of its VM: what is posted for them, the word that makes them leave,
 * that their translations are stale, and their state in the run queue. Of the other VM: the run
 * queue's links of its vCPUs. Of the processor: the run queue and the requests to look; CR2, DR6,
 * XCR0 within what the guest may set, and its timer. The page allocator and the EPT's tables change
 * only by an exit that populates memory or moves the APIC-access page; both EPTs are then walked.
 * Everything else must be as it was, byte by byte; the log grows by printable lines.
 */

/* Takes the copy. Context: before an exit is handled, its fields written. */
void exit_shadow_take(void);

/* Ends the program with a report if the exit of this vCPU changed what it must not. reason: the
 * exit's. */
void exit_shadow_check(const struct vcpu *vcpu, uint32_t reason);

/* The part for the VMCS and the processor. */
void exit_shadow_take_vmcs(void);
void exit_shadow_check_vmcs(const struct vcpu *vcpu);

/* Reports what changed and ends the program. */
_Noreturn void exit_shadow_fail(const char *what, uint64_t where, uint64_t before, uint64_t after);

#endif
