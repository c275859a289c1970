/* SPDX-License-Identifier: MIT */
#ifndef EXITS_VIRTUAL_CR_H
#define EXITS_VIRTUAL_CR_H

#include "lib/types.h"
#include "vm/vcpu.h"

/*
 * CR0 and CR4 as the guest sees them: its own bits from the register, ours from the read shadow.
 * Context: the vCPU's VMCS is current.
 */
uint64_t virtual_cr0_read(const struct vcpu *vcpu);
uint64_t virtual_cr4_read(const struct vcpu *vcpu);

/*
 * Write CR0, CR4 and CR8 by the rules of MOV to CR at CPL 0, with what follows from it: PDPTEs,
 * IA-32e mode, cached translations. Return false for #GP, with nothing changed. Context: as above.
 * Source: SDM Vol. 2B "MOV - Move to/from Control Registers"; Vol. 3A "Control Registers", "PDPTE
 * Registers", "Initializing IA-32e Mode".
 */
bool virtual_cr0_write(struct vcpu *vcpu, uint64_t value);
bool virtual_cr4_write(struct vcpu *vcpu, uint64_t value);
bool virtual_cr8_write(struct vcpu *vcpu, uint64_t value);

#endif
