/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "cpu/percpu.h"
#include "vm/msr_policy.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_shootdown.h"
#include "vmx/control_bits.h"
#include "vmx/operation.h"
#include "vmx/vmcs.h"

static enum apic_reach reach_of(const struct virtual_apic *apic)
{
	if (virtual_apic_is_enabled(apic) && virtual_apic_is_x2apic(apic)) {
		return APIC_REACH_MSRS;
	}
	/* A guest that moves its page has it in software: nobody does. */
	if (virtual_apic_is_xapic(apic) &&
		virtual_apic_mmio_address(apic).value == VIRTUAL_APIC_BASE_DEFAULT) {
		return APIC_REACH_PAGE;
	}
	return APIC_REACH_NOWHERE;
}

/*
 * The APIC-access page is there for its address alone: the CPU turns each access to it into one of
 * the virtual-APIC page, or into a VM exit. All vCPUs share the EPT, so it is mapped while one of
 * them needs it. One whose APIC is in x2APIC mode meanwhile finds memory there, of its guest alone,
 * and with one memory type as all RAM. Returns false if it cannot be mapped.
 */
static bool use_access_page(struct vcpu *vcpu, bool has_page)
{
	static const struct ept_attributes access_page = {
		EPT_READ | EPT_WRITE, MEMORY_TYPE_WB, .ignores_pat = true};
	struct vm *vm = vcpu->vm;
	const gpa_t guest = gpa(VIRTUAL_APIC_BASE_DEFAULT);
	enum status status = STATUS_OK;
	bool is_changed;

	if (vcpu->apicv.has_page == has_page) {
		return true;
	}
	spin_lock(&vm->memory_lock);
	is_changed = vm->access_page_users == (has_page ? 0 : 1);
	if (is_changed) {
		status = has_page ? ept_map(&vm->ept, guest, hpa_of(vcpu->pages.apic_access),
					    PAGE_SIZE_4K, access_page)
				  : ept_unmap(&vm->ept, guest, PAGE_SIZE_4K);
	}
	if (status == STATUS_OK) {
		vm->access_page_users += has_page ? 1 : -1u;
	}
	spin_unlock(&vm->memory_lock);
	if (status != STATUS_OK) {
		return false;
	}
	vcpu->apicv.has_page = has_page;
	if (is_changed && !has_page) {
		vcpu_shoot_down_ept(vcpu);
	}
	return true;
}

/* The page is mapped while the control is on, and only then: else the guest would write to it. */
static void set_controls(struct vcpu *vcpu, enum apic_reach reach)
{
	struct control_set *controls = &vcpu->controls;
	const uint32_t before = controls->secondary;
	bool has_page;

	vcpu_check_current(vcpu);
	apic_controls_set(vcpu->capability, vcpu->apicv.level, reach, controls);
	has_page = (controls->secondary & SECONDARY_VIRTUALIZE_APIC_ACCESSES) != 0;
	if (!use_access_page(vcpu, has_page)) {
		log_warn(vcpu->vm->config->name, "no memory for its APIC-access page in the EPT");
		apic_controls_set(
			vcpu->capability, vcpu->apicv.level, APIC_REACH_NOWHERE, controls);
	}
	vmcs_write32(VMCS_PIN_BASED_CONTROLS, controls->pin);
	vmcs_write32(VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, controls->primary);
	vmcs_write32(VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, controls->secondary);
	msr_policy_fill_bitmap(vcpu->pages.msr_bitmap, controls);
	/* What was cached without the control would reach memory with it. SDM Vol. 3C "Virtualizing
	 * Memory-Mapped APIC Accesses". */
	if (((before ^ controls->secondary) & SECONDARY_VIRTUALIZE_APIC_ACCESSES) != 0) {
		vmx_invalidate_vpid(vcpu->capability, vcpu->vpid);
	}
}

void vcpu_apicv_init(struct vcpu *vcpu)
{
	struct vcpu_apicv *apicv = &vcpu->apicv;

	*apicv = (struct vcpu_apicv){
		.level = apic_controls_level(vcpu->capability, vcpu->apic_choice)};
	if (apicv->level != APIC_LEVEL_SOFTWARE) {
		vmcs_write64(VMCS_VIRTUAL_APIC_ADDRESS, hpa_of(vcpu->pages.apic).value);
		vmcs_write64(VMCS_APIC_ACCESS_ADDRESS, hpa_of(vcpu->pages.apic_access).value);
		vmcs_write32(VMCS_TPR_THRESHOLD, 0);
	}
	if (vcpu_apicv_delivers(vcpu)) {
		vmcs_write16(VMCS_GUEST_INTERRUPT_STATUS, 0);
		vmcs_write64(VMCS_EOI_EXIT_BITMAP_0, 0);
		vmcs_write64(VMCS_EOI_EXIT_BITMAP_1, 0);
		vmcs_write64(VMCS_EOI_EXIT_BITMAP_2, 0);
		vmcs_write64(VMCS_EOI_EXIT_BITMAP_3, 0);
	}
	if (vcpu_apicv_takes_posted(vcpu)) {
		vmcs_write16(VMCS_POSTED_INTERRUPT_NOTIFICATION_VECTOR, CPU_POSTED_VECTOR);
		vmcs_write64(VMCS_POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,
			hpa_of(&vcpu->posted.descriptor).value);
	}
	set_controls(vcpu, reach_of(&vcpu->apic));
	if (vcpu->id == 0) {
		log_info(vcpu->vm->config->name, "local APIC: %s",
			apic_controls_level_name(apicv->level));
	}
}

void vcpu_apicv_mode_changed(struct vcpu *vcpu)
{
	if (vcpu->apicv.level != APIC_LEVEL_SOFTWARE) {
		set_controls(vcpu, reach_of(&vcpu->apic));
	}
}
