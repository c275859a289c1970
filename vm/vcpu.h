/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include "cpu/gdt.h"
#include "cpu/xsave_layout.h"
#include "devices/virtual_apic.h"
#include "lib/types.h"
#include "vm/posted_interrupts.h"
#include "vm/run_queue.h"
#include "vm/steal_time.h"
#include "vm/tick_histogram.h"
#include "vm/trace.h"
#include "vm/vcpu_start.h"
#include "vm/vm.h"
#include "vmx/apic_controls.h"
#include "vmx/capability.h"
#include "vmx/control_set.h"
#include "vmx/current_vmcs.h"
#include "vmx/entry.h"
#include "vmx/exit_reason.h"
#include "vmx/preemption_timer.h"

enum {
	VCPU_MTRR_VARIABLE_COUNT = 8,
	VCPU_MTRR_FIXED_COUNT = 11,
	VCPU_HYPERCALL_ROWS = 24,
	VCPU_WARNINGS_MAX = 16,
	VCPU_CPUID_LEAVES = 14, /* Basic leaves that can be kept: 0 to 0xd. */
	VCPU_APICV_EOI_WORDS = 4,
	VCPU_NAME_MAX = VM_NAME_MAX + 12,
	VCPU_DEBUG_ADDRESSES = 4,
	VCPU_SAVED_MSRS = 6,
};

/* What the vCPU does as soon as its CPU lets it. */
enum vcpu_activity {
	VCPU_ACTIVE,
	VCPU_HALTED,           /* By HLT: until an interrupt, an NMI or a kick. */
	VCPU_SLEEPING,         /* In a call that returns at wake_tsc, whatever comes. */
	VCPU_WAIT_FOR_STARTUP, /* Since INIT. */
};

/* MSRs that a guest sees and that are not in the VMCS. */
struct vcpu_msrs {
	uint64_t misc_enable;
	uint64_t mtrr_def_type;
	uint64_t mtrr_variable[2 * VCPU_MTRR_VARIABLE_COUNT]; /* Base and mask by turns. */
	uint64_t mtrr_fixed[VCPU_MTRR_FIXED_COUNT];
};

/* Pages of a vCPU: those that its VMCS points to, and what of its state XSAVE writes. */
struct vcpu_pages {
	uint32_t *vmcs;
	uint8_t *msr_bitmap;
	uint8_t *io_bitmaps;  /* A and B, one behind the other; all vCPUs of a VM have the same. */
	uint32_t *apic;       /* The registers of its local APIC: the virtual-APIC page. */
	uint8_t *apic_access; /* All vCPUs of a VM have the same. */
	uint8_t *xsave;       /* The XSAVE area: xsave_layout->area_bytes, aligned to 64. */
};

/* What of the guest's state the CPU holds outside of the VMCS, while another vCPU has it; vector
 * state is in pages.xsave. */
struct vcpu_saved {
	uint64_t xcr0;
	uint64_t cr2;
	uint64_t dr6;
	uint64_t debug_addresses[VCPU_DEBUG_ADDRESSES];
	uint64_t msrs[VCPU_SAVED_MSRS]; /* In the order of vm/msr_policy.c. */
};

/* What the CPU does of the local APIC, and what the VMCS holds of it: vm/vcpu_apicv.h. */
struct vcpu_apicv {
	enum apic_level level;
	bool has_page; /* It needs the APIC-access page in the EPT. */
	uint8_t tpr_threshold;
	uint16_t interrupt_status;
	uint64_t eoi_exits[VCPU_APICV_EOI_WORDS];
};

/* When and how the CPU is taken back from the guest: vm/vcpu_timer.h. */
struct vcpu_timer {
	uint64_t event_tsc;   /* The host's TSC when something is due; HOST_TIMER_NEVER. */
	uint64_t host_tsc;    /* When others want the CPU; HOST_TIMER_NEVER. */
	uint64_t refresh_tsc; /* When an exit sets the preemption timer anew; without it never. */
	uint8_t rate;         /* Of the preemption timer. */
	bool is_preemption;   /* The VMX-preemption timer, else the host's local APIC. */
};

/* What a guest wrote to KVM's MSRs: hypercall/kvm_msrs.c. */
struct vcpu_kvm_msrs {
	uint64_t wall_clock;
	uint64_t system_time;
	bool is_old_system_time; /* By the MSR that old guests use. */
	uint64_t steal_time;
	struct steal_time_record *steal_record; /* What it points to; NULL: off. */
	uint64_t stolen_told_ticks;             /* Of run.wait_ticks: what is in the record. */
	uint64_t stolen_told_ns;
	uint64_t tlb_flush_count; /* That others asked for while it had no CPU. */
	uint64_t pv_eoi;
	uint8_t *pv_eoi_word; /* The first byte of what it points to; NULL: off. */
	uint64_t poll_control;
};

struct hypercall;
struct scheduler;
struct vcpu;

/* What serves one hypercall of a vCPU: hypercall/hypercall.h. */
typedef uint64_t (*vcpu_hypercall_function)(struct vcpu *vcpu, struct hypercall call);

/*
 * A virtual processor. The frame is first: the exit entry code knows nothing else of it. What
 * stands before `after_call` stays for as long as the vCPU has its memory; all from there on lasts
 * as long as one life of its guest, and vcpu_create() begins it with zeros.
 */
struct vcpu {
	struct vmx_frame frame; /* Of it handle_exit stays. */
	struct vm *vm;
	const struct vmx_capability *capability;
	const struct xsave_layout *xsave_layout;
	struct vcpu_pages pages;
	struct vcpu_start start; /* How it begins when it runs next. */
	uint32_t id;             /* Its number in the VM, which is its APIC ID. */
	uint16_t vpid;
	enum apic_choice apic_choice;   /* What the option apic= asks for. */
	enum timer_choice timer_choice; /* What the option timer= asks for. */
	/*
	 * VMX_RESUME_NOT to leave the guest after a hypercall: the VM has ended, or the CPU is to
	 * be given up.
	 */
	enum vmx_resume after_call;
	/* EFER.LMA of the guest. We own CR0.PG and EFER.LME: it does not change unseen. */
	bool is_long_mode;
	bool is_set_up; /* There is a VMCS; nothing is served for a vCPU that has none. */
	uint8_t warning_count;
	uint8_t decoded_length; /* Of an instruction that we decoded, for the dispatcher. */
	uint32_t again_count; /* How often the CPU was to execute this again: exits/exit_again.h. */
	uint64_t again_rip;
	char name[VCPU_NAME_MAX];    /* For the log. */
	struct scheduler *scheduler; /* Of the CPU that it is placed on, for good. */
	struct vcpu *next_member;    /* Of those placed there. */
	struct run_entity run;       /* Guarded by the scheduler's lock. */
	enum vcpu_activity activity; /* Its own CPU's, as is all below but `posted`. */
	uint64_t wake_tsc;           /* While it is blocked: when it is woken; UINT64_MAX. */
	struct vcpu_saved saved;
	struct control_set controls;
	uint64_t cr0_guest_owned; /* Bits that the guest changes without an exit. */
	uint64_t cr4_guest_owned;
	uint64_t cr4_must;    /* Bits that are 1 whatever the guest writes; it does not see them. */
	uint64_t cr4_allowed; /* Bits that its CPUID lets a guest set. */
	uint64_t xcr0_allowed; /* Of the components in xsave_layout, which all are kept. */
	/* The answers to basic leaves that nothing the guest does can change; which those are. */
	uint32_t cpuid_constant_leaves;
	struct cpuid_result cpuid_leaves[VCPU_CPUID_LEAVES];
	struct vcpu_msrs msrs;
	struct virtual_apic apic;
	struct vcpu_apicv apicv;
	struct vcpu_timer timer;
	bool is_nmi_pending;
	uint8_t startup_vector;     /* Of a STARTUP among these: */
	uint32_t deferred_requests; /* Of others, for the time outside of an exit's handling. */
	bool is_pv_eoi_offered;     /* The guest may end its interrupt in memory: vm/pv_eoi.h. */
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
	/* What other CPUs leave for it. In lines of its own: they write here, and nowhere else. */
	struct posted_interrupts posted;
	/* Between the last look at what is posted and the next one: an IPI makes it look. */
	bool is_on_cpu;
	bool is_ept_stale; /* Its CPU may have translations of before a change of the EPT. */
	/*
	 * It will not go on by itself: halted with nothing that could wake it but another vCPU, or
	 * waiting to be started. Other CPUs read it: vcpu_halt.c.
	 */
	bool is_idle_for_good;
};

/*
 * For functions that read or write the VMCS of a vCPU, or other state of its that the CPU holds: in
 * a build with DEBUG=1 panics unless the VMCS is current and this is the vCPU's turn. Costs nothing
 * in others.
 */
static inline void vcpu_check_current(const struct vcpu *vcpu)
{
	current_vmcs_check_is(vcpu->pages.vmcs);
}

/*
 * Makes the vCPU of a VM that is to start: all that needs no VMCS, its local APIC too. The
 * bootstrap processor, whose id is 0, is active and begins as its `start` says; the others wait for
 * STARTUP. What stands before `after_call`, frame.handle_exit too, is set by the caller; nothing
 * else is left of what was there before. Context: any CPU; the vCPU is placed on none, so that no
 * other CPU knows of it.
 */
void vcpu_create(struct vcpu *vcpu);

/*
 * Makes the VMCS of a vCPU from nothing: controls, host state, and the guest state of vcpu_start.
 * The VMCS is current and clear afterwards. Returns STATUS_OK; STATUS_UNSUPPORTED if a control or
 * the VMCS itself is refused. Context: VMX root operation, the CPU that runs the vCPU; behind
 * vcpu_create(); the host's GDT, IDT and page tables are final.
 */
must_use enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start);

/*
 * Runs the vCPU until a handler gives the CPU up or its VM ends. A VM entry that fails ends the VM
 * with the rules that were broken in the log. Context: its VMCS is current, its state loaded.
 */
void vcpu_run(struct vcpu *vcpu);

/*
 * Takes the vCPU off this CPU: its VMCS is cleared, and what the CPU caches of its translations is
 * invalidated, so that its pages can be used for something else. Context: its VMCS is current, it
 * does not run.
 */
void vcpu_stop(struct vcpu *vcpu);

/*
 * Keeps and gives back what of the guest's state the CPU holds outside of the VMCS: vector state
 * and XCR0, CR2, the debug registers, and the MSRs that a guest writes without an exit. Context:
 * the CPU that runs the vCPU, between VM exit and entry.
 */
void vcpu_save(struct vcpu *vcpu);
void vcpu_restore(struct vcpu *vcpu);

/*
 * Ends the VM after a VM entry that failed, with the broken rules in the log. exit_reason is the
 * whole field, or 0 after VMfail. Context: as vcpu_run().
 */
void vcpu_entry_failed(struct vcpu *vcpu, uint32_t exit_reason);

/* What vcpu_restore() then gives a vCPU that has not run: all as after a reset. */
void vcpu_reset_saved(struct vcpu *vcpu);

/* Debug registers and CR2 of the vCPU whose state the CPU holds, as INIT leaves them. */
void vcpu_reset_debug_state(void);

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
