/* SPDX-License-Identifier: MIT */
#include "vmx/requirements.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "vmx/control_bits.h"

static const char any_vmx_cpu_has_it[] =
	"every Intel CPU with VMX has it: the hypervisor below this machine hides it";
static const char nehalem_or_newer[] = "use an Intel CPU from Nehalem (2008) on";
static const char nehalem_with_ept[] =
	"use an Intel CPU from Nehalem (2008) on; in a virtual machine, switch EPT on below";
static const char westmere_or_newer[] =
	"CPUs before Westmere (2010) lack it: use a newer one; in a virtual machine, switch it on "
	"below";
static const char true_controls_or_newer[] =
	"CPUs without the TRUE capability MSRs cannot: use an Intel CPU from Nehalem (2008) on";
static const char nothing_to_do[] = "nothing needs to be done";

#define RUNNING_CR0      (CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define UNWANTED_CR0     (CR0_EM | CR0_TS | CR0_NW | CR0_CD)
#define RUNNING_CR4      (CR4_PAE | CR4_VMXE)
#define GUEST_CR0        (CR0_MP | CR0_EM | CR0_TS | CR0_AM)
#define UNKNOWN_CR4      BITS_MASK(63, 23) /* CET and all that is newer. */
#define UNWANTED_CR4     (CR4_LA57 | CR4_SMXE | CR4_PCIDE | UNKNOWN_CR4)
#define ADDRESS_BITS_MAX 52 /* SDM Vol. 3A "Enumeration of Paging Features by CPUID". */

const struct requirement requirements_table[] = {
	{"external-interrupt exiting", CAPABILITY_PIN, RULE_SET_TO_1, NEED_REQUIRED,
		PIN_EXTERNAL_INTERRUPT_EXITING, "the machine's interrupts are the hypervisor's",
		any_vmx_cpu_has_it},
	{"NMI exiting", CAPABILITY_PIN, RULE_SET_TO_1, NEED_REQUIRED, PIN_NMI_EXITING,
		"the machine's NMIs are the hypervisor's", any_vmx_cpu_has_it},
	{"virtual NMIs", CAPABILITY_PIN, RULE_SET_TO_1, NEED_USED, PIN_VIRTUAL_NMIS,
		"without it the CPU does not track a guest's NMI blocking", nothing_to_do},
	{"activate VMX-preemption timer", CAPABILITY_PIN, RULE_CAN_BE_1, NEED_USED,
		PIN_VMX_PREEMPTION_TIMER, "without it the host's timer interrupts guests",
		nothing_to_do},

	{"HLT exiting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED, PRIMARY_HLT_EXITING,
		"a guest's HLT must not stop the machine", any_vmx_cpu_has_it},
	{"MWAIT exiting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED, PRIMARY_MWAIT_EXITING,
		"a guest's MWAIT must not stop the machine", any_vmx_cpu_has_it},
	{"MONITOR exiting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_MONITOR_EXITING, "guests see no MONITOR", any_vmx_cpu_has_it},
	{"RDPMC exiting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED, PRIMARY_RDPMC_EXITING,
		"guests must not read the machine's counters", any_vmx_cpu_has_it},
	{"use TSC offsetting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_USE_TSC_OFFSETTING, "a guest's TSC counts from its start",
		any_vmx_cpu_has_it},
	{"CR8-load exiting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_CR8_LOAD_EXITING, "a guest must not raise the machine's TPR",
		"use a CPU with Intel 64"},
	{"CR8-store exiting", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_CR8_STORE_EXITING, "a guest must not see the machine's TPR",
		"use a CPU with Intel 64"},
	{"use I/O bitmaps", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_USE_IO_BITMAPS, "every port access of a guest exits", any_vmx_cpu_has_it},
	{"use MSR bitmaps", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_USE_MSR_BITMAPS, "chosen MSRs are the guest's own, all others exit",
		any_vmx_cpu_has_it},
	{"activate secondary controls", CAPABILITY_PRIMARY, RULE_SET_TO_1, NEED_REQUIRED,
		PRIMARY_ACTIVATE_SECONDARY, "EPT and unrestricted guest lie there",
		nehalem_with_ept},
	{"INVLPG exiting", CAPABILITY_PRIMARY, RULE_CAN_BE_0, NEED_REQUIRED, PRIMARY_INVLPG_EXITING,
		"guests own their page tables", any_vmx_cpu_has_it},
	{"RDTSC exiting", CAPABILITY_PRIMARY, RULE_CAN_BE_0, NEED_REQUIRED, PRIMARY_RDTSC_EXITING,
		"guests read the TSC without an exit", any_vmx_cpu_has_it},
	{"CR3-load exiting", CAPABILITY_PRIMARY, RULE_CAN_BE_0, NEED_REQUIRED,
		PRIMARY_CR3_LOAD_EXITING, "guests own their page tables", true_controls_or_newer},
	{"CR3-store exiting", CAPABILITY_PRIMARY, RULE_CAN_BE_0, NEED_REQUIRED,
		PRIMARY_CR3_STORE_EXITING, "guests own their page tables", true_controls_or_newer},

	{"use TPR shadow", CAPABILITY_PRIMARY, RULE_CAN_BE_1, NEED_USED, PRIMARY_USE_TPR_SHADOW,
		"without it guests' local APICs are all in software", nothing_to_do},

	{"enable EPT", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_REQUIRED, SECONDARY_ENABLE_EPT,
		"guests have physical memory of their own", nehalem_with_ept},
	{"unrestricted guest", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_REQUIRED,
		SECONDARY_UNRESTRICTED_GUEST, "guests start in real mode or without paging",
		westmere_or_newer},
	{"WBINVD exiting", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_REQUIRED,
		SECONDARY_WBINVD_EXITING, "a guest must not flush the machine's caches",
		any_vmx_cpu_has_it},
	{"enable VPID", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_USED, SECONDARY_ENABLE_VPID,
		"without it every exit and entry flushes the TLB", nothing_to_do},
	{"enable RDTSCP", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_USED, SECONDARY_ENABLE_RDTSCP,
		"without it guests see no RDTSCP", nothing_to_do},
	{"enable INVPCID", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_USED, SECONDARY_ENABLE_INVPCID,
		"without it guests see no INVPCID", nothing_to_do},

	{"virtualize APIC accesses", CAPABILITY_SECONDARY, RULE_CAN_BE_1, NEED_USED,
		SECONDARY_VIRTUALIZE_APIC_ACCESSES,
		"without it every xAPIC access of a guest exits", nothing_to_do},
	{"virtualize x2APIC mode", CAPABILITY_SECONDARY, RULE_CAN_BE_1, NEED_USED,
		SECONDARY_VIRTUALIZE_X2APIC_MODE, "without it every x2APIC access of a guest exits",
		nothing_to_do},
	{"APIC-register virtualization", CAPABILITY_SECONDARY, RULE_CAN_BE_1, NEED_USED,
		SECONDARY_APIC_REGISTER_VIRTUALIZATION,
		"without it a guest's reads of its local APIC exit", nothing_to_do},
	{"virtual-interrupt delivery", CAPABILITY_SECONDARY, RULE_CAN_BE_1, NEED_USED,
		SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
		"without it a guest's interrupts are injected, and their EOI exits", nothing_to_do},
	{"PAUSE-loop exiting", CAPABILITY_SECONDARY, RULE_SET_TO_1, NEED_USED,
		SECONDARY_PAUSE_LOOP_EXITING,
		"without it the hypervisor does not see that a guest spins", nothing_to_do},

	{"save debug controls", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED,
		EXIT_SAVE_DEBUG_CONTROLS, "DR7 and IA32_DEBUGCTL are the guest's own",
		any_vmx_cpu_has_it},
	{"host address-space size", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED,
		EXIT_HOST_ADDRESS_SPACE_SIZE, "the hypervisor runs in 64-bit mode",
		"use a CPU with Intel 64"},
	{"acknowledge interrupt on exit", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED,
		EXIT_ACKNOWLEDGE_INTERRUPT, "the exit tells which interrupt came",
		any_vmx_cpu_has_it},
	{"save IA32_PAT", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED, EXIT_SAVE_IA32_PAT,
		"IA32_PAT is the guest's own", nehalem_or_newer},
	{"load IA32_PAT", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED, EXIT_LOAD_IA32_PAT,
		"the hypervisor keeps its IA32_PAT", nehalem_or_newer},
	{"save IA32_EFER", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED, EXIT_SAVE_IA32_EFER,
		"IA32_EFER is the guest's own", nehalem_or_newer},
	{"load IA32_EFER", CAPABILITY_EXIT, RULE_SET_TO_1, NEED_REQUIRED, EXIT_LOAD_IA32_EFER,
		"the hypervisor keeps its IA32_EFER", nehalem_or_newer},

	{"save VMX-preemption timer value", CAPABILITY_EXIT, RULE_CAN_BE_1, NEED_USED,
		EXIT_SAVE_PREEMPTION_TIMER, "without it the host's timer interrupts guests",
		nothing_to_do},

	{"load debug controls", CAPABILITY_ENTRY, RULE_SET_TO_1, NEED_REQUIRED,
		ENTRY_LOAD_DEBUG_CONTROLS, "DR7 and IA32_DEBUGCTL are the guest's own",
		any_vmx_cpu_has_it},
	{"IA-32e mode guest", CAPABILITY_ENTRY, RULE_CAN_BE_1, NEED_REQUIRED,
		ENTRY_IA32E_MODE_GUEST, "guests may go to 64-bit mode", "use a CPU with Intel 64"},
	{"load IA32_PAT", CAPABILITY_ENTRY, RULE_SET_TO_1, NEED_REQUIRED, ENTRY_LOAD_IA32_PAT,
		"IA32_PAT is the guest's own", nehalem_or_newer},
	{"load IA32_EFER", CAPABILITY_ENTRY, RULE_SET_TO_1, NEED_REQUIRED, ENTRY_LOAD_IA32_EFER,
		"IA32_EFER is the guest's own", nehalem_or_newer},

	{"PE, ET, NE, WP, PG", CAPABILITY_CR0, RULE_CAN_BE_1, NEED_REQUIRED, RUNNING_CR0,
		"the hypervisor runs paged and write-protected", any_vmx_cpu_has_it},
	{"MP, EM, TS, AM", CAPABILITY_CR0, RULE_CAN_BE_1, NEED_REQUIRED, GUEST_CR0,
		"guests set them", any_vmx_cpu_has_it},
	{"EM, TS, NW, CD", CAPABILITY_CR0, RULE_CAN_BE_0, NEED_REQUIRED, UNWANTED_CR0,
		"the hypervisor runs with caches on, guests use the FPU", any_vmx_cpu_has_it},
	{"PAE, VMXE", CAPABILITY_CR4, RULE_CAN_BE_1, NEED_REQUIRED, RUNNING_CR4,
		"64-bit mode and VMX operation", any_vmx_cpu_has_it},
	{"LA57, SMXE, PCIDE, bits 63:23", CAPABILITY_CR4, RULE_CAN_BE_0, NEED_REQUIRED,
		UNWANTED_CR4, "the hypervisor does not use them", any_vmx_cpu_has_it},

	{"32-bit physical addresses only", CAPABILITY_BASIC, RULE_CAN_BE_0, NEED_REQUIRED,
		VMX_BASIC_32BIT_ADDRESSES, "a VMCS may lie above 4 GiB", "use a CPU with Intel 64"},
	{"INS and OUTS instruction information", CAPABILITY_BASIC, RULE_CAN_BE_1, NEED_REQUIRED,
		VMX_BASIC_INS_OUTS_INFO, "string I/O of guests is emulated", nehalem_or_newer},
	{"TRUE capability MSRs", CAPABILITY_BASIC, RULE_CAN_BE_1, NEED_USED,
		VMX_BASIC_TRUE_CONTROLS, "without them CR3 exiting counts as fixed to 1",
		nehalem_or_newer},
	{"VMCS region size", CAPABILITY_REGION_SIZE, RULE_1_TO_MOST, NEED_REQUIRED, PAGE_SIZE_4K,
		"a VMCS lies in one page", any_vmx_cpu_has_it},
	{"VMCS memory type write-back", CAPABILITY_REGION_MEMORY_TYPE, RULE_EQUALS, NEED_REQUIRED,
		MEMORY_TYPE_WB, "the VMCS lies in ordinary memory", any_vmx_cpu_has_it},

	{"page-walk length of 4", CAPABILITY_EPT, RULE_ANY_OF, NEED_REQUIRED, EPT_CAP_WALK_LENGTH_4,
		"EPT has four levels", any_vmx_cpu_has_it},
	{"EPT memory type write-back", CAPABILITY_EPT, RULE_ANY_OF, NEED_REQUIRED, EPT_CAP_WB,
		"EPT lies in ordinary memory", any_vmx_cpu_has_it},
	{"INVEPT", CAPABILITY_EPT, RULE_ANY_OF, NEED_REQUIRED, EPT_CAP_INVEPT,
		"changes of EPT must be seen", any_vmx_cpu_has_it},
	{"INVEPT all-context", CAPABILITY_EPT, RULE_ANY_OF, NEED_REQUIRED, EPT_CAP_INVEPT_ALL,
		"translations from before the hypervisor's start must go", any_vmx_cpu_has_it},
	{"2-MByte page", CAPABILITY_EPT, RULE_ANY_OF, NEED_USED, EPT_CAP_PAGE_2M,
		"without it EPT maps 4-KByte pages only", nothing_to_do},
	{"1-GByte page", CAPABILITY_EPT, RULE_ANY_OF, NEED_USED, EPT_CAP_PAGE_1G,
		"without it EPT maps smaller pages", nothing_to_do},
	{"INVVPID", CAPABILITY_VPID, RULE_ANY_OF, NEED_USED, EPT_CAP_INVVPID,
		"without it a VPID cannot be used again", nothing_to_do},
	{"INVVPID all-context", CAPABILITY_VPID, RULE_ANY_OF, NEED_USED, EPT_CAP_INVVPID_ALL,
		"without it no VPID is used: translations from before the hypervisor's start "
		"remain",
		nothing_to_do},
	{"physical-address bits", CAPABILITY_PHYSICAL_ADDRESS_BITS, RULE_1_TO_MOST, NEED_REQUIRED,
		ADDRESS_BITS_MAX, "page tables and EPT have 52 address bits",
		"CPUID.80000008H reports what no CPU has: mend the hypervisor below this machine"},
};

const size_t requirements_count = ARRAY_COUNT(requirements_table);

static const char *const word_names[CAPABILITY_WORD_COUNT] = {
	[CAPABILITY_PIN] = "pin-based control",
	[CAPABILITY_PRIMARY] = "primary control",
	[CAPABILITY_SECONDARY] = "secondary control",
	[CAPABILITY_EXIT] = "VM-exit control",
	[CAPABILITY_ENTRY] = "VM-entry control",
	[CAPABILITY_CR0] = "CR0",
	[CAPABILITY_CR4] = "CR4",
	[CAPABILITY_BASIC] = "IA32_VMX_BASIC",
	[CAPABILITY_REGION_SIZE] = "IA32_VMX_BASIC",
	[CAPABILITY_REGION_MEMORY_TYPE] = "IA32_VMX_BASIC",
	[CAPABILITY_EPT] = "EPT",
	[CAPABILITY_VPID] = "VPID",
	[CAPABILITY_PHYSICAL_ADDRESS_BITS] = "CPUID",
};

/* The settings of a word: a bit of must_be_1 is never 0; a bit outside may_be_1 is never 1. */
struct word_settings {
	uint64_t must_be_1;
	uint64_t may_be_1;
};

static struct word_settings settings_of_controls(struct control_capability controls)
{
	return (struct word_settings){controls.allowed0, controls.allowed1};
}

/* A word that only reports: each bit, or the number, is as it is. */
static struct word_settings settings_of_report(uint64_t value)
{
	return (struct word_settings){value, value};
}

static struct word_settings settings_of(
	const struct vmx_capability *capability, enum capability_word word)
{
	switch (word) {
	case CAPABILITY_PIN:
		return settings_of_controls(capability->pin);
	case CAPABILITY_PRIMARY:
		return settings_of_controls(capability->primary);
	case CAPABILITY_SECONDARY:
		return settings_of_controls(capability->secondary);
	case CAPABILITY_EXIT:
		return settings_of_controls(capability->exit);
	case CAPABILITY_ENTRY:
		return settings_of_controls(capability->entry);
	case CAPABILITY_CR0:
		return (struct word_settings){capability->cr0_fixed0, capability->cr0_fixed1};
	case CAPABILITY_CR4:
		return (struct word_settings){capability->cr4_fixed0, capability->cr4_fixed1};
	case CAPABILITY_BASIC:
		return settings_of_report(capability->basic);
	case CAPABILITY_REGION_SIZE:
		return settings_of_report(bits_get(
			capability->basic, VMX_BASIC_REGION_SIZE_HIGH, VMX_BASIC_REGION_SIZE_LOW));
	case CAPABILITY_REGION_MEMORY_TYPE:
		return settings_of_report(bits_get(
			capability->basic, VMX_BASIC_MEMORY_TYPE_HIGH, VMX_BASIC_MEMORY_TYPE_LOW));
	case CAPABILITY_EPT:
	case CAPABILITY_VPID:
		return settings_of_report(capability->ept_vpid_cap);
	case CAPABILITY_PHYSICAL_ADDRESS_BITS:
		return settings_of_report(capability->physical_address_bits);
	case CAPABILITY_WORD_COUNT:
		break;
	}
	return settings_of_report(0);
}

const char *requirements_word_name(enum capability_word word)
{
	return word < CAPABILITY_WORD_COUNT ? word_names[word] : "unknown";
}

bool requirements_has_word(const struct vmx_capability *capability, enum capability_word word)
{
	switch (word) {
	case CAPABILITY_SECONDARY:
		return (capability->primary.allowed1 & PRIMARY_ACTIVATE_SECONDARY) != 0;
	case CAPABILITY_EPT:
		return (capability->secondary.allowed1 & SECONDARY_ENABLE_EPT) != 0;
	case CAPABILITY_VPID:
		return (capability->secondary.allowed1 & SECONDARY_ENABLE_VPID) != 0;
	default:
		return true;
	}
}

bool requirements_is_met(
	const struct requirement *requirement, const struct vmx_capability *capability)
{
	struct word_settings settings = settings_of(capability, requirement->word);
	uint64_t operand = requirement->operand;

	if (!requirements_has_word(capability, requirement->word)) {
		return false;
	}
	switch (requirement->rule) {
	case RULE_SET_TO_1:
	case RULE_CAN_BE_1:
		return (settings.may_be_1 & operand) == operand;
	case RULE_CAN_BE_0:
		return (settings.must_be_1 & operand) == 0;
	case RULE_ANY_OF:
		return (settings.may_be_1 & operand) != 0;
	case RULE_EQUALS:
		return settings.may_be_1 == operand;
	case RULE_1_TO_MOST:
		return settings.may_be_1 != 0 && settings.may_be_1 <= operand;
	}
	return false;
}

struct controls_request requirements_request(enum capability_word word)
{
	struct controls_request request = {0};

	for (size_t i = 0; i < requirements_count; i++) {
		const struct requirement *row = &requirements_table[i];

		if (row->word != word || row->rule != RULE_SET_TO_1) {
			continue;
		}
		if (row->need == NEED_REQUIRED) {
			request.required |= (uint32_t)row->operand;
		} else {
			request.wanted |= (uint32_t)row->operand;
		}
	}
	return request;
}
