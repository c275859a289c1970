/* SPDX-License-Identifier: MIT */
#include "cpu/trap_report.h"

#include "cpu/backtrace.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/panic.h"
#include "cpu/registers.h"

/* SDM Vol. 3A "Exception and Interrupt Vectors", Table "Protected-Mode Exceptions and Interrupts".
 */
static const char *const names[VECTOR_COUNT] = {
	[VECTOR_DE] = "#DE divide error",
	[VECTOR_DB] = "#DB debug exception",
	[VECTOR_NMI] = "NMI interrupt",
	[VECTOR_BP] = "#BP breakpoint",
	[VECTOR_OF] = "#OF overflow",
	[VECTOR_BR] = "#BR BOUND range exceeded",
	[VECTOR_UD] = "#UD invalid opcode",
	[VECTOR_NM] = "#NM device not available",
	[VECTOR_DF] = "#DF double fault",
	[VECTOR_TS] = "#TS invalid TSS",
	[VECTOR_NP] = "#NP segment not present",
	[VECTOR_SS] = "#SS stack-segment fault",
	[VECTOR_GP] = "#GP general protection",
	[VECTOR_PF] = "#PF page fault",
	[VECTOR_MF] = "#MF x87 FPU floating-point error",
	[VECTOR_AC] = "#AC alignment check",
	[VECTOR_MC] = "#MC machine check",
	[VECTOR_XM] = "#XM SIMD floating-point exception",
	[VECTOR_VE] = "#VE virtualization exception",
	[VECTOR_CP] = "#CP control protection exception",
};

const char *trap_vector_name(uint64_t vector)
{
	return vector < VECTOR_COUNT && names[vector] != NULL ? names[vector] : "reserved";
}

static void log_four(const char *const name[4], const uint64_t value[4])
{
	log_error("trap", "%s=0x%016llx %s=0x%016llx %s=0x%016llx %s=0x%016llx", name[0],
		(unsigned long long)value[0], name[1], (unsigned long long)value[1], name[2],
		(unsigned long long)value[2], name[3], (unsigned long long)value[3]);
}

#define LOG_FOUR(a, av, b, bv, c, cv, d, dv)                                                       \
	log_four((const char *const[]){a, b, c, d}, (const uint64_t[]){av, bv, cv, dv})

static void log_registers(const struct trap_frame *f)
{
	LOG_FOUR("rax", f->rax, "rbx", f->rbx, "rcx", f->rcx, "rdx", f->rdx);
	LOG_FOUR("rsi", f->rsi, "rdi", f->rdi, "rbp", f->rbp, "rsp", f->rsp);
	LOG_FOUR("r8", f->r8, "r9", f->r9, "r10", f->r10, "r11", f->r11);
	LOG_FOUR("r12", f->r12, "r13", f->r13, "r14", f->r14, "r15", f->r15);
	LOG_FOUR("rip", f->rip, "rflags", f->rflags, "cs", f->cs, "ss", f->ss);
	LOG_FOUR("cr0", insn_read_cr0(), "cr2", insn_read_cr2(), "cr3", insn_read_cr3(), "cr4",
		insn_read_cr4());
}

_Noreturn void trap_report(const struct trap_frame *frame)
{
	panic_enter();
	log_error("trap", "vector=%llu %s error_code=%#llx rip=%#llx",
		(unsigned long long)frame->vector, trap_vector_name(frame->vector),
		(unsigned long long)frame->error_code, (unsigned long long)frame->rip);
	if (panic_depth() == 1) {
		log_registers(frame);
		backtrace_log(frame->rip, frame->rbp, false);
	}
	panic_end();
}
