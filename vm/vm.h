/* SPDX-License-Identifier: MIT */
#ifndef VM_VM_H
#define VM_VM_H

#include "devices/debug_exit.h"
#include "devices/uart16550.h"
#include "lib/types.h"
#include "vm/guest_console.h"
#include "vm/guest_input.h"
#include "vm/guest_memory.h"
#include "vm/loader.h"
#include "vm/port_bus.h"
#include "vm/vm_platform.h"
#include "vmx/entry.h"
#include "vmx/ept.h"

enum {
	VM_NAME_MAX = 32,
	VM_COMMAND_LINE_MAX = 2048,
	VM_REASON_MAX = 160,
	VM_MODULE_TEXT_MAX = 128,
};

enum vm_kind {
	VM_KIND_GUESS, /* By the image's first bytes. */
	VM_KIND_MULTIBOOT,
	VM_KIND_FLAT,
	VM_KIND_LINUX,
};

/* When guest memory is put into the EPT. */
enum vm_populate {
	VM_POPULATE_BOOT,  /* All before the first instruction, with the largest pages. */
	VM_POPULATE_TOUCH, /* Each 4 KiB page at its first touch. */
};

/* What VMMCALL, which Intel's CPUs do not have, does in a guest. */
enum vm_vmmcall {
	VM_VMMCALL_PATCH, /* As in KVM: it is rewritten into VMCALL. */
	VM_VMMCALL_UD,
};

/* What GRUB's module lines ask for. */
struct vm_config {
	char name[VM_NAME_MAX];
	enum vm_kind kind;
	enum vm_populate populate;
	uint64_t memory_size_bytes;
	enum vm_vmmcall vmmcall;
	bool is_tracing_calls;
	uint64_t refused_calls; /* A bit for each row of the table of hypercalls. */
	char command_line[VM_COMMAND_LINE_MAX];
	struct image image;
	struct image_module modules[IMAGE_MODULES_MAX];
	char module_texts[IMAGE_MODULES_MAX][VM_MODULE_TEXT_MAX];
	size_t module_count;
};

/* Why a guest ended. */
enum vm_end {
	VM_END_NONE, /* It still runs. */
	VM_END_DEBUG_EXIT,
	VM_END_CALL,
	VM_END_POWER_OFF,
	VM_END_RESET,
	VM_END_HALTED, /* HLT with nothing that could wake it. */
	VM_END_CRASHED,
	VM_END_NOT_STARTED,
};

struct vcpu;

/* A guest: its memory, its devices and how it ended; what belongs to one processor is in struct
 * vcpu. */
struct vm {
	const struct vm_config *config;
	struct vcpu *vcpu; /* Its one processor; NULL until that is set up. */
	struct guest_memory memory;
	hpa_t memory_base; /* Of its RAM, which is one stretch of the machine's. */
	struct ept ept;
	struct port_bus ports;
	struct uart16550 uart;
	struct debug_exit debug_exit;
	struct vm_platform platform;
	struct guest_console console;
	struct guest_input input;
	enum vm_end end;
	enum vmx_resume after_call; /* VMX_RESUME_NOT once it has ended. */
	uint32_t end_code;
	char end_reason[VM_REASON_MAX]; /* For VM_END_CRASHED and VM_END_NOT_STARTED. */
};

/*
 * Marks the guest as ended; only the first call counts. The template gives the reason of a crash
 * (may be ""). Context: any that owns the VM; the vCPU stops at its next return to the exit
 * dispatcher.
 */
void vm_end(struct vm *vm, enum vm_end end, uint32_t code, const char *template, ...)
	__attribute__((format(printf, 4, 5)));

/* Returns the end in the words of the log ("debug-exit port"). */
const char *vm_end_name(enum vm_end end);

/*
 * Returns the exit status that stands for the guest's end: 0 for power-off and reset; the low 8
 * bits of a debug-exit or end-call code, 255 if they are 0 and the code is not; 124 halted for
 * good; 126 crashed or not started.
 */
unsigned vm_end_status(const struct vm *vm);

/* Puts the devices that every guest has on its port bus. */
void vm_attach_devices(struct vm *vm);

#endif
