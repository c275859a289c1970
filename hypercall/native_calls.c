/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "hypercall/hypercall.h"

enum {
	PRINTABLE_FIRST = ' ',
	PRINTABLE_LAST = '~',
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
