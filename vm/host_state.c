/* SPDX-License-Identifier: MIT */
#include "vm/host_state.h"

#include "cpu/gdt.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "vmx/vmcs.h"

void host_state_write(const struct vmx_frame *frame, const struct gdt_cpu *cpu)
{
	vmcs_write16(VMCS_HOST_CS_SELECTOR, GDT_CODE_SELECTOR);
	vmcs_write16(VMCS_HOST_SS_SELECTOR, GDT_DATA_SELECTOR);
	vmcs_write16(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_TR_SELECTOR, GDT_TSS_SELECTOR);
	vmcs_write_natural(VMCS_HOST_CR0, insn_read_cr0());
	vmcs_write_natural(VMCS_HOST_CR3, insn_read_cr3());
	vmcs_write_natural(VMCS_HOST_CR4, insn_read_cr4());
	vmcs_write_natural(VMCS_HOST_FS_BASE, insn_rdmsr(MSR_IA32_FS_BASE));
	vmcs_write_natural(VMCS_HOST_GS_BASE, insn_rdmsr(MSR_IA32_GS_BASE));
	vmcs_write_natural(VMCS_HOST_TR_BASE, hpa_of(&cpu->tss).value);
	vmcs_write_natural(VMCS_HOST_GDTR_BASE, insn_sgdt().base);
	vmcs_write_natural(VMCS_HOST_IDTR_BASE, insn_sidt().base);
	vmcs_write32(VMCS_HOST_IA32_SYSENTER_CS, 0);
	vmcs_write_natural(VMCS_HOST_IA32_SYSENTER_ESP, 0);
	vmcs_write_natural(VMCS_HOST_IA32_SYSENTER_EIP, 0);
	vmcs_write64(VMCS_HOST_IA32_PAT, insn_rdmsr(MSR_IA32_PAT));
	vmcs_write64(VMCS_HOST_IA32_EFER, insn_rdmsr(MSR_IA32_EFER));
	vmcs_write_natural(VMCS_HOST_RSP, hpa_of(frame).value);
	vmcs_write_natural(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vmx_exit_entry);
}
