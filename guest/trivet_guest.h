/* SPDX-License-Identifier: MIT */
#ifndef GUEST_TRIVET_GUEST_H
#define GUEST_TRIVET_GUEST_H

/*
 * What a guest includes to talk to Trivet: the constants of the interface, a search for the
 * hypervisor, and one inline function per call. C, C++ and Linux modules, 32-bit and 64-bit code;
 * it needs no library. Put Trivet's top folder on the include path, or copy this file,
 * hypercall/abi.h and hypercall/abi_types.h.
 *
 * Look for the hypervisor before the first call: without one VMCALL raises #UD.
 */

#include "hypercall/abi.h"
#include "hypercall/abi_types.h"

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

/* CPUID leaf 1, ECX: set under a hypervisor, never set by a bare processor. */
#define TRIVET_CPUID_1_ECX_HYPERVISOR 0x80000000u
/* Hypervisors have their base leaves at multiples of 0x100 in this range. */
#define TRIVET_CPUID_BASE_FIRST 0x40000000u
#define TRIVET_CPUID_BASE_END   0x40010000u
#define TRIVET_CPUID_BASE_STEP  0x100u

struct trivet_cpuid_result {
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

/* Executes CPUID for the leaf, with subleaf 0. Context: any privilege level. */
static inline struct trivet_cpuid_result trivet_cpuid(uint32_t leaf)
{
	struct trivet_cpuid_result result;

	__asm__ volatile("cpuid"
			 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
			 : "a"(leaf), "c"(0));
	return result;
}

/* True if the base leaf answers with these 12 bytes, in the order EBX, ECX, EDX. */
static inline bool trivet_signature_is(struct trivet_cpuid_result base, const char *signature)
{
	const uint32_t words[3] = {base.ebx, base.ecx, base.edx};

	for (unsigned i = 0; i < sizeof(words); i++) {
		if ((char)(words[i / 4] >> (i % 4 * 8)) != signature[i]) {
			return false;
		}
	}
	return true;
}

/*
 * Searches the hypervisor leaves for a signature of 12 bytes: "TrivetTrivet", or
 * "KVMKVMKVM\0\0\0" for the calls that are KVM's. Returns the base leaf; 0 if there is no such
 * interface. Context: any privilege level.
 */
static inline uint32_t trivet_find(const char *signature)
{
	uint32_t leaf;

	if ((trivet_cpuid(1).ecx & TRIVET_CPUID_1_ECX_HYPERVISOR) == 0) {
		return 0;
	}
	for (leaf = TRIVET_CPUID_BASE_FIRST; leaf < TRIVET_CPUID_BASE_END;
		leaf += TRIVET_CPUID_BASE_STEP) {
		if (trivet_signature_is(trivet_cpuid(leaf), signature)) {
			return leaf;
		}
	}
	return 0;
}

/*
 * Calls the hypervisor with up to four arguments. Returns the result; an error is negative,
 * -TRIVET_EPERM outside privilege level 0, -TRIVET_ENOSYS for a number that nobody serves. No
 * register but RAX changes. Context: only after trivet_find() found the interface.
 */
static inline intptr_t trivet_call4(
	uintptr_t number, uintptr_t a0, uintptr_t a1, uintptr_t a2, uintptr_t a3)
{
	intptr_t result;

	__asm__ volatile("vmcall"
			 : "=a"(result)
			 : "a"(number), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
			 : "memory");
	return result;
}

static inline intptr_t trivet_call3(uintptr_t number, uintptr_t a0, uintptr_t a1, uintptr_t a2)
{
	intptr_t result;

	__asm__ volatile("vmcall"
			 : "=a"(result)
			 : "a"(number), "b"(a0), "c"(a1), "d"(a2)
			 : "memory");
	return result;
}

static inline intptr_t trivet_call2(uintptr_t number, uintptr_t a0, uintptr_t a1)
{
	intptr_t result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(a0), "c"(a1) : "memory");
	return result;
}

static inline intptr_t trivet_call1(uintptr_t number, uintptr_t a0)
{
	intptr_t result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(a0) : "memory");
	return result;
}

static inline intptr_t trivet_call0(uintptr_t number)
{
	intptr_t result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number) : "memory");
	return result;
}

/* Returns TRIVET_PING_RESULT: the hypervisor answers native calls. */
static inline intptr_t trivet_ping(void)
{
	return trivet_call0(TRIVET_CALL_PING);
}

/*
 * Puts a text into the hypervisor's log. address is guest-physical, size_bytes at most
 * TRIVET_LOG_MAX. Returns 0, -TRIVET_E2BIG or -TRIVET_EFAULT.
 */
static inline intptr_t trivet_log(uintptr_t address, uintptr_t size_bytes)
{
	return trivet_call2(TRIVET_CALL_LOG, address, size_bytes);
}

/* Ends this guest with a code; returns only where the call is refused. */
static inline intptr_t trivet_end(uint32_t code)
{
	return trivet_call1(TRIVET_CALL_END, code);
}

/*
 * Waits for a time of 0 to TRIVET_SLEEP_MAX_US microseconds; other processors run on. Returns 0 or
 * -TRIVET_EINVAL.
 */
static inline intptr_t trivet_sleep(uintptr_t microseconds)
{
	return trivet_call1(TRIVET_CALL_SLEEP, microseconds);
}

/*
 * Fills an array of struct trivet_counter at a guest-physical address, of `room` elements, with
 * what this processor's exits and calls cost. Returns how many there are, which may be more than
 * room; or -TRIVET_EFAULT.
 */
static inline intptr_t trivet_read_counters(uintptr_t address, uintptr_t room)
{
	return trivet_call2(TRIVET_CALL_READ_COUNTERS, address, room);
}

/* Puts the same as a table into the hypervisor's log. Returns 0. */
static inline intptr_t trivet_print_counters(void)
{
	return trivet_call0(TRIVET_CALL_PRINT_COUNTERS);
}

/*
 * Makes the calls of an array of struct trivet_batch_entry at a guest-physical address, a multiple
 * of 64; count is at most TRIVET_BATCH_MAX. Returns how many were made, their results in the array;
 * -TRIVET_E2BIG, -TRIVET_EINVAL or -TRIVET_EFAULT, with none made.
 */
static inline intptr_t trivet_batch(uintptr_t address, uintptr_t count)
{
	return trivet_call2(TRIVET_CALL_BATCH, address, count);
}

/* Puts a mark with two values of the caller's into the processor's trace. Returns 0. */
static inline intptr_t trivet_trace_mark(uintptr_t value0, uintptr_t value1)
{
	return trivet_call2(TRIVET_CALL_TRACE_MARK, value0, value1);
}

#endif
