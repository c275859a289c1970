/* SPDX-License-Identifier: MIT */
#include "exits/vmmcall.h"

#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/event.h"
#include "vm/guest_code.h"
#include "vm/guest_store.h"
#include "vmx/vmcs.h"

enum {
	INSTRUCTION_BYTES_MAX = 15,
	REX_FIRST = 0x40,
	REX_LAST = 0x4f,
};

static const uint8_t vmmcall_opcode[] = {0x0f, 0x01, 0xd9};
static const uint8_t vmcall_opcode[] = {0x0f, 0x01, 0xc1};

_Static_assert(sizeof(vmmcall_opcode) == sizeof(vmcall_opcode), "one is written over the other");

/* Segment overrides and the address size. */
static bool is_ignored_prefix(uint8_t byte)
{
	static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67};

	for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
		if (byte == prefixes[i]) {
			return true;
		}
	}
	return false;
}

size_t vmmcall_opcode_offset(const uint8_t *bytes, size_t count, bool is_64bit_code)
{
	size_t at = 0;

	while (at < count && is_ignored_prefix(bytes[at])) {
		at++;
	}
	if (at < count && is_64bit_code && bytes[at] >= REX_FIRST && bytes[at] <= REX_LAST) {
		at++;
	}
	if (!range_fits(at, sizeof(vmmcall_opcode), count) ||
		memcmp(&bytes[at], vmmcall_opcode, sizeof(vmmcall_opcode)) != 0) {
		return count;
	}
	return at;
}

static bool is_protected_mode(void)
{
	return (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0 &&
	       (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_VM) == 0;
}

/* Returns as guest_store(). */
static enum status rewrite(struct vcpu *vcpu, size_t offset, struct guest_store_fault *fault)
{
	const bool is_64bit_code = vcpu_is_64bit_code(vcpu);
	const uint64_t base = is_64bit_code ? 0 : vmcs_read_natural(VMCS_GUEST_CS_BASE);
	const uint64_t linear = base + vmcs_read_natural(VMCS_GUEST_RIP) + offset;

	return guest_store(vcpu, gva(is_64bit_code ? linear : linear & UINT32_MAX), vmcall_opcode,
		sizeof(vmcall_opcode), fault);
}

void vmmcall_or_invalid_opcode(struct vcpu *vcpu)
{
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	const size_t count = guest_code_read(vcpu, bytes, sizeof(bytes));
	const size_t offset = vmmcall_opcode_offset(bytes, count, vcpu_is_64bit_code(vcpu));
	struct guest_store_fault fault;

	if (offset == count || !is_protected_mode()) {
		event_inject_exception(VECTOR_UD);
		return;
	}
	switch (rewrite(vcpu, offset, &fault)) {
	case STATUS_OK:
		return;
	case STATUS_NOT_FOUND:
		event_inject_page_fault(fault.address, fault.error_code);
		return;
	default:
		event_inject_exception(VECTOR_UD);
		return;
	}
}
