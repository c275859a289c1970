/* SPDX-License-Identifier: MIT */
#include "exits/mov_operand.h"

#include "cpu/registers.h"
#include "exits/io_segment.h"
#include "lib/bits.h"
#include "vmx/vmcs.h"

enum { CPL_USER = 3 };

/* A load reads alone; a store writes. An instruction that does both is no MOV. */
static bool is_kind_same(const struct mov_instruction *instruction, const struct mov_access *access)
{
	return instruction->is_write ? access->is_write : access->is_read && !access->is_write;
}

static uint64_t register_or_zero(const struct vcpu *vcpu, uint8_t number)
{
	return number == MOV_NO_REGISTER ? 0 : vcpu_get_register(vcpu, number);
}

static uint64_t operand_offset(const struct vcpu *vcpu, const struct mov_instruction *instruction)
{
	const struct mov_address *address = &instruction->address;
	const uint64_t next_rip = address->is_rip_relative
					  ? vmcs_read_natural(VMCS_GUEST_RIP) + instruction->length
					  : 0;

	return mov_address_offset(address, register_or_zero(vcpu, address->base),
		register_or_zero(vcpu, address->index), next_rip);
}

static unsigned access_rights(
	const struct mov_instruction *instruction, const struct guest_paging *paging)
{
	const unsigned cpl = vcpu_cpl_from_cs(vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS));
	const bool needs_flags = (paging->cr4 & CR4_SMAP) != 0;
	const bool is_ac_set =
		needs_flags && (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_AC) != 0;

	return (instruction->is_write ? GUEST_ACCESS_WRITE : GUEST_ACCESS_READ) |
	       (cpl == CPL_USER ? GUEST_ACCESS_USER : 0) | (is_ac_set ? GUEST_ACCESS_AC_SET : 0);
}

/* True if the guest's page tables lead the instruction from `linear` to the exit's address. */
static bool leads_to(const struct mov_instruction *instruction, const struct guest_paging *paging,
	gva_t linear, gpa_t address)
{
	gpa_t found;
	uint32_t error_code;

	return guest_paging_translate(paging, linear, access_rights(instruction, paging), &found,
		       &error_code) == STATUS_OK &&
	       found.value == address.value;
}

enum status mov_operand_check(const struct vcpu *vcpu, const struct mov_instruction *instruction,
	const struct guest_paging *paging, const struct mov_access *access, uint64_t *distance)
{
	struct io_segment segment;
	gva_t linear;

	io_segment_read(&segment, vcpu, instruction->address.segment, instruction->is_write);
	if (!is_kind_same(instruction, access) ||
		!io_segment_linear(&segment, operand_offset(vcpu, instruction),
			instruction->access_size, &linear)) {
		return STATUS_CHANGED;
	}
	*distance = (access->address.value - linear.value) & (PAGE_SIZE_4K - 1);
	if (*distance >= instruction->access_size) {
		return STATUS_CHANGED;
	}
	linear.value = (linear.value + *distance) & (segment.is_64bit ? UINT64_MAX : UINT32_MAX);
	if (access->has_linear_address &&
		vmcs_read_natural(VMCS_GUEST_LINEAR_ADDRESS) != linear.value) {
		return STATUS_CHANGED;
	}
	return leads_to(instruction, paging, linear, access->address) ? STATUS_OK : STATUS_CHANGED;
}
