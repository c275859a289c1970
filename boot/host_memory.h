/* SPDX-License-Identifier: MIT */
#ifndef BOOT_HOST_MEMORY_H
#define BOOT_HOST_MEMORY_H

#include "boot/multiboot2.h"
#include "cpu/page_alloc.h"

/*
 * Takes stock of the machine's memory and goes over to our own page tables: all of it mapped one to
 * one, code, constants and data apart, no page under a stack and none at address 0. Memory that is
 * ours or GRUB's (image, modules, boot information, symbols, the first MiB) is not free, nor is RAM
 * that cannot be mapped or that the MTRRs do not call write-back. A framebuffer that cannot be
 * mapped is taken out of *info. Panics if there is no memory for the tables. Context: boot, once,
 * after symbols_init().
 */
void host_memory_init(struct boot_info *info);

/* Returns the machine's free memory. Context: after host_memory_init(). */
struct page_alloc *host_memory_pages(void);

/* Returns a page below 1 MiB where other processors can begin; NULL if there is none. Context:
 * after host_memory_init(). */
void *host_memory_start_page(void);

/* Returns `size_bytes` bytes of the firmware's at an address; NULL if there is no memory there. */
const uint8_t *host_memory_firmware(uint64_t address, uint64_t size_bytes);

/* Has another processor keep to our page tables as this one does: protection_enable(). Context: the
 * processor itself. */
void host_memory_protect_cpu(void);

/* Makes a page executable and read-only, or read-write data again. Returns STATUS_OK;
 * STATUS_NO_MEMORY for want of a page table, which cannot be where it was changed before. Context:
 * any; other processors have not used the page, or load CR3 before they do. */
must_use enum status host_memory_set_executable(const void *page, bool is_executable);

/*
 * Takes a page's mapping away, so that a stack that runs over faults there, or gives it back as
 * read-write memory. Returns STATUS_OK; STATUS_NO_MEMORY for want of a page table, with the page
 * mapped as before: that cannot be where a guard page is given back. Context: any; nothing uses the
 * page.
 */
must_use enum status host_memory_set_guard(const void *page, bool is_guard);

#endif
