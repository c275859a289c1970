/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_trap.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_probe.h"
#include "guest/runtime/guest_runtime.h"

enum { EXIT_UNEXPECTED_EXCEPTION = 1 };

static guest_trap_hook trap_hook;

void guest_trap_set_hook(guest_trap_hook hook)
{
	trap_hook = hook;
}

void guest_trap(struct guest_trap_frame *frame)
{
	if (guest_probe_trap(frame) || (trap_hook != NULL && trap_hook(frame))) {
		return;
	}
	guest_printf("FAIL no_unexpected_exception: vector=%lu error=0x%lx rip=0x%lx cs=0x%lx "
		     "rflags=0x%lx rsp=0x%lx cr2=0x%lx\n",
		frame->vector, frame->error_code, frame->rip, frame->cs, frame->rflags, frame->rsp,
		guest_read_cr2());
	guest_exit(EXIT_UNEXPECTED_EXCEPTION);
}
