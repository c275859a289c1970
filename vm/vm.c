/* SPDX-License-Identifier: MIT */
#include "vm/vm.h"

#include "lib/format.h"
#include "vm/vcpu_posted.h"

#include <stdarg.h>

enum {
	END_STATUS_MASK = 0xff,
	END_STATUS_HALTED = 124,
	END_STATUS_NOT_REPRESENTABLE = 255,
};

static const char *const end_names[] = {
	[VM_END_NONE] = "still running",
	[VM_END_DEBUG_EXIT] = "debug-exit port",
	[VM_END_CALL] = "end call",
	[VM_END_POWER_OFF] = "power-off",
	[VM_END_RESET] = "reset",
	[VM_END_HALTED] = "halted for good",
	[VM_END_CRASHED] = "crashed",
	[VM_END_NOT_STARTED] = "not started",
	[VM_END_STOPPED] = "stopped",
};

void vm_end(struct vm *vm, enum vm_end end, uint32_t code, const char *template, ...)
{
	va_list args;

	if (__atomic_exchange_n(&vm->is_ending, true, __ATOMIC_ACQ_REL)) {
		return;
	}
	vm->end_code = code;
	va_start(args, template);
	vformat(vm->end_reason, sizeof(vm->end_reason), template, args);
	va_end(args);
	__atomic_store_n(&vm->end, end, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		__atomic_store_n(&vm->vcpus[i]->after_call, VMX_RESUME_NOT, __ATOMIC_RELAXED);
		vcpu_request(vm->vcpus[i], POSTED_REQUEST_STOP);
	}
}

const char *vm_end_name(enum vm_end end)
{
	return end_names[end];
}

unsigned vm_end_status(const struct vm *vm)
{
	switch (vm->end) {
	case VM_END_DEBUG_EXIT:
	case VM_END_CALL:
		if ((vm->end_code & END_STATUS_MASK) == 0 && vm->end_code != 0) {
			return END_STATUS_NOT_REPRESENTABLE;
		}
		return vm->end_code & END_STATUS_MASK;
	case VM_END_HALTED:
		return END_STATUS_HALTED;
	case VM_END_CRASHED:
	case VM_END_NOT_STARTED:
		return VM_STATUS_CRASHED;
	default:
		return 0;
	}
}
