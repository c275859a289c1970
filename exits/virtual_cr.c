/* SPDX-License-Identifier: MIT */
#include "exits/virtual_cr.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vm/guest_memory.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/operation.h"
#include "vmx/vmcs.h"

enum {
	PDPTE_COUNT = 4,
	PDPTE_TABLE_ALIGNMENT = 32,
	TSS_TYPE_AVAILABLE_32 = 9,
	TSS_TYPE_BUSY_32 = 11,
	PCID_HIGH = 11,
};

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
		CR0_PG)
#define CR8_DEFINED    BITS_MASK(3, 0)
#define PDPTE_P        BIT(0)
#define PDPTE_RESERVED (BITS_MASK(2, 1) | BITS_MASK(8, 5))

uint64_t virtual_cr0_read(const struct vcpu *vcpu)
{
	return (vmcs_read_natural(VMCS_GUEST_CR0) & vcpu->cr0_guest_owned) |
	       (vmcs_read_natural(VMCS_CR0_READ_SHADOW) & ~vcpu->cr0_guest_owned);
}

uint64_t virtual_cr4_read(const struct vcpu *vcpu)
{
	return (vmcs_read_natural(VMCS_GUEST_CR4) & vcpu->cr4_guest_owned) |
	       (vmcs_read_natural(VMCS_CR4_READ_SHADOW) & ~vcpu->cr4_guest_owned);
}

/* PAE paging outside of long mode: the CPU holds the four PDPTEs in registers. */
static bool uses_pdptes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (efer & EFER_LME) == 0;
}

/*
 * Loads the PDPTEs as MOV to CR would. False: one is malformed, which is #GP. A table outside of
 * RAM reads all ones, and is thus malformed.
 */
static bool load_pdptes(struct vcpu *vcpu)
{
	const uint64_t cr3 = vmcs_read_natural(VMCS_GUEST_CR3) & UINT32_MAX;
	const uint64_t beyond_address = ~BITS_MASK(vcpu->capability->physical_address_bits - 1, 0);
	const gpa_t table = gpa(align_down(cr3, PDPTE_TABLE_ALIGNMENT));
	uint64_t pdptes[PDPTE_COUNT];

	for (size_t i = 0; i < PDPTE_COUNT; i++) {
		const gpa_t entry = gpa(table.value + i * sizeof(pdptes[0]));

		if (guest_memory_load(&vcpu->vm->memory, entry, &pdptes[i], sizeof(pdptes[0])) !=
			STATUS_OK) {
			return false;
		}
		if ((pdptes[i] & PDPTE_P) != 0 &&
			(pdptes[i] & (PDPTE_RESERVED | beyond_address)) != 0) {
			return false;
		}
	}
	vmcs_write64(VMCS_GUEST_PDPTE0, pdptes[0]);
	vmcs_write64(VMCS_GUEST_PDPTE1, pdptes[1]);
	vmcs_write64(VMCS_GUEST_PDPTE2, pdptes[2]);
	vmcs_write64(VMCS_GUEST_PDPTE3, pdptes[3]);
	return true;
}

/* The guest's cached translations end where the SDM says that a MOV to CR ends them. */
static void flush_translations(const struct vcpu *vcpu)
{
	if ((vcpu->controls.secondary & SECONDARY_ENABLE_VPID) != 0) {
		vmx_invalidate_vpid(vcpu->capability, vcpu->vpid);
	}
}

static void set_long_mode(struct vcpu *vcpu, bool is_long_mode)
{
	const uint64_t efer = vmcs_read64(VMCS_GUEST_IA32_EFER) & ~EFER_LMA;
	const uint32_t entry = vcpu->controls.entry & ~(uint32_t)ENTRY_IA32E_MODE_GUEST;

	vcpu->is_long_mode = is_long_mode;
	vcpu->controls.entry = is_long_mode ? entry | (uint32_t)ENTRY_IA32E_MODE_GUEST : entry;
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, vcpu->controls.entry);
	vmcs_write64(VMCS_GUEST_IA32_EFER, is_long_mode ? efer | EFER_LMA : efer);
}

/* IA-32e mode begins only with PAE, from a 32-bit TSS and with CS.L clear. */
static bool can_enter_long_mode(uint64_t cr4)
{
	const uint64_t tss_type = bits_get(vmcs_read32(VMCS_GUEST_TR_ACCESS_RIGHTS),
		ACCESS_RIGHTS_TYPE_HIGH, ACCESS_RIGHTS_TYPE_LOW);

	return (cr4 & CR4_PAE) != 0 &&
	       (vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L) == 0 &&
	       (tss_type == TSS_TYPE_AVAILABLE_32 || tss_type == TSS_TYPE_BUSY_32);
}

static bool is_cr0_legal(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
	const bool is_turning_on = (value & CR0_PG) != 0 && (old & CR0_PG) == 0;
	const bool is_turning_off = (value & CR0_PG) == 0 && (old & CR0_PG) != 0;
	const uint64_t cr4 = virtual_cr4_read(vcpu);

	if (value > UINT32_MAX || ((value & CR0_PG) != 0 && (value & CR0_PE) == 0) ||
		((value & CR0_NW) != 0 && (value & CR0_CD) == 0)) {
		return false;
	}
	if (is_turning_off && ((cr4 & CR4_PCIDE) != 0 || vcpu_is_64bit_code(vcpu))) {
		return false;
	}
	return !is_turning_on || (vmcs_read64(VMCS_GUEST_IA32_EFER) & EFER_LME) == 0 ||
	       can_enter_long_mode(cr4);
}

bool virtual_cr0_write(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t old = virtual_cr0_read(vcpu);
	const uint64_t must = vcpu->capability->cr0_fixed0 & ~(CR0_PE | CR0_PG);
	const uint64_t efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
	const uint64_t changed = (old ^ value) & (CR0_PG | CR0_CD | CR0_NW);

	if (!is_cr0_legal(vcpu, old, value)) {
		return false;
	}
	/* Reserved bits below 32 are ignored, and ET is 1 for good. */
	value = (value & CR0_DEFINED) | CR0_ET;
	if (changed != 0 && uses_pdptes(value, virtual_cr4_read(vcpu), efer) &&
		!load_pdptes(vcpu)) {
		return false;
	}
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, value);
	/* Caching stays on: CD and NW are kept in the shadow alone. */
	vmcs_write_natural(VMCS_GUEST_CR0, (value & ~(CR0_CD | CR0_NW)) | must);
	if (((old ^ value) & CR0_PG) != 0) {
		set_long_mode(vcpu, (value & CR0_PG) != 0 && (efer & EFER_LME) != 0);
	}
	if (((old ^ value) & (CR0_PG | CR0_PE)) != 0) {
		flush_translations(vcpu);
	}
	return true;
}

static bool is_cr4_legal(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
	const bool is_pcide_set = (value & CR4_PCIDE) != 0 && (old & CR4_PCIDE) == 0;

	if ((value & ~vcpu->cr4_allowed) != 0) {
		return false;
	}
	if (vcpu->is_long_mode && (value & CR4_PAE) == 0) {
		return false;
	}
	return !is_pcide_set || (vcpu->is_long_mode && bits_get(vmcs_read_natural(VMCS_GUEST_CR3),
							       PCID_HIGH, 0) == 0);
}

bool virtual_cr4_write(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t pdpte_bits = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP;
	const uint64_t flush_bits = pdpte_bits | CR4_PCIDE | CR4_SMAP | CR4_PKE;
	const uint64_t old = virtual_cr4_read(vcpu);

	if (!is_cr4_legal(vcpu, old, value)) {
		return false;
	}
	if (((old ^ value) & pdpte_bits) != 0 &&
		uses_pdptes(virtual_cr0_read(vcpu), value, vmcs_read64(VMCS_GUEST_IA32_EFER)) &&
		!load_pdptes(vcpu)) {
		return false;
	}
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, value);
	vmcs_write_natural(VMCS_GUEST_CR4, value | vcpu->cr4_must);
	if (((old ^ value) & flush_bits) != 0) {
		flush_translations(vcpu);
	}
	return true;
}

bool virtual_cr8_write(struct vcpu *vcpu, uint64_t value)
{
	if ((value & ~CR8_DEFINED) != 0) {
		return false;
	}
	vcpu_interrupts_set_cr8(vcpu, (uint8_t)value);
	return true;
}
