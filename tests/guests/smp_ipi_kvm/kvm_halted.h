/* SPDX-License-Identifier: MIT */
#ifndef SMP_IPI_KVM_KVM_HALTED_H
#define SMP_IPI_KVM_KVM_HALTED_H

#include <stdint.h>

/* With the bits of KVM_CPUID_FEATURES_LEAF; a rule whose bit is clear is skipped. */

/* KICK_CPU ends the HLT of a processor with IF clear. */
void kvm_halted_check_kick(uint32_t features);

/* Each processor's record of stolen time; it stays registered. */
void kvm_halted_check_steal_time(uint32_t features);

/* The record of a halted processor shows that it does not run, and takes the wish for a flush of
 * its TLB. Context: behind kvm_halted_check_steal_time(). */
void kvm_halted_check_flush(uint32_t features);

#endif
