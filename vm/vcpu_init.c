/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "cpu/msr.h"
#include "cpu/percpu.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/cpuid_policy.h"
#include "vm/guest_state.h"
#include "vm/host_state.h"
#include "vm/msr_policy.h"
#include "vm/vcpu.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vcpu_timer.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum {
	IO_BITMAPS_BYTES = 2 * 4096,
	ALL_PORTS_EXIT = 0xff,
	/* In ticks of the TSC, as Linux KVM has them: PAUSEs so near each other are one loop, and
	 * so long it may go on. SDM Vol. 3C "Controls for PAUSE-Loop Exiting". */
	PAUSE_LOOP_GAP = 128,
	PAUSE_LOOP_WINDOW = 4096,
};

#define ALL_ENCLS_LEAVES_EXIT        UINT64_MAX
#define MTRR_DEF_TYPE_ENABLED_WB     (BIT(11) | MEMORY_TYPE_WB)
#define MISC_ENABLE_FAST_STRINGS     BIT(0)
#define MISC_ENABLE_BTS_UNAVAILABLE  BIT(11)
#define MISC_ENABLE_PEBS_UNAVAILABLE BIT(12)

/* Interception stops a guest that would otherwise keep the CPU in an endless event delivery. */
#define EXCEPTIONS_INTERCEPTED (BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC))

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
	if ((controls->secondary & SECONDARY_PAUSE_LOOP_EXITING) != 0) {
		vmcs_write32(VMCS_PLE_GAP, PAUSE_LOOP_GAP);
		vmcs_write32(VMCS_PLE_WINDOW, PAUSE_LOOP_WINDOW);
	}
	if ((controls->secondary & SECONDARY_ENABLE_ENCLS_EXITING) != 0) {
		vmcs_write64(VMCS_ENCLS_EXITING_BITMAP, ALL_ENCLS_LEAVES_EXIT);
	}
	vmcs_write64(VMCS_TSC_OFFSET, vcpu->tsc_offset);
	if ((controls->secondary & SECONDARY_ENABLE_VPID) != 0) {
		vmcs_write16(VMCS_VIRTUAL_PROCESSOR_ID, vcpu->vpid);
	}
}

/* A former life may have left anything: controls, requests, a vCPU that is set up. */
static void clear_life(struct vcpu *vcpu)
{
	const size_t life = offsetof(struct vcpu, after_call);

	vcpu->frame = (struct vmx_frame){.handle_exit = vcpu->frame.handle_exit};
	memset((uint8_t *)vcpu + life, 0, sizeof(*vcpu) - life);
}

void vcpu_create(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	clear_life(vcpu);
	format(vcpu->name, sizeof(vcpu->name), "%s/vcpu%u", vm->config->name, vcpu->id);
	vcpu->after_call = VMX_RESUME_CALL;
	vcpu->activity = vcpu->id == 0 ? VCPU_ACTIVE : VCPU_WAIT_FOR_STARTUP;
	vcpu->is_idle_for_good = vcpu->activity != VCPU_ACTIVE;
	vcpu->wake_tsc = UINT64_MAX;
	posted_interrupts_init(&vcpu->posted, CPU_POSTED_VECTOR, 0);
	/* The guest's TSC counts from its start. */
	vcpu->start_tsc = vm->start_tsc;
	vcpu->tsc_offset = 0 - vcpu->start_tsc;
	vcpu->xcr0_allowed = vcpu->xsave_layout->components;
	vcpu_reset_saved(vcpu);
	vcpu->msrs.misc_enable = MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_BTS_UNAVAILABLE |
				 MISC_ENABLE_PEBS_UNAVAILABLE;
	vcpu->msrs.mtrr_def_type = MTRR_DEF_TYPE_ENABLED_WB;
	vcpu->kvm.poll_control = 1; /* The host may poll before it lets a HLT wait. */
	memset(vcpu->pages.io_bitmaps, ALL_PORTS_EXIT, IO_BITMAPS_BYTES);
	vcpu_interrupts_init(vcpu);
}

enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	enum status status = control_set_make(vcpu->capability, &vcpu->controls);

	if (status != STATUS_OK) {
		return status;
	}
	memset(vcpu->pages.vmcs, 0, PAGE_SIZE_4K);
	vcpu->pages.vmcs[0] = (uint32_t)bits_get(
		vcpu->capability->basic, VMX_BASIC_REVISION_HIGH, VMX_BASIC_REVISION_LOW);
	if (!current_vmcs_make(vcpu->pages.vmcs)) {
		return STATUS_UNSUPPORTED;
	}
	vcpu->frame.is_launched = false;
	vcpu->is_set_up = true;
	init_controls(vcpu);
	msr_policy_fill_bitmap(vcpu->pages.msr_bitmap, &vcpu->controls);
	host_state_write(&vcpu->frame, this_cpu()->gdt);
	guest_state_init(vcpu, start);
	vcpu_timer_init(vcpu);
	vcpu_apicv_init(vcpu);
	cpuid_policy_keep_constant_leaves(vcpu);
	return STATUS_OK;
}
