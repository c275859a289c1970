/* SPDX-License-Identifier: MIT */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "exits/virtual_cr.h"
#include "lib/bits.h"
#include "vm/event.h"
#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

enum {
	CR_NUMBER_TPR = 8,
	LMSW_BITS_HIGH = 3,
};

/* What LMSW loads; it can set PE and not clear it. */
#define CR0_LMSW (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

/* What a handled access gives: the next instruction, or #GP where the value is refused. */
static enum exit_action finish(bool is_legal)
{
	if (!is_legal) {
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	return EXIT_NEXT_INSTRUCTION;
}

static enum exit_action mov_to_cr(struct vcpu *vcpu, const struct cr_access *access)
{
	uint64_t value = vcpu_get_register(vcpu, access->register_number);

	if (!vcpu_is_64bit_code(vcpu)) {
		value &= UINT32_MAX;
	}
	switch (access->cr_number) {
	case 0:
		return finish(virtual_cr0_write(vcpu, value));
	case 4:
		return finish(virtual_cr4_write(vcpu, value));
	case CR_NUMBER_TPR:
		return finish(virtual_cr8_write(vcpu, value));
	default:
		/* CR3 belongs to the guest: without CR3-load exiting it never comes here. */
		return EXIT_UNHANDLED;
	}
}

/* Reads of CR0 and CR4 come from the shadows, those of CR3 from the register, without an exit. */
static enum exit_action mov_from_cr(struct vcpu *vcpu, const struct cr_access *access)
{
	if (access->cr_number != CR_NUMBER_TPR) {
		return EXIT_UNHANDLED;
	}
	vcpu_set_register(vcpu, access->register_number, virtual_apic_cr8(&vcpu->apic));
	return EXIT_NEXT_INSTRUCTION;
}

static enum exit_action lmsw(struct vcpu *vcpu, uint16_t source)
{
	const uint64_t kept = virtual_cr0_read(vcpu) & ~(CR0_LMSW & ~CR0_PE);

	return finish(virtual_cr0_write(vcpu, kept | bits_get(source, LMSW_BITS_HIGH, 0)));
}

enum exit_action exit_handle_control_register(struct vcpu *vcpu)
{
	const struct cr_access access = exit_cr_access(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));

	switch (access.type) {
	case CR_ACCESS_MOV_TO_CR:
		return mov_to_cr(vcpu, &access);
	case CR_ACCESS_MOV_FROM_CR:
		return mov_from_cr(vcpu, &access);
	case CR_ACCESS_CLTS:
		return finish(virtual_cr0_write(vcpu, virtual_cr0_read(vcpu) & ~CR0_TS));
	case CR_ACCESS_LMSW:
		return lmsw(vcpu, access.lmsw_source);
	}
	return EXIT_UNHANDLED;
}
