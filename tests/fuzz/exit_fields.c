/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/exit_input.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum {
	VECTOR_NMI_NUMBER = 2,
	INT1 = 1,
	INT3 = 3,
	INTO = 4,
	LENGTH_MAX = 15,
	EXCEPTIONS = 32,
	ERROR_CODE_MAX = 0x7fff,
};

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC. SDM Vol. 3A "Exception and Interrupt Reference". */
#define WITH_ERROR_CODE (BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))
/* Those and #DE, #DB, #OF, #BR, #UD, #NM, #MF, #XM. */
#define HARDWARE_EXCEPTIONS                                                                        \
	(WITH_ERROR_CODE | BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(16) | BIT(19))

static uint32_t event_info(uint32_t vector, enum interruption_type type)
{
	return (uint32_t)(INTERRUPTION_VALID | (uint64_t)type << INTERRUPTION_TYPE_LOW | vector);
}

/* Outside of real mode these push an error code. */
static uint32_t exception_info(uint32_t vector)
{
	const bool has_error_code = (WITH_ERROR_CODE & BIT(vector)) != 0 &&
				    (fake_vmcs_get(VMCS_GUEST_CR0) & CR0_PE) != 0;

	if ((HARDWARE_EXCEPTIONS & BIT(vector)) == 0) {
		return 0;
	}
	return event_info(vector, INTERRUPTION_HARDWARE_EXCEPTION) |
	       (has_error_code ? (uint32_t)INTERRUPTION_HAS_ERROR_CODE : 0);
}

/* Interrupts and NMIs are delivered only where nothing blocks them, and an NMI then blocks NMIs. */
static uint32_t asynchronous_info(uint32_t vector, bool is_nmi)
{
	const uint64_t blocking = fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	if ((blocking & INTERRUPTIBILITY_SHADOW) != 0) {
		return 0;
	}
	if (is_nmi) {
		fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			blocking | INTERRUPTIBILITY_BLOCKING_BY_NMI);
		return event_info(VECTOR_NMI_NUMBER, INTERRUPTION_NMI);
	}
	return (fake_vmcs_get(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0
		       ? event_info(vector, INTERRUPTION_EXTERNAL_INTERRUPT)
		       : 0;
}

/* The event whose delivery the exit broke off, as the CPU could have had it. */
static uint32_t vectoring_info(uint32_t wanted)
{
	const uint32_t vector = wanted & 0xff;

	switch (bits_get(wanted, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW)) {
	case INTERRUPTION_EXTERNAL_INTERRUPT:
		return asynchronous_info(vector, false);
	case INTERRUPTION_NMI:
		return asynchronous_info(vector, true);
	case INTERRUPTION_HARDWARE_EXCEPTION:
		return exception_info(vector % EXCEPTIONS);
	case INTERRUPTION_SOFTWARE_INTERRUPT:
		return event_info(vector, INTERRUPTION_SOFTWARE_INTERRUPT);
	case INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION:
		return event_info(INT1, INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION);
	case INTERRUPTION_SOFTWARE_EXCEPTION:
		return event_info((vector & 1) != 0 ? INT3 : INTO, INTERRUPTION_SOFTWARE_EXCEPTION);
	default:
		return 0;
	}
}

static uint32_t vectoring(const struct exit_op *op, const struct exit_event *event)
{
	if ((op->flags & OP_WILD) != 0) {
		return op->vectoring;
	}
	return event->may_vector && (op->flags & OP_VECTORING) != 0 ? vectoring_info(op->vectoring)
								    : 0;
}

void exit_event_write(const struct exit_op *op, const struct exit_event *event)
{
	fake_vmcs_set(VMCS_EXIT_REASON, event->reason);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, event->qualification);
	fake_vmcs_set(VMCS_GUEST_PHYSICAL_ADDRESS, event->address);
	fake_vmcs_set(VMCS_GUEST_LINEAR_ADDRESS, event->address);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, event->length % LENGTH_MAX + 1);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, event->instruction_info);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, event->interruption);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE, event->error_code);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, vectoring(op, event));
	fake_vmcs_set(VMCS_IDT_VECTORING_ERROR_CODE, op->error_code & ERROR_CODE_MAX);
}
