/* SPDX-License-Identifier: MIT */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "cpu/insn.h"
#include "lib/types.h"
#include "vmx/current_vmcs.h"

/*
 * One enum per field width, so that an access of the wrong width does not compile
 * (-Wenum-conversion). SDM Vol. 3C "Field Encoding": bits 14:13 of the encoding are the width.
 */
#define VMCS_FIELD_IN_16_16(name, encoding) name = (encoding),
#define VMCS_FIELD_IN_16_32(name, encoding)
#define VMCS_FIELD_IN_16_64(name, encoding)
#define VMCS_FIELD_IN_16_NATURAL(name, encoding)
#define VMCS_FIELD_IN_32_16(name, encoding)
#define VMCS_FIELD_IN_32_32(name, encoding) name = (encoding),
#define VMCS_FIELD_IN_32_64(name, encoding)
#define VMCS_FIELD_IN_32_NATURAL(name, encoding)
#define VMCS_FIELD_IN_64_16(name, encoding)
#define VMCS_FIELD_IN_64_32(name, encoding)
#define VMCS_FIELD_IN_64_64(name, encoding) name = (encoding),
#define VMCS_FIELD_IN_64_NATURAL(name, encoding)
#define VMCS_FIELD_IN_NATURAL_16(name, encoding)
#define VMCS_FIELD_IN_NATURAL_32(name, encoding)
#define VMCS_FIELD_IN_NATURAL_64(name, encoding)
#define VMCS_FIELD_IN_NATURAL_NATURAL(name, encoding) name = (encoding),

#define VMCS_FIELD(width, name, encoding) VMCS_FIELD_IN_16_##width(name, encoding)
enum vmcs_field_16 {
#include "vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

#define VMCS_FIELD(width, name, encoding) VMCS_FIELD_IN_32_##width(name, encoding)
enum vmcs_field_32 {
#include "vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

#define VMCS_FIELD(width, name, encoding) VMCS_FIELD_IN_64_##width(name, encoding)
enum vmcs_field_64 {
#include "vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

#define VMCS_FIELD(width, name, encoding) VMCS_FIELD_IN_NATURAL_##width(name, encoding)
enum vmcs_field_natural {
#include "vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

/*
 * Access to the current VMCS. Context: VMX root operation; it is the one that the code may use
 * (vmx/current_vmcs.h), which a build with DEBUG=1 checks; and the CPU has the field (those behind
 * an optional control may be absent). A refusal is ignored: the value read is undefined, a write
 * does nothing.
 */
static inline uint16_t vmcs_read16(enum vmcs_field_16 field)
{
	current_vmcs_check();
	return (uint16_t)insn_vmread(field);
}

static inline uint32_t vmcs_read32(enum vmcs_field_32 field)
{
	current_vmcs_check();
	return (uint32_t)insn_vmread(field);
}

static inline uint64_t vmcs_read64(enum vmcs_field_64 field)
{
	current_vmcs_check();
	return insn_vmread(field);
}

static inline uint64_t vmcs_read_natural(enum vmcs_field_natural field)
{
	current_vmcs_check();
	return insn_vmread(field);
}

static inline void vmcs_write16(enum vmcs_field_16 field, uint16_t value)
{
	current_vmcs_check();
	insn_vmwrite(field, value);
}

static inline void vmcs_write32(enum vmcs_field_32 field, uint32_t value)
{
	current_vmcs_check();
	insn_vmwrite(field, value);
}

static inline void vmcs_write64(enum vmcs_field_64 field, uint64_t value)
{
	current_vmcs_check();
	insn_vmwrite(field, value);
}

static inline void vmcs_write_natural(enum vmcs_field_natural field, uint64_t value)
{
	current_vmcs_check();
	insn_vmwrite(field, value);
}

/*
 * Returns the field's name as in vmcs_fields.def without "VMCS_" ("GUEST_CR0"), or NULL for an
 * encoding that is not there. Context: any.
 */
const char *vmcs_field_name(uint32_t encoding);

#endif
