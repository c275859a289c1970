/* SPDX-License-Identifier: MIT */
/*
 * vm/guest_memory.c itself, with a call behind each read of guest RAM: what another processor of
 * the guest writes between two looks of the hypervisor.
 */
#define guest_memory_read             guest_memory_read_undisturbed
#define guest_memory_load             guest_memory_load_undisturbed
#define guest_memory_compare_exchange guest_memory_compare_exchange_undisturbed
#include "vm/guest_memory.c"
#undef guest_memory_read
#undef guest_memory_load
#undef guest_memory_compare_exchange

#include "tests/fuzz/exit_stand_ins.h"

void (*exit_memory_was_read)(void);

enum status guest_memory_read(
	const struct guest_memory *memory, gpa_t from, void *to, uint64_t size_bytes);
enum status guest_memory_load(
	const struct guest_memory *memory, gpa_t from, uint64_t *value, unsigned size_bytes);
enum status guest_memory_compare_exchange(struct guest_memory *memory, gpa_t at, uint64_t expected,
	uint64_t value, unsigned size_bytes);

static enum status disturb(enum status status)
{
	if (exit_memory_was_read != NULL) {
		exit_memory_was_read();
	}
	return status;
}

enum status guest_memory_read(
	const struct guest_memory *memory, gpa_t from, void *to, uint64_t size_bytes)
{
	return disturb(guest_memory_read_undisturbed(memory, from, to, size_bytes));
}

enum status guest_memory_load(
	const struct guest_memory *memory, gpa_t from, uint64_t *value, unsigned size_bytes)
{
	return disturb(guest_memory_load_undisturbed(memory, from, value, size_bytes));
}

enum status guest_memory_compare_exchange(struct guest_memory *memory, gpa_t at, uint64_t expected,
	uint64_t value, unsigned size_bytes)
{
	return disturb(
		guest_memory_compare_exchange_undisturbed(memory, at, expected, value, size_bytes));
}
