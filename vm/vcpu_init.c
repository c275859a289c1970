/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/cpuid_policy.h"
#include "vm/host_state.h"
#include "vm/msr_policy.h"
#include "vm/vcpu.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* SDM Vol. 3A "Processor State After Reset"; for protected mode, the Multiboot Specification. */
enum {
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
	IO_BITMAPS_BYTES = 2 * 4096,
	ALL_PORTS_EXIT = 0xff,
	REAL_MODE_STACK = 0x7c00,
};

#define LIMIT_FLAT                   0xffffffffu
#define VMCS_LINK_POINTER_NONE       UINT64_MAX
#define MTRR_DEF_TYPE_ENABLED_WB     (BIT(11) | MEMORY_TYPE_WB)
#define MISC_ENABLE_FAST_STRINGS     BIT(0)
#define MISC_ENABLE_BTS_UNAVAILABLE  BIT(11)
#define MISC_ENABLE_PEBS_UNAVAILABLE BIT(12)

/* CR0 and CR4 bits that a guest may change without an exit, where the CPU has them. */
#define CR0_GUEST_OWNED (CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)
#define CR4_GUEST_OWNED                                                                            \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE | CR4_OSFXSR |         \
		CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP |     \
		CR4_PKE)

/* Interception stops a guest that would otherwise keep the CPU in an endless event delivery. */
#define EXCEPTIONS_INTERCEPTED (BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC))

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

static void init_segments(bool is_real_mode)
{
	static const struct segment_fields cs = {VMCS_GUEST_CS_SELECTOR, VMCS_GUEST_CS_BASE,
		VMCS_GUEST_CS_LIMIT, VMCS_GUEST_CS_ACCESS_RIGHTS};
	static const struct segment_fields ldtr = {VMCS_GUEST_LDTR_SELECTOR, VMCS_GUEST_LDTR_BASE,
		VMCS_GUEST_LDTR_LIMIT, VMCS_GUEST_LDTR_ACCESS_RIGHTS};
	static const struct segment_fields tr = {VMCS_GUEST_TR_SELECTOR, VMCS_GUEST_TR_BASE,
		VMCS_GUEST_TR_LIMIT, VMCS_GUEST_TR_ACCESS_RIGHTS};

	for (size_t i = 0; i < ARRAY_COUNT(data_segments); i++) {
		write_segment(&data_segments[i], is_real_mode ? 0 : SELECTOR_DATA_32,
			is_real_mode ? LIMIT_16 : LIMIT_FLAT,
			is_real_mode ? ACCESS_RIGHTS_DATA_16 : ACCESS_RIGHTS_DATA_32);
	}
	write_segment(&cs, is_real_mode ? 0 : SELECTOR_CODE_32,
		is_real_mode ? LIMIT_16 : LIMIT_FLAT,
		is_real_mode ? ACCESS_RIGHTS_CODE_16 : ACCESS_RIGHTS_CODE_32);
	write_segment(&ldtr, 0, LIMIT_16, ACCESS_RIGHTS_LDT);
	write_segment(&tr, 0, LIMIT_16, ACCESS_RIGHTS_TSS_BUSY_32);
	vmcs_write_natural(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, is_real_mode ? LIMIT_16 : 0);
	vmcs_write_natural(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, is_real_mode ? LIMIT_16 : 0);
}

static void init_control_registers(struct vcpu *vcpu, bool is_real_mode)
{
	const struct vmx_capability *capability = vcpu->capability;
	/* SDM Vol. 3C "Unrestricted Guests": PE and PG need not be 1. */
	const uint64_t cr0_must = capability->cr0_fixed0 & ~(CR0_PE | CR0_PG);
	const uint64_t cr0 = CR0_ET | (is_real_mode ? 0 : CR0_PE);

	vcpu->cr0_guest_owned = CR0_GUEST_OWNED & ~cr0_must & capability->cr0_fixed1;
	vcpu->cr4_allowed = cpuid_policy_cr4_allowed() & capability->cr4_fixed1;
	/* Without MCE a machine check would shut the machine down instead of coming to us. */
	vcpu->cr4_must = capability->cr4_fixed0 | (insn_read_cr4() & CR4_MCE);
	vcpu->cr4_guest_owned = CR4_GUEST_OWNED & vcpu->cr4_allowed & ~vcpu->cr4_must;
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, ~vcpu->cr0_guest_owned);
	vmcs_write_natural(VMCS_CR4_GUEST_HOST_MASK, ~vcpu->cr4_guest_owned);
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, cr0);
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, 0);
	vmcs_write_natural(VMCS_GUEST_CR0, cr0 | cr0_must);
	vmcs_write_natural(VMCS_GUEST_CR3, 0);
	vmcs_write_natural(VMCS_GUEST_CR4, vcpu->cr4_must);
}

static void init_guest_state(struct vcpu *vcpu, const struct vcpu_start *start)
{
	init_segments(start->is_real_mode);
	init_control_registers(vcpu, start->is_real_mode);
	vmcs_write_natural(VMCS_GUEST_RIP, start->rip);
	vmcs_write_natural(VMCS_GUEST_RSP, start->is_real_mode ? REAL_MODE_STACK : 0);
	vmcs_write_natural(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	vmcs_write_natural(VMCS_GUEST_DR7, DR7_RESET);
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, 0);
	vmcs_write64(VMCS_GUEST_IA32_PAT, PAT_RESET_VALUE);
	vmcs_write64(VMCS_GUEST_IA32_EFER, 0);
	vmcs_write32(VMCS_GUEST_IA32_SYSENTER_CS, 0);
	vmcs_write_natural(VMCS_GUEST_IA32_SYSENTER_ESP, 0);
	vmcs_write_natural(VMCS_GUEST_IA32_SYSENTER_EIP, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	vmcs_write64(VMCS_LINK_POINTER, VMCS_LINK_POINTER_NONE);
	memset(vcpu->frame.registers, 0, sizeof(vcpu->frame.registers));
	vcpu->frame.registers[REGISTER_RAX] = start->rax;
	vcpu->frame.registers[REGISTER_RBX] = start->rbx;
	vcpu->frame.registers[REGISTER_RDX] = start->rdx;
}

static uint32_t intercepted_exceptions(const struct vcpu *vcpu)
{
	return (uint32_t)(EXCEPTIONS_INTERCEPTED |
			  (vcpu->vm->config->vmmcall == VM_VMMCALL_PATCH ? BIT(VECTOR_UD) : 0));
}

static void init_controls(struct vcpu *vcpu)
{
	const struct control_set *controls = &vcpu->controls;

	vmcs_write32(VMCS_PIN_BASED_CONTROLS, controls->pin);
	vmcs_write32(VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, controls->primary);
	vmcs_write32(VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, controls->secondary);
	vmcs_write32(VMCS_VM_EXIT_CONTROLS, controls->exit);
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, controls->entry);
	vmcs_write32(VMCS_EXCEPTION_BITMAP, intercepted_exceptions(vcpu));
	vmcs_write32(VMCS_PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write32(VMCS_PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write32(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write32(VMCS_VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VMCS_VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	vmcs_write64(VMCS_IO_BITMAP_A_ADDRESS, hpa_of(vcpu->pages.io_bitmaps).value);
	vmcs_write64(VMCS_IO_BITMAP_B_ADDRESS, hpa_of(vcpu->pages.io_bitmaps + PAGE_SIZE_4K).value);
	vmcs_write64(VMCS_MSR_BITMAPS_ADDRESS, hpa_of(vcpu->pages.msr_bitmap).value);
	vmcs_write64(VMCS_EPT_POINTER, ept_pointer(&vcpu->vm->ept));
	/* The guest's TSC counts from its start. */
	vcpu->start_tsc = insn_rdtsc();
	vcpu->tsc_offset = 0 - vcpu->start_tsc;
	vmcs_write64(VMCS_TSC_OFFSET, vcpu->tsc_offset);
	if ((controls->secondary & SECONDARY_ENABLE_VPID) != 0) {
		vmcs_write16(VMCS_VIRTUAL_PROCESSOR_ID, vcpu->vpid);
	}
}

static void init_software_state(struct vcpu *vcpu)
{
	vcpu->is_long_mode = false;
	vcpu->warning_count = 0;
	vcpu->xcr0_allowed = cpuid_policy_xcr0_allowed();
	memset(&vcpu->msrs, 0, sizeof(vcpu->msrs));
	vcpu->msrs.misc_enable = MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_BTS_UNAVAILABLE |
				 MISC_ENABLE_PEBS_UNAVAILABLE;
	vcpu->msrs.mtrr_def_type = MTRR_DEF_TYPE_ENABLED_WB;
	memset(&vcpu->kvm, 0, sizeof(vcpu->kvm));
	vcpu->kvm.poll_control = 1; /* The host may poll before it lets a HLT wait. */
	vcpu->is_in_batch = false;
	vcpu->is_kicked = false;
	vcpu->is_pv_eoi_offered = false;
	memset(vcpu->exit_ticks, 0, sizeof(vcpu->exit_ticks));
	memset(vcpu->hypercall_ticks, 0, sizeof(vcpu->hypercall_ticks));
	memset(vcpu->batched_ticks, 0, sizeof(vcpu->batched_ticks));
	memset(&vcpu->trace, 0, sizeof(vcpu->trace));
	memset(vcpu->pages.io_bitmaps, ALL_PORTS_EXIT, IO_BITMAPS_BYTES);
	msr_policy_fill_bitmap(vcpu->pages.msr_bitmap, &vcpu->controls);
}

enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	const hpa_t region = hpa_of(vcpu->pages.vmcs);
	enum status status = control_set_make(vcpu->capability, &vcpu->controls);

	if (status != STATUS_OK) {
		return status;
	}
	memset(vcpu->pages.vmcs, 0, PAGE_SIZE_4K);
	vcpu->pages.vmcs[0] = (uint32_t)bits_get(
		vcpu->capability->basic, VMX_BASIC_REVISION_HIGH, VMX_BASIC_REVISION_LOW);
	if (insn_vmclear(region) != VMX_SUCCEED || insn_vmptrld(region) != VMX_SUCCEED) {
		log_error("vmx", "VMCS refused region=%#lx", region.value);
		return STATUS_UNSUPPORTED;
	}
	init_software_state(vcpu);
	init_controls(vcpu);
	host_state_write(&vcpu->frame, vcpu->host_cpu);
	init_guest_state(vcpu, start);
	vcpu_interrupts_init(vcpu);
	cpuid_policy_keep_constant_leaves(vcpu);
	return STATUS_OK;
}
