/* SPDX-License-Identifier: MIT */
/*
 * SDM Vol. 3C "Checks on Guest Descriptor-Table Registers", "Checks on Guest RIP, RFLAGS, and SSP"
 * and "Checks on Guest Page-Directory-Pointer-Table Entries".
 */
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

#define TABLE_LIMIT_RESERVED BITS_MASK(31, 16)

/* SDM Vol. 1 "EFLAGS Register". */
#define RFLAGS_RESERVED (BITS_MASK(63, 22) | BIT(15) | BIT(5) | BIT(3))

/* A PDPTE of PAE paging: SDM Vol. 3A "PDPTE Registers". Present ones have reserved bits. */
#define PDPTE_PRESENT      BIT(0)
#define PDPTE_RESERVED_LOW (BITS_MASK(8, 5) | BITS_MASK(2, 1))

void entry_check_descriptor_tables(struct entry_check *check)
{
	static const uint32_t bases[] = {VMCS_GUEST_GDTR_BASE, VMCS_GUEST_IDTR_BASE};
	static const uint32_t limits[] = {VMCS_GUEST_GDTR_LIMIT, VMCS_GUEST_IDTR_LIMIT};

	entry_check_section(
		check, ENTRY_CHECK_GUEST_STATE, "Checks on Guest Descriptor-Table Registers");
	entry_check_canonical_fields(check, bases, ARRAY_COUNT(bases));
	for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
		entry_check_require(check,
			(entry_check_read(limits[i]) & TABLE_LIMIT_RESERVED) == 0, limits[i],
			"bits 31:16 of the limit must be 0");
	}
}

static void check_rip(struct entry_check *check)
{
	bool is_64_bit_code = entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST) &&
			      (vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L) != 0;
	unsigned linear_address_bits = check->capability->linear_address_bits;
	uint64_t rip = vmcs_read_natural(VMCS_GUEST_RIP);
	uint64_t high = bits_get(rip, 63, linear_address_bits);

	if (!is_64_bit_code) {
		entry_check_require(check, (rip & HIGH_HALF) == 0, VMCS_GUEST_RIP,
			"bits 63:32 of RIP must be 0 outside 64-bit code");
		return;
	}
	/* Weaker than canonical: the highest bit that the CPU has may differ from those above. */
	entry_check_require(check,
		high == 0 || high == bits_get(UINT64_MAX, 63, linear_address_bits), VMCS_GUEST_RIP,
		"bits of RIP beyond the linear-address width must be identical");
}

static void check_rflags(struct entry_check *check)
{
	uint64_t rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	bool is_protected = (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0;
	bool is_ia32e_mode = entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST);

	entry_check_require(check, (rflags & RFLAGS_RESERVED) == 0, VMCS_GUEST_RFLAGS,
		"reserved bits 63:22, 15, 5 and 3 of RFLAGS must be 0");
	entry_check_require(check, (rflags & RFLAGS_FIXED1) != 0, VMCS_GUEST_RFLAGS,
		"bit 1 of RFLAGS must be 1");
	entry_check_require(check, (rflags & RFLAGS_VM) == 0 || (is_protected && !is_ia32e_mode),
		VMCS_GUEST_RFLAGS, "RFLAGS.VM must be 0 in IA-32e mode and in real-address mode");
	entry_check_require(check,
		(rflags & RFLAGS_IF) != 0 ||
			!entry_check_injects(check, INTERRUPTION_EXTERNAL_INTERRUPT),
		VMCS_GUEST_RFLAGS, "RFLAGS.IF must be 1 to inject an external interrupt");
}

void entry_check_rip_rflags(struct entry_check *check)
{
	entry_check_section(check, ENTRY_CHECK_GUEST_STATE, "Checks on Guest RIP, RFLAGS, and SSP");
	check_rip(check);
	check_rflags(check);
}

void entry_check_pdptes(struct entry_check *check)
{
	static const uint32_t pdptes[] = {
		VMCS_GUEST_PDPTE0,
		VMCS_GUEST_PDPTE1,
		VMCS_GUEST_PDPTE2,
		VMCS_GUEST_PDPTE3,
	};
	uint64_t reserved =
		PDPTE_RESERVED_LOW | BITS_MASK(63, check->capability->physical_address_bits);
	bool is_pae = (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PG) != 0 &&
		      (vmcs_read_natural(VMCS_GUEST_CR4) & CR4_PAE) != 0 &&
		      !entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST);

	if (!is_pae || !entry_check_has(check, CONTROL_SECONDARY, SECONDARY_ENABLE_EPT)) {
		return;
	}
	entry_check_section(check, ENTRY_CHECK_GUEST_STATE,
		"Checks on Guest Page-Directory-Pointer-Table Entries");
	for (size_t i = 0; i < ARRAY_COUNT(pdptes); i++) {
		uint64_t pdpte = entry_check_read(pdptes[i]);

		entry_check_require(check, (pdpte & PDPTE_PRESENT) == 0 || (pdpte & reserved) == 0,
			pdptes[i], "a present PDPTE must not set reserved bits");
	}
}
