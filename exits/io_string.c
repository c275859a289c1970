/* SPDX-License-Identifier: MIT */
#include "exits/io_string.h"

#include "cpu/registers.h"
#include "exits/advance_rip.h"
#include "lib/bits.h"
#include "vm/event.h"
#include "vm/guest_paging.h"
#include "vm/port_bus.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum {
	ELEMENTS_PER_EXIT = 1024,
	ADDRESS_SIZE_16 = 2,
	ADDRESS_SIZE_32 = 4,
	CPL_USER = 3,
	PAGE_OFFSET_HIGH = 11,
};

#define RFLAGS_AC BIT(18)

/* What stays the same over all elements of one exit. */
struct io_string_state {
	struct vcpu *vcpu;
	const struct io_access *access;
	struct guest_paging paging;
	unsigned guest_access;
	uint64_t address_mask;
	uint64_t segment_base; /* Linear address less the index register. */
	unsigned index_register;
	bool is_down;
	bool is_single_stepped; /* Each element of a REP is a step of its own. */
	unsigned elements_per_exit;
};

static uint64_t address_mask(unsigned address_size_bytes)
{
	return address_size_bytes == ADDRESS_SIZE_16   ? UINT16_MAX
	       : address_size_bytes == ADDRESS_SIZE_32 ? UINT32_MAX
						       : UINT64_MAX;
}

/* Writes the bits of the address size; a 32-bit result clears the upper half, as for any register.
 */
static void put_index(struct io_string_state *state, unsigned number, uint64_t value)
{
	uint64_t *slot = &state->vcpu->frame.registers[number];

	*slot = state->address_mask == UINT16_MAX
			? (*slot & ~state->address_mask) | (value & state->address_mask)
			: value & state->address_mask;
}

static void state_init(
	struct io_string_state *state, struct vcpu *vcpu, const struct io_access *access)
{
	const struct io_string_information information =
		exit_io_string_information(vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_INFO));
	const uint64_t rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	const unsigned cpl = vcpu_cpl_from_cs(vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS));

	state->vcpu = vcpu;
	state->access = access;
	guest_paging_from_vmcs(
		&state->paging, &vcpu->vm->memory, vcpu->capability->physical_address_bits);
	state->guest_access = (access->is_in ? GUEST_ACCESS_WRITE : GUEST_ACCESS_READ) |
			      (cpl == CPL_USER ? GUEST_ACCESS_USER : 0) |
			      ((rflags & RFLAGS_AC) != 0 ? GUEST_ACCESS_AC_SET : 0);
	state->address_mask = address_mask(information.address_size_bytes);
	state->index_register = access->is_in ? REGISTER_RDI : REGISTER_RSI;
	state->is_down = (rflags & RFLAGS_DF) != 0;
	state->is_single_stepped = (rflags & RFLAGS_TF) != 0;
	state->elements_per_exit = state->is_single_stepped ? 1 : ELEMENTS_PER_EXIT;
	state->segment_base = vmcs_read_natural(VMCS_GUEST_LINEAR_ADDRESS) -
			      (vcpu->frame.registers[state->index_register] & state->address_mask);
}

/*
 * Translates one element's bytes. Returns STATUS_OK; STATUS_NOT_FOUND when a page fault was
 * injected; STATUS_RANGE for a page table outside of RAM.
 */
static enum status translate(struct io_string_state *state, uint64_t linear, gpa_t *address)
{
	uint32_t error_code;
	const enum status status = guest_paging_translate(
		&state->paging, gva(linear), state->guest_access, address, &error_code);

	if (status == STATUS_NOT_FOUND) {
		event_inject_page_fault(gva(linear), error_code);
	}
	return status;
}

/* An element that crosses a page has two translations, and both must be there before a byte moves.
 */
static enum status translate_element(
	struct io_string_state *state, uint64_t linear, gpa_t addresses[sizeof(uint32_t)])
{
	const unsigned size = state->access->size_bytes;
	enum status status = STATUS_OK;

	for (unsigned i = 0; i < size && status == STATUS_OK; i++) {
		const bool is_new_page = i == 0 || bits_get(linear + i, PAGE_OFFSET_HIGH, 0) == 0;

		if (is_new_page) {
			status = translate(state, linear + i, &addresses[i]);
		} else {
			addresses[i] = gpa(addresses[i - 1].value + 1);
		}
	}
	return status;
}

/* Memory that is not RAM reads all ones and ignores writes, as for MOV. */
static uint32_t element_read(struct io_string_state *state, const gpa_t addresses[sizeof(uint32_t)])
{
	uint8_t bytes[sizeof(uint32_t)] = {0};

	for (unsigned i = 0; i < state->access->size_bytes; i++) {
		if (guest_memory_read(state->paging.memory, addresses[i], &bytes[i], 1) !=
			STATUS_OK) {
			bytes[i] = UINT8_MAX;
		}
	}
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static void element_write(
	struct io_string_state *state, const gpa_t addresses[sizeof(uint32_t)], uint32_t value)
{
	for (unsigned i = 0; i < state->access->size_bytes; i++) {
		const uint8_t byte = (uint8_t)(value >> (i * 8));

		(void)!guest_memory_write(state->paging.memory, addresses[i], &byte, 1);
	}
}

static enum status move_element(struct io_string_state *state)
{
	struct vm *vm = state->vcpu->vm;
	const struct io_access *access = state->access;
	const uint64_t index = state->vcpu->frame.registers[state->index_register];
	gpa_t addresses[sizeof(uint32_t)];
	const enum status status = translate_element(
		state, state->segment_base + (index & state->address_mask), addresses);

	if (status != STATUS_OK) {
		return status;
	}
	if (access->is_in) {
		element_write(state, addresses,
			port_bus_read(&vm->ports, access->port, access->size_bytes));
	} else {
		port_bus_write(&vm->ports, access->port, access->size_bytes,
			element_read(state, addresses));
	}
	put_index(state, state->index_register,
		state->is_down ? index - access->size_bytes : index + access->size_bytes);
	return STATUS_OK;
}

/* Moves elements until the count ends, the exit's share is done, the VM ends or a fault is
 * injected. */
static enum status move_elements(struct io_string_state *state, bool *is_done)
{
	uint64_t *rcx = &state->vcpu->frame.registers[REGISTER_RCX];
	enum status status = STATUS_OK;

	*is_done = false;
	if (!state->access->has_repeat) {
		*is_done = true;
		return move_element(state);
	}
	for (unsigned i = 0; i < state->elements_per_exit; i++) {
		if ((*rcx & state->address_mask) == 0) {
			*is_done = true;
			return STATUS_OK;
		}
		status = move_element(state);
		if (status != STATUS_OK || state->vcpu->vm->end != VM_END_NONE) {
			return status;
		}
		put_index(state, REGISTER_RCX, *rcx - 1);
	}
	return status;
}

enum exit_action io_string(struct vcpu *vcpu, struct io_access access)
{
	struct io_string_state state;
	bool is_done;
	enum status status;

	state_init(&state, vcpu, &access);
	status = move_elements(&state, &is_done);
	if (vcpu->vm->end != VM_END_NONE) {
		return EXIT_STOP;
	}
	if (status == STATUS_RANGE) {
		vm_end(vcpu->vm, VM_END_CRASHED, 0,
			"string I/O through a page table outside of RAM port=%#x", access.port);
		return EXIT_STOP;
	}
	if (status == STATUS_OK && is_done) {
		return EXIT_NEXT_INSTRUCTION;
	}
	if (status == STATUS_OK && state.is_single_stepped) {
		advance_rip_single_step();
	}
	return EXIT_RESUME;
}
