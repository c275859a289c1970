/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_SHOOTDOWN_H
#define VM_VCPU_SHOOTDOWN_H

#include "vm/vcpu.h"

/*
 * Has all CPUs invalidate what they cache of the translations of the guest's EPT, and waits for
 * none: after a change that gave something and took nothing away, such as a large page that became
 * smaller ones with the same translations. The caller's CPU invalidates here; each other one before
 * its vCPU enters the guest the next time, and one that is in the guest is brought out for it.
 * Until then it may use the old entries, which must be right still. Context: as
 * vcpu_shoot_down_ept().
 */
void vcpu_flush_ept(struct vcpu *vcpu);

/*
 * Invalidates what all CPUs cache of the translations of the guest's EPT, after a change that took
 * something away or moved it. Adding what was not there needs none: nothing of it is cached. Who
 * invalidates: each CPU for itself, by INVEPT, before the vCPU enters the guest again; the caller's
 * here. When this returns: every vCPU that was in the guest has done so, and one that was not will
 * before it is, so that what was unmapped can be used for something else. Context: the handler of a
 * VM exit of the vCPU; no lock is held, as the others may wait for one. Source: SDM Vol. 3C
 * "Guidelines for Use of the INVEPT Instruction", "Invalidation of TLBs and Paging-Structure Caches
 * on Multiple Processors".
 */
void vcpu_shoot_down_ept(struct vcpu *vcpu);

#endif
