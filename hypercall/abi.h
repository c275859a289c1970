/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_ABI_H
#define HYPERCALL_ABI_H

/*
 * What a guest and Trivet agree on. Guests may copy this file: it needs nothing else, and C, C++
 * and assembly preprocessors can read it.
 *
 * A call: VMCALL with the number in RAX and up to four arguments in RBX, RCX, RDX and RSI; the
 * result comes back in RAX and nothing else changes. Outside 64-bit code all are cut to 32 bits.
 * Results from -1 down to -1000 are errors. Calls are served at CPL 0 only; at any other the result
 * is -TRIVET_EPERM.
 */

/* CPUID. Each interface has a base leaf: EAX the highest leaf, EBX ECX EDX the signature. */
#define KVM_CPUID_SIGNATURE_LEAF    0x40000000 /* "KVMKVMKVM\0\0\0" */
#define KVM_CPUID_FEATURES_LEAF     0x40000001
#define TRIVET_CPUID_SIGNATURE_LEAF 0x40000200 /* "TrivetTrivet" */
#define TRIVET_CPUID_VERSION_LEAF   0x40000201 /* EAX: interface version; EBX: first call number. */
#define TRIVET_INTERFACE_VERSION    3

/*
 * KVM_CPUID_FEATURES_LEAF, EAX: what of KVM's interface is there. Linux's own code has these names
 * from <asm/kvm_para.h>, where most are numbers of bits.
 */
#ifndef __KERNEL__
#define KVM_FEATURE_CLOCKSOURCE        (1u << 0) /* MSRs 0x11 and 0x12. */
#define KVM_FEATURE_NOP_IO_DELAY       (1u << 1) /* No need to wait after port I/O. */
#define KVM_FEATURE_CLOCKSOURCE2       (1u << 3) /* MSRs 0x4b564d00 and 0x4b564d01. */
#define KVM_FEATURE_STEAL_TIME         (1u << 5)
#define KVM_FEATURE_PV_EOI             (1u << 6)
#define KVM_FEATURE_PV_UNHALT          (1u << 7)
#define KVM_FEATURE_PV_TLB_FLUSH       (1u << 9)
#define KVM_FEATURE_PV_SEND_IPI        (1u << 11)
#define KVM_FEATURE_POLL_CONTROL       (1u << 12)
#define KVM_FEATURE_PV_SCHED_YIELD     (1u << 13)
#define KVM_FEATURE_HC_MAP_GPA_RANGE   (1u << 16)
#define KVM_FEATURE_CLOCKSOURCE_STABLE (1u << 24)
#endif

/* KVM's MSRs; those whose feature is not offered raise #GP. */
#define MSR_KVM_WALL_CLOCK      0x11
#define MSR_KVM_SYSTEM_TIME     0x12
#define MSR_KVM_WALL_CLOCK_NEW  0x4b564d00
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01
#define MSR_KVM_STEAL_TIME      0x4b564d03
#define MSR_KVM_PV_EOI_EN       0x4b564d04
#define MSR_KVM_POLL_CONTROL    0x4b564d05

/* Errors, returned negative; the numbers are Linux KVM's. */
#define TRIVET_EPERM      1
#define TRIVET_ENOENT     2
#define TRIVET_E2BIG      7
#define TRIVET_EFAULT     14
#define TRIVET_EINVAL     22
#define TRIVET_EOPNOTSUPP 95
#define TRIVET_EALREADY   114
#define TRIVET_ENOSYS     1000

/* Linux KVM's calls. What each takes and returns stands in hypercall/hypercalls.def. */
#define KVM_CALL_VAPIC_POLL_IRQ 1
#define KVM_CALL_KICK_CPU       5
#define KVM_CALL_CLOCK_PAIRING  9
#define KVM_CALL_SEND_IPI       10
#define KVM_CALL_SCHED_YIELD    11
#define KVM_CALL_MAP_GPA_RANGE  12

/* Native calls. */
#define TRIVET_CALL_BASE 0x54520000 /* "TR" */
#define TRIVET_CALL_PING 0x54520000 /* Returns TRIVET_PING_RESULT. */
/*
 * Log a text: a0 guest-physical address, a1 length in bytes (0 to TRIVET_LOG_MAX). Returns 0;
 * -E2BIG for a longer one, -EFAULT if a byte of it is not RAM. Bytes outside printable ASCII appear
 * as '.'.
 */
#define TRIVET_CALL_LOG 0x54520001
/* End this guest: a0 is its exit code (32 bits). Does not return. */
#define TRIVET_CALL_END 0x54520002
/*
 * Sleep: a0 microseconds (0 to TRIVET_SLEEP_MAX_US). The call returns after that time of the
 * guest's TSC; only the calling processor waits. Returns 0; -EINVAL for a
 * longer time, and within a batch; -EOPNOTSUPP if the TSC's frequency is not known.
 */
#define TRIVET_CALL_SLEEP 0x54520003
/*
 * Read the calling processor's counters: a0 guest-physical address of an array of struct
 * trivet_counter, a1 how many fit. Fills as many as fit, one for each exit reason and each call
 * that came. Returns how many there are, which may be more than fitted; -EFAULT, with nothing
 * written, if a byte of the array is not writable RAM.
 */
#define TRIVET_CALL_READ_COUNTERS 0x54520004
/* Print the same as a table into the hypervisor's log. Returns 0. */
#define TRIVET_CALL_PRINT_COUNTERS 0x54520005
/*
 * Make many calls: a0 guest-physical address of an array of struct trivet_batch_entry, a multiple
 * of 64; a1 how many (0 to TRIVET_BATCH_MAX). Each is checked and counted as a call of its own, in
 * the order of the array, and its result written before the next is read; a batch within a batch
 * is -EINVAL. Returns how many were made; -E2BIG; -EINVAL for an odd address; -EFAULT, with none
 * made, if a byte of the array is not writable RAM.
 */
#define TRIVET_CALL_BATCH 0x54520006
/* Put a mark with the values a0 and a1 into the processor's trace. Returns 0. */
#define TRIVET_CALL_TRACE_MARK 0x54520007
/*
 * Start, stop or restart a guest, which may be the caller: a0 TRIVET_GUEST_START, _STOP or
 * _RESTART, a1 guest-physical address of its name, TRIVET_GUEST_NAME_BYTES with NULs behind it.
 * Returns 0: it happens soon; restarting one that is stopped starts it. -EPERM for a guest without
 * manage=yes; -EINVAL for another a0; -EFAULT if a byte of the name is not RAM; -ENOENT if no guest
 * has it; -EALREADY if it runs, or is stopped, already.
 */
#define TRIVET_CALL_GUEST_CONTROL 0x54520008
/*
 * List the guests, the caller among them: a0 guest-physical address of an array of struct
 * trivet_guest_info, a1 how many fit. Fills as many as fit. Returns how many there are, which may
 * be more; -EPERM for a guest without manage=yes; -EFAULT, with nothing written, if a byte of the
 * array is not writable RAM.
 */
#define TRIVET_CALL_GUEST_LIST 0x54520009

#define TRIVET_PING_RESULT  0x55aa
#define TRIVET_LOG_MAX      200
#define TRIVET_SLEEP_MAX_US 10000000
#define TRIVET_BATCH_MAX    64

/* struct trivet_batch_entry, by offsets in bytes: all fields have 64 bits in every mode. */
#define TRIVET_BATCH_ENTRY_BYTES   64
#define TRIVET_BATCH_RAX_OFFSET    0
#define TRIVET_BATCH_RCX_OFFSET    8
#define TRIVET_BATCH_RDX_OFFSET    16
#define TRIVET_BATCH_RBX_OFFSET    24
#define TRIVET_BATCH_RSI_OFFSET    48
#define TRIVET_BATCH_RESULT_OFFSET 56

/* TRIVET_CALL_GUEST_CONTROL: what to do. */
#define TRIVET_GUEST_START      1
#define TRIVET_GUEST_STOP       2
#define TRIVET_GUEST_RESTART    3
#define TRIVET_GUEST_NAME_BYTES 32

/* struct trivet_guest_info: state and flags. */
#define TRIVET_GUEST_STOPPED     0
#define TRIVET_GUEST_RUNNING     1
#define TRIVET_GUEST_FLAG_CALLER 1
#define TRIVET_GUEST_INFO_BYTES  128

/* KVM_CALL_CLOCK_PAIRING: the only clock there is, and the size of what it fills. */
#define TRIVET_CLOCK_PAIRING_WALL_CLOCK 0
#define TRIVET_CLOCK_PAIRING_BYTES      64

/* struct trivet_counter: what is counted. */
#define TRIVET_COUNTER_EXIT      1 /* number: the basic exit reason. */
#define TRIVET_COUNTER_HYPERCALL 2 /* number: the call's; all ones for the unknown together. */
#define TRIVET_COUNTER_BINS      64
#define TRIVET_COUNTER_BYTES     528

#endif
