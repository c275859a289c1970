/* SPDX-License-Identifier: MIT */
#ifndef BOOT_HOST_MEMORY_H
#define BOOT_HOST_MEMORY_H

#include "boot/multiboot2.h"
#include "cpu/page_alloc.h"

/*
 * Takes stock of the machine's memory and goes over to our own page tables: all of it mapped one to
 * one, code, constants and data apart, no page under a stack and none at address 0. Memory that is
 * ours or GRUB's (image, modules, boot information, symbols, the first MiB) is not free.
 * Panics if there is no memory for the tables. Context: boot, once, after symbols_init().
 */
void host_memory_init(const struct boot_info *info);

/* Returns the machine's free memory. Context: after host_memory_init(). */
struct page_alloc *host_memory_pages(void);

/*
 * Takes a page's mapping away, so that a stack that runs over faults there, or gives it back as
 * read-write memory. Context: boot processor; nobody uses the page.
 */
void host_memory_set_guard(const void *page, bool is_guard);

#endif
