/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "Checks on Guest Non-Register State". */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

/* SDM Vol. 3C "Guest Non-Register State", Table "Format of Interruptibility State". */
#define INTERRUPTIBILITY_ENCLAVE  BIT(4)
#define INTERRUPTIBILITY_RESERVED BITS_MASK(31, 5)
#define BLOCKING_STI_OR_MOV_SS                                                                     \
	(INTERRUPTIBILITY_BLOCKING_BY_STI | INTERRUPTIBILITY_BLOCKING_BY_MOV_SS)

/* The same section, Table "Format of Pending-Debug-Exceptions". */
#define PENDING_DEBUG_BUS_LOCK BIT(11)
#define PENDING_DEBUG_RTM      BIT(16)
#define PENDING_DEBUG_RESERVED (BITS_MASK(63, 17) | BIT(15) | BIT(13) | BITS_MASK(10, 4))
/* With RTM, only RTM itself and the enabled breakpoint may be 1. */
#define PENDING_DEBUG_NOT_WITH_RTM (BITS_MASK(15, 13) | BITS_MASK(11, 0))

/* SDM Vol. 3C "Format of the VMCS Region". */
#define VMCS_REVISION_HIGH    30
#define VMCS_REVISION_LOW     0
#define VMCS_SHADOW_INDICATOR BIT(31)
#define NO_LINKED_VMCS        UINT64_MAX

static bool injects_exception(const struct entry_check *check, uint64_t vector)
{
	return entry_check_injects(check, INTERRUPTION_HARDWARE_EXCEPTION) &&
	       bits_get(check->interruption_info, INTERRUPTION_VECTOR_HIGH,
		       INTERRUPTION_VECTOR_LOW) == vector;
}

/* The same section's list of the events that each activity state lets in. */
static bool activity_takes_event(const struct entry_check *check, uint32_t activity)
{
	switch (activity) {
	case ACTIVITY_HLT:
		return entry_check_injects(check, INTERRUPTION_EXTERNAL_INTERRUPT) ||
		       entry_check_injects(check, INTERRUPTION_NMI) ||
		       entry_check_injects(check, INTERRUPTION_OTHER_EVENT) ||
		       injects_exception(check, VECTOR_DB) || injects_exception(check, VECTOR_MC);
	case ACTIVITY_SHUTDOWN:
		return entry_check_injects(check, INTERRUPTION_NMI) ||
		       injects_exception(check, VECTOR_MC);
	case ACTIVITY_WAIT_FOR_SIPI:
		return false;
	default:
		return true;
	}
}

static bool cpu_has_activity(const struct entry_check *check, uint32_t activity)
{
	uint64_t misc = check->capability->misc;

	switch (activity) {
	case ACTIVITY_ACTIVE:
		return true;
	case ACTIVITY_HLT:
		return (misc & VMX_MISC_ACTIVITY_HLT) != 0;
	case ACTIVITY_SHUTDOWN:
		return (misc & VMX_MISC_ACTIVITY_SHUTDOWN) != 0;
	case ACTIVITY_WAIT_FOR_SIPI:
		return (misc & VMX_MISC_ACTIVITY_WAIT_FOR_SIPI) != 0;
	default:
		return false;
	}
}

static void check_activity(struct entry_check *check)
{
	uint32_t activity = vmcs_read32(VMCS_GUEST_ACTIVITY_STATE);
	uint32_t blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	uint64_t ss_dpl = bits_get(vmcs_read32(VMCS_GUEST_SS_ACCESS_RIGHTS), ACCESS_RIGHTS_DPL_HIGH,
		ACCESS_RIGHTS_DPL_LOW);

	entry_check_require(check, cpu_has_activity(check, activity), VMCS_GUEST_ACTIVITY_STATE,
		"the activity state must be one that the CPU has");
	entry_check_require(check, activity != ACTIVITY_HLT || ss_dpl == 0,
		VMCS_GUEST_ACTIVITY_STATE, "the HLT state needs DPL 0 of SS");
	entry_check_require(check,
		activity == ACTIVITY_ACTIVE || (blocking & BLOCKING_STI_OR_MOV_SS) == 0,
		VMCS_GUEST_ACTIVITY_STATE, "blocking by STI or MOV SS needs the active state");
	entry_check_require(check,
		check->interruption_info == 0 || activity_takes_event(check, activity),
		VMCS_GUEST_ACTIVITY_STATE, "the activity state must let the injected event in");
	entry_check_require(check,
		activity != ACTIVITY_WAIT_FOR_SIPI ||
			!entry_check_has(check, CONTROL_ENTRY, ENTRY_TO_SMM),
		VMCS_GUEST_ACTIVITY_STATE, "entry to SMM excludes the wait-for-SIPI state");
}

/* The rules on what may be injected while something is blocked. */
static void check_blocking_of_injection(struct entry_check *check, uint32_t blocking)
{
	bool is_nmi = entry_check_injects(check, INTERRUPTION_NMI);
	bool has_virtual_nmis = entry_check_has(check, CONTROL_PIN, PIN_VIRTUAL_NMIS);

	entry_check_require(check,
		(blocking & BLOCKING_STI_OR_MOV_SS) == 0 ||
			!entry_check_injects(check, INTERRUPTION_EXTERNAL_INTERRUPT),
		VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"blocking by STI or MOV SS excludes injecting an external interrupt");
	entry_check_require(check, (blocking & INTERRUPTIBILITY_BLOCKING_BY_MOV_SS) == 0 || !is_nmi,
		VMCS_GUEST_INTERRUPTIBILITY_STATE, "blocking by MOV SS excludes injecting an NMI");
	entry_check_require(check, (blocking & INTERRUPTIBILITY_BLOCKING_BY_STI) == 0 || !is_nmi,
		VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"some CPUs let blocking by STI exclude injecting an NMI");
	entry_check_require(check,
		(blocking & INTERRUPTIBILITY_BLOCKING_BY_NMI) == 0 || !is_nmi || !has_virtual_nmis,
		VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"blocking by NMI excludes injecting a virtual NMI");
}

static void check_interruptibility(struct entry_check *check)
{
	uint32_t blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	bool is_by_sti = (blocking & INTERRUPTIBILITY_BLOCKING_BY_STI) != 0;
	bool is_by_mov_ss = (blocking & INTERRUPTIBILITY_BLOCKING_BY_MOV_SS) != 0;
	bool is_by_smi = (blocking & INTERRUPTIBILITY_BLOCKING_BY_SMI) != 0;
	bool is_enclave = (blocking & INTERRUPTIBILITY_ENCLAVE) != 0;
	uint32_t features = entry_check_cpuid(CPUID_LEAF_STRUCTURED_FEATURES, 0).ebx;

	entry_check_require(check, (blocking & INTERRUPTIBILITY_RESERVED) == 0,
		VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"reserved bits 31:5 of the interruptibility state must be 0");
	entry_check_require(check, !is_by_sti || !is_by_mov_ss, VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"blocking by STI excludes blocking by MOV SS");
	entry_check_require(check,
		!is_by_sti || (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0,
		VMCS_GUEST_INTERRUPTIBILITY_STATE, "blocking by STI needs RFLAGS.IF");
	check_blocking_of_injection(check, blocking);
	entry_check_require(check, !is_by_smi, VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"blocking by SMI must be 0 outside SMM");
	entry_check_require(check,
		is_by_smi || !entry_check_has(check, CONTROL_ENTRY, ENTRY_TO_SMM),
		VMCS_GUEST_INTERRUPTIBILITY_STATE, "entry to SMM needs blocking by SMI");
	entry_check_require(check, !is_enclave || !is_by_mov_ss, VMCS_GUEST_INTERRUPTIBILITY_STATE,
		"enclave interruption excludes blocking by MOV SS");
	entry_check_require(check, !is_enclave || (features & CPUID_7_0_EBX_SGX) != 0,
		VMCS_GUEST_INTERRUPTIBILITY_STATE, "enclave interruption needs SGX");
}

static void check_pending_single_step(struct entry_check *check, bool is_step_pending)
{
	bool is_held_back =
		(vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) & BLOCKING_STI_OR_MOV_SS) != 0 ||
		vmcs_read32(VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_HLT;
	bool is_stepping = (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_TF) != 0 &&
			   (vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF) == 0;

	if (!is_held_back) {
		return;
	}
	entry_check_require(check, is_step_pending || !is_stepping,
		VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
		"BS must be 1 in a shadow or HLT if RFLAGS.TF is 1 and BTF is 0");
	entry_check_require(check, !is_step_pending || is_stepping,
		VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
		"BS must be 0 in a shadow or HLT if RFLAGS.TF is 0 or BTF is 1");
}

static void check_pending_rtm(struct entry_check *check, uint64_t pending)
{
	uint32_t features = entry_check_cpuid(CPUID_LEAF_STRUCTURED_FEATURES, 0).ebx;
	uint32_t blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	entry_check_require(check, (pending & PENDING_DEBUG_NOT_WITH_RTM) == 0,
		VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
		"RTM excludes every other bit than the enabled breakpoint");
	entry_check_require(check, (pending & PENDING_DEBUG_ENABLED_BREAKPOINT) != 0,
		VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, "RTM needs the enabled-breakpoint bit");
	entry_check_require(check, (features & CPUID_7_0_EBX_RTM) != 0,
		VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, "RTM needs a CPU that has it");
	entry_check_require(check, (blocking & INTERRUPTIBILITY_BLOCKING_BY_MOV_SS) == 0,
		VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, "RTM excludes blocking by MOV SS");
}

static void check_pending_debug(struct entry_check *check)
{
	uint64_t pending = vmcs_read_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS);
	uint32_t features = entry_check_cpuid(CPUID_LEAF_STRUCTURED_FEATURES, 0).ecx;
	uint64_t reserved = PENDING_DEBUG_RESERVED;

	if ((features & CPUID_7_0_ECX_BUS_LOCK_DETECT) == 0) {
		reserved |= PENDING_DEBUG_BUS_LOCK;
	}
	entry_check_require(check, (pending & reserved) == 0, VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
		"reserved bits of the pending debug exceptions must be 0");
	check_pending_single_step(check, (pending & PENDING_DEBUG_BS) != 0);
	if ((pending & PENDING_DEBUG_RTM) != 0) {
		check_pending_rtm(check, pending);
	}
}

static void check_linked_vmcs(struct entry_check *check, uint64_t pointer)
{
	uint32_t header = *(const uint32_t *)hpa_pointer(hpa(pointer));
	bool is_shadow = (header & VMCS_SHADOW_INDICATOR) != 0;

	entry_check_require(check,
		bits_get(header, VMCS_REVISION_HIGH, VMCS_REVISION_LOW) ==
			bits_get(check->capability->basic, VMX_BASIC_REVISION_HIGH,
				VMX_BASIC_REVISION_LOW),
		VMCS_LINK_POINTER, "the linked VMCS must hold the CPU's VMCS revision identifier");
	entry_check_require(check,
		is_shadow == entry_check_has(check, CONTROL_SECONDARY, SECONDARY_VMCS_SHADOWING),
		VMCS_LINK_POINTER,
		"the linked VMCS must be a shadow VMCS if and only if VMCS shadowing is 1");
}

static void check_link_pointer(struct entry_check *check)
{
	uint64_t pointer = vmcs_read64(VMCS_LINK_POINTER);
	bool is_in_width = entry_check_is_structure_address(check, pointer);

	if (pointer == NO_LINKED_VMCS) {
		return;
	}
	entry_check_require(check, is_aligned(pointer, PAGE_SIZE_4K), VMCS_LINK_POINTER,
		"bits 11:0 of the VMCS link pointer must be 0");
	entry_check_require(check, is_in_width, VMCS_LINK_POINTER,
		"the VMCS link pointer must not set bits beyond the physical-address width");
	if (is_aligned(pointer, PAGE_SIZE_4K) && is_in_width) {
		check_linked_vmcs(check, pointer);
	}
}

void entry_check_non_register_state(struct entry_check *check)
{
	entry_check_section(check, ENTRY_CHECK_GUEST_STATE, "Checks on Guest Non-Register State");
	check_activity(check);
	check_interruptibility(check);
	check_pending_debug(check);
	check_link_pointer(check);
}
