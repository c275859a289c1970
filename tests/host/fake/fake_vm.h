/* SPDX-License-Identifier: MIT */
#ifndef FAKE_FAKE_VM_H
#define FAKE_FAKE_VM_H

#include "vm/vm.h"

/* How often the fake of vm_input_arrived() was called. */
extern unsigned fake_vm_input_count;

/* How often the fake of vcpu_serve_deferred() was called. */
extern unsigned fake_serve_deferred_count;

/* How often the fake of vcpu_report_state() was called. */
extern unsigned fake_report_count;

#endif
