/* SPDX-License-Identifier: MIT */
#ifndef KVM_REFERENCE_REFERENCE_VM_H
#define KVM_REFERENCE_REFERENCE_VM_H

#include "tools/kvm-reference/reference_guest.h"
#include "vm/loader.h"

struct kvm_run;

/* A virtual machine of KVM's with one virtual CPU. All zero, with descriptors of -1, is none. */
struct reference_vm {
	int vm;
	int vcpu;
	uint8_t *ram;
	uint64_t ram_size_bytes;
	struct guest_memory memory; /* The same RAM, as Trivet's loader takes it. */
	struct kvm_run *run;
	size_t run_size_bytes;
	const char *failed; /* What could not be done, for the report; errno has the reason. */
};

/*
 * Makes the machine: RAM from 0 on, KVM's own interrupt controllers, and a CPU with all that KVM
 * supports except what the guest is not to get. Returns false with `failed` set. Whatever it
 * returns, reference_vm_destroy() takes it down.
 */
bool reference_vm_create(
	struct reference_vm *machine, int kvm, const struct reference_guest *guest);
void reference_vm_destroy(struct reference_vm *machine);

/*
 * Puts the CPU where Trivet starts a multiboot guest: 32-bit protected mode, flat segments, EAX the
 * magic, EBX the information. Returns false with `failed` set.
 */
bool reference_vm_start_at(struct reference_vm *machine, const struct load_result *loaded);

#endif
