/* SPDX-License-Identifier: MIT */
#ifndef BOOT_MANAGER_CALLS_H
#define BOOT_MANAGER_CALLS_H

#include "boot/managed_guest.h"

/* What the native calls of a guest with manage=yes do: hypercall/guest_control.h. */

/* Tells which guests there are; they stay where they are. Context: boot processor. */
void manager_calls_init(struct managed_guest *all_guests, const size_t *count_of_all);

/* Tells whether the guest's vCPUs may be looked at by other CPUs: from when it is started until
 * before they are touched again. Context: boot processor. */
void manager_calls_show(struct managed_guest *guest, bool is_shown);

/* Returns what goes into struct vm. */
const struct guest_manager *manager_calls(void);

#endif
