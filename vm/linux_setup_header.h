/* SPDX-License-Identifier: MIT */
#ifndef VM_LINUX_SETUP_HEADER_H
#define VM_LINUX_SETUP_HEADER_H

#include "vm/linux_boot_params.h"
#include "vm/load_plan.h"

/* A bzImage whose header was checked. */
struct linux_setup {
	struct linux_setup_header header; /* As the image has it. */
	uint64_t header_end;              /* File offset; more than the struct in later versions. */
	uint64_t kernel_offset;           /* The protected-mode code in the file. */
	uint64_t kernel_size_bytes;
	uint64_t runtime_start; /* Where it goes, and how much memory it takes there. */
	uint64_t runtime_size_bytes;
};

/*
 * Reads the setup header of context->image and checks each field that decides how it is loaded.
 * Returns STATUS_OK; STATUS_TRUNCATED (the file ends too early); STATUS_INVALID (a magic is wrong
 * or fields contradict one another); STATUS_UNSUPPORTED (protocol below 2.12, no bzImage, no 64-bit
 * entry); STATUS_RANGE (does not fit the memory below the device hole). Errors are told by
 * load_fail(). Context: any; pure.
 * Source: The Linux/x86 Boot Protocol, "The Real-Mode Kernel Header".
 */
must_use enum status linux_setup_read(
	struct linux_setup *setup, const struct load_context *context);

/* The 64-bit entry, from the start of the protected-mode code: "64-bit Boot Protocol". */
#define LINUX_ENTRY_64 0x200ull

#endif
