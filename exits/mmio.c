/* SPDX-License-Identifier: MIT */
#include "exits/mmio.h"

#include "exits/exit_again.h"
#include "exits/mov_decode.h"
#include "exits/mov_operand.h"
#include "lib/format.h"
#include "vm/guest_code.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum { BYTES_TEXT_MAX = 3 * INSTRUCTION_BYTES_MAX + 1 };

static enum mov_mode code_mode(const struct vcpu *vcpu, uint32_t access_rights)
{
	if (vcpu->is_long_mode && (access_rights & ACCESS_RIGHTS_L) != 0) {
		return MOV_MODE_64_BIT;
	}
	return (access_rights & ACCESS_RIGHTS_DB) != 0 ? MOV_MODE_32_BIT : MOV_MODE_16_BIT;
}

static enum exit_action mmio_refuse(struct vcpu *vcpu, gpa_t address, const char *what)
{
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	char text[BYTES_TEXT_MAX];
	const size_t count = guest_code_read(vcpu, bytes, sizeof(bytes));

	guest_code_format(bytes, count, text, sizeof(text));
	vm_end(vcpu->vm, VM_END_CRASHED, 0,
		"%s an address without memory address=%#lx instruction=%s", what, address.value,
		text);
	return EXIT_STOP;
}

/*
 * Reads of nothing give all ones. The SDM leaves accesses to the APIC's page undefined that are not
 * aligned doublewords: they find nothing there.
 */
static uint64_t mmio_read(struct vcpu *vcpu, gpa_t address, unsigned size_bytes)
{
	if (size_bytes == sizeof(uint32_t) && vcpu_interrupts_mmio_owns(vcpu, address)) {
		return vcpu_interrupts_mmio_read(vcpu, address);
	}
	return UINT64_MAX;
}

static void mmio_write(struct vcpu *vcpu, gpa_t address, const struct mov_instruction *instruction)
{
	uint64_t registers[MOV_REGISTER_COUNT];

	if (instruction->access_size != sizeof(uint32_t) ||
		!vcpu_interrupts_mmio_owns(vcpu, address)) {
		return;
	}
	for (unsigned i = 0; i < MOV_REGISTER_COUNT; i++) {
		registers[i] = vcpu->frame.registers[i];
	}
	registers[REGISTER_RSP] = vmcs_read_natural(VMCS_GUEST_RSP);
	vcpu_interrupts_mmio_write(
		vcpu, address, (uint32_t)mov_store_value(instruction, registers));
}

/* Carries the instruction out. An operand that only ends in the page finds no register there. */
static void mmio_move(
	struct vcpu *vcpu, gpa_t address, const struct mov_instruction *instruction, bool is_whole)
{
	const unsigned number = instruction->register_number;

	if (instruction->kind == MOV_KIND_LOAD) {
		const uint64_t value =
			is_whole ? mmio_read(vcpu, address, instruction->access_size) : UINT64_MAX;

		vcpu_set_register(vcpu, number,
			mov_load_result(instruction, vcpu_get_register(vcpu, number), value));
	} else if (is_whole) {
		mmio_write(vcpu, address, instruction);
	}
}

/* Ends the guest, unless another processor may have put the instruction there since the exit. */
static enum exit_action mmio_refuse_instruction(struct vcpu *vcpu, gpa_t address)
{
	return exit_may_have_changed(vcpu)
		       ? exit_again(vcpu)
		       : mmio_refuse(vcpu, address, "used another instruction than MOV on");
}

static enum exit_action mmio_instruction(struct vcpu *vcpu, const struct mov_access *access)
{
	const uint32_t cs_access_rights = vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS);
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	struct mov_instruction instruction;
	struct guest_paging paging;
	uint64_t distance;
	enum status status;
	size_t count;

	guest_paging_from_vmcs(&paging, &vcpu->vm->memory, vcpu->capability->physical_address_bits);
	count = guest_code_read_through(vcpu, &paging, cs_access_rights, bytes, sizeof(bytes));
	status = mov_decode(bytes, count, code_mode(vcpu, cs_access_rights), &instruction);
	if (status == STATUS_TRUNCATED) {
		/* Its bytes cannot be read any more; the CPU will find why. */
		return exit_again(vcpu);
	}
	if (status != STATUS_OK || instruction.kind == MOV_KIND_STRING) {
		return mmio_refuse_instruction(vcpu, access->address);
	}
	if (mov_operand_check(vcpu, &instruction, &paging, access, &distance) != STATUS_OK) {
		return exit_again(vcpu);
	}
	mmio_move(vcpu, access->address, &instruction, distance == 0);
	exit_completed(vcpu);
	/* The exit has no instruction length of its own: the decoder's stands for it. */
	vcpu->decoded_length = instruction.length;
	return EXIT_NEXT_DECODED;
}

enum exit_action mmio_access(
	struct vcpu *vcpu, gpa_t address, const struct ept_violation *violation)
{
	const struct mov_access access = {
		.address = address,
		.is_read = violation->is_read,
		.is_write = violation->is_write,
		.has_linear_address = violation->has_linear_address,
	};

	if (violation->is_fetch) {
		return mmio_refuse(vcpu, address, "fetched code from");
	}
	/* The CPU would read all ones there and raise #PF; the exit does not tell whether the
	 * access is a read, a write or a fetch, which the error code must say. */
	if (violation->has_linear_address && !violation->is_final_translation) {
		return mmio_refuse(vcpu, address, "has a page table at");
	}
	return mmio_instruction(vcpu, &access);
}
