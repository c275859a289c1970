/* SPDX-License-Identifier: MIT */
#ifndef BOOT_LOAD_GUEST_H
#define BOOT_LOAD_GUEST_H

#include "vm/vcpu.h"

/*
 * Puts into the guest's memory what its firmware would leave there and then its image, by the
 * kind that its configuration names or that the image's first bytes tell: bzImage, multiboot or
 * flat. *start says how its processor begins. Returns STATUS_OK; else what the loader returns, and
 * the VM has ended (VM_END_NOT_STARTED) with the loader's sentence. Context: the VM's memory is
 * there, it does not run.
 */
must_use enum status load_guest(struct vm *vm, struct vcpu_start *start);

#endif
