/* SPDX-License-Identifier: MIT */
#ifndef FAKE_FAKE_INSN_H
#define FAKE_FAKE_INSN_H

#include "cpu/insn.h"
#include "cpu/xsave_layout.h"

enum {
	FAKE_DR_COUNT = 8,
	FAKE_PORT_WRITES_MAX = 4096,
	FAKE_COMPONENT_COUNT = 19, /* Up to AMX: each that exists has a word of state. */
};

/* A component's word after an XRSTOR that did not find all of it. */
#define FAKE_COMPONENT_TORN 0xdeadull

/* The scalar state of the fake CPU: a test sets and reads it at will. */
struct fake_cpu {
	uint64_t cr0;
	uint64_t cr2;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t dr[FAKE_DR_COUNT];
	uint64_t xcr0;
	uint32_t pkru;
	uint64_t components[FAKE_COMPONENT_COUNT]; /* By the numbers of XCR0's bits. */
	bool has_xsave_sizes; /* CPUID leaf 0DH, EBX, follows XCR0: fake_xsave_install(). */
	uint64_t tsc;         /* Moves on by tsc_step (1 after a reset) at each RDTSC. */
	uint64_t tsc_step;
	uint64_t rsp;
	uint64_t rbp;
	uint64_t rflags;
	uint64_t random; /* What RDRAND gives while is_random_ready (true after a reset). */
	bool is_random_ready;
	struct descriptor_table_register gdtr;
	struct descriptor_table_register idtr;
	uint16_t task_register;

	/* What each instruction returns; VMX_SUCCEED after a reset. */
	enum vmx_result vmxon_result;
	enum vmx_result vmclear_result;
	enum vmx_result vmptrld_result;
	enum vmx_result invept_result;
	enum vmx_result invvpid_result;

	/* The last operands. */
	hpa_t vmxon_region;
	hpa_t vmclear_region;
	hpa_t vmptrld_region;
	uint64_t invept_type;
	uint64_t invvpid_type;
	struct invalidation_descriptor invept_descriptor;
	struct invalidation_descriptor invvpid_descriptor;
	uint64_t invlpg_address;
	uint64_t xsave_mask;
	uint64_t xrstor_mask;

	/* How often each was executed. VMREAD and VMWRITE count refused accesses too. */
	unsigned vmread_count;
	unsigned vmwrite_count;
	unsigned vmwrite_refused_count;
	unsigned vmxon_count;
	unsigned vmxoff_count;
	unsigned vmclear_count;
	unsigned vmptrld_count;
	unsigned invept_count;
	unsigned invvpid_count;
	unsigned invlpg_count;
	unsigned hlt_count;
	unsigned pause_count;
	unsigned cli_count;
	unsigned sti_count;
	unsigned wbinvd_count;
	unsigned int3_count;
	unsigned int_nmi_count;
	unsigned xsave_count;
	unsigned xrstor_count;
	unsigned fxsave_count;
	unsigned fxrstor_count;

	/* Called by HLT and PAUSE if not NULL, so that a test can end a waiting loop. */
	void (*on_hlt)(void);
	void (*on_pause)(void);
	/* Called before each VMREAD and VMWRITE, and before VMPTRLD, if not NULL: for a test that
	 * has a VMCS for each region. */
	void (*on_vmcs_access)(bool is_write);
	void (*on_vmptrld)(hpa_t region);
};

/* Each thread has a CPU of its own, and a VMCS; the MSRs, CPUID and ports are one machine's. */
extern _Thread_local struct fake_cpu fake_cpu;

/* What this_cpu() gives on this thread; NULL, as after the start: one for all that is boot
 * processor. A reset clears that one and leaves the pointer. */
extern _Thread_local struct cpu *fake_this_cpu;
void fake_this_cpu_reset(void);

/* Forgets all: no MSR, no CPUID leaf, all VMCS fields there and 0, ports read all ones. */
void fake_insn_reset(void);

/*
 * Each thread's CPU has a VMCS for each region that it was told of; after a reset that of
 * fake_vmcs_region is current and may be used. VMREAD and VMWRITE fail while none is current.
 */
extern uint32_t fake_vmcs_region[];

/* Forgets all of this thread. A reset of all does the same. */
void fake_vmcs_reset(void);

/* Makes the VMCS of a region current and the one to be used: as the vCPU's turn does. */
void fake_vmcs_load(const void *region);

/* Returns a number that changes with each field of a region's VMCS. */
uint64_t fake_vmcs_digest(const void *region);

/*
 * The current VMCS, uncounted. `field` is an encoding; values are cut to the field's width. An
 * absent field makes VMREAD and VMWRITE fail. VMWRITE does nothing to a read-only field (VM-exit
 * information).
 */
void fake_vmcs_set(uint32_t field, uint64_t value);
uint64_t fake_vmcs_get(uint32_t field);
/* Where a field's value is kept, for a test that copies whole VMCSs. */
uint64_t *fake_vmcs_slot(uint32_t field);
void fake_vmcs_set_absent(uint32_t field, bool is_absent);

/*
 * MSRs. The *_safe functions return false for one that is not set; RDMSR and WRMSR of it end the
 * test program, as the #GP would. A read-only MSR refuses WRMSR in the same way.
 */
void fake_msr_set(uint32_t msr, uint64_t value);
void fake_msr_set_read_only(uint32_t msr, uint64_t value);
void fake_msr_remove(uint32_t msr);
bool fake_msr_get(uint32_t msr, uint64_t *value);

/* What CPUID gives for exactly this leaf and subleaf; all others give zeros. */
void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, struct cpuid_result result);

/*
 * CPUID leaf 0DH of a processor with these components of XCR0, of 0 to 7, 9, 17 and 18: offsets and
 * sizes as processors have them, the area's size by XCR0. The second returns that size for a mask.
 */
void fake_xsave_install(uint64_t components);
uint32_t fake_xsave_bytes(uint64_t components);

/* What Trivet makes of a processor with all of these: x87, SSE, AVX, AVX-512 and PKRU. */
extern const struct xsave_layout fake_xsave_layout;

/* Ports without a device (fake_devices.h). A read takes the port's oldest queued value, else its
 * set value, else all ones. */
void fake_port_set(uint16_t port, uint32_t value);
void fake_port_queue(uint16_t port, uint32_t value);

struct fake_port_write {
	uint16_t port;
	uint8_t width_bytes; /* 1, 2 or 4. */
	uint32_t value;
};

/* All writes to ports without a device since the reset, oldest first; `index` <
 * fake_port_write_count(). */
size_t fake_port_write_count(void);
struct fake_port_write fake_port_write_at(size_t index);

/* True for an address within the array that stands for the current VMCS. */
bool fake_vmcs_holds(const void *at);

#endif
