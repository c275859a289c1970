/* SPDX-License-Identifier: MIT */
#ifndef VM_BIOS_DATA_H
#define VM_BIOS_DATA_H

#include "vm/guest_memory.h"

/*
 * Writes what systems read of a PC's BIOS data area: the first serial port, the size of the RAM
 * below 640 KiB, and where the extended BIOS data area begins (there, its size). Returns STATUS_OK;
 * STATUS_RANGE where the guest has no RAM. Context: before the guest runs.
 * Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, "BIOS
 * Data Area" and "Extended BIOS Data Area".
 */
must_use enum status bios_data_write(struct guest_memory *memory);

#endif
