/* SPDX-License-Identifier: MIT */
#include "exits/io_segment.h"

#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* Bits of the type field: what bit 1 means depends on bit 3, code or data. */
#define TYPE_WRITABLE_OR_READABLE BIT(1)
#define TYPE_EXPAND_DOWN          BIT(2)

/* Guests have 48-bit linear addresses: bits 63:47 of a canonical one are the same. */
enum { CANONICAL_LOW = 47 };

#define CANONICAL_TOP BITS_MASK(63, CANONICAL_LOW)

static const struct {
	enum vmcs_field_natural base;
	enum vmcs_field_32 limit;
	enum vmcs_field_32 access_rights;
} segment_fields[] = {
	[SEGMENT_ES] = {VMCS_GUEST_ES_BASE, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_ES_ACCESS_RIGHTS},
	[SEGMENT_CS] = {VMCS_GUEST_CS_BASE, VMCS_GUEST_CS_LIMIT, VMCS_GUEST_CS_ACCESS_RIGHTS},
	[SEGMENT_SS] = {VMCS_GUEST_SS_BASE, VMCS_GUEST_SS_LIMIT, VMCS_GUEST_SS_ACCESS_RIGHTS},
	[SEGMENT_DS] = {VMCS_GUEST_DS_BASE, VMCS_GUEST_DS_LIMIT, VMCS_GUEST_DS_ACCESS_RIGHTS},
	[SEGMENT_FS] = {VMCS_GUEST_FS_BASE, VMCS_GUEST_FS_LIMIT, VMCS_GUEST_FS_ACCESS_RIGHTS},
	[SEGMENT_GS] = {VMCS_GUEST_GS_BASE, VMCS_GUEST_GS_LIMIT, VMCS_GUEST_GS_ACCESS_RIGHTS},
};

static bool is_type_allowed(uint32_t access_rights, bool is_write)
{
	const bool is_code = (access_rights & ACCESS_RIGHTS_CODE) != 0;
	const bool has_bit = (access_rights & TYPE_WRITABLE_OR_READABLE) != 0;

	if ((access_rights & ACCESS_RIGHTS_UNUSABLE) != 0) {
		return false;
	}
	return is_write ? !is_code && has_bit : !is_code || has_bit;
}

static void read_limits(struct io_segment *segment, uint32_t limit, uint32_t access_rights)
{
	const bool is_code = (access_rights & ACCESS_RIGHTS_CODE) != 0;

	if (!is_code && (access_rights & TYPE_EXPAND_DOWN) != 0) {
		segment->lowest_offset = (uint64_t)limit + 1;
		segment->highest_offset =
			(access_rights & ACCESS_RIGHTS_DB) != 0 ? UINT32_MAX : UINT16_MAX;
	} else {
		segment->lowest_offset = 0;
		segment->highest_offset = limit;
	}
}

void io_segment_read(struct io_segment *segment, const struct vcpu *vcpu,
	enum segment_register number, bool is_write)
{
	const size_t row = (size_t)number < ARRAY_COUNT(segment_fields) ? number : SEGMENT_DS;
	const bool has_base_in_64bit_mode = row == SEGMENT_FS || row == SEGMENT_GS;

	segment->is_64bit = vcpu_is_64bit_code(vcpu);
	segment->fault_vector = row == SEGMENT_SS ? VECTOR_SS : VECTOR_GP;
	segment->base = !segment->is_64bit || has_base_in_64bit_mode
				? vmcs_read_natural(segment_fields[row].base)
				: 0;
	segment->is_accessible = true;
	segment->lowest_offset = 0;
	segment->highest_offset = UINT64_MAX;
	if (!segment->is_64bit) {
		const uint32_t access_rights = vmcs_read32(segment_fields[row].access_rights);

		segment->is_accessible = is_type_allowed(access_rights, is_write);
		read_limits(segment, vmcs_read32(segment_fields[row].limit), access_rights);
	}
}

static bool is_canonical(uint64_t address)
{
	const uint64_t top = address & CANONICAL_TOP;

	return top == 0 || top == CANONICAL_TOP;
}

bool io_segment_linear(
	const struct io_segment *segment, uint64_t offset, unsigned size_bytes, gva_t *linear)
{
	const uint64_t last = size_bytes - 1;

	*linear = gva(segment->base + offset);
	if (segment->is_64bit) {
		return is_canonical(linear->value) && is_canonical(linear->value + last);
	}
	linear->value &= UINT32_MAX;
	return segment->is_accessible && offset >= segment->lowest_offset &&
	       offset <= segment->highest_offset && last <= segment->highest_offset - offset;
}
