/* SPDX-License-Identifier: MIT */
#include "vmx/entry_break.h"

#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_break_rows.h"
#include "vmx/entry_check_rules.h"
#include "vmx/vmcs.h"

static const struct entry_break_table *const tables[] = {
	&entry_break_controls,
	&entry_break_host,
	&entry_break_guest,
};

size_t entry_break_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		count += tables[i]->count;
	}
	return count;
}

const struct entry_break *entry_break_get(size_t index)
{
	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		if (index < tables[i]->count) {
			return &tables[i]->rows[index];
		}
		index -= tables[i]->count;
	}
	return NULL;
}

static bool cpu_has(const struct entry_break_needs *needs, const struct vmx_capability *capability)
{
	const uint32_t allowed1[CONTROL_WORD_COUNT] = {
		[CONTROL_PIN] = capability->pin.allowed1,
		[CONTROL_PRIMARY] = capability->primary.allowed1,
		[CONTROL_SECONDARY] = capability->secondary.allowed1,
		[CONTROL_EXIT] = capability->exit.allowed1,
		[CONTROL_ENTRY] = capability->entry.allowed1,
	};

	return (allowed1[needs->word] & needs->mask) == needs->mask;
}

static bool is_guest(enum entry_break_guest guest)
{
	bool is_ia32e_mode = (vmcs_read32(VMCS_VM_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST) != 0;

	switch (guest) {
	case ENTRY_BREAK_PROTECTED_MODE:
		return (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0;
	case ENTRY_BREAK_IA32E_MODE:
		return is_ia32e_mode;
	case ENTRY_BREAK_NOT_IA32E_MODE:
		return !is_ia32e_mode;
	default:
		return true;
	}
}

bool entry_break_applies(const struct entry_break *row, const struct vmx_capability *capability)
{
	bool has_strict_error_codes = (capability->basic & VMX_BASIC_ANY_ERROR_CODE) == 0;

	return cpu_has(&row->needs, capability) && is_guest(row->guest) &&
	       (!row->needs_strict_error_codes || has_strict_error_codes);
}

void entry_break_apply(const struct entry_break *row)
{
	for (size_t i = 0; i < ARRAY_COUNT(row->changes); i++) {
		const struct entry_break_change *change = &row->changes[i];

		if ((change->clear | change->set) != 0) {
			current_vmcs_check();
			insn_vmwrite(change->field,
				(insn_vmread(change->field) & ~change->clear) | change->set);
		}
	}
}
