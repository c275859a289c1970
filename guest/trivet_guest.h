/* SPDX-License-Identifier: MIT */
#ifndef GUEST_TRIVET_GUEST_H
#define GUEST_TRIVET_GUEST_H

/*
 * What a guest includes to talk to Trivet: the constants of the interface, a search for the
 * hypervisor, and one inline function per call. C99, C++11 and Linux modules, 32-bit and 64-bit
 * code of gcc and clang; it needs no library. Put Trivet's top folder on the include path, or copy
 * this file, hypercall/abi.h and hypercall/abi_types.h with their folders into one that is.
 *
 * Look for the hypervisor before the first call: without one VMCALL raises #UD. For all calls:
 *   - privilege: CPL 0. At any other level nothing is done and the result is -TRIVET_EPERM; so it
 *     is for a call that the guest's configuration refuses.
 *   - result: 0 or more, or a negated TRIVET_E number; -TRIVET_ENOSYS for a call not served.
 *   - registers: RAX (EAX) alone changes, no flag does. Memory changes only where a call says so.
 *   - addresses: guest-physical, of RAM. Outside 64-bit code all has 32 bits, so that what lies
 *     above 4 GiB cannot be named.
 */

#include "hypercall/abi.h"
#include "hypercall/abi_types.h"

#ifdef __KERNEL__
#include <linux/types.h>
/* Older kernels have uintptr_t only; newer ones define the same. */
typedef long intptr_t;
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

/* True if the base leaf's answer is these 12 bytes, in the order EBX, ECX, EDX. Context: any
 * privilege level. */
static inline bool trivet_signature_is(struct trivet_cpuid_result base, const char *signature)
{
	const uint32_t words[3] = {base.ebx, base.ecx, base.edx};
	unsigned i;

	for (i = 0; i < sizeof(words); i++) {
		if ((char)(words[i / 4] >> (i % 4 * 8)) != signature[i]) {
			return false;
		}
	}
	return true;
}

/*
 * Searches the hypervisor leaves for a signature of 12 bytes: "TrivetTrivet", or
 * "KVMKVMKVM\0\0\0" for the calls that are KVM's. Returns the base leaf, whose next leaf tells the
 * interface's version or features; 0 if there is no such interface. Context: any privilege level.
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
 * The call as it is: a number and up to four arguments in, the result out, both of a register's
 * width. For what has a function below, that one is shorter. Context: CPL 0, behind trivet_find().
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

/* As trivet_call4(), with three arguments. */
static inline intptr_t trivet_call3(uintptr_t number, uintptr_t a0, uintptr_t a1, uintptr_t a2)
{
	intptr_t result;

	__asm__ volatile("vmcall"
			 : "=a"(result)
			 : "a"(number), "b"(a0), "c"(a1), "d"(a2)
			 : "memory");
	return result;
}

/* As trivet_call4(), with two arguments. */
static inline intptr_t trivet_call2(uintptr_t number, uintptr_t a0, uintptr_t a1)
{
	intptr_t result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(a0), "c"(a1) : "memory");
	return result;
}

/* As trivet_call4(), with one argument. */
static inline intptr_t trivet_call1(uintptr_t number, uintptr_t a0)
{
	intptr_t result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(a0) : "memory");
	return result;
}

/* As trivet_call4(), without arguments. */
static inline intptr_t trivet_call0(uintptr_t number)
{
	intptr_t result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number) : "memory");
	return result;
}

/* Asks whether native calls are answered. Returns TRIVET_PING_RESULT. */
static inline intptr_t trivet_ping(void)
{
	return trivet_call0(TRIVET_CALL_PING);
}

/*
 * Puts a text into the hypervisor's log: size_bytes from 0 to TRIVET_LOG_MAX at an address, without
 * a zero at the end; bytes that are not printable ASCII appear as '.'. Returns 0; -TRIVET_E2BIG for
 * a longer one; -TRIVET_EFAULT if a byte of it is not RAM.
 */
static inline intptr_t trivet_log(uintptr_t address, uintptr_t size_bytes)
{
	return trivet_call2(TRIVET_CALL_LOG, address, size_bytes);
}

/*
 * Ends this guest with a code of 32 bits; the low 8 become the run's exit status, 255 if they are 0
 * and the code is not. Returns only where the call is refused, with the error.
 */
static inline intptr_t trivet_end(uint32_t code)
{
	return trivet_call1(TRIVET_CALL_END, code);
}

/*
 * Waits for 0 to TRIVET_SLEEP_MAX_US microseconds; other processors run on. Returns 0;
 * -TRIVET_EINVAL for a longer time, without waiting; -TRIVET_EOPNOTSUPP if the machine's TSC
 * frequency is not known.
 */
static inline intptr_t trivet_sleep(uintptr_t microseconds)
{
	return trivet_call1(TRIVET_CALL_SLEEP, microseconds);
}

/*
 * Fills an array of struct trivet_counter at an address, of `room` elements, with what the calling
 * processor's exits and calls cost: an element for each exit reason and each call that came.
 * Returns how many there are, which may be more than room; -TRIVET_EFAULT, with nothing written, if
 * a byte of the array is not writable RAM.
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
 * Makes the calls of an array of struct trivet_batch_entry at an address, a multiple of 64; count
 * is 0 to TRIVET_BATCH_MAX. Returns how many were made, with their results in the array. With none
 * made: -TRIVET_EINVAL for an odd address or within a batch, -TRIVET_E2BIG for a larger count,
 * -TRIVET_EFAULT if a byte of the array is not writable RAM.
 */
static inline intptr_t trivet_batch(uintptr_t address, uintptr_t count)
{
	return trivet_call2(TRIVET_CALL_BATCH, address, count);
}

/* Puts a mark with the time and two values of the caller's into the processor's trace, which is
 * printed with its counters. Returns 0. */
static inline intptr_t trivet_trace_mark(uintptr_t value0, uintptr_t value1)
{
	return trivet_call2(TRIVET_CALL_TRACE_MARK, value0, value1);
}

/*
 * Asks for a guest, which may be the caller, to be started, stopped or restarted: `operation` is a
 * TRIVET_GUEST_START, _STOP or _RESTART, the address that of its name in TRIVET_GUEST_NAME_BYTES
 * with NULs behind it. Returns 0: it happens soon; -TRIVET_EPERM without manage=yes;
 * -TRIVET_EINVAL for another operation; -TRIVET_EFAULT if a byte of the name is not RAM;
 * -TRIVET_ENOENT if no guest has it; -TRIVET_EALREADY if it runs, or is stopped, already.
 */
static inline intptr_t trivet_guest_control(uint32_t operation, uintptr_t address)
{
	return trivet_call2(TRIVET_CALL_GUEST_CONTROL, operation, address);
}

/*
 * Fills an array of struct trivet_guest_info at an address, of `room` elements, with the guests
 * there are. Returns how many there are, which may be more than room; -TRIVET_EPERM without
 * manage=yes; -TRIVET_EFAULT, with nothing written, if a byte of the array is not writable RAM.
 */
static inline intptr_t trivet_guest_list(uintptr_t address, uintptr_t room)
{
	return trivet_call2(TRIVET_CALL_GUEST_LIST, address, room);
}

/*
 * Returns KVM_CPUID_FEATURES_LEAF's EAX: which of KVM's calls and MSRs are there; 0 if none, or no
 * hypervisor that has KVM's interface. Context: any privilege level.
 */
static inline uint32_t trivet_kvm_features(void)
{
	const uint32_t base = trivet_find("KVMKVMKVM\0\0\0");

	return base == 0 ? 0 : trivet_cpuid(base + 1).eax;
}

/* KVM's call 1, the cheapest one that is served: nothing is left to do for it. Returns 0. */
static inline intptr_t trivet_kvm_vapic_poll_irq(void)
{
	return trivet_call0(KVM_CALL_VAPIC_POLL_IRQ);
}

/*
 * Wakes the processor with that APIC ID: its HLT, or its next one, does not wait. Returns 0, for an
 * ID that nobody has too; -TRIVET_ENOSYS without the feature PV_UNHALT.
 */
static inline intptr_t trivet_kvm_kick_cpu(uint32_t apic_id)
{
	return trivet_call2(KVM_CALL_KICK_CPU, 0, apic_id);
}

/*
 * Fills a struct trivet_clock_pairing at an address with the time of day and the guest's TSC of the
 * same moment. Returns 0; -TRIVET_EFAULT if a byte of it is not writable RAM; -TRIVET_EOPNOTSUPP if
 * the machine's TSC frequency is not known.
 */
static inline intptr_t trivet_kvm_clock_pairing(uintptr_t address)
{
	return trivet_call2(KVM_CALL_CLOCK_PAIRING, address, TRIVET_CLOCK_PAIRING_WALL_CLOCK);
}

/*
 * Sends an interrupt to the processors of a bitmap, whose bit 0 is the APIC ID `lowest_id`: `low`
 * has a register's width, and `high` goes on behind it. `icr` is the local APIC's interrupt command
 * (low half), with a physical destination and no shorthand, else -TRIVET_EINVAL. Returns how many
 * were reached; -TRIVET_ENOSYS without the feature PV_SEND_IPI.
 */
static inline intptr_t trivet_kvm_send_ipi(
	uintptr_t low, uintptr_t high, uint32_t lowest_id, uint32_t icr)
{
	return trivet_call4(KVM_CALL_SEND_IPI, low, high, lowest_id, icr);
}

/*
 * Gives the caller's time to the processor with that APIC ID, if it waits for some. Returns 0;
 * -TRIVET_ENOSYS without the feature PV_SCHED_YIELD.
 */
static inline intptr_t trivet_kvm_sched_yield(uint32_t apic_id)
{
	return trivet_call1(KVM_CALL_SCHED_YIELD, apic_id);
}

/*
 * Tells that pages of 4 KiB from an address on are encrypted or not. Returns -TRIVET_ENOSYS without
 * the feature HC_MAP_GPA_RANGE.
 */
static inline intptr_t trivet_kvm_map_gpa_range(
	uintptr_t address, uintptr_t page_count, uintptr_t attributes)
{
	return trivet_call3(KVM_CALL_MAP_GPA_RANGE, address, page_count, attributes);
}

#endif
