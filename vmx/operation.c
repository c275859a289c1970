/* SPDX-License-Identifier: MIT */
#include "vmx/operation.h"

#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/msr.h"
#include "cpu/percpu.h"
#include "cpu/registers.h"
#include "lib/bits.h"

enum invalidation_type {
	INVEPT_SINGLE_CONTEXT = 1,
	INVEPT_ALL_CONTEXTS = 2,
	INVVPID_SINGLE_CONTEXT = 1,
	INVVPID_ALL_CONTEXTS = 2,
};

/* What went well is said once; the others are counted. */
static bool is_boot_processor(void)
{
	return this_cpu()->index == 0;
}

/* SDM Vol. 3C "Enabling and Entering VMX Operation": VMXON #GPs until the MSR is locked with VMX
 * on. */
static enum status feature_control_prepare(const struct vmx_capability *capability)
{
	const uint64_t wanted = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;

	if ((capability->feature_control & wanted) == wanted) {
		if (is_boot_processor()) {
			log_info("vmx",
				"IA32_FEATURE_CONTROL locked by the firmware with VMX on "
				"value=%#lx",
				capability->feature_control);
		}
		return STATUS_OK;
	}
	if ((capability->feature_control & FEATURE_CONTROL_LOCK) != 0) {
		log_error("vmx",
			"IA32_FEATURE_CONTROL locked by the firmware with VMX off value=%#lx",
			capability->feature_control);
		return STATUS_UNSUPPORTED;
	}
	if (!insn_wrmsr_safe(MSR_IA32_FEATURE_CONTROL, capability->feature_control | wanted)) {
		log_error("vmx", "IA32_FEATURE_CONTROL refuses value=%#lx",
			capability->feature_control | wanted);
		return STATUS_UNSUPPORTED;
	}
	if (is_boot_processor()) {
		log_info("vmx",
			"IA32_FEATURE_CONTROL was unlocked value=%#lx: locked now with VMX on",
			capability->feature_control);
	}
	return STATUS_OK;
}

/* Whoever used VMX on this CPU before may have left translations under our VPID or EPT pointer. */
static void invalidate_all(const struct vmx_capability *capability)
{
	const uint64_t all_vpids = EPT_CAP_INVVPID | EPT_CAP_INVVPID_ALL;
	const struct invalidation_descriptor none = {0, 0};

	if ((capability->ept_vpid_cap & EPT_CAP_INVEPT_ALL) != 0) {
		(void)insn_invept(INVEPT_ALL_CONTEXTS, &none);
	}
	if ((capability->ept_vpid_cap & all_vpids) == all_vpids) {
		(void)insn_invvpid(INVVPID_ALL_CONTEXTS, &none);
	}
}

enum status vmx_operation_enter(const struct vmx_capability *capability, void *region)
{
	enum status status = feature_control_prepare(capability);
	const uint32_t revision = (uint32_t)bits_get(
		capability->basic, VMX_BASIC_REVISION_HIGH, VMX_BASIC_REVISION_LOW);

	if (status != STATUS_OK) {
		return status;
	}
	insn_write_cr0((insn_read_cr0() | capability->cr0_fixed0) & capability->cr0_fixed1);
	insn_write_cr4(
		((insn_read_cr4() | capability->cr4_fixed0) & capability->cr4_fixed1) | CR4_VMXE);
	*(uint32_t *)region = revision;
	if (insn_vmxon(hpa_of(region)) != VMX_SUCCEED) {
		log_error("vmx", "VMXON failed revision=%#x region=%p", revision, region);
		insn_write_cr4(insn_read_cr4() & ~CR4_VMXE);
		return STATUS_UNSUPPORTED;
	}
	invalidate_all(capability);
	if (is_boot_processor()) {
		log_info("vmx", "VMX root operation entered revision=%#x", revision);
	}
	return STATUS_OK;
}

void vmx_operation_leave(void)
{
	insn_vmxoff();
	insn_write_cr4(insn_read_cr4() & ~CR4_VMXE);
}

void vmx_invalidate_ept(const struct vmx_capability *capability, uint64_t ept_pointer)
{
	const bool has_single = (capability->ept_vpid_cap & EPT_CAP_INVEPT_SINGLE) != 0;
	const struct invalidation_descriptor descriptor = {has_single ? ept_pointer : 0, 0};

	if (insn_invept(has_single ? INVEPT_SINGLE_CONTEXT : INVEPT_ALL_CONTEXTS, &descriptor) !=
		VMX_SUCCEED) {
		log_error("vmx", "INVEPT failed ept_pointer=%#lx", ept_pointer);
	}
}

void vmx_invalidate_vpid(const struct vmx_capability *capability, uint16_t vpid)
{
	const bool has_single = (capability->ept_vpid_cap & EPT_CAP_INVVPID_SINGLE) != 0;
	const struct invalidation_descriptor descriptor = {has_single ? vpid : 0, 0};

	/* Without either VPIDs are not used. */
	if ((capability->ept_vpid_cap & EPT_CAP_INVVPID) == 0 ||
		(capability->ept_vpid_cap & (EPT_CAP_INVVPID_SINGLE | EPT_CAP_INVVPID_ALL)) == 0) {
		return;
	}
	if (insn_invvpid(has_single ? INVVPID_SINGLE_CONTEXT : INVVPID_ALL_CONTEXTS, &descriptor) !=
		VMX_SUCCEED) {
		log_error("vmx", "INVVPID failed vpid=%#x", vpid);
	}
}
