/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_probe.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_legacy.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"

enum { STACK_BYTES = 4096, PAGE_BYTES = 4096, PROBE_CPUS = 2 };

/* INT 0x80, and UD2 should that return. */
static const uint8_t code_end[] = {0xcd, VECTOR_PROBE_END, 0x0f, 0x0b};

static const uint64_t msr_low_mask = 0xffffffff;

struct mode_segments {
	const char *name;
	uint16_t code;
	uint16_t stack;
};

static const struct mode_segments modes[PROBE_MODE_COUNT] = {
	[PROBE_KERNEL] = {"kernel64", SELECTOR_KERNEL_CODE, SELECTOR_KERNEL_DATA},
	[PROBE_USER] = {"user64", SELECTOR_USER_CODE, SELECTOR_USER_DATA},
	[PROBE_COMPATIBILITY] = {"compatibility", SELECTOR_KERNEL_CODE32, SELECTOR_KERNEL_DATA},
	[PROBE_COMPATIBILITY_USER] = {"compatibility_user", SELECTOR_USER_CODE32,
		SELECTOR_USER_DATA},
	[PROBE_PROTECTED32] = {"protected32", SELECTOR_KERNEL_CODE32, SELECTOR_KERNEL_DATA},
	[PROBE_PROTECTED32_PAGING] = {"protected32_paging", SELECTOR_KERNEL_CODE32,
		SELECTOR_KERNEL_DATA},
	[PROBE_PROTECTED32_PAE] = {"protected32_pae", SELECTOR_KERNEL_CODE32, SELECTOR_KERNEL_DATA},
	[PROBE_PROTECTED32_USER] = {"protected32_user", SELECTOR_USER_CODE32, SELECTOR_USER_DATA},
	[PROBE_PROTECTED16] = {"protected16", SELECTOR_LOW_CODE16, SELECTOR_LOW_DATA16},
	[PROBE_REAL] = {"real", GUEST_LOW_SEGMENT, GUEST_LOW_SEGMENT},
	[PROBE_VIRTUAL8086] = {"virtual8086", GUEST_LOW_SEGMENT, GUEST_LOW_SEGMENT},
};

void guest_probe_enter(const struct guest_trap_frame *frame, uint64_t *kept_rsp);
void guest_probe_leave(void);

/* What each of the first processors has of its own; the others run no probes. Code that takes more
 * from its stack than it pushed may write above it. */
static struct probe_cpu {
	uint8_t code_page[PAGE_BYTES];
	uint8_t stack[STACK_BYTES];
	uint8_t above_stack[PAGE_BYTES];
	struct guest_probe *running;
	uint64_t kept_rsp;
} cpus[PROBE_CPUS] __attribute__((aligned(PAGE_BYTES)));

static bool has_probes(void)
{
	return guest_segments_cpu() < PROBE_CPUS;
}

static struct probe_cpu *probe_cpu(void)
{
	return &cpus[guest_segments_cpu() % PROBE_CPUS];
}

uint64_t guest_probe_code_address(void)
{
	return (uintptr_t)probe_cpu()->code_page;
}

uint64_t guest_probe_stack_top(void)
{
	return (uintptr_t)probe_cpu()->stack + STACK_BYTES;
}

const char *guest_probe_mode_name(enum guest_probe_mode mode)
{
	return modes[mode].name;
}

struct guest_probe guest_probe_make(
	enum guest_probe_mode mode, const void *code, size_t code_size_bytes)
{
	struct guest_probe probe = {
		.mode = mode,
		.code = code,
		.code_size_bytes = code_size_bytes,
		.rflags_in = RFLAGS_FIXED,
	};
	uint64_t *registers = (uint64_t *)&probe.in;

	for (unsigned i = 0; i < sizeof(probe.in) / sizeof(uint64_t); i++) {
		registers[i] = 0x0101010101010101ull * (i + 1);
	}
	return probe;
}

/* Keeps what the exception tells and makes guest_trap() return to guest_probe_enter()'s caller. */
static void finish(struct guest_probe *probe, struct guest_trap_frame *frame)
{
	struct probe_cpu *cpu = probe_cpu();

	probe->out = frame->registers;
	probe->rflags_out = frame->rflags;
	probe->rsp_out = frame->rsp;
	probe->vector = frame->vector;
	probe->error_code = frame->error_code;
	probe->cr2 = guest_read_cr2();
	probe->rip_offset = (int64_t)(frame->rip - (uintptr_t)cpu->code_page);
	frame->rip = (uintptr_t)guest_probe_leave;
	frame->cs = SELECTOR_KERNEL_CODE;
	frame->ss = SELECTOR_KERNEL_DATA;
	frame->rsp = cpu->kept_rsp;
	frame->rflags = RFLAGS_FIXED;
	cpu->running = NULL;
}

bool guest_probe_trap(struct guest_trap_frame *frame)
{
	struct guest_probe *probe = has_probes() ? probe_cpu()->running : NULL;
	struct guest_probe_step *step;

	if (probe == NULL) {
		return false;
	}
	if (frame->vector != VECTOR_DB || probe->step_count == PROBE_STEPS_MAX) {
		finish(probe, frame);
		return true;
	}
	step = &probe->steps[probe->step_count++];
	step->rip_offset = (int64_t)(frame->rip - guest_probe_code_address());
	step->dr6 = guest_read_dr6();
	/* The processor sets DR6 bits but never clears them. */
	guest_write_dr6(0);
	/* An instruction breakpoint is a fault: without RF it would strike again. */
	frame->rflags |= RFLAGS_RF;
	return true;
}

static void clear_results(struct guest_probe *probe)
{
	memset(&probe->out, 0, sizeof(*probe) - offsetof(struct guest_probe, out));
}

void guest_probe_run(struct guest_probe *probe)
{
	const struct mode_segments *segments = &modes[probe->mode];
	struct probe_cpu *cpu = probe_cpu();
	const struct guest_trap_frame frame = {
		.registers = probe->in,
		.rip = (uintptr_t)cpu->code_page,
		.cs = segments->code,
		.rflags = probe->rflags_in,
		.rsp = (uintptr_t)cpu->stack + STACK_BYTES,
		.ss = segments->stack,
	};

	clear_results(probe);
	if (probe->mode >= PROBE_PROTECTED32) {
		guest_legacy_run(probe);
		return;
	}
	memcpy(cpu->code_page, probe->code, probe->code_size_bytes);
	memcpy(cpu->code_page + probe->code_size_bytes, code_end, sizeof(code_end));
	cpu->running = probe;
	guest_probe_enter(&frame, &cpu->kept_rsp);
}

void guest_probe_forget(void)
{
	if (has_probes()) {
		probe_cpu()->running = NULL;
	}
}

bool guest_probe_is_done(const struct guest_probe *probe)
{
	return probe->vector == VECTOR_PROBE_END;
}

bool guest_probe_only_rax_changed(const struct guest_probe *probe)
{
	struct guest_registers expected = probe->in;

	if (probe->mode >= PROBE_PROTECTED32) {
		return guest_legacy_only_eax_changed(probe);
	}
	expected.rax = probe->out.rax;
	return memcmp(&expected, &probe->out, sizeof(expected)) == 0 &&
	       ((probe->rflags_in ^ probe->rflags_out) & RFLAGS_STATUS) == 0;
}

bool guest_probe_rdmsr(uint32_t msr, uint64_t *value, uint64_t *vector)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x32"));

	probe.in.rcx = msr;
	guest_probe_run(&probe);
	*value = probe.out.rdx << 32 | (probe.out.rax & msr_low_mask);
	*vector = probe.vector;
	return guest_probe_is_done(&probe);
}

bool guest_probe_wrmsr(uint32_t msr, uint64_t value, uint64_t *vector)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x30"));

	probe.in.rcx = msr;
	probe.in.rax = value & msr_low_mask;
	probe.in.rdx = value >> 32;
	guest_probe_run(&probe);
	*vector = probe.vector;
	return guest_probe_is_done(&probe);
}
