/* SPDX-License-Identifier: MIT */
#include "vm/vm.h"

#include "lib/format.h"

#include <stdarg.h>

enum {
	END_STATUS_MASK = 0xff,
	END_STATUS_HALTED = 124,
	END_STATUS_CRASHED = 126,
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
};

void vm_end(struct vm *vm, enum vm_end end, uint32_t code, const char *template, ...)
{
	va_list args;

	if (vm->end != VM_END_NONE) {
		return;
	}
	vm->end = end;
	vm->after_call = VMX_RESUME_NOT;
	vm->end_code = code;
	va_start(args, template);
	vformat(vm->end_reason, sizeof(vm->end_reason), template, args);
	va_end(args);
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
		return END_STATUS_CRASHED;
	default:
		return 0;
	}
}
