/* SPDX-License-Identifier: MIT */
#ifndef BOOT_MANAGER_KEYS_H
#define BOOT_MANAGER_KEYS_H

#include "boot/managed_guest.h"

/* Obeys the keys that were typed behind Ctrl-A. Context: the boot processor, outside of a VM
 * exit's handling. */
void manager_keys_obey(struct managed_guest *guests, size_t count);

#endif
