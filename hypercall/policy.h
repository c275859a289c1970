/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_POLICY_H
#define HYPERCALL_POLICY_H

#include "lib/status.h"
#include "lib/types.h"

/*
 * Reads which calls a guest may make: words split by commas, applied from left to right to what
 * the first word implies (all calls before a word that begins with '-', none before any other).
 * A word is "all", "none", an interface ("kvm", "native") or the name of one call ("ping"); it
 * allows, and with a '-' before it refuses. Numbers that nobody serves are -ENOSYS whatever the
 * policy.
 *
 * Returns STATUS_OK with a bit of *refused_calls for each refused row of hypercall_table;
 * STATUS_INVALID for an empty list or word, STATUS_NOT_FOUND for a word that names nothing; then
 * *refused_calls is as it was. Context: any; pure.
 */
must_use enum status hypercall_policy_parse(const char *text, uint64_t *refused_calls);

#endif
