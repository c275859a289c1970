/* SPDX-License-Identifier: MIT */
#include "exits/io_string.h"

#include "cpu/registers.h"
#include "exits/advance_rip.h"
#include "exits/exit_again.h"
#include "exits/io_segment.h"
#include "lib/bits.h"
#include "vm/event.h"
#include "vm/guest_paging.h"
#include "vm/port_bus.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum {
	ELEMENTS_PER_EXIT = 1024,
	ADDRESS_SIZE_16 = 2,
	ADDRESS_SIZE_32 = 4,
	CPL_USER = 3,
};

/* What stays the same over all elements of one exit. */
struct io_string_state {
	struct vcpu *vcpu;
	const struct io_access *access;
	struct io_segment segment;
	struct guest_paging paging;
	unsigned guest_access;
	uint64_t address_mask;
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

/* Writes the bits of the address size; 32 bits clear the upper half, as for any register. */
static void put_index(struct io_string_state *state, unsigned number, uint64_t value)
{
	uint64_t *slot = &state->vcpu->frame.registers[number];

	*slot = state->address_mask == UINT16_MAX
			? (*slot & ~state->address_mask) | (value & state->address_mask)
			: value & state->address_mask;
}

/* False for a size or a segment that the SDM does not define (Vol. 3C, "Exit Qualification for I/O
 * Instructions", "VM-Exit Instruction-Information Field as Used for INS and OUTS"). */
static bool is_possible(
	const struct io_access *access, const struct io_string_information *information)
{
	return access->size_bytes != 0 && (access->is_in || information->segment <= SEGMENT_GS);
}

/* Returns false if the exit's information is not that of INS or OUTS. */
static bool state_init(
	struct io_string_state *state, struct vcpu *vcpu, const struct io_access *access)
{
	const struct io_string_information information =
		exit_io_string_information(vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_INFO));
	const uint64_t rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	const unsigned cpl = vcpu_cpl_from_cs(vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS));

	if (!is_possible(access, &information)) {
		return false;
	}
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
	io_segment_read(&state->segment, vcpu, access->is_in ? SEGMENT_ES : information.segment,
		access->is_in);
	return true;
}

/*
 * Translates a byte. Returns STATUS_OK; STATUS_NOT_FOUND when a page fault was injected;
 * STATUS_RANGE for a page table outside of RAM; STATUS_CHANGED for tables that change all the time.
 */
static enum status translate(struct io_string_state *state, gva_t linear, gpa_t *address)
{
	uint32_t error_code;
	const enum status status = guest_paging_translate(
		&state->paging, linear, state->guest_access, address, &error_code);

	if (status == STATUS_NOT_FOUND) {
		event_inject_page_fault(linear, error_code);
	}
	return status;
}

/*
 * Translates one element, which has two translations if it crosses a page: both must be there
 * before a byte moves. Outside of 64-bit mode it may also go around the end of 4 GiB. Returns as
 * translate(); STATUS_NOT_FOUND also when the segment's fault was injected.
 */
static enum status translate_element(
	struct io_string_state *state, uint64_t offset, gpa_t addresses[sizeof(uint32_t)])
{
	const unsigned size = state->access->size_bytes;
	const uint64_t linear_mask = state->segment.is_64bit ? UINT64_MAX : UINT32_MAX;
	enum status status = STATUS_OK;
	gva_t linear;

	if (!io_segment_linear(&state->segment, offset, size, &linear)) {
		event_inject_exception_with_error(state->segment.fault_vector, 0);
		return STATUS_NOT_FOUND;
	}
	for (unsigned i = 0; i < size && status == STATUS_OK; i++) {
		const gva_t byte = gva((linear.value + i) & linear_mask);

		if (i == 0 || is_aligned(byte.value, PAGE_SIZE_4K)) {
			status = translate(state, byte, &addresses[i]);
		} else {
			addresses[i] = gpa(addresses[i - 1].value + 1);
		}
	}
	return status;
}

/* True if the element's bytes lie side by side. */
static bool is_in_one_page(const struct io_string_state *state, const gpa_t addresses[])
{
	const unsigned last = state->access->size_bytes - 1u;

	return addresses[last].value == addresses[0].value + last &&
	       bits_get(addresses[0].value, 63, 12) == bits_get(addresses[last].value, 63, 12);
}

/* One access where the CPU would make one, else one for each byte. Memory that is not RAM reads all
 * ones and ignores writes, as for MOV. */
static uint32_t element_read(struct io_string_state *state, const gpa_t addresses[sizeof(uint32_t)])
{
	const struct guest_memory *memory = state->paging.memory;
	const unsigned size = state->access->size_bytes;
	uint64_t value = 0;

	if (is_in_one_page(state, addresses)) {
		return guest_memory_load(memory, addresses[0], &value, size) == STATUS_OK
			       ? (uint32_t)value
			       : (uint32_t)BITS_MASK(size * 8 - 1, 0);
	}
	for (unsigned i = 0; i < size; i++) {
		uint64_t byte;

		if (guest_memory_load(memory, addresses[i], &byte, 1) != STATUS_OK) {
			byte = UINT8_MAX;
		}
		value |= byte << (i * 8);
	}
	return (uint32_t)value;
}

static void element_write(
	struct io_string_state *state, const gpa_t addresses[sizeof(uint32_t)], uint32_t value)
{
	struct guest_memory *memory = state->paging.memory;
	const unsigned size = state->access->size_bytes;

	if (is_in_one_page(state, addresses)) {
		(void)!guest_memory_store(memory, addresses[0], value, size);
		return;
	}
	for (unsigned i = 0; i < size; i++) {
		(void)!guest_memory_store(memory, addresses[i], (uint8_t)(value >> (i * 8)), 1);
	}
}

static enum status move_element(struct io_string_state *state)
{
	struct vm *vm = state->vcpu->vm;
	const struct io_access *access = state->access;
	const uint64_t index = state->vcpu->frame.registers[state->index_register];
	gpa_t addresses[sizeof(uint32_t)];
	const enum status status = translate_element(state, index & state->address_mask, addresses);

	if (status != STATUS_OK) {
		return status;
	}
	if (access->is_in) {
		element_write(state, addresses, vm_port_read(vm, access->port, access->size_bytes));
	} else {
		vm_port_write(vm, access->port, access->size_bytes, element_read(state, addresses));
	}
	put_index(state, state->index_register,
		state->is_down ? index - access->size_bytes : index + access->size_bytes);
	return STATUS_OK;
}

static bool is_count_zero(const struct io_string_state *state)
{
	return (state->vcpu->frame.registers[REGISTER_RCX] & state->address_mask) == 0;
}

/*
 * Moves elements until the count ends (then *is_done), the exit's share is done, the VM ends or a
 * fault is injected. The element that ends the count also ends the instruction: its single-step
 * trap comes behind the instruction, those of the others come before it.
 */
static enum status move_elements(struct io_string_state *state, bool *is_done)
{
	const uint64_t *rcx = &state->vcpu->frame.registers[REGISTER_RCX];

	*is_done = !state->access->has_repeat || is_count_zero(state);
	if (!state->access->has_repeat) {
		return move_element(state);
	}
	for (unsigned i = 0; i < state->elements_per_exit && !*is_done; i++) {
		const enum status status = move_element(state);

		if (status != STATUS_OK || vm_is_ended(state->vcpu->vm)) {
			return status;
		}
		put_index(state, REGISTER_RCX, *rcx - 1);
		*is_done = is_count_zero(state);
	}
	return STATUS_OK;
}

enum exit_action io_string(struct vcpu *vcpu, struct io_access access)
{
	struct io_string_state state;
	bool is_done;
	enum status status;

	if (!state_init(&state, vcpu, &access)) {
		return EXIT_UNHANDLED;
	}
	status = move_elements(&state, &is_done);
	if (vm_is_ended(vcpu->vm)) {
		return EXIT_STOP;
	}
	if (status == STATUS_RANGE) {
		vm_end(vcpu->vm, VM_END_CRASHED, 0,
			"string I/O through a page table outside of RAM port=%#x", access.port);
		return EXIT_STOP;
	}
	vcpu_interrupts_update_if_due(vcpu);
	if (status == STATUS_CHANGED) {
		/* The elements before are done; the CPU goes on with this one. */
		return exit_again(vcpu);
	}
	if (status == STATUS_OK && is_done) {
		return EXIT_NEXT_INSTRUCTION;
	}
	if (status == STATUS_OK && state.is_single_stepped) {
		advance_rip_single_step();
	}
	return EXIT_RESUME;
}
