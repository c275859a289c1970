/* SPDX-License-Identifier: MIT */
#ifndef CPU_SYMBOLS_H
#define CPU_SYMBOLS_H

#include "lib/status.h"
#include "lib/types.h"

/* Section headers of a loaded ELF64 image, whose sh_addr says where each section lies now. */
struct symbols_source {
	const uint8_t *headers; /* NULL if there are none. */
	uint32_t count;
	uint32_t entry_size_bytes;
	uint64_t address_limit; /* Sections must end at or below it. */
};

struct symbols_name {
	const char *name; /* NUL-terminated; NULL if no symbol is at or below the address. */
	uint64_t offset;  /* From the symbol to the address. */
};

/*
 * Finds the symbol table and the string table that it names; lookups use them from now on. Returns
 * STATUS_OK; STATUS_NOT_FOUND (no headers or no symbol table); STATUS_INVALID (an entry size, an
 * index or a string table that does not end with a NUL); STATUS_RANGE (a section beyond the limit).
 * After an error lookups find nothing. Context: boot; pure.
 * Source: System V ABI, "Sections", "Symbol Table", "String Table".
 */
must_use enum status symbols_init(const struct symbols_source *source);

/* Returns how much room the tables in use take: 0 if there are none. Context: any. */
size_t symbols_size_bytes(void);

/* Moves the tables to where they can stay, symbols_size_bytes() large. Context: boot. */
void symbols_move(uint8_t *to);

/* Returns the function or label nearest below or at the address. Context: any, also traps. */
struct symbols_name symbols_lookup(uint64_t address);

#endif
