/* SPDX-License-Identifier: MIT */
/* The call that makes many. */
#include "hypercall/abi_types.h"
#include "hypercall/dispatch.h"
#include "lib/bits.h"

enum { ENTRY_BYTES = TRIVET_BATCH_ENTRY_BYTES };

/* A batch is read where it lies, by the code that reads a vCPU's registers. */
_Static_assert(sizeof(struct trivet_batch_entry) == ENTRY_BYTES, "hypercall/abi.h");
_Static_assert(
	offsetof(struct trivet_batch_entry, rax) == REGISTER_RAX * sizeof(uint64_t), "as a frame");
_Static_assert(
	offsetof(struct trivet_batch_entry, rcx) == REGISTER_RCX * sizeof(uint64_t), "as a frame");
_Static_assert(
	offsetof(struct trivet_batch_entry, rdx) == REGISTER_RDX * sizeof(uint64_t), "as a frame");
_Static_assert(
	offsetof(struct trivet_batch_entry, rbx) == REGISTER_RBX * sizeof(uint64_t), "as a frame");
_Static_assert(
	offsetof(struct trivet_batch_entry, rsi) == REGISTER_RSI * sizeof(uint64_t), "as a frame");
_Static_assert(offsetof(struct trivet_batch_entry, result) == TRIVET_BATCH_RESULT_OFFSET, "abi.h");

/*
 * Makes the calls of entries that lie side by side, until one ends the guest. Returns how many were
 * made. The guest's processors may write the entries meanwhile: each word is read once, or by the
 * call's function.
 */
static uint64_t make_calls(
	struct vcpu *vcpu, struct trivet_batch_entry *entries, uint64_t count, uint64_t mask)
{
	struct trivet_batch_entry *entry = entries;
	uint64_t start_tsc = insn_rdtsc();

	while (entry != &entries[count] && vcpu->after_call == VMX_RESUME_CALL) {
		const struct hypercall call = {&entry->rax, mask};
		const size_t row = hypercall_row(call);
		uint64_t now;

		entry->result = hypercall_serve(vcpu, call, row, 0);
		now = insn_rdtsc();
		tick_histogram_add(&vcpu->batched_ticks[row], now - start_tsc);
		start_tsc = now;
		entry++;
	}
	return (uint64_t)(entry - entries);
}

/* An entry lies in one page, so in one region of RAM; the array may lie in several. */
static uint64_t make_calls_by_region(
	struct vcpu *vcpu, uint64_t address, uint64_t count, uint64_t mask)
{
	uint64_t done = 0;

	while (done < count && vcpu->after_call == VMX_RESUME_CALL) {
		const gpa_t from = gpa(address + done * ENTRY_BYTES);
		const uint64_t left_bytes = (count - done) * ENTRY_BYTES;
		void *entries;
		const uint64_t span_bytes =
			guest_memory_writable_span(&vcpu->vm->memory, from, left_bytes, &entries);

		done += make_calls(vcpu, entries, span_bytes / ENTRY_BYTES, mask);
	}
	return done;
}

uint64_t hypercall_native_batch(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t address = hypercall_argument(call, 0);
	const uint64_t count = hypercall_argument(call, 1);
	uint64_t done;

	if (vcpu->is_in_batch || !is_aligned(address, ENTRY_BYTES)) {
		return hypercall_error(TRIVET_EINVAL);
	}
	if (count > TRIVET_BATCH_MAX) {
		return hypercall_error(TRIVET_E2BIG);
	}
	if (!guest_memory_is_writable(&vcpu->vm->memory, gpa(address), count * ENTRY_BYTES)) {
		return hypercall_error(TRIVET_EFAULT);
	}
	vcpu->is_in_batch = true;
	done = make_calls_by_region(vcpu, address, count, call.mask);
	vcpu->is_in_batch = false;
	return done;
}
