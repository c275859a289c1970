/* SPDX-License-Identifier: MIT */
#include "vmx/current_vmcs.h"

#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/panic.h"
#include "cpu/percpu.h"

void current_vmcs_use(const void *region)
{
	this_cpu()->vmcs = region;
}

void current_vmcs_load(const void *region)
{
	this_cpu()->vmcs = region;
	if (insn_vmptrld(hpa_of(region)) != VMX_SUCCEED) {
		panic("VMPTRLD refused region=%p", region);
	}
}

bool current_vmcs_make(const void *region)
{
	const bool is_made = insn_vmclear(hpa_of(region)) == VMX_SUCCEED &&
			     insn_vmptrld(hpa_of(region)) == VMX_SUCCEED;

	this_cpu()->vmcs = is_made ? region : NULL;
	if (!is_made) {
		log_error("vmx", "VMCS refused region=%p", region);
	}
	return is_made;
}

void current_vmcs_clear(const void *region)
{
	this_cpu()->vmcs = NULL;
	if (insn_vmclear(hpa_of(region)) != VMX_SUCCEED) {
		log_error("vmx", "VMCLEAR failed region=%p", region);
	}
}

void current_vmcs_check_owner(void)
{
	const void *wanted = this_cpu()->vmcs;
	const hpa_t current = insn_vmptrst();

	if (wanted == NULL) {
		panic("a VMCS is used where none is to be: current=%#lx", current.value);
	}
	if (current.value != hpa_of(wanted).value) {
		panic("the VMCS of another is current=%#lx want=%p", current.value, wanted);
	}
}

void current_vmcs_check_region(const void *region)
{
	if (this_cpu()->vmcs != region) {
		panic("the VMCS of another vCPU is used=%p want=%p", this_cpu()->vmcs, region);
	}
	current_vmcs_check_owner();
}
