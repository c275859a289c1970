/* SPDX-License-Identifier: MIT */
#ifndef EXITS_MMIO_H
#define EXITS_MMIO_H

#include "exits/exit.h"
#include "vmx/exit_qualification.h"

/*
 * Completes an instruction that touched a guest-physical address where nothing is: a MOV reads all
 * ones, a write is ignored, and the instruction is done. Any other instruction, and a fetch, end
 * the guest with the instruction's bytes in the report. Context: an EPT-violation exit outside of
 * event delivery.
 */
enum exit_action mmio_access(
	struct vcpu *vcpu, gpa_t address, const struct ept_violation *violation);

#endif
