/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_MEMORY_H
#define VM_GUEST_MEMORY_H

#include "lib/status.h"
#include "lib/types.h"

enum { GUEST_MEMORY_REGIONS_MAX = 4 };

/* One stretch of a guest's RAM. */
struct guest_memory_region {
	gpa_t guest;
	uint64_t size_bytes;
	uint8_t *host; /* Where the region lies in the hypervisor's address space. */
	bool is_read_only;
};

/* A guest's RAM: disjoint regions, sorted by guest-physical address. All zero is no RAM. */
struct guest_memory {
	struct guest_memory_region regions[GUEST_MEMORY_REGIONS_MAX];
	size_t region_count;
};

/*
 * Adds a region. Returns STATUS_OK; STATUS_ALIGNMENT (address or size not a multiple of 4 KiB, or
 * size 0); STATUS_RANGE (its end lies above 2^64 - 4 KiB); STATUS_OVERLAP; STATUS_NO_MEMORY (too
 * many regions). On an error nothing has changed. Context: before the guest runs.
 */
must_use enum status guest_memory_add(
	struct guest_memory *memory, struct guest_memory_region region);

/*
 * Copies out of, into, or fills guest RAM; the range may cross from one region into one that
 * adjoins it. The whole range is checked first: on an error nothing has been copied. Returns
 * STATUS_OK (also for size 0); STATUS_RANGE if a byte is not RAM, is read-only (write, fill), or
 * the range wraps around. Context: any; no VMCS is touched.
 */
must_use enum status guest_memory_read(
	const struct guest_memory *memory, gpa_t from, void *to, uint64_t size_bytes);
must_use enum status guest_memory_write(
	struct guest_memory *memory, gpa_t to, const void *from, uint64_t size_bytes);
must_use enum status guest_memory_fill(
	struct guest_memory *memory, gpa_t to, uint8_t byte, uint64_t size_bytes);

/*
 * Reads and writes one number of 1, 2, 4 or 8 bytes, little-endian, as one access of the guest's
 * own processors: an aligned number comes and goes whole, whatever they do meanwhile. One that is
 * not aligned is copied like any other bytes. Returns as guest_memory_read() and
 * guest_memory_write(). Context: any; no VMCS is touched. Source: SDM Vol. 3A "Guaranteed Atomic
 * Operations".
 */
must_use enum status guest_memory_load(
	const struct guest_memory *memory, gpa_t from, uint64_t *value, unsigned size_bytes);
must_use enum status guest_memory_store(
	struct guest_memory *memory, gpa_t to, uint64_t value, unsigned size_bytes);

/*
 * Puts `value` in the place of `expected`: one number of 1, 4 or 8 bytes, aligned, by one locked
 * instruction. Returns STATUS_OK; STATUS_CHANGED if memory holds another number, which stays;
 * STATUS_RANGE as guest_memory_write(), and for a number that is not aligned. Context: any; no
 * VMCS is touched.
 */
must_use enum status guest_memory_compare_exchange(struct guest_memory *memory, gpa_t at,
	uint64_t expected, uint64_t value, unsigned size_bytes);

/* True if all of the range is RAM that may be written; also for size 0. */
bool guest_memory_is_writable(const struct guest_memory *memory, gpa_t from, uint64_t size_bytes);

/*
 * For hot paths that use RAM in place: tells where `from` lies in the hypervisor's address space,
 * and returns how many of the size_bytes from there on lie side by side; 0, with *host NULL, if
 * `from` is not writable RAM. The guest's processors may change what is there at any time.
 */
uint64_t guest_memory_writable_span(
	const struct guest_memory *memory, gpa_t from, uint64_t size_bytes, void **host);

#endif
