/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include "cpu/gdt.h"
#include "devices/virtual_apic.h"
#include "lib/types.h"
#include "vm/tick_histogram.h"
#include "vm/trace.h"
#include "vm/vm.h"
#include "vmx/apic_controls.h"
#include "vmx/capability.h"
#include "vmx/control_set.h"
#include "vmx/entry.h"
#include "vmx/exit_reason.h"
#include "vmx/preemption_timer.h"

enum {
	VCPU_MTRR_VARIABLE_COUNT = 8,
	VCPU_MTRR_FIXED_COUNT = 11,
	VCPU_HYPERCALL_ROWS = 22,
	VCPU_WARNINGS_MAX = 16,
	VCPU_CPUID_LEAVES = 14, /* Basic leaves that can be kept: 0 to 0xd. */
	VCPU_APICV_EOI_WORDS = 4,
};

/* MSRs that a guest sees and that are not in the VMCS. */
struct vcpu_msrs {
	uint64_t misc_enable;
	uint64_t mtrr_def_type;
	uint64_t mtrr_variable[2 * VCPU_MTRR_VARIABLE_COUNT]; /* Base and mask by turns. */
	uint64_t mtrr_fixed[VCPU_MTRR_FIXED_COUNT];
};

/* The 4 KiB pages that the VMCS of a vCPU points to. */
struct vcpu_pages {
	uint32_t *vmcs;
	uint8_t *msr_bitmap;
	uint8_t *io_bitmaps; /* A and B, one behind the other. */
	uint32_t *apic;      /* The registers of its local APIC: the virtual-APIC page. */
	uint8_t *apic_access;
};

/* What the CPU does of the local APIC, and what the VMCS holds of it: vm/vcpu_apicv.h. */
struct vcpu_apicv {
	enum apic_level level;
	bool is_page_mapped; /* The APIC-access page, in the EPT. */
	uint8_t tpr_threshold;
	uint16_t interrupt_status;
	uint64_t eoi_exits[VCPU_APICV_EOI_WORDS];
};

/* When and how the CPU is taken back from the guest: vm/vcpu_timer.h. */
struct vcpu_timer {
	uint64_t event_tsc;   /* The host's TSC when something is due; HOST_TIMER_NEVER. */
	uint64_t refresh_tsc; /* When an exit sets the preemption timer anew; without it never. */
	uint64_t look_ticks;  /* It is set no further ahead. */
	uint8_t rate;         /* Of the preemption timer. */
	bool is_preemption;   /* The VMX-preemption timer, else the host's local APIC. */
};

/* What a guest wrote to KVM's MSRs: hypercall/kvm_msrs.c. */
struct vcpu_kvm_msrs {
	uint64_t wall_clock;
	uint64_t system_time;
	bool is_old_system_time; /* By the MSR that old guests use. */
	uint64_t steal_time;
	uint64_t pv_eoi;
	uint8_t *pv_eoi_word; /* The first byte of what it points to; NULL: off. */
	uint64_t poll_control;
};

struct hypercall;
struct vcpu;

/* What serves one hypercall of a vCPU: hypercall/hypercall.h. */
typedef uint64_t (*vcpu_hypercall_function)(struct vcpu *vcpu, struct hypercall call);

/* A virtual processor. The frame is first: the exit entry code knows nothing else of it. */
struct vcpu {
	struct vmx_frame frame;
	struct vm *vm;
	/* EFER.LMA of the guest. We own CR0.PG and EFER.LME: it does not change unseen. */
	bool is_long_mode;
	uint8_t warning_count;
	uint8_t decoded_length; /* Of an instruction that we decoded, for the dispatcher. */
	uint16_t vpid;
	const struct vmx_capability *capability;
	const struct gdt_cpu *host_cpu; /* The CPU that it runs on. */
	struct control_set controls;
	struct vcpu_pages pages;
	uint64_t cr0_guest_owned; /* Bits that the guest changes without an exit. */
	uint64_t cr4_guest_owned;
	uint64_t cr4_must;    /* Bits that are 1 whatever the guest writes; it does not see them. */
	uint64_t cr4_allowed; /* Bits that its CPUID lets a guest set. */
	uint64_t xcr0_allowed;
	/* The answers to basic leaves that nothing the guest does can change; which those are. */
	uint32_t cpuid_constant_leaves;
	struct cpuid_result cpuid_leaves[VCPU_CPUID_LEAVES];
	struct vcpu_msrs msrs;
	struct virtual_apic apic;
	enum apic_choice apic_choice; /* What the option apic= asks for. */
	struct vcpu_apicv apicv;
	enum timer_choice timer_choice; /* What the option timer= asks for. */
	struct vcpu_timer timer;
	bool is_nmi_pending;
	bool is_pv_eoi_offered; /* The guest may end its interrupt in memory: vm/pv_eoi.h. */
	struct vcpu_kvm_msrs kvm;
	uint64_t start_tsc;    /* The host's TSC when the guest's system time was 0. */
	uint64_t tsc_offset;   /* The guest's TSC less the host's, as the VMCS has it. */
	uint64_t exit_tsc;     /* The host's TSC when the exit's handling began. */
	uint32_t kvm_features; /* Offered in KVM's CPUID leaf, EAX. */
	bool is_in_batch;
	bool is_kicked;                /* A KICK_CPU came: the next HLT does not wait. */
	uint64_t refused_calls_logged; /* A bit for each row of the table of calls. */
	vcpu_hypercall_function hypercall_functions[VCPU_HYPERCALL_ROWS];
	/*
	 * How often each exit and each call came, and how many ticks the hypervisor took for it;
	 * calls that came in a batch stand by themselves. VMCALL's own row stays empty: it is the
	 * sum of the calls that came by themselves.
	 */
	struct tick_histogram exit_ticks[EXIT_REASON_COUNT];
	struct tick_histogram hypercall_ticks[VCPU_HYPERCALL_ROWS];
	struct tick_histogram batched_ticks[VCPU_HYPERCALL_ROWS];
	struct trace trace;
};

enum vcpu_start_mode {
	VCPU_START_PROTECTED_MODE, /* 32-bit, flat segments, paging off: the Multiboot way. */
	VCPU_START_REAL_MODE,
	VCPU_START_64_BIT_MODE, /* Flat segments, by the selectors of vm/linux_boot_area.h. */
};

/* How a guest begins. What is not named here is as after a reset. */
struct vcpu_start {
	enum vcpu_start_mode mode;
	uint64_t rip; /* Real mode: offset in segment 0. */
	uint64_t rax;
	uint64_t rbx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t cr3; /* 64-bit mode only. */
	uint64_t gdt;
	uint16_t gdt_limit;
};

/*
 * Makes the vCPU's VMCS from nothing: controls, host state, and the guest state of vcpu_start. The
 * VMCS is current and clear afterwards. vm, capability, pages, vpid, apic_choice,
 * timer_choice and frame.handle_exit are set by the caller; the rest is initialised here. Returns
 * STATUS_OK; STATUS_UNSUPPORTED if a control or the VMCS itself is refused. Context: VMX root
 * operation; the host's GDT, IDT and page tables are final.
 */
must_use enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start);

/*
 * Runs the vCPU until its VM ends. A VM entry that fails ends the VM with the rules that were
 * broken in the log. Context: its VMCS is current.
 */
void vcpu_run(struct vcpu *vcpu);

/*
 * Takes the vCPU off this CPU: its VMCS is cleared, and what the CPU caches of its translations is
 * invalidated, so that its pages can be used for something else. Context: its VMCS is current, it
 * does not run.
 */
void vcpu_stop(struct vcpu *vcpu);

/*
 * Ends the VM after a VM entry that failed, with the broken rules in the log. exit_reason is the
 * whole field, or 0 after VMfail. Context: as vcpu_run().
 */
void vcpu_entry_failed(struct vcpu *vcpu, uint32_t exit_reason);

/*
 * Puts what the VMCS does not hold into the state after a reset, so that no guest sees another's:
 * vector state, XCR0, DR0-DR3, DR6, CR2, and the MSRs that a guest writes without an exit. Context:
 * before a vCPU's first entry.
 */
void vcpu_reset_cpu_state(const struct vcpu *vcpu);

/* Logs the vCPU's registers, segments, control registers and the instruction at RIP. Its VMCS is
 * current. */
void vcpu_report_state(struct vcpu *vcpu);

/* Logs one line of what the guest did that is odd; after VCPU_WARNINGS_MAX lines, nothing more. */
void vcpu_warn(struct vcpu *vcpu, const char *template, ...) __attribute__((format(printf, 2, 3)));

/* True if the guest runs 64-bit code: EFER.LMA and CS.L. Costs one VMREAD at most. */
bool vcpu_is_64bit_code(const struct vcpu *vcpu);

/* Returns the current privilege level, 0 to 3, from an access-rights value of CS (SS is read if CS
 * is conforming). */
unsigned vcpu_cpl_from_cs(uint32_t cs_access_rights);

/* Returns a general register of the guest, RSP from the VMCS. number < REGISTER_COUNT. */
uint64_t vcpu_get_register(const struct vcpu *vcpu, unsigned number);
void vcpu_set_register(struct vcpu *vcpu, unsigned number, uint64_t value);

#endif
