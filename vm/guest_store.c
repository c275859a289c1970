/* SPDX-License-Identifier: MIT */
#include "vm/guest_store.h"

#include "cpu/registers.h"
#include "lib/bits.h"
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

enum status guest_store(struct vcpu *vcpu, gva_t linear, const void *bytes, size_t size_bytes,
	struct guest_store_fault *fault)
{
	const uint64_t mask = vcpu_is_64bit_code(vcpu) ? UINT64_MAX : UINT32_MAX;
	const uint64_t page_rest = PAGE_SIZE_4K - (linear.value & (PAGE_SIZE_4K - 1));
	const size_t first = size_bytes < page_rest ? size_bytes : (size_t)page_rest;
	struct part parts[PARTS_MAX] = {{.size_bytes = first}, {.size_bytes = size_bytes - first}};
	size_t done = 0;

	for (size_t i = 0; i < PARTS_MAX && parts[i].size_bytes != 0; i++) {
		const gva_t start = gva((linear.value + (i == 0 ? 0 : first)) & mask);
		const enum status status = find_part(vcpu, start, &parts[i], fault);

		if (status != STATUS_OK) {
			return status;
		}
	}
	for (size_t i = 0; i < PARTS_MAX && parts[i].size_bytes != 0; i++) {
		const enum status status = guest_memory_write(&vcpu->vm->memory, parts[i].address,
			(const uint8_t *)bytes + done, parts[i].size_bytes);

		if (status != STATUS_OK) {
			return status;
		}
		done += parts[i].size_bytes;
	}
	return STATUS_OK;
}
