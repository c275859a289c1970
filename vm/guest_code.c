/* SPDX-License-Identifier: MIT */
#include "vm/guest_code.h"

#include "lib/bits.h"
#include "lib/format.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum { CPL_USER = 3 };

size_t guest_code_read_through(const struct vcpu *vcpu, const struct guest_paging *paging,
	uint32_t cs_access_rights, uint8_t *bytes, size_t size_bytes)
{
	const bool is_64bit = vcpu->is_long_mode && (cs_access_rights & ACCESS_RIGHTS_L) != 0;
	const bool is_user = vcpu_cpl_from_cs(cs_access_rights) == CPL_USER;
	const unsigned access = GUEST_ACCESS_FETCH | (is_user ? GUEST_ACCESS_USER : 0);
	const uint64_t linear_mask = is_64bit ? UINT64_MAX : UINT32_MAX;
	const uint64_t base = is_64bit ? 0 : vmcs_read_natural(VMCS_GUEST_CS_BASE);
	uint64_t linear = (base + vmcs_read_natural(VMCS_GUEST_RIP)) & linear_mask;
	size_t count = 0;

	while (count < size_bytes) {
		const uint64_t page_rest = PAGE_SIZE_4K - (linear & (PAGE_SIZE_4K - 1));
		const size_t part =
			page_rest < size_bytes - count ? (size_t)page_rest : size_bytes - count;
		uint32_t error_code;
		gpa_t address;

		if (guest_paging_translate(paging, gva(linear), access, &address, &error_code) !=
				STATUS_OK ||
			guest_memory_read(paging->memory, address, bytes + count, part) !=
				STATUS_OK) {
			break;
		}
		count += part;
		linear = (linear + part) & linear_mask;
	}
	return count;
}

size_t guest_code_read(struct vcpu *vcpu, uint8_t *bytes, size_t size_bytes)
{
	struct guest_paging paging;

	guest_paging_from_vmcs(&paging, &vcpu->vm->memory, vcpu->capability->physical_address_bits);
	return guest_code_read_through(
		vcpu, &paging, vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS), bytes, size_bytes);
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
