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
#define TRIVET_INTERFACE_VERSION    1

/* Errors, returned negative; the numbers are Linux KVM's. */
#define TRIVET_EPERM      1
#define TRIVET_E2BIG      7
#define TRIVET_EFAULT     14
#define TRIVET_EINVAL     22
#define TRIVET_EOPNOTSUPP 95
#define TRIVET_ENOSYS     1000

/* Linux KVM's calls. */
#define KVM_CALL_VAPIC_POLL_IRQ 1 /* Returns 0. */

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

#define TRIVET_PING_RESULT 0x55aa
#define TRIVET_LOG_MAX     200

#endif
