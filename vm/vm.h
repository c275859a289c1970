/* SPDX-License-Identifier: MIT */
#ifndef VM_VM_H
#define VM_VM_H

#include "cpu/spinlock.h"
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
	VM_STATUS_CRASHED = 126, /* Of vm_end_status(), also for a guest that was not started. */
	VM_VCPUS_MAX = 64,
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

/*
 * After which ends a guest begins anew by itself. Never after a power-off, an end by its debug-exit
 * port or end call, or when it was stopped: it, or somebody, said that it is done.
 */
enum vm_restart {
	VM_RESTART_NEVER,
	VM_RESTART_RESET,  /* After a reset. */
	VM_RESTART_ALWAYS, /* After a reset, a crash and a halt for good. */
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
	unsigned vcpu_count;    /* 1 to VM_VCPUS_MAX. */
	uint64_t cpus;          /* A bit for each CPU of the machine that it may run on; 0: all. */
	uint32_t weight;        /* RUN_WEIGHT_MIN to RUN_WEIGHT_MAX, of each of its vCPUs. */
	enum vm_restart restart;
	bool may_manage; /* It may list, start and stop guests: hypercall/guest_control.h. */
	bool is_stopped_at_boot; /* It waits until somebody starts it. */
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
	VM_END_STOPPED, /* By the operator, or a guest with that right. */
};

struct guest_manager;
struct vcpu;
struct vcpu_start;

/*
 * A guest: its memory, its devices and how it ended; what belongs to one processor is in struct
 * vcpu.
 *
 * The locks, in the order in which they may be taken (cpu/spinlock.h has their ranks): memory_lock,
 * platform_lock, the scheduler's of a CPU, the operator's input, the list of guests, what
 * is to be cleared, the machine's pages, the consoles. None is on the way of a hypercall that asks
 * for nothing of theirs. A VM with one vCPU takes neither of its own: nobody else touches what they
 * guard.
 */
struct vm {
	const struct vm_config *config;
	bool is_smp; /* More than one vCPU. */
	struct vcpu *vcpus[VM_VCPUS_MAX];
	unsigned vcpu_count;
	unsigned live_count; /* Of vCPUs that are placed on a CPU; atomic. */
	uint64_t start_tsc;  /* The host's TSC when the guest's, and its system time, were 0. */
	/* What the bootstrap processor's CPU calls right before it runs for the first time. */
	void (*starting)(struct vm *vm);
	/* What the last vCPU that left its CPU calls: the VM is nobody's then. NULL: nothing. */
	void (*left)(struct vm *vm);
	/* The self-test's hand on a guest that is set up and has not run; false: do not run it. */
	bool (*prepare)(struct vcpu *vcpu, const struct vcpu_start *start);
	struct spinlock memory_lock;   /* Guards the EPT while the guest runs. */
	struct spinlock platform_lock; /* Guards the devices. */
	unsigned access_page_users;    /* vCPUs that need the APIC-access page; memory_lock. */
	unsigned large_pages_split;    /* How often vm_memory_allow_fetch() did; memory_lock. */
	const struct guest_manager *manager; /* For native calls; NULL: there is none. */
	struct guest_memory memory;
	hpa_t memory_base; /* Of its RAM, which is one stretch of the machine's. */
	struct ept ept;
	struct port_bus ports;
	struct uart16550 uart;
	struct debug_exit debug_exit;
	struct vm_platform platform;
	struct guest_console console;
	struct guest_input input;
	enum vm_end end;         /* Atomic: set last, by the one that ends it. */
	bool is_ending;          /* Atomic: the end is somebody's already. */
	bool is_reported;        /* Atomic: the end is in the log. */
	uint32_t idle_end_count; /* Atomic: how often a vCPU left its idleness: vcpu_halt.c. */
	uint32_t end_code;
	char end_reason[VM_REASON_MAX]; /* For VM_END_CRASHED and VM_END_NOT_STARTED. */
};

/* For loads of `end` by whoever does not own the VM, and by its vCPUs. */
static inline bool vm_is_ended(const struct vm *vm)
{
	return __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) != VM_END_NONE;
}

/* For accesses to the devices: vm->platform_lock. */
static inline void vm_lock_platform(struct vm *vm)
{
	if (vm->is_smp) {
		spin_lock(&vm->platform_lock);
	}
}

static inline void vm_unlock_platform(struct vm *vm)
{
	if (vm->is_smp) {
		spin_unlock(&vm->platform_lock);
	}
}

/*
 * Marks the guest as ended; only the first call counts. The template gives the reason of a crash
 * (may be ""). All vCPUs are told, and leave the guest at their next VM exit, the caller's too.
 * Context: any CPU; no lock of the scheduler's is held.
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

/* Accesses of 1, 2 or 4 bytes to the port bus. Context: a vCPU's exit; takes the platform's lock.
 */
static inline uint32_t vm_port_read(struct vm *vm, uint16_t port, unsigned size_bytes)
{
	uint32_t value;

	vm_lock_platform(vm);
	value = port_bus_read(&vm->ports, port, size_bytes);
	vm_unlock_platform(vm);
	return value;
}

static inline void vm_port_write(struct vm *vm, uint16_t port, unsigned size_bytes, uint32_t value)
{
	vm_lock_platform(vm);
	port_bus_write(&vm->ports, port, size_bytes, value);
	vm_unlock_platform(vm);
}

/* Something was typed to the guest: it goes to its UART. Context: as above. */
void vm_input_arrived(struct vm *vm);

/*
 * Puts the end of the VM into the log, once, and the state of this vCPU (NULL: of none) if the VM
 * crashed or halted. Context: the vCPU's own CPU; its VMCS, if it has one, is current.
 */
void vm_report_end(struct vm *vm, struct vcpu *vcpu);

#endif
