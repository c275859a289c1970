/* SPDX-License-Identifier: MIT */
#ifndef VMX_CONTROL_SET_H
#define VMX_CONTROL_SET_H

#include "lib/status.h"
#include "vmx/capability.h"

/* The five control words of a VMCS, fitted to this CPU. */
struct control_set {
	uint32_t pin;
	uint32_t primary;
	uint32_t secondary;
	uint32_t exit;
	uint32_t entry;
};

/*
 * Computes the controls that our guests run with. Returns STATUS_OK; STATUS_UNSUPPORTED if a
 * required one is missing (logged by name of the word and mask; doctor_report() says it at length
 * before). Context: any; pure but for the log.
 */
must_use enum status control_set_make(
	const struct vmx_capability *capability, struct control_set *controls);

#endif
