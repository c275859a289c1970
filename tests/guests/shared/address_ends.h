/* SPDX-License-Identifier: MIT */
#ifndef SHARED_ADDRESS_ENDS_H
#define SHARED_ADDRESS_ENDS_H

#include "guest/runtime/guest_probe.h"

/* Where addresses end: below the hole of non-canonical ones, and at 4 GiB for 32-bit code. */

#define CANONICAL_END 0x800000000000ull

enum { ADDRESS_ENDS_PAGE_BYTES = 4096, ADDRESS_ENDS_PAGES = 512 };

/*
 * Maps page `index` (0 to 511) of the 2 MiB below CANONICAL_END to a page of our memory, for CPL 0
 * only; NULL unmaps it. Returns the page's address.
 */
uint64_t address_ends_map(unsigned index, const void *page);

/*
 * Runs an instruction with RAX in compatibility mode in the last bytes below 4 GiB; INT 0x80 lies
 * at address 0. A probe that went on there has a rip_offset of -guest_probe_code_address() + 2.
 */
struct guest_probe address_ends_run_before_4g(const char *code, size_t size_bytes, uint64_t rax);

#endif
