/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_RUNTIME_H
#define GUEST_RUNTIME_GUEST_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The runtime of a long-mode guest: it is started as a multiboot kernel, and calls guest_main() in
 * 64-bit code at CPL 0 with interrupts off, the first GiB mapped to itself, every exception
 * caught, and the serial line ready. When guest_main() returns, the guest ends with its value.
 */
uint32_t guest_main(void);

#define GUEST_DEBUG_EXIT_PORT 0xf4

/* Ends the guest by the debug-exit port; where there is none, it halts for good. */
__attribute__((noreturn)) void guest_exit(uint32_t code);

/* What the loader told: the command line ("" if none), and the end of memory from 1 MiB on. */
const char *guest_command_line(void);
uint64_t guest_memory_end(void);

/*
 * The value of "key=N" (decimal, or hexadecimal after 0x) on the command line; `otherwise` if
 * there is none.
 */
uint64_t guest_option(const char *key, uint64_t otherwise);

/* Bits of a page-table entry: SDM Vol. 3A "4-Level Paging and 5-Level Paging". */
#define GUEST_PAGE_PRESENT  (1ull << 0)
#define GUEST_PAGE_WRITABLE (1ull << 1)
#define GUEST_PAGE_USER     (1ull << 2)
#define GUEST_PAGE_PWT      (1ull << 3)
#define GUEST_PAGE_PCD      (1ull << 4)
#define GUEST_PAGE_LARGE    (1ull << 7)
#define GUEST_PAGE_NX       (1ull << 63)
#define GUEST_PAGE_DEFAULT                                                                         \
	(GUEST_PAGE_PRESENT | GUEST_PAGE_WRITABLE | GUEST_PAGE_USER | GUEST_PAGE_LARGE)
#define GUEST_PAGE_2M_BYTES 0x200000ull

/*
 * Maps the 2 MiB of addresses that hold `linear` (below 1 GiB) to those that hold `physical`, with
 * the bits GUEST_PAGE_*; 0 unmaps them. GUEST_PAGE_DEFAULT is the state at start.
 */
void guest_map_2m(uint64_t linear, uint64_t physical, uint64_t bits);

/* Freestanding C needs these from us. */
void *memcpy(void *to, const void *from, size_t size_bytes);
void *memset(void *to, int byte, size_t size_bytes);
int memcmp(const void *left, const void *right, size_t size_bytes);

#endif
