/* SPDX-License-Identifier: MIT */
#ifndef BOOT_AUDIT_H
#define BOOT_AUDIT_H

#include "boot/managed_guest.h"

/* Takes the checksum of our code and constants. Context: boot, before the first guest runs. */
void audit_start(void);

/*
 * Proves that a guest could not reach what is not its own: a walk of its whole EPT finds only pages
 * of its own RAM, and our code and constants have the checksum of audit_start(). Says so in one
 * line of the log; panics if either does not hold. Context: the VM does not run; its EPT stands.
 */
void audit_guest(const struct vm *vm);

/*
 * Proves that the guests which are made share nothing: each EPT maps pages of its own guest's RAM
 * only, no two guests' RAM overlaps, and none holds the hypervisor's image, a guest's state or an
 * EPT table. Says so in one line of the log; panics if it does not hold. Context: boot, before the
 * first of them runs.
 */
void audit_all(const struct managed_guest *guests, size_t count);

#endif
