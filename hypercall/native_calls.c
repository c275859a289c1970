/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/tsc.h"
#include "hypercall/hypercall.h"
#include "vm/vcpu_halt.h"

enum {
	PRINTABLE_FIRST = ' ',
	PRINTABLE_LAST = '~',
	MICROSECONDS_PER_SECOND = 1000000,
};

uint64_t hypercall_native_ping(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return TRIVET_PING_RESULT;
}

uint64_t hypercall_native_log(struct vcpu *vcpu, struct hypercall call)
{
	const gpa_t address = gpa(hypercall_argument(call, 0));
	const uint64_t length = hypercall_argument(call, 1);
	char text[TRIVET_LOG_MAX + 1];

	if (length > TRIVET_LOG_MAX) {
		return hypercall_error(TRIVET_E2BIG);
	}
	if (guest_memory_read(&vcpu->vm->memory, address, text, length) != STATUS_OK) {
		return hypercall_error(TRIVET_EFAULT);
	}
	for (uint64_t i = 0; i < length; i++) {
		if (text[i] < PRINTABLE_FIRST || text[i] > PRINTABLE_LAST) {
			text[i] = '.';
		}
	}
	text[length] = '\0';
	log_info(vcpu->vm->config->name, "log: %s", text);
	return 0;
}

uint64_t hypercall_native_end(struct vcpu *vcpu, struct hypercall call)
{
	vm_end(vcpu->vm, VM_END_CALL, (uint32_t)hypercall_argument(call, 0), "%s", "");
	return 0;
}

uint64_t hypercall_native_sleep(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t start = insn_rdtsc();
	const uint64_t microseconds = hypercall_argument(call, 0);

	/* In a batch the calls behind it would have to wait, and their CPU with them. */
	if (microseconds > TRIVET_SLEEP_MAX_US || vcpu->is_in_batch) {
		return hypercall_error(TRIVET_EINVAL);
	}
	if (tsc_hz() == 0) {
		return hypercall_error(TRIVET_EOPNOTSUPP);
	}
	/* At most 10^7 times the frequency, which is below 10^11 Hz: no overflow. */
	vcpu_sleep_until(vcpu, start + microseconds * tsc_hz() / MICROSECONDS_PER_SECOND);
	return 0;
}

uint64_t hypercall_native_trace_mark(struct vcpu *vcpu, struct hypercall call)
{
	trace_put(
		&vcpu->trace, &(const struct trace_record){insn_rdtsc(), TRACE_MARK,
				      {hypercall_argument(call, 0), hypercall_argument(call, 1)}});
	return 0;
}
