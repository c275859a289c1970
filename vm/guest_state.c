/* SPDX-License-Identifier: MIT */
#include "vm/guest_state.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/cpuid_policy.h"
#include "vm/linux_boot_area.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* SDM Vol. 3A "Processor State After Reset"; for protected mode, the Multiboot Specification. */
enum {
	ACCESS_RIGHTS_CODE_64 = 0xa09b,
	ACCESS_RIGHTS_CODE_32 = 0xc09b,
	ACCESS_RIGHTS_DATA_32 = 0xc093,
	ACCESS_RIGHTS_CODE_16 = 0x9b,
	ACCESS_RIGHTS_DATA_16 = 0x93,
	ACCESS_RIGHTS_TSS_BUSY_32 = 0x8b,
	ACCESS_RIGHTS_LDT = 0x82,
	LIMIT_16 = 0xffff,
	SELECTOR_CODE_32 = 0x08,
	SELECTOR_DATA_32 = 0x10,
	DR7_RESET = 0x400,
	REAL_MODE_SEGMENT_SHIFT = 4,
};

#define LIMIT_FLAT             0xffffffffu
#define VMCS_LINK_POINTER_NONE UINT64_MAX

/* CR0 and CR4 bits that a guest may change without an exit, where the CPU has them. */
#define CR0_GUEST_OWNED (CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)
#define CR4_GUEST_OWNED                                                                            \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE | CR4_OSFXSR |         \
		CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP |     \
		CR4_PKE)

struct segment_fields {
	enum vmcs_field_16 selector;
	enum vmcs_field_natural base;
	enum vmcs_field_32 limit;
	enum vmcs_field_32 access_rights;
};

static const struct segment_fields data_segments[] = {
	{VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_ES_BASE, VMCS_GUEST_ES_LIMIT,
		VMCS_GUEST_ES_ACCESS_RIGHTS},
	{VMCS_GUEST_SS_SELECTOR, VMCS_GUEST_SS_BASE, VMCS_GUEST_SS_LIMIT,
		VMCS_GUEST_SS_ACCESS_RIGHTS},
	{VMCS_GUEST_DS_SELECTOR, VMCS_GUEST_DS_BASE, VMCS_GUEST_DS_LIMIT,
		VMCS_GUEST_DS_ACCESS_RIGHTS},
	{VMCS_GUEST_FS_SELECTOR, VMCS_GUEST_FS_BASE, VMCS_GUEST_FS_LIMIT,
		VMCS_GUEST_FS_ACCESS_RIGHTS},
	{VMCS_GUEST_GS_SELECTOR, VMCS_GUEST_GS_BASE, VMCS_GUEST_GS_LIMIT,
		VMCS_GUEST_GS_ACCESS_RIGHTS},
};

static void write_segment(const struct segment_fields *fields, uint16_t selector, uint32_t limit,
	uint32_t access_rights)
{
	vmcs_write16(fields->selector, selector);
	vmcs_write_natural(fields->base, 0);
	vmcs_write32(fields->limit, limit);
	vmcs_write32(fields->access_rights, access_rights);
}

/* The segments of each enum vcpu_start_mode. */
static const struct start_segments {
	uint16_t code_selector;
	uint16_t data_selector;
	uint32_t limit;
	uint32_t code_access_rights;
	uint32_t data_access_rights;
	uint32_t table_limit; /* Of GDTR and IDTR. */
} start_segments[] = {
	[VCPU_START_PROTECTED_MODE] = {SELECTOR_CODE_32, SELECTOR_DATA_32, LIMIT_FLAT,
		ACCESS_RIGHTS_CODE_32, ACCESS_RIGHTS_DATA_32, 0},
	[VCPU_START_REAL_MODE] = {0, 0, LIMIT_16, ACCESS_RIGHTS_CODE_16, ACCESS_RIGHTS_DATA_16,
		LIMIT_16},
	[VCPU_START_64_BIT_MODE] = {LINUX_CODE_SELECTOR, LINUX_DATA_SELECTOR, LIMIT_FLAT,
		ACCESS_RIGHTS_CODE_64, ACCESS_RIGHTS_DATA_32, 0},
};

static void init_segments(const struct vcpu_start *start)
{
	static const struct segment_fields cs = {VMCS_GUEST_CS_SELECTOR, VMCS_GUEST_CS_BASE,
		VMCS_GUEST_CS_LIMIT, VMCS_GUEST_CS_ACCESS_RIGHTS};
	static const struct segment_fields ldtr = {VMCS_GUEST_LDTR_SELECTOR, VMCS_GUEST_LDTR_BASE,
		VMCS_GUEST_LDTR_LIMIT, VMCS_GUEST_LDTR_ACCESS_RIGHTS};
	static const struct segment_fields tr = {VMCS_GUEST_TR_SELECTOR, VMCS_GUEST_TR_BASE,
		VMCS_GUEST_TR_LIMIT, VMCS_GUEST_TR_ACCESS_RIGHTS};
	const struct start_segments *segments = &start_segments[start->mode];

	for (size_t i = 0; i < ARRAY_COUNT(data_segments); i++) {
		write_segment(&data_segments[i], segments->data_selector, segments->limit,
			segments->data_access_rights);
	}
	write_segment(&cs, segments->code_selector | start->code_segment, segments->limit,
		segments->code_access_rights);
	vmcs_write_natural(cs.base, (uint64_t)start->code_segment << REAL_MODE_SEGMENT_SHIFT);
	write_segment(&ldtr, 0, LIMIT_16, ACCESS_RIGHTS_LDT);
	write_segment(&tr, 0, LIMIT_16, ACCESS_RIGHTS_TSS_BUSY_32);
	vmcs_write_natural(VMCS_GUEST_GDTR_BASE, start->gdt);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT,
		start->gdt_limit != 0 ? start->gdt_limit : segments->table_limit);
	vmcs_write_natural(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, segments->table_limit);
}

static void init_control_registers(struct vcpu *vcpu, const struct vcpu_start *start)
{
	static const uint64_t cr0_by_mode[] = {
		[VCPU_START_PROTECTED_MODE] = CR0_ET | CR0_PE,
		[VCPU_START_REAL_MODE] = CR0_ET,
		[VCPU_START_64_BIT_MODE] = CR0_ET | CR0_PE | CR0_PG,
	};
	const struct vmx_capability *capability = vcpu->capability;
	/* SDM Vol. 3C "Unrestricted Guests": PE and PG need not be 1. */
	const uint64_t cr0_must = capability->cr0_fixed0 & ~(CR0_PE | CR0_PG);
	const uint64_t cr0 = cr0_by_mode[start->mode];
	const uint64_t cr4 = start->mode == VCPU_START_64_BIT_MODE ? CR4_PAE : 0;

	vcpu->cr0_guest_owned = CR0_GUEST_OWNED & ~cr0_must & capability->cr0_fixed1;
	vcpu->cr4_allowed = cpuid_policy_cr4_allowed(vcpu->xcr0_allowed) & capability->cr4_fixed1;
	/* Without MCE a machine check would shut the machine down instead of coming to us. */
	vcpu->cr4_must = capability->cr4_fixed0 | (insn_read_cr4() & CR4_MCE);
	vcpu->cr4_guest_owned = CR4_GUEST_OWNED & vcpu->cr4_allowed & ~vcpu->cr4_must;
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, ~vcpu->cr0_guest_owned);
	vmcs_write_natural(VMCS_CR4_GUEST_HOST_MASK, ~vcpu->cr4_guest_owned);
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, cr0);
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, cr4);
	vmcs_write_natural(VMCS_GUEST_CR0, cr0 | cr0_must);
	vmcs_write_natural(VMCS_GUEST_CR3, start->cr3);
	vmcs_write_natural(VMCS_GUEST_CR4, cr4 | vcpu->cr4_must);
}

/* The VM-entry control and EFER.LMA must say the same. */
static void init_long_mode(struct vcpu *vcpu, bool is_long_mode)
{
	vcpu->is_long_mode = is_long_mode;
	vcpu->controls.entry &= ~(uint32_t)ENTRY_IA32E_MODE_GUEST;
	vcpu->controls.entry |= is_long_mode ? (uint32_t)ENTRY_IA32E_MODE_GUEST : 0;
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, vcpu->controls.entry);
	vmcs_write64(VMCS_GUEST_IA32_EFER, is_long_mode ? EFER_LME | EFER_LMA : 0);
}

void guest_state_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	vcpu_check_current(vcpu);
	init_segments(start);
	init_control_registers(vcpu, start);
	init_long_mode(vcpu, start->mode == VCPU_START_64_BIT_MODE);
	vmcs_write_natural(VMCS_GUEST_RIP, start->rip);
	vmcs_write_natural(VMCS_GUEST_RSP, start->rsp);
	vmcs_write_natural(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	vmcs_write_natural(VMCS_GUEST_DR7, DR7_RESET);
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, 0);
	vmcs_write64(VMCS_GUEST_IA32_PAT, PAT_RESET_VALUE);
	vmcs_write32(VMCS_GUEST_IA32_SYSENTER_CS, 0);
	vmcs_write_natural(VMCS_GUEST_IA32_SYSENTER_ESP, 0);
	vmcs_write_natural(VMCS_GUEST_IA32_SYSENTER_EIP, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	vmcs_write64(VMCS_LINK_POINTER, VMCS_LINK_POINTER_NONE);
	memset(vcpu->frame.registers, 0, sizeof(vcpu->frame.registers));
	vcpu->frame.registers[REGISTER_RAX] = start->rax;
	vcpu->frame.registers[REGISTER_RBX] = start->rbx;
	vcpu->frame.registers[REGISTER_RDX] = start->rdx;
	vcpu->frame.registers[REGISTER_RSI] = start->rsi;
}
