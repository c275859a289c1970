/* SPDX-License-Identifier: MIT */
#include "vm/guest_code.h"

#include "lib/bits.h"
#include "lib/format.h"
#include "vm/guest_paging.h"
#include "vmx/vmcs.h"

size_t guest_code_read(struct vcpu *vcpu, uint8_t *bytes, size_t size_bytes)
{
	const uint64_t rip = vmcs_read_natural(VMCS_GUEST_RIP);
	const bool is_64bit = vcpu_is_64bit_code(vcpu);
	const uint64_t linear_mask = is_64bit ? UINT64_MAX : UINT32_MAX;
	const uint64_t base = is_64bit ? 0 : vmcs_read_natural(VMCS_GUEST_CS_BASE);
	uint64_t linear = (base + rip) & linear_mask;
	struct guest_paging paging;
	size_t count = 0;

	guest_paging_from_vmcs(&paging, &vcpu->vm->memory, vcpu->capability->physical_address_bits);
	while (count < size_bytes) {
		const uint64_t page_rest = PAGE_SIZE_4K - (linear & (PAGE_SIZE_4K - 1));
		const size_t part =
			page_rest < size_bytes - count ? (size_t)page_rest : size_bytes - count;
		uint32_t error_code;
		gpa_t address;

		if (guest_paging_translate(&paging, gva(linear),
			    GUEST_ACCESS_READ | GUEST_ACCESS_AC_SET, &address,
			    &error_code) != STATUS_OK ||
			guest_memory_read(&vcpu->vm->memory, address, bytes + count, part) !=
				STATUS_OK) {
			break;
		}
		count += part;
		linear = (linear + part) & linear_mask;
	}
	return count;
}

void guest_code_format(const uint8_t *bytes, size_t count, char *text, size_t size_bytes)
{
	size_t used = 0;

	if (size_bytes != 0) {
		text[0] = '\0';
	}
	for (size_t i = 0; i < count && used < size_bytes; i++) {
		used += format(text + used, size_bytes - used, i == 0 ? "%02x" : " %02x", bytes[i]);
	}
}
