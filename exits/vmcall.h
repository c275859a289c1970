/* SPDX-License-Identifier: MIT */
#ifndef EXITS_VMCALL_H
#define EXITS_VMCALL_H

#include "vm/vcpu.h"

/* Handles a VMCALL exit: the hypercall. Context: as exit_dispatch(). */
enum vmx_resume vmcall(struct vcpu *vcpu);

#endif
