/* SPDX-License-Identifier: MIT */
#include "exits/mmio.h"

#include "exits/mov_decode.h"
#include "lib/format.h"
#include "vm/guest_code.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum { BYTES_TEXT_MAX = 3 * INSTRUCTION_BYTES_MAX + 1 };

static enum mov_mode code_mode(const struct vcpu *vcpu)
{
	const uint32_t access_rights = vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS);

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

enum exit_action mmio_access(
	struct vcpu *vcpu, gpa_t address, const struct ept_violation *violation)
{
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	struct mov_instruction instruction;
	size_t count;

	if (violation->is_fetch) {
		return mmio_refuse(vcpu, address, "fetched code from");
	}
	/* The CPU would read all ones there and raise #PF; the exit does not tell whether the
	 * access is a read, a write or a fetch, which the error code must say. */
	if (violation->has_linear_address && !violation->is_final_translation) {
		return mmio_refuse(vcpu, address, "has a page table at");
	}
	count = guest_code_read(vcpu, bytes, sizeof(bytes));
	if (mov_decode(bytes, count, code_mode(vcpu), &instruction) != STATUS_OK ||
		instruction.kind == MOV_KIND_STRING) {
		return mmio_refuse(vcpu, address, "used another instruction than MOV on");
	}
	if (instruction.kind == MOV_KIND_LOAD) {
		const unsigned number = instruction.register_number;

		vcpu_set_register(vcpu, number,
			mov_load_result(&instruction, vcpu_get_register(vcpu, number),
				mmio_read(vcpu, address, instruction.access_size)));
	} else {
		mmio_write(vcpu, address, &instruction);
	}
	/* The exit has no instruction length of its own: the decoder's stands for it. */
	vcpu->decoded_length = instruction.length;
	return EXIT_NEXT_DECODED;
}
