/* SPDX-License-Identifier: MIT */
#ifndef VM_LOAD_LINUX_H
#define VM_LOAD_LINUX_H

#include "vm/e820.h"
#include "vm/loader.h"

/* A Linux kernel, and what it is told. */
struct linux_boot {
	uint64_t memory_size_bytes; /* RAM as memory_layout_make() lays it out. */
	struct image kernel;
	struct image initrd;      /* Of no size where there is none. */
	const char *command_line; /* NULL is "". */
	gpa_t rsdp;               /* 0 where there is none. */
	/* What e820_make() wants to know of the ROM area. */
	const struct e820_entry *rom_areas;
	size_t rom_area_count;
};

/* True if the image has the magic of Linux's setup header. Context: any; pure. */
bool load_linux_is_candidate(const struct image *image);

/*
 * Loads a bzImage of boot protocol 2.12 or later for its 64-bit entry: the code at its preferred
 * address; the initrd as high as it may lie; below 640 KiB the zero page (type_of_loader 0xff, E820
 * map, RSDP, no screen), GDT, page tables and command line, from 64 KiB on.
 *
 * The vCPU begins in 64-bit mode with RIP result->entry, RSI result->information (the zero page),
 * CR3 result->page_tables, GDTR result->gdt and result->gdt_limit, CS LINUX_CODE_SELECTOR, and
 * DS, ES, SS LINUX_DATA_SELECTOR of vm/linux_boot_area.h, interrupts off. image_start and image_end
 * are what the kernel may write before it has read the memory map.
 *
 * Returns as linux_setup_read(); STATUS_RANGE also for a command line longer than cmdline_size and
 * where the guest has no RAM; STATUS_NO_MEMORY for an initrd without room, or none below
 * initrd_addr_max. Every error sets result->error; the guest's memory may then hold a part of the
 * image. Context: before the guest runs; pure.
 * Source: The Linux/x86 Boot Protocol, "64-bit Boot Protocol".
 */
must_use enum status load_linux(
	struct guest_memory *memory, const struct linux_boot *boot, struct load_result *result);

#endif
