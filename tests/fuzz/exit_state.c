/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/exit_input.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/fuzz/exit_machine.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check.h"
#include "vmx/vmcs.h"

#include <stdio.h>

enum { FAILURES_SHOWN = 8, SEGMENTS = 6, DPL_USER = 3 << 5, RPL_USER = 3, LIMIT_16 = 0xffff };

struct mode_row {
	uint64_t cr0;
	uint64_t cr4;
	uint64_t cr3;
	uint64_t efer;
	uint32_t code;
	uint32_t data;
	uint32_t limit;
	uint64_t rflags;
};

#define CR0_PAGED (CR0_PE | CR0_PG | CR0_WP)

static const struct mode_row modes[EXIT_MODE_COUNT] = {
	[EXIT_MODE_REAL] = {0, 0, 0, 0, 0x9b, 0x93, LIMIT_16, 0},
	[EXIT_MODE_FLAT_32] = {CR0_PE, 0, 0, 0, 0xc09b, 0xc093, UINT32_MAX, 0},
	[EXIT_MODE_PAGED_32] = {CR0_PAGED, 0, MACHINE_TABLES_32_BIT, 0, 0xc09b, 0xc093, UINT32_MAX,
		0},
	[EXIT_MODE_PAE] = {CR0_PAGED, CR4_PAE, MACHINE_TABLES_PAE, EFER_NXE, 0xc09b, 0xc093,
		UINT32_MAX, 0},
	[EXIT_MODE_64_BIT] = {CR0_PAGED, CR4_PAE, MACHINE_TABLES_64_BIT,
		EFER_LME | EFER_LMA | EFER_NXE, 0xa09b, 0xc093, UINT32_MAX, 0},
	[EXIT_MODE_COMPATIBILITY] = {CR0_PAGED, CR4_PAE, MACHINE_TABLES_64_BIT, EFER_LME | EFER_LMA,
		0xc09b, 0xc093, UINT32_MAX, 0},
	[EXIT_MODE_BEFORE_LONG] = {CR0_PE, CR4_PAE, MACHINE_TABLES_64_BIT, EFER_LME, 0xc09b, 0xc093,
		UINT32_MAX, 0},
	[EXIT_MODE_VIRTUAL_8086] = {CR0_PE, 0, 0, 0, 0xf3, 0xf3, LIMIT_16, RFLAGS_VM},
};

static void set_segments(const struct mode_row *row, bool is_user)
{
	const bool is_virtual_8086 = (row->rflags & RFLAGS_VM) != 0;
	const uint32_t level = is_user && !is_virtual_8086 ? DPL_USER : 0;

	/* The four fields of a segment lie side by side in each width: two encodings apart. */
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		const bool is_code = VMCS_GUEST_ES_SELECTOR + 2 * i == VMCS_GUEST_CS_SELECTOR;
		const uint32_t selector = is_virtual_8086 || row->cr0 == 0
						  ? 0
						  : (is_code ? 8 : 16) + (is_user ? RPL_USER : 0);

		fake_vmcs_set(VMCS_GUEST_ES_SELECTOR + 2 * i, selector);
		fake_vmcs_set(VMCS_GUEST_ES_BASE + 2 * i, 0);
		fake_vmcs_set(VMCS_GUEST_ES_LIMIT + 2 * i, row->limit);
		fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * i,
			(is_code ? row->code : row->data) | level);
	}
	fake_vmcs_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b);
}

static void set_control_registers(struct vcpu *vcpu, const struct mode_row *row)
{
	const uint64_t must = vcpu->capability->cr0_fixed0 & ~(CR0_PE | CR0_PG);

	fake_vmcs_set(VMCS_GUEST_CR0, row->cr0 | CR0_ET | must);
	fake_vmcs_set(VMCS_CR0_READ_SHADOW, row->cr0 | CR0_ET);
	fake_vmcs_set(VMCS_GUEST_CR4, row->cr4 | vcpu->cr4_must);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, row->cr4);
	fake_vmcs_set(VMCS_GUEST_CR3, row->cr3);
	fake_vmcs_set(VMCS_GUEST_IA32_EFER, row->efer);
	fake_vmcs_set(VMCS_GUEST_PDPTE0, (MACHINE_TABLES_64_BIT + 2 * 4096) | 1);
	fake_vmcs_set(VMCS_GUEST_PDPTE1, 0);
	fake_vmcs_set(VMCS_GUEST_PDPTE2, 0);
	fake_vmcs_set(VMCS_GUEST_PDPTE3, 0);
	vcpu->is_long_mode = (row->efer & EFER_LMA) != 0;
	vcpu->controls.entry &= ~(uint32_t)ENTRY_IA32E_MODE_GUEST;
	vcpu->controls.entry |= vcpu->is_long_mode ? (uint32_t)ENTRY_IA32E_MODE_GUEST : 0;
	fake_vmcs_set(VMCS_VM_ENTRY_CONTROLS, vcpu->controls.entry);
}

void exit_state_set_mode(struct vcpu *vcpu, enum exit_mode mode, bool is_user)
{
	const struct mode_row *row = &modes[mode];

	if (mode == EXIT_MODE_AS_IT_IS) {
		return;
	}
	set_segments(row, is_user && mode != EXIT_MODE_REAL);
	set_control_registers(vcpu, row);
	fake_vmcs_set(VMCS_GUEST_RIP, MACHINE_RIP);
	fake_vmcs_set(VMCS_GUEST_RSP, MACHINE_RSP);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF | row->rflags);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	fake_vmcs_set(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
}

bool exit_state_is_enterable(const struct vcpu *vcpu, bool is_shown)
{
	struct entry_check_failure failures[FAILURES_SHOWN];
	void (*const hook)(bool is_write) = fake_cpu.on_vmcs_access;
	const unsigned reads = fake_cpu.vmread_count;
	size_t count;

	fake_cpu.on_vmcs_access = NULL;
	count = entry_check(vcpu->capability, failures, FAILURES_SHOWN);
	fake_cpu.on_vmcs_access = hook;
	fake_cpu.vmread_count = reads;
	for (size_t i = 0; is_shown && i < count && i < FAILURES_SHOWN; i++) {
		fprintf(stderr, "%s: %s=%#lx breaks: %s\n", vcpu->name,
			vmcs_field_name(failures[i].field), failures[i].value, failures[i].rule);
	}
	return count == 0;
}

/* --- What the guest may have done since the last entry --- */

static void change_bits(uint32_t field, uint64_t bits, uint64_t value)
{
	fake_vmcs_set(field, (fake_vmcs_get(field) & ~bits) | (value & bits));
}

/* With a shadow and TF set the single-step trap is pending, else it is not. */
static void settle_pending_debug(void)
{
	const bool is_stepped = (fake_vmcs_get(VMCS_GUEST_RFLAGS) & RFLAGS_TF) != 0 &&
				(fake_vmcs_get(VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF) == 0;

	if ((fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_SHADOW) != 0) {
		change_bits(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_DEBUG_BS,
			is_stepped ? PENDING_DEBUG_BS : 0);
	}
}

static void change_segment(uint64_t value)
{
	const uint32_t field = 2 * (uint32_t)(value % SEGMENTS);

	fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS + field, value >> 8 & 0x1f0ff);
	fake_vmcs_set(VMCS_GUEST_ES_LIMIT + field, value >> 28);
	fake_vmcs_set(VMCS_GUEST_ES_BASE + field, (value & 8) != 0 ? value >> 32 : 0);
}

static void change_owned(const struct vcpu *vcpu, uint64_t value)
{
	change_bits(VMCS_GUEST_CR0, vcpu->cr0_guest_owned, value);
	change_bits(VMCS_GUEST_CR4, vcpu->cr4_guest_owned, value >> 32);
}

/* Anywhere, at the end of 4 GiB, or in RAM. */
static uint64_t changed_rip(uint64_t value)
{
	enum { BEFORE_END = 16 };

	if ((value & 1) != 0) {
		return (value & 2) != 0 ? value : UINT32_MAX - (value >> 2) % BEFORE_END;
	}
	return value % MACHINE_RAM_BYTES;
}

static void change_registers(const struct exit_op *op)
{
	const uint64_t value = op->state_value;

	if ((op->state_flags & STATE_RFLAGS) != 0) {
		change_bits(VMCS_GUEST_RFLAGS,
			RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_RF | RFLAGS_AC, value);
	}
	if ((op->state_flags & STATE_RIP) != 0) {
		fake_vmcs_set(VMCS_GUEST_RIP, changed_rip(value));
	}
	if ((op->state_flags & STATE_RSP) != 0) {
		fake_vmcs_set(VMCS_GUEST_RSP, value);
	}
	if ((op->state_flags & STATE_CR3) != 0) {
		fake_vmcs_set(VMCS_GUEST_CR3,
			(value & 1) != 0 ? value & BITS_MASK(39, 0) : value % MACHINE_RAM_BYTES);
	}
}

static void change_state(const struct vcpu *vcpu, const struct exit_op *op)
{
	change_registers(op);
	if ((op->state_flags & STATE_OWNED) != 0) {
		change_owned(vcpu, op->state_value);
	}
	if ((op->state_flags & STATE_SEGMENT) != 0) {
		change_segment(op->state_value);
	}
	if ((op->state_flags & STATE_DEBUG) != 0) {
		change_bits(VMCS_GUEST_DR7, BITS_MASK(9, 0) | DR7_GD, op->state_value);
		change_bits(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
			PENDING_DEBUG_ENABLED_BREAKPOINT | PENDING_DEBUG_BS, op->state_value >> 8);
		change_bits(VMCS_GUEST_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF, op->state_value);
	}
	if ((op->state_flags & STATE_INTERRUPTIBILITY) != 0) {
		change_bits(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			INTERRUPTIBILITY_SHADOW | INTERRUPTIBILITY_BLOCKING_BY_NMI,
			op->state_value >> 16);
	}
	settle_pending_debug();
}

static enum exit_mode mode_of(const struct exit_op *op)
{
	return (enum exit_mode)((op->mode & OP_MODE_MASK) % EXIT_MODE_COUNT);
}

/* One step of change; taken back if the CPU would not be in that state. */
static void change_if_enterable(struct vcpu *vcpu, const struct exit_op *op, bool is_mode)
{
	uint64_t fields[MACHINE_FIELDS_MAX];
	const bool is_long_mode = vcpu->is_long_mode;
	const uint32_t entry = vcpu->controls.entry;

	machine_vmcs_save(fields);
	if (is_mode) {
		exit_state_set_mode(vcpu, mode_of(op), (op->mode & OP_USER) != 0);
	} else {
		change_state(vcpu, op);
	}
	if (!exit_state_is_enterable(vcpu, false)) {
		machine_vmcs_load(fields);
		vcpu->is_long_mode = is_long_mode;
		vcpu->controls.entry = entry;
	}
}

static bool is_cpl_0(void)
{
	return bits_get(fake_vmcs_get(VMCS_GUEST_SS_ACCESS_RIGHTS), ACCESS_RIGHTS_DPL_HIGH,
		       ACCESS_RIGHTS_DPL_LOW) == 0 &&
	       (fake_vmcs_get(VMCS_GUEST_RFLAGS) & RFLAGS_VM) == 0;
}

void exit_state_apply(struct vcpu *vcpu, const struct exit_op *op, bool needs_cpl_0)
{
	if (mode_of(op) != EXIT_MODE_AS_IT_IS) {
		change_if_enterable(vcpu, op, true);
	}
	if (op->state_flags != 0) {
		change_if_enterable(vcpu, op, false);
	}
	if (needs_cpl_0 && (op->flags & OP_WILD) == 0 && !is_cpl_0()) {
		exit_state_set_mode(vcpu, EXIT_MODE_64_BIT, false);
	}
}
