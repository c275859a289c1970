/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "hypercall/abi.h"
#include "hypercall/hypercall.h"

enum {
	PRINTABLE_FIRST = ' ',
	PRINTABLE_LAST = '~',
};

static uint64_t native_ping(struct vcpu *vcpu, const struct hypercall *call)
{
	(void)vcpu;
	(void)call;
	return TRIVET_PING_RESULT;
}

static uint64_t native_log(struct vcpu *vcpu, const struct hypercall *call)
{
	const gpa_t address = gpa(call->arguments[0]);
	const uint64_t length = call->arguments[1];
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

static uint64_t native_end(struct vcpu *vcpu, const struct hypercall *call)
{
	vm_end(vcpu->vm, VM_END_CALL, (uint32_t)call->arguments[0], "%s", "");
	return 0;
}

const struct hypercall_row hypercall_native_table[HYPERCALL_NATIVE_COUNT] = {
	[TRIVET_CALL_PING - TRIVET_CALL_BASE] = {"ping", native_ping},
	[TRIVET_CALL_LOG - TRIVET_CALL_BASE] = {"log", native_log},
	[TRIVET_CALL_END - TRIVET_CALL_BASE] = {"end", native_end},
};
