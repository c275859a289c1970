/* SPDX-License-Identifier: MIT */
#ifndef VM_MEMORY_LAYOUT_H
#define VM_MEMORY_LAYOUT_H

#include "lib/types.h"

/*
 * A PC's first megabyte, as its firmware tells it: RAM up to the extended BIOS data area, then
 * that area, the display and the ROMs.
 */
#define LOW_MEMORY_END    0x9fc00ull
#define EXTENDED_DATA_END 0xa0000ull
#define ROM_START         0xf0000ull
#define HIGH_MEMORY_START MIB(1)

/*
 * Where a PC has devices instead of RAM: PCI's windows, then the I/O APIC, the local APICs and the
 * firmware. RAM that has no place below the hole goes on at its end.
 */
#define DEVICE_HOLE_START    GIB(3)
#define INTERRUPT_AREA_START 0xfec00000ull
#define DEVICE_HOLE_END      GIB(4)

#define MEMORY_LAYOUT_SIZE_MAX (1ull << 52)

enum { MEMORY_LAYOUT_BLOCKS_MAX = 2 };

/* A stretch of a guest's RAM, and where it begins in the memory that the host took for it. */
struct memory_block {
	gpa_t start;
	uint64_t size_bytes;
	uint64_t host_offset;
};

/* All of a guest's RAM, by rising address. */
struct memory_layout {
	struct memory_block blocks[MEMORY_LAYOUT_BLOCKS_MAX];
	size_t block_count;
};

/*
 * Lays out memory_size_bytes of RAM, at most MEMORY_LAYOUT_SIZE_MAX, around the device hole. The
 * hole below 1 MiB is no hole here: there is RAM, which holds the firmware's tables.
 * Context: any; pure.
 */
struct memory_layout memory_layout_make(uint64_t memory_size_bytes);

/* Returns the end of the RAM below the device hole. Context: any; pure. */
uint64_t memory_layout_low_end(uint64_t memory_size_bytes);

#endif
