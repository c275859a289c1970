/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_SHARED_VMCALL_RULES_H
#define TESTS_GUESTS_SHARED_VMCALL_RULES_H

#include "guest/runtime/guest_probe.h"

/* VMCALL, for guest_probe_make(). */
#define CODE_VMCALL PROBE_CODE("\x0f\x01\xc1")

/* Tries the rules for VMCALL in a mode that is not 64-bit code: everything is cut to 32 bits. */
void vmcall_rules_check32(enum guest_probe_mode mode);

/* True if a mode's code runs at CPL 0. */
bool vmcall_rules_is_privileged(enum guest_probe_mode mode);

/* A call in a mode: its result. */
uint64_t vmcall_rules_call(enum guest_probe_mode mode, uint64_t number);

#endif
