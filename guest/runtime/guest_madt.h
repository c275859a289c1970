/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_MADT_H
#define GUEST_RUNTIME_GUEST_MADT_H

#include <stdint.h>

/*
 * Fills ids[] with the APIC IDs of the processors that the firmware's MADT calls enabled, at most
 * `room`, in its order. Returns how many there are, which may be more; 0 without a MADT below 1
 * GiB.
 */
unsigned guest_madt_ids(uint32_t *ids, unsigned room);

#endif
