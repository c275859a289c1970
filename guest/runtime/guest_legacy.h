/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_LEGACY_H
#define GUEST_RUNTIME_GUEST_LEGACY_H

#include "guest/runtime/guest_probe.h"

/*
 * Runs a probe outside long mode: leaves long mode, enters the probe's mode, and comes back by
 * whatever exception or INT 0x80 ends it. Single steps end it too. Context: as guest_probe_run(),
 * which calls it.
 */
void guest_legacy_run(struct guest_probe *probe);

/* guest_probe_only_rax_changed() for the seven registers that these modes have. */
bool guest_legacy_only_eax_changed(const struct guest_probe *probe);

/*
 * Lets a vector (0 to 31) be delivered to ring 3 itself, on the stack that is in use, in the modes
 * of protected mode: what an operating system never does. A vector above 31 takes that back.
 */
void guest_legacy_set_user_vector(unsigned vector);

#endif
