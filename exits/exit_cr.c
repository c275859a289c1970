/* SPDX-License-Identifier: MIT */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "vm/event.h"
#include "vm/guest_memory.h"
#include "vmx/control_bits.h"
#include "vmx/exit_qualification.h"
#include "vmx/operation.h"
#include "vmx/vmcs.h"

enum {
	PDPTE_COUNT = 4,
	PDPTE_TABLE_ALIGNMENT = 32,
	CR_NUMBER_TPR = 8,
	LMSW_BITS_HIGH = 3,
	TSS_TYPE_AVAILABLE_32 = 9,
	TSS_TYPE_BUSY_32 = 11,
};

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
		CR0_PG)
#define CR0_LMSW       (CR0_PE | CR0_MP | CR0_EM | CR0_TS)
#define CR3_NO_FLUSH   BIT(63)
#define CR8_DEFINED    BITS_MASK(3, 0)
#define PDPTE_P        BIT(0)
#define PDPTE_RESERVED (BITS_MASK(2, 1) | BITS_MASK(8, 5))

/* What the guest believes a control register to hold: its own bits and, for ours, the read shadow.
 */
static uint64_t guest_cr0(const struct vcpu *vcpu)
{
	return (vmcs_read_natural(VMCS_GUEST_CR0) & vcpu->cr0_guest_owned) |
	       (vmcs_read_natural(VMCS_CR0_READ_SHADOW) & ~vcpu->cr0_guest_owned);
}

static uint64_t guest_cr4(const struct vcpu *vcpu)
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
 * RAM reads all ones, and is thus malformed. SDM Vol. 3A "PDPTE Registers".
 */
static bool load_pdptes(struct vcpu *vcpu)
{
	const uint64_t cr3 = vmcs_read_natural(VMCS_GUEST_CR3) & UINT32_MAX;
	const uint64_t beyond_address = ~BITS_MASK(vcpu->capability->physical_address_bits - 1, 0);
	const gpa_t table = gpa(align_down(cr3, PDPTE_TABLE_ALIGNMENT));
	uint64_t pdptes[PDPTE_COUNT];

	if (guest_memory_read(&vcpu->vm->memory, table, pdptes, sizeof(pdptes)) != STATUS_OK) {
		return false;
	}
	for (size_t i = 0; i < PDPTE_COUNT; i++) {
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

/* IA-32e mode begins only from a 32-bit TSS and with CS.L clear. SDM Vol. 3A "Initializing IA-32e
 * Mode". */
static bool can_enter_long_mode(uint64_t cr4)
{
	const uint64_t tss_type = bits_get(vmcs_read32(VMCS_GUEST_TR_ACCESS_RIGHTS),
		ACCESS_RIGHTS_TYPE_HIGH, ACCESS_RIGHTS_TYPE_LOW);

	return (cr4 & CR4_PAE) != 0 &&
	       (vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L) == 0 &&
	       (tss_type == TSS_TYPE_AVAILABLE_32 || tss_type == TSS_TYPE_BUSY_32);
}

/* The checks of MOV to CR0: SDM Vol. 2B "MOV - Move to/from Control Registers", "Protected Mode
 * Exceptions". */
static bool is_cr0_legal(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
	const bool is_turning_on = (value & CR0_PG) != 0 && (old & CR0_PG) == 0;
	const bool is_turning_off = (value & CR0_PG) == 0 && (old & CR0_PG) != 0;
	const uint64_t cr4 = guest_cr4(vcpu);

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

static bool write_cr0(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t old = guest_cr0(vcpu);
	const uint64_t must = vcpu->capability->cr0_fixed0 & ~(CR0_PE | CR0_PG);
	const uint64_t efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
	const uint64_t changed = (old ^ value) & (CR0_PG | CR0_CD | CR0_NW);

	if (!is_cr0_legal(vcpu, old, value)) {
		return false;
	}
	/* Reserved bits below 32 are ignored, and ET is 1 for good. */
	value = (value & CR0_DEFINED) | CR0_ET;
	if (changed != 0 && uses_pdptes(value, guest_cr4(vcpu), efer) && !load_pdptes(vcpu)) {
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
	return !is_pcide_set ||
	       (vcpu->is_long_mode && bits_get(vmcs_read_natural(VMCS_GUEST_CR3), 11, 0) == 0);
}

static bool write_cr4(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t pdpte_bits = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP;
	const uint64_t flush_bits = pdpte_bits | CR4_PCIDE | CR4_SMAP | CR4_PKE;
	const uint64_t old = guest_cr4(vcpu);

	if (!is_cr4_legal(vcpu, old, value)) {
		return false;
	}
	if (((old ^ value) & pdpte_bits) != 0 &&
		uses_pdptes(guest_cr0(vcpu), value, vmcs_read64(VMCS_GUEST_IA32_EFER)) &&
		!load_pdptes(vcpu)) {
		return false;
	}
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, value);
	vmcs_write_natural(VMCS_GUEST_CR4, value | vcpu->capability->cr4_fixed0);
	if (((old ^ value) & flush_bits) != 0) {
		flush_translations(vcpu);
	}
	return true;
}

/* Only with CR3-load exiting, which a CPU without TRUE controls cannot switch off. */
static bool write_cr3(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t cr4 = guest_cr4(vcpu);
	const bool keeps_translations = (value & CR3_NO_FLUSH) != 0 && (cr4 & CR4_PCIDE) != 0;

	if ((cr4 & CR4_PCIDE) != 0) {
		value &= ~CR3_NO_FLUSH;
	}
	if (vcpu->is_long_mode &&
		(value & ~BITS_MASK(vcpu->capability->physical_address_bits - 1, 0)) != 0) {
		return false;
	}
	vmcs_write_natural(VMCS_GUEST_CR3, value);
	if (uses_pdptes(guest_cr0(vcpu), cr4, vmcs_read64(VMCS_GUEST_IA32_EFER)) &&
		!load_pdptes(vcpu)) {
		return false;
	}
	if (!keeps_translations) {
		flush_translations(vcpu);
	}
	return true;
}

static bool write_cr8(struct vcpu *vcpu, uint64_t value)
{
	if ((value & ~CR8_DEFINED) != 0) {
		return false;
	}
	vcpu->cr8 = (uint8_t)value;
	return true;
}

static bool mov_to_cr(struct vcpu *vcpu, const struct cr_access *access)
{
	uint64_t value = vcpu_get_register(vcpu, access->register_number);

	if (!vcpu_is_64bit_code(vcpu)) {
		value &= UINT32_MAX;
	}
	switch (access->cr_number) {
	case 0:
		return write_cr0(vcpu, value);
	case 3:
		return write_cr3(vcpu, value);
	case 4:
		return write_cr4(vcpu, value);
	case CR_NUMBER_TPR:
		return write_cr8(vcpu, value);
	default:
		return false;
	}
}

static void mov_from_cr(struct vcpu *vcpu, const struct cr_access *access)
{
	const uint64_t value =
		access->cr_number == CR_NUMBER_TPR ? vcpu->cr8 : vmcs_read_natural(VMCS_GUEST_CR3);

	vcpu_set_register(vcpu, access->register_number, value);
}

enum exit_action exit_handle_control_register(struct vcpu *vcpu)
{
	const struct cr_access access = exit_cr_access(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	const uint64_t cr0 = guest_cr0(vcpu);
	bool is_legal = true;

	switch (access.type) {
	case CR_ACCESS_MOV_TO_CR:
		is_legal = mov_to_cr(vcpu, &access);
		break;
	case CR_ACCESS_MOV_FROM_CR:
		mov_from_cr(vcpu, &access);
		break;
	case CR_ACCESS_CLTS:
		is_legal = write_cr0(vcpu, cr0 & ~CR0_TS);
		break;
	case CR_ACCESS_LMSW:
		/* LMSW can set PE and not clear it. */
		is_legal = write_cr0(vcpu, (cr0 & ~(CR0_LMSW & ~CR0_PE)) |
						   bits_get(access.lmsw_source, LMSW_BITS_HIGH, 0));
		break;
	}
	if (!is_legal) {
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	return EXIT_NEXT_INSTRUCTION;
}
