/* SPDX-License-Identifier: MIT */
#ifndef EXITS_EXIT_AGAIN_H
#define EXITS_EXIT_AGAIN_H

#include "exits/exit.h"

/*
 * An exit does not hold the bytes of its instruction, nor the page tables that the CPU went
 * through: both are read again, and the guest's other processors may have changed them since. Where
 * what is read does not fit the exit, the CPU executes the instruction again.
 */

/*
 * Has the CPU execute the instruction again: nothing has changed but that what it caches of the
 * guest's translations is invalidated, so that it finds what memory holds now and does not come
 * back for the same reason. Returns EXIT_RESUME. Context: the vCPU's VMCS is current.
 */
enum exit_action exit_again(struct vcpu *vcpu);

/*
 * True if the instruction at RIP, which cannot be carried out as it was read, may have been another
 * one when it exited: there are other processors, and it was not tried a few times already. The
 * caller then returns exit_again(), and otherwise ends the guest. Context: as exit_again().
 */
bool exit_may_have_changed(const struct vcpu *vcpu);

/* Notes that an instruction was completed. Context: any. */
static inline void exit_completed(struct vcpu *vcpu)
{
	vcpu->again_count = 0;
}

#endif
