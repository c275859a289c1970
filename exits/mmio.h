/* SPDX-License-Identifier: MIT */
#ifndef EXITS_MMIO_H
#define EXITS_MMIO_H

#include "exits/exit.h"
#include "vmx/exit_qualification.h"

/*
 * Completes an instruction that touched a guest-physical address where nothing is: a MOV reads all
 * ones, a write is ignored, and the instruction is done. Its bytes are read from guest memory, and
 * so must fit the exit: the CPU executes again what does not, or can no longer be read. Any other
 * instruction, and a fetch, end the guest with the instruction's bytes in the report. Context: an
 * EPT-violation exit outside of event delivery.
 */
enum exit_action mmio_access(
	struct vcpu *vcpu, gpa_t address, const struct ept_violation *violation);

#endif
