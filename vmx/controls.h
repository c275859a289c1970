/* SPDX-License-Identifier: MIT */
#ifndef VMX_CONTROLS_H
#define VMX_CONTROLS_H

#include "lib/status.h"
#include "lib/types.h"
#include "vmx/capability.h"

/* What one control word should hold. */
struct controls_request {
	uint32_t required; /* Bits without which we cannot run. */
	uint32_t wanted;   /* Bits that are set where the CPU allows it. */
};

/*
 * Fits a request to what the CPU allows: all required bits, the wanted bits that may be 1, and the
 * bits that must be 1. A bit neither required nor wanted is 0 unless the CPU demands it.
 *
 * Stores the word in *value and in *missing the required bits that the CPU does not have.
 * Returns STATUS_OK; STATUS_UNSUPPORTED if *missing is not 0 (then *value must not be used).
 * Context: any; pure. Source: SDM Vol. 3C "Algorithms for Determining VMX Capabilities" (Vol. 3C,
 * "VMX Support for Processor-Based Controls").
 */
must_use enum status controls_adjust(struct controls_request request,
	struct control_capability capability, uint32_t *value, uint32_t *missing);

#endif
