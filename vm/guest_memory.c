/* SPDX-License-Identifier: MIT */
#include "vm/guest_memory.h"

#include "lib/bits.h"
#include "lib/string.h"

/* A stretch of host bytes that stands for the start of a guest range. */
struct span {
	uint8_t *host;
	uint64_t size_bytes; /* 0 if the guest range does not start in (writable) RAM. */
};

static bool region_overlaps(
	const struct guest_memory_region *left, const struct guest_memory_region *right)
{
	return ranges_overlap(
		left->guest.value, left->size_bytes, right->guest.value, right->size_bytes);
}

enum status guest_memory_add(struct guest_memory *memory, struct guest_memory_region region)
{
	size_t at = 0;

	if (region.size_bytes == 0 || !is_aligned(region.guest.value, PAGE_SIZE_4K) ||
		!is_aligned(region.size_bytes, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (region.guest.value > UINT64_MAX - region.size_bytes) {
		return STATUS_RANGE;
	}
	for (size_t i = 0; i < memory->region_count; i++) {
		if (region_overlaps(&memory->regions[i], &region)) {
			return STATUS_OVERLAP;
		}
		if (memory->regions[i].guest.value < region.guest.value) {
			at = i + 1;
		}
	}
	if (memory->region_count == GUEST_MEMORY_REGIONS_MAX) {
		return STATUS_NO_MEMORY;
	}
	for (size_t i = memory->region_count; i > at; i--) {
		memory->regions[i] = memory->regions[i - 1];
	}
	memory->regions[at] = region;
	memory->region_count++;
	return STATUS_OK;
}

/* Returns the longest span from `from` on that one region holds, at most size_bytes long. */
static struct span span_at(
	const struct guest_memory *memory, uint64_t from, uint64_t size_bytes, bool is_write)
{
	for (size_t i = 0; i < memory->region_count; i++) {
		const struct guest_memory_region *region = &memory->regions[i];
		uint64_t offset = from - region->guest.value;
		uint64_t left;

		if (from < region->guest.value || offset >= region->size_bytes) {
			continue;
		}
		if (is_write && region->is_read_only) {
			break;
		}
		left = region->size_bytes - offset;
		return (struct span){region->host + offset, left < size_bytes ? left : size_bytes};
	}
	return (struct span){NULL, 0};
}

/* True if all of the range is RAM. A range that wraps around meets no RAM at the end of 2^64. */
static bool range_is_ram(
	const struct guest_memory *memory, uint64_t from, uint64_t size_bytes, bool is_write)
{
	while (size_bytes != 0) {
		struct span span = span_at(memory, from, size_bytes, is_write);

		if (span.size_bytes == 0) {
			return false;
		}
		from += span.size_bytes;
		size_bytes -= span.size_bytes;
	}
	return true;
}

enum status guest_memory_read(
	const struct guest_memory *memory, gpa_t from, void *to, uint64_t size_bytes)
{
	uint8_t *bytes = to;

	if (!range_is_ram(memory, from.value, size_bytes, false)) {
		return STATUS_RANGE;
	}
	while (size_bytes != 0) {
		struct span span = span_at(memory, from.value, size_bytes, false);

		memcpy(bytes, span.host, span.size_bytes);
		bytes += span.size_bytes;
		from.value += span.size_bytes;
		size_bytes -= span.size_bytes;
	}
	return STATUS_OK;
}

enum status guest_memory_write(
	struct guest_memory *memory, gpa_t to, const void *from, uint64_t size_bytes)
{
	const uint8_t *bytes = from;

	if (!range_is_ram(memory, to.value, size_bytes, true)) {
		return STATUS_RANGE;
	}
	while (size_bytes != 0) {
		struct span span = span_at(memory, to.value, size_bytes, true);

		memcpy(span.host, bytes, span.size_bytes);
		bytes += span.size_bytes;
		to.value += span.size_bytes;
		size_bytes -= span.size_bytes;
	}
	return STATUS_OK;
}

enum status guest_memory_fill(
	struct guest_memory *memory, gpa_t to, uint8_t byte, uint64_t size_bytes)
{
	if (!range_is_ram(memory, to.value, size_bytes, true)) {
		return STATUS_RANGE;
	}
	while (size_bytes != 0) {
		struct span span = span_at(memory, to.value, size_bytes, true);

		memset(span.host, byte, span.size_bytes);
		to.value += span.size_bytes;
		size_bytes -= span.size_bytes;
	}
	return STATUS_OK;
}

/* A number that is not aligned may lie in two regions; an aligned one lies in one page. */
enum status guest_memory_load(
	const struct guest_memory *memory, gpa_t from, uint64_t *value, unsigned size_bytes)
{
	const struct span span = span_at(memory, from.value, size_bytes, false);

	*value = 0;
	if (!is_aligned(from.value, size_bytes)) {
		return guest_memory_read(memory, from, value, size_bytes);
	}
	if (span.size_bytes < size_bytes) {
		return STATUS_RANGE;
	}
	switch (size_bytes) {
	case sizeof(uint8_t):
		*value = __atomic_load_n(span.host, __ATOMIC_ACQUIRE);
		return STATUS_OK;
	case sizeof(uint16_t):
		*value = __atomic_load_n((uint16_t *)(void *)span.host, __ATOMIC_ACQUIRE);
		return STATUS_OK;
	case sizeof(uint32_t):
		*value = __atomic_load_n((uint32_t *)(void *)span.host, __ATOMIC_ACQUIRE);
		return STATUS_OK;
	default:
		*value = __atomic_load_n((uint64_t *)(void *)span.host, __ATOMIC_ACQUIRE);
		return STATUS_OK;
	}
}

enum status guest_memory_store(
	struct guest_memory *memory, gpa_t to, uint64_t value, unsigned size_bytes)
{
	const struct span span = span_at(memory, to.value, size_bytes, true);

	if (!is_aligned(to.value, size_bytes)) {
		return guest_memory_write(memory, to, &value, size_bytes);
	}
	if (span.size_bytes < size_bytes) {
		return STATUS_RANGE;
	}
	switch (size_bytes) {
	case sizeof(uint8_t):
		__atomic_store_n(span.host, (uint8_t)value, __ATOMIC_RELEASE);
		return STATUS_OK;
	case sizeof(uint16_t):
		__atomic_store_n((uint16_t *)(void *)span.host, (uint16_t)value, __ATOMIC_RELEASE);
		return STATUS_OK;
	case sizeof(uint32_t):
		__atomic_store_n((uint32_t *)(void *)span.host, (uint32_t)value, __ATOMIC_RELEASE);
		return STATUS_OK;
	default:
		__atomic_store_n((uint64_t *)(void *)span.host, value, __ATOMIC_RELEASE);
		return STATUS_OK;
	}
}

static bool exchange_8(uint8_t *host, uint8_t expected, uint8_t value)
{
	return __atomic_compare_exchange_n(
		host, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static bool exchange_32(uint8_t *host, uint32_t expected, uint32_t value)
{
	return __atomic_compare_exchange_n((uint32_t *)(void *)host, &expected, value, false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static bool exchange_64(uint8_t *host, uint64_t expected, uint64_t value)
{
	return __atomic_compare_exchange_n((uint64_t *)(void *)host, &expected, value, false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

enum status guest_memory_compare_exchange(struct guest_memory *memory, gpa_t at, uint64_t expected,
	uint64_t value, unsigned size_bytes)
{
	const struct span span = span_at(memory, at.value, size_bytes, true);
	bool is_done;

	if (!is_aligned(at.value, size_bytes) || span.size_bytes < size_bytes) {
		return STATUS_RANGE;
	}
	is_done = size_bytes == sizeof(uint8_t)
			  ? exchange_8(span.host, (uint8_t)expected, (uint8_t)value)
		  : size_bytes == sizeof(uint32_t)
			  ? exchange_32(span.host, (uint32_t)expected, (uint32_t)value)
			  : exchange_64(span.host, expected, value);
	return is_done ? STATUS_OK : STATUS_CHANGED;
}

bool guest_memory_is_writable(const struct guest_memory *memory, gpa_t from, uint64_t size_bytes)
{
	return range_is_ram(memory, from.value, size_bytes, true);
}

uint64_t guest_memory_writable_span(
	const struct guest_memory *memory, gpa_t from, uint64_t size_bytes, void **host)
{
	const struct span span = span_at(memory, from.value, size_bytes, true);

	*host = span.host;
	return span.size_bytes;
}
