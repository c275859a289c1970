/* SPDX-License-Identifier: MIT */
#include "exits/vmmcall.h"

#include "cpu/registers.h"
#include "exits/exit_again.h"
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

/* True if the bytes are the opcode, or end before they are another one. */
static bool begins_as(
	const uint8_t *bytes, size_t count, const uint8_t *opcode, size_t opcode_bytes)
{
	return memcmp(bytes, opcode, count < opcode_bytes ? count : opcode_bytes) == 0;
}

enum vmmcall_code vmmcall_decode(
	const uint8_t *bytes, size_t count, bool is_64bit_code, size_t *offset)
{
	size_t at = 0;

	while (at < count && is_ignored_prefix(bytes[at])) {
		at++;
	}
	if (at < count && is_64bit_code && bytes[at] >= REX_FIRST && bytes[at] <= REX_LAST) {
		at++;
	}
	*offset = at;
	if (begins_as(&bytes[at], count - at, vmmcall_opcode, sizeof(vmmcall_opcode))) {
		if (range_fits(at, sizeof(vmmcall_opcode), count)) {
			return VMMCALL_CODE_VMMCALL;
		}
		return count < INSTRUCTION_BYTES_MAX ? VMMCALL_CODE_TRUNCATED : VMMCALL_CODE_OTHER;
	}
	return begins_as(&bytes[at], count - at, vmcall_opcode, sizeof(vmcall_opcode))
		       ? VMMCALL_CODE_VMCALL
		       : VMMCALL_CODE_OTHER;
}

static bool is_protected_mode(void)
{
	return (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0 &&
	       (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_VM) == 0;
}

/* Returns as guest_store_replace(). */
static enum status rewrite(struct vcpu *vcpu, size_t offset, struct guest_store_fault *fault)
{
	const bool is_64bit_code = vcpu_is_64bit_code(vcpu);
	const uint64_t base = is_64bit_code ? 0 : vmcs_read_natural(VMCS_GUEST_CS_BASE);
	const uint64_t linear = base + vmcs_read_natural(VMCS_GUEST_RIP) + offset;

	return guest_store_replace(vcpu, gva(is_64bit_code ? linear : linear & UINT32_MAX),
		&(const struct guest_store_change){
			vmmcall_opcode, vmcall_opcode, sizeof(vmcall_opcode)},
		fault);
}

static bool raise_invalid_opcode(void)
{
	event_inject_exception(VECTOR_UD);
	return true;
}

static bool execute_again(struct vcpu *vcpu)
{
	(void)exit_again(vcpu);
	return false;
}

/* False if the CPU is to execute what is there again. */
static bool rewrite_or_raise(struct vcpu *vcpu, size_t offset)
{
	struct guest_store_fault fault;

	switch (rewrite(vcpu, offset, &fault)) {
	case STATUS_OK:
		return false;
	case STATUS_CHANGED:
		return execute_again(vcpu);
	case STATUS_NOT_FOUND:
		event_inject_page_fault(fault.address, fault.error_code);
		return true;
	default:
		return raise_invalid_opcode();
	}
}

bool vmmcall_or_invalid_opcode(struct vcpu *vcpu)
{
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	const size_t count = guest_code_read(vcpu, bytes, sizeof(bytes));
	size_t offset;

	switch (vmmcall_decode(bytes, count, vcpu_is_64bit_code(vcpu), &offset)) {
	case VMMCALL_CODE_VMMCALL:
		return is_protected_mode() ? rewrite_or_raise(vcpu, offset)
					   : raise_invalid_opcode();
	case VMMCALL_CODE_VMCALL:    /* Which never raises #UD: it was rewritten since. */
	case VMMCALL_CODE_TRUNCATED: /* Its bytes cannot be read any more. */
		return execute_again(vcpu);
	case VMMCALL_CODE_OTHER:
		break;
	}
	return raise_invalid_opcode();
}
