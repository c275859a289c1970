/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_GUEST_CONTROL_H
#define HYPERCALL_GUEST_CONTROL_H

#include "hypercall/abi_types.h"
#include "lib/types.h"

struct vcpu;

/*
 * What the calls of a guest that may manage others ask: whoever starts and ends the guests. Each
 * is called on any CPU, from a vCPU's exit, and does not wait for the boot processor.
 */
struct guest_manager {
	/* Asks for TRIVET_GUEST_START, _STOP or _RESTART of the guest of that name. Returns 0: it
	 * happens soon; TRIVET_EINVAL, TRIVET_ENOENT, TRIVET_EALREADY. */
	unsigned (*control)(struct vcpu *caller, unsigned operation, const char *name);
	/* Returns how many guests there are, stopped ones too. */
	size_t (*count)(void);
	/* Fills *info, which is zero, with the guest of that index; false if there is none. */
	bool (*get)(size_t index, const struct vcpu *caller, struct trivet_guest_info *info);
};

#endif
