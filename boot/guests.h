/* SPDX-License-Identifier: MIT */
#ifndef BOOT_GUESTS_H
#define BOOT_GUESTS_H

#include "boot/multiboot2.h"
#include "lib/types.h"
#include "vm/vm.h"

enum {
	GUESTS_MAX = 96,
	GUEST_ERROR_MAX = 128,
};

#define GUEST_MEMORY_DEFAULT MIB(128)
#define GUEST_MEMORY_MINIMUM MIB(1)
#define GUEST_MEMORY_MAXIMUM GIB(512)

/* A guest as the module lines ask for it; with an error it is not started. */
struct guest_entry {
	struct vm_config config;
	char error[GUEST_ERROR_MAX]; /* "" if it can be started. */
};

struct guest_list {
	struct guest_entry entries[GUESTS_MAX];
	size_t count;
};

/*
 * Reads the module lines: `guest=NAME [OPTIONS, boot/guest_options.c has them] --
 * command line` makes a guest, `initrd=NAME [-- text]` gives a module to the guest of that name,
 * before it or after. A wrong word makes its guest one that is not started, with the reason; a
 * module that belongs to no guest is reported and left alone. Without a guest module the list is
 * empty. Context: boot.
 */
void guests_from_modules(const struct boot_info *info, struct guest_list *guests);

/* Adds the built-in demo guest. Context: boot; the list is not full. */
void guests_add_demo(struct guest_list *guests);

#endif
