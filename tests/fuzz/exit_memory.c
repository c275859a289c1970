/* SPDX-License-Identifier: MIT */
/*
 * vm/guest_memory.c itself, with a call behind each read of guest RAM: what another processor of
 * the guest writes between two looks of the hypervisor.
 */
#define guest_memory_read guest_memory_read_undisturbed
#include "vm/guest_memory.c"
#undef guest_memory_read

#include "tests/fuzz/exit_stand_ins.h"

void (*exit_memory_was_read)(void);

enum status guest_memory_read(
	const struct guest_memory *memory, gpa_t from, void *to, uint64_t size_bytes);

enum status guest_memory_read(
	const struct guest_memory *memory, gpa_t from, void *to, uint64_t size_bytes)
{
	const enum status status = guest_memory_read_undisturbed(memory, from, to, size_bytes);

	if (exit_memory_was_read != NULL) {
		exit_memory_was_read();
	}
	return status;
}
