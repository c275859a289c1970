/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/exit_shadow.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "fake_insn.h"
#include "tests/fuzz/exit_machine.h"
#include "tests/fuzz/require.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdio.h>

/* A VMCS field that an exit's handling may write, and which bits of it. */
struct field_rule {
	uint32_t field;
	uint64_t bits;
};

#define WHOLE UINT64_MAX
#define PRIMARY_CHANGING                                                                           \
	(PRIMARY_INTERRUPT_WINDOW_EXITING | PRIMARY_NMI_WINDOW_EXITING |                           \
		PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING | PRIMARY_USE_TPR_SHADOW)
#define SECONDARY_CHANGING (SECONDARY_VIRTUALIZE_APIC_ACCESSES | SECONDARY_VIRTUALIZE_X2APIC_MODE)

static const struct field_rule rules[] = {
	{VMCS_GUEST_INTERRUPT_STATUS, WHOLE},
	{VMCS_TSC_OFFSET, WHOLE},
	{VMCS_EOI_EXIT_BITMAP_0, WHOLE},
	{VMCS_EOI_EXIT_BITMAP_1, WHOLE},
	{VMCS_EOI_EXIT_BITMAP_2, WHOLE},
	{VMCS_EOI_EXIT_BITMAP_3, WHOLE},
	{VMCS_GUEST_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF},
	{VMCS_GUEST_IA32_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE},
	{VMCS_GUEST_PDPTE0, WHOLE},
	{VMCS_GUEST_PDPTE1, WHOLE},
	{VMCS_GUEST_PDPTE2, WHOLE},
	{VMCS_GUEST_PDPTE3, WHOLE},
	{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, PRIMARY_CHANGING},
	{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_CHANGING},
	{VMCS_VM_ENTRY_CONTROLS, ENTRY_IA32E_MODE_GUEST},
	{VMCS_VM_ENTRY_INTERRUPTION_INFO, WHOLE},
	{VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, WHOLE},
	{VMCS_VM_ENTRY_INSTRUCTION_LENGTH, WHOLE},
	{VMCS_TPR_THRESHOLD, WHOLE},
	{VMCS_GUEST_INTERRUPTIBILITY_STATE, WHOLE},
	{VMCS_VMX_PREEMPTION_TIMER_VALUE, WHOLE},
	{VMCS_CR0_READ_SHADOW, WHOLE},
	{VMCS_CR4_READ_SHADOW, WHOLE},
	/* Never NE, CD and NW, MCE and VMXE, whatever the guest writes. */
	{VMCS_GUEST_CR0, CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_WP | CR0_AM | CR0_PG},
	{VMCS_GUEST_CR4, ~(CR4_MCE | CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_CET | CR4_PKS)},
	{VMCS_GUEST_DR7, DR7_GD},
	{VMCS_GUEST_RSP, WHOLE},
	{VMCS_GUEST_RIP, WHOLE},
	{VMCS_GUEST_RFLAGS, RFLAGS_RF},
	{VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, WHOLE},
};

static uint64_t before[MACHINE_FIELDS_MAX];
static struct fake_cpu cpu_before;

/* What no exit may change: the MSRs that are ours while a guest runs. */
static const uint32_t host_msrs[] = {MSR_IA32_PAT, MSR_IA32_EFER, MSR_IA32_APIC_BASE,
	MSR_IA32_FS_BASE, MSR_IA32_GS_BASE, MSR_IA32_FEATURE_CONTROL, MSR_IA32_STAR, MSR_IA32_LSTAR,
	MSR_IA32_CSTAR, MSR_IA32_FMASK, MSR_IA32_KERNEL_GS_BASE, MSR_IA32_TSC_AUX};
static uint64_t msrs_before[ARRAY_COUNT(host_msrs)];
static uint64_t clock_before[2];
static size_t port_writes_before;

static UNTRACED uint64_t changing_bits(uint32_t field)
{
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		if (rules[i].field == field) {
			return rules[i].bits;
		}
	}
	return 0;
}

static UNTRACED void check_fields(void)
{
	uint64_t now[MACHINE_FIELDS_MAX];

	machine_vmcs_save(now);
	for (size_t i = 0; i < machine_field_count(); i++) {
		uint32_t field;
		const char *name;

		if (now[i] == before[i]) {
			continue;
		}
		name = machine_field(i, &field);
		if (((now[i] ^ before[i]) & ~changing_bits(field)) != 0) {
			exit_shadow_fail(name, field, before[i], now[i]);
		}
	}
}

void exit_shadow_take_vmcs(void)
{
	machine_vmcs_save(before);
	cpu_before = fake_cpu;
	for (size_t i = 0; i < ARRAY_COUNT(host_msrs); i++) {
		(void)fake_msr_get(host_msrs[i], &msrs_before[i]);
	}
	clock_before[0] = tsc_hz();
	clock_before[1] = wall_clock_ns(0);
	port_writes_before = fake_port_write_count();
}

static void check_msrs(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(host_msrs); i++) {
		uint64_t now;

		(void)fake_msr_get(host_msrs[i], &now);
		if (now != msrs_before[i]) {
			exit_shadow_fail("an MSR", host_msrs[i], msrs_before[i], now);
		}
	}
}

/* An exit does a bounded number of things: a piece of a REP OUTS is the longest. */
static void check_work(void)
{
	enum { VMCS_ACCESSES_MAX = 40000, TSC_READS_MAX = 20000, PAUSES_MAX = 1000 };

	require(fake_cpu.vmread_count - cpu_before.vmread_count < VMCS_ACCESSES_MAX);
	require(fake_cpu.vmwrite_count - cpu_before.vmwrite_count < VMCS_ACCESSES_MAX);
	require(fake_cpu.tsc - cpu_before.tsc < TSC_READS_MAX);
	require(fake_cpu.pause_count - cpu_before.pause_count < PAUSES_MAX);
}

static void check_cpu(const struct vcpu *vcpu)
{
	require(fake_cpu.cr0 == cpu_before.cr0 && fake_cpu.cr3 == cpu_before.cr3 &&
		fake_cpu.cr4 == cpu_before.cr4);
	require((fake_cpu.xcr0 & ~vcpu->xcr0_allowed) == 0 && (fake_cpu.xcr0 & XCR0_X87) != 0);
	for (unsigned i = 0; i < VCPU_DEBUG_ADDRESSES; i++) {
		require(fake_cpu.dr[i] == cpu_before.dr[i]);
	}
	require(fake_cpu.gdtr.base == cpu_before.gdtr.base &&
		fake_cpu.idtr.base == cpu_before.idtr.base &&
		fake_cpu.task_register == cpu_before.task_register);
	require(fake_cpu.vmptrld_count == cpu_before.vmptrld_count &&
		fake_cpu.vmclear_count == cpu_before.vmclear_count &&
		fake_cpu.vmxoff_count == cpu_before.vmxoff_count);
	/* No field that is read-only or does not exist was written; no port of the machine. */
	require(fake_cpu.vmwrite_refused_count == cpu_before.vmwrite_refused_count);
	require(fake_port_write_count() == port_writes_before);
	require(tsc_hz() == clock_before[0] && wall_clock_ns(0) == clock_before[1]);
}

void exit_shadow_check_vmcs(const struct vcpu *vcpu)
{
	check_fields();
	check_msrs();
	check_work();
	check_cpu(vcpu);
}
