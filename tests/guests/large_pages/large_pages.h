/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_LARGE_PAGES_LARGE_PAGES_H
#define TESTS_GUESTS_LARGE_PAGES_LARGE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

enum { CODE_PAGE_BYTES = 4096, CODE_PAGES = 512 };

/*
 * Returns 2 MiB of memory, aligned to as much, that nothing has been executed from, side by side
 * with those of the last call and the next; guest_main() has made sure that there are enough.
 */
uint64_t fresh_take(void);

/* Returns how many fresh_take() has given. */
unsigned fresh_count(void);

/* A function that returns the value, and its call. 6 bytes; the value's 4 are behind the first. */
void code_put_return(uint64_t at, uint32_t value);
uint32_t code_call(uint64_t at);

/* A jump to the address that *target, below 2 GiB, holds. 7 bytes. */
void code_put_jump(uint64_t at, const uint64_t *target);

/* The rules, by file. */
void check_events(void);
void check_processors(void);

/* How many pieces of fresh memory each takes. */
enum { FRESH_OF_EVENTS = 8, FRESH_OF_PROCESSORS = 6 };

#endif
