/* SPDX-License-Identifier: MIT */
/*
 * A program for Linux, without a library, that executes VMCALL at CPL 3.
 *
 * vmcall-user        prints each call's result; exit status 0 if all are -EPERM, 1 if not
 * vmcall-user find   prints where CPUID has the two interfaces, which it tells at CPL 3 too
 *
 * The exit status is 2 where there is no hypervisor with KVM's interface: VMCALL would be #UD.
 */
#include "guest/trivet_guest.h"

#include <stddef.h>
#include <sys/syscall.h>

#define STDOUT         1
#define HEX_DIGITS     16
#define BITS_PER_DIGIT 4

enum { STATUS_PASS, STATUS_FAIL, STATUS_NO_HYPERVISOR };

void linux_user_main(const long *stack);

static long system_call(long number, long a0, long a1, long a2)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a0), "S"(a1), "d"(a2)
			 : "rcx", "r11", "memory");
	return result;
}

static void print(const char *text)
{
	size_t size = 0;

	while (text[size] != '\0') {
		size++;
	}
	system_call(SYS_write, STDOUT, (long)text, (long)size);
}

static void print_hex(const char *what, uint64_t value)
{
	char digits[HEX_DIGITS + 1] = {0};
	size_t i;

	for (i = HEX_DIGITS; i != 0; i--) {
		digits[i - 1] = "0123456789abcdef"[value % 16];
		value >>= BITS_PER_DIGIT;
	}
	print(what);
	print(digits);
}

/* An unknown number is refused as any other: at CPL 3 the privilege is looked at first. */
static int check_calls(void)
{
	static const uintptr_t numbers[] = {
		TRIVET_CALL_PING, KVM_CALL_VAPIC_POLL_IRQ, KVM_CALL_SEND_IPI, 0x7fff0000};
	int status = STATUS_PASS;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const intptr_t result = trivet_call4(numbers[i], 0, 0, 0, 0);

		print_hex("vmcall: number=0x", numbers[i]);
		print_hex(" result=0x", (uint64_t)result);
		print("\n");
		if (result != -TRIVET_EPERM) {
			status = STATUS_FAIL;
		}
	}
	return status;
}

/* The argument count and the arguments stand where Linux puts them: on the stack. */
void linux_user_main(const long *stack)
{
	const uint32_t kvm = trivet_find("KVMKVMKVM\0\0\0");
	int status = kvm == 0 ? STATUS_NO_HYPERVISOR : STATUS_PASS;

	if (stack[0] > 1) {
		print_hex("cpuid: trivet=0x", trivet_find("TrivetTrivet"));
		print_hex(" kvm=0x", kvm);
		print("\n");
	} else if (kvm != 0) {
		status = check_calls();
	}
	system_call(SYS_exit, status, 0, 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov	%rsp, %rdi\n"
	"	and	$-16, %rsp\n"
	"	call	linux_user_main\n");
