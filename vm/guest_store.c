/* SPDX-License-Identifier: MIT */
#include "vm/guest_store.h"

#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/guest_paging.h"
#include "vmx/vmcs.h"

enum { CPL_USER = 3, PARTS_MAX = 2 };

/* The bytes of one page. */
struct part {
	gpa_t address;
	size_t size_bytes;
};

static unsigned access_of_store(void)
{
	const unsigned cpl = vcpu_cpl_from_cs(vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS));

	return GUEST_ACCESS_WRITE | (cpl == CPL_USER ? GUEST_ACCESS_USER : 0) |
	       ((vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_AC) != 0 ? GUEST_ACCESS_AC_SET : 0);
}

/* Translates the part that begins at `linear`. */
static enum status find_part(
	struct vcpu *vcpu, gva_t linear, struct part *part, struct guest_store_fault *fault)
{
	struct guest_memory *memory = &vcpu->vm->memory;
	struct guest_paging paging;
	enum status status;

	guest_paging_from_vmcs(&paging, memory, vcpu->capability->physical_address_bits);
	fault->address = linear;
	status = guest_paging_translate(
		&paging, linear, access_of_store(), &part->address, &fault->error_code);
	if (status == STATUS_OK &&
		!guest_memory_is_writable(memory, part->address, part->size_bytes)) {
		return STATUS_RANGE;
	}
	return status;
}

static enum status exchange_byte(struct vcpu *vcpu, gpa_t at, uint8_t expected, uint8_t byte)
{
	struct guest_memory *memory = &vcpu->vm->memory;
	uint64_t old;
	const enum status status = guest_memory_load(memory, at, &old, sizeof(byte));

	if (status != STATUS_OK || expected == byte) {
		return status != STATUS_OK ? status : old == expected ? STATUS_OK : STATUS_CHANGED;
	}
	return guest_memory_compare_exchange(memory, at, expected, byte, sizeof(byte));
}

/* All at once, by exchanging the quadword that the bytes lie in. */
static enum status exchange_in_quadword(
	struct vcpu *vcpu, gpa_t at, const struct guest_store_change *change)
{
	struct guest_memory *memory = &vcpu->vm->memory;
	const gpa_t quadword = gpa(align_down(at.value, sizeof(uint64_t)));
	const size_t offset = (size_t)(at.value - quadword.value);
	uint8_t bytes[sizeof(uint64_t)];
	uint64_t old;
	uint64_t new;
	const enum status status = guest_memory_load(memory, quadword, &old, sizeof(old));

	if (status != STATUS_OK) {
		return status;
	}
	memcpy(bytes, &old, sizeof(bytes));
	if (memcmp(&bytes[offset], change->expected, change->size_bytes) != 0) {
		return STATUS_CHANGED;
	}
	memcpy(&bytes[offset], change->bytes, change->size_bytes);
	memcpy(&new, bytes, sizeof(new));
	return guest_memory_compare_exchange(memory, quadword, old, new, sizeof(new));
}

static enum status exchange_by_bytes(struct vcpu *vcpu, const struct part parts[PARTS_MAX],
	const struct guest_store_change *change)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < change->size_bytes && status == STATUS_OK; i++) {
		const size_t first = parts[0].size_bytes;
		const gpa_t at = i < first ? gpa(parts[0].address.value + i)
					   : gpa(parts[1].address.value + i - first);

		status = exchange_byte(vcpu, at, change->expected[i], change->bytes[i]);
	}
	return status;
}

enum status guest_store_replace(struct vcpu *vcpu, gva_t linear,
	const struct guest_store_change *change, struct guest_store_fault *fault)
{
	const size_t size_bytes = change->size_bytes;
	const uint64_t mask = vcpu_is_64bit_code(vcpu) ? UINT64_MAX : UINT32_MAX;
	const uint64_t page_rest = PAGE_SIZE_4K - (linear.value & (PAGE_SIZE_4K - 1));
	const size_t first = size_bytes < page_rest ? size_bytes : (size_t)page_rest;
	struct part parts[PARTS_MAX] = {{.size_bytes = first}, {.size_bytes = size_bytes - first}};

	for (size_t i = 0; i < PARTS_MAX && parts[i].size_bytes != 0; i++) {
		const gva_t start = gva((linear.value + (i == 0 ? 0 : first)) & mask);
		const enum status status = find_part(vcpu, start, &parts[i], fault);

		if (status != STATUS_OK) {
			return status;
		}
	}
	if (linear.value % sizeof(uint64_t) + size_bytes <= sizeof(uint64_t)) {
		return exchange_in_quadword(vcpu, parts[0].address, change);
	}
	return exchange_by_bytes(vcpu, parts, change);
}
