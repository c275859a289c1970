/* SPDX-License-Identifier: MIT */
/*
 * The demo guest: a kernel of one file that talks to its hypervisor. It runs in long mode at CPL 0
 * (guest/runtime/ brought it here), prints on its serial port, and makes each of Trivet's calls.
 *
 * A call is one instruction, VMCALL, with the number in RAX and the arguments in RBX, RCX, RDX and
 * RSI; the processor leaves the guest, the hypervisor looks at the registers, puts the result into
 * RAX and lets the guest go on behind the VMCALL. trivet_guest.h wraps that in functions.
 */
#include "guest/trivet_guest.h"

#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_probe.h"
#include "guest/runtime/guest_runtime.h"

#define UNKNOWN_CALL 0x1234
/* Guests have far less memory than this; no byte of it is RAM. */
#define ADDRESS_WITHOUT_MEMORY 0x300000000000ull

static const char hello[] = "hello from the demo guest";

static void print_call(const char *what, intptr_t got, intptr_t want)
{
	guest_printf("demo: %s -> %ld (0x%lx)%s\n", what, got, (uint64_t)got,
		got == want ? "" : ", which is not what was expected");
}

/* Hypervisors tell what they are in the CPUID leaves from 0x40000000 on. */
static bool find_hypervisor(void)
{
	const uint32_t kvm = trivet_find("KVMKVMKVM\0\0\0");
	const uint32_t trivet = trivet_find("TrivetTrivet");

	if (trivet == 0) {
		guest_printf("demo: no Trivet here: VMCALL would raise #UD, so no call is made\n");
		return false;
	}
	guest_printf("demo: CPUID finds KVM's interface at leaf 0x%x, Trivet's at leaf 0x%x\n", kvm,
		trivet);
	guest_printf("demo: Trivet's interface has version %u, its calls start at 0x%x\n",
		trivet_cpuid(trivet + 1).eax, trivet_cpuid(trivet + 1).ebx);
	return true;
}

static void make_calls(void)
{
	print_call("call 1, KVM's VAPIC_POLL_IRQ", trivet_call0(KVM_CALL_VAPIC_POLL_IRQ), 0);
	print_call("a number that nobody serves, so -ENOSYS", trivet_call0(UNKNOWN_CALL),
		-TRIVET_ENOSYS);
	print_call("ping", trivet_ping(), TRIVET_PING_RESULT);
	/* The hypervisor reads the text from guest memory by its physical address; here linear and
	 * physical addresses are the same. */
	print_call("log a text", trivet_log((uintptr_t)hello, sizeof(hello) - 1), 0);
	print_call("log from where no memory is, so -EFAULT",
		trivet_log(ADDRESS_WITHOUT_MEMORY, sizeof(hello) - 1), -TRIVET_EFAULT);
}

/* The hypervisor serves the kernel only: at CPL 3 the very same ping is refused. */
static void call_from_ring3(void)
{
	static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1};
	struct guest_probe probe = guest_probe_make(PROBE_USER, vmcall, sizeof(vmcall));

	probe.in.rax = TRIVET_CALL_PING;
	guest_probe_run(&probe);
	print_call("ping from ring 3, so -EPERM", (intptr_t)probe.out.rax, -TRIVET_EPERM);
}

uint32_t guest_main(void)
{
	guest_printf("demo: a guest in long mode with %lu MiB of memory\n",
		guest_memory_end() / 1024 / 1024);
	if (find_hypervisor()) {
		make_calls();
		call_from_ring3();
		guest_printf("demo: now the call that ends this guest, with code 0\n");
		guest_print_flush();
		trivet_end(0);
		guest_printf("demo: that call came back, which it never should\n");
		return 1;
	}
	guest_printf("demo: ends by the debug-exit port\n");
	return 0;
}
