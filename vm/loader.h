/* SPDX-License-Identifier: MIT */
#ifndef VM_LOADER_H
#define VM_LOADER_H

#include "vm/guest_memory.h"

/* A guest image or module as GRUB left it in memory. */
struct image {
	const char *name;
	const uint8_t *bytes;
	uint64_t size_bytes;
};

enum { IMAGE_MODULES_MAX = 8 };

struct image_module {
	struct image image;
	const char *command_line; /* What the guest is told of it. */
};

/* What a loader did, or why it could not. */
struct load_result {
	uint64_t entry;       /* Guest-physical address of the first instruction. */
	uint64_t image_start; /* Lowest and end of highest guest-physical byte of the image, bss
				 included. */
	uint64_t image_end;
	uint64_t information; /* Guest-physical address of multiboot's information structure, or of
				 Linux's zero page. */
	/* Linux only; guest-physical. */
	uint64_t initrd_start; /* Both 0 where there is none. */
	uint64_t initrd_end;
	uint64_t page_tables; /* For CR3. */
	uint64_t gdt;         /* For GDTR, with its limit. */
	uint16_t gdt_limit;
	char error[160]; /* A sentence that names the image and the fault; "" if the status is OK.
			  */
};

/*
 * True if the image starts with an ELF magic or holds a multiboot1 header in its first 8 KiB, so
 * that load_multiboot() is what should judge it. Context: any; pure.
 */
bool load_multiboot_is_candidate(const struct image *image);

/*
 * Loads a multiboot1 kernel as `qemu -kernel` does: an ELF32 (EM_386) by its PT_LOAD segments at
 * p_paddr, or, where the header's flag 16 is set, by the header's load addresses; bss zeroed. Then
 * puts the modules behind the image (each on a 4 KiB boundary) and writes the multiboot
 * information: flags mem (mem_lower, mem_upper), command line "name arguments", modules (the flag
 * is set with no module too), memory map, boot loader name "trivet"; none of it in page 0, between
 * 639 KiB and 1 MiB, nor over the image or a module. The information lies below 639 KiB if it fits
 * there, else behind the modules. A wish for a video mode (header flag 2) is let pass and not
 * served: the guest is told of no mode.
 *
 * The entry is e_entry as it stands where a segment lies there physically; else, where it lies in a
 * segment's virtual addresses, it is moved to that segment's physical ones.
 *
 * memory_size_bytes of RAM lie as memory_layout_make() lays them out; `arguments` may be NULL. The
 * EAX magic is MULTIBOOT1_BOOT_MAGIC, EBX result->information. Returns STATUS_OK; STATUS_INVALID
 * (no or bad header, wrong class or machine, entry outside the image, required flags that we cannot
 * serve); STATUS_TRUNCATED (a segment or header lies outside the file); STATUS_RANGE (does not fit
 * the memory, or touches page 0); STATUS_OVERLAP (segments overlap); STATUS_NO_MEMORY (no room for
 * modules or information, or too many modules). Every error sets result->error; the guest's memory
 * may then hold a part of the image. Context: before the guest runs; pure.
 * Source: Multiboot Specification version 0.6.96; ELF-32 Object File Format (TIS 1.2).
 */
must_use enum status load_multiboot(struct guest_memory *memory, uint64_t memory_size_bytes,
	const struct image *image, const char *arguments, const struct image_module *modules,
	size_t module_count, struct load_result *result);

#define MULTIBOOT1_BOOT_MAGIC 0x2badb002u

/*
 * Loads a flat real-mode image at 0x7c00; it is entered there in real mode with CS:IP 0:0x7c00.
 * Returns STATUS_OK; STATUS_INVALID (empty); STATUS_RANGE (over 512 KiB, or over the memory).
 * Every error sets result->error. Context: as load_multiboot().
 */
must_use enum status load_flat(struct guest_memory *memory, uint64_t memory_size_bytes,
	const struct image *image, struct load_result *result);

#endif
