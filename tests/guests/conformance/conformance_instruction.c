/* SPDX-License-Identifier: MIT */
/* Prefixes before VMCALL, single steps over it, the interrupt shadow that it ends. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

#define DR7_FIXED 0x400ull
#define DR7_L0    1ull

enum prefix_kind { PREFIX_IGNORED, PREFIX_RESERVED, PREFIX_FORBIDDEN };

struct encoding {
	const char *name;
	const char *bytes;
	size_t size_bytes;
	enum prefix_kind kind;
};

static void check_prefix(enum guest_probe_mode mode, const struct encoding *encoding)
{
	struct guest_probe probe = guest_probe_make(mode, encoding->bytes, encoding->size_bytes);
	bool is_ud;
	bool is_served;

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	guest_probe_run(&probe);
	is_ud = probe.vector == VECTOR_UD && probe.rip_offset == 0;
	is_served = guest_probe_is_done(&probe) && probe.out.rax == 0;
	case_begin("prefix", guest_probe_mode_name(mode), encoding->name);
	case_probe(&probe);
	switch (encoding->kind) {
	case PREFIX_IGNORED:
		case_end(is_served);
		break;
	case PREFIX_RESERVED:
		case_end(is_served || is_ud);
		break;
	default:
		case_end(is_ud);
		break;
	}
}

static void check_prefixes(void)
{
	/* SDM Vol. 2A "Instruction Prefixes": 66, F2 and F3 are reserved before VMCALL. */
	static const struct encoding both[] = {
		{"67", PROBE_CODE("\x67\x0f\x01\xc1"), PREFIX_IGNORED},
		{"26", PROBE_CODE("\x26\x0f\x01\xc1"), PREFIX_IGNORED},
		{"2e", PROBE_CODE("\x2e\x0f\x01\xc1"), PREFIX_IGNORED},
		{"36", PROBE_CODE("\x36\x0f\x01\xc1"), PREFIX_IGNORED},
		{"3e", PROBE_CODE("\x3e\x0f\x01\xc1"), PREFIX_IGNORED},
		{"64", PROBE_CODE("\x64\x0f\x01\xc1"), PREFIX_IGNORED},
		{"65", PROBE_CODE("\x65\x0f\x01\xc1"), PREFIX_IGNORED},
		{"2e_67", PROBE_CODE("\x2e\x67\x0f\x01\xc1"), PREFIX_IGNORED},
		{"longest",
			PROBE_CODE("\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x0f\x01\xc1"),
			PREFIX_IGNORED},
		{"66", PROBE_CODE("\x66\x0f\x01\xc1"), PREFIX_RESERVED},
		{"f2", PROBE_CODE("\xf2\x0f\x01\xc1"), PREFIX_RESERVED},
		{"f3", PROBE_CODE("\xf3\x0f\x01\xc1"), PREFIX_RESERVED},
		{"lock", PROBE_CODE("\xf0\x0f\x01\xc1"), PREFIX_FORBIDDEN},
	};
	static const struct encoding rex[] = {
		{"rex", PROBE_CODE("\x40\x0f\x01\xc1"), PREFIX_IGNORED},
		{"rex_w", PROBE_CODE("\x48\x0f\x01\xc1"), PREFIX_IGNORED},
		{"rex_wrxb", PROBE_CODE("\x4f\x0f\x01\xc1"), PREFIX_IGNORED},
		{"67_64_rex_w", PROBE_CODE("\x67\x64\x48\x0f\x01\xc1"), PREFIX_IGNORED},
	};

	for (size_t i = 0; i < ARRAY_COUNT(both); i++) {
		check_prefix(PROBE_KERNEL, &both[i]);
		check_prefix(PROBE_PROTECTED32, &both[i]);
		/* Linux KVM emulates what raises #UD: it writes VMCALL at the offset in CS, without
		 * its base, and in real mode loops for ever. */
		if (both[i].kind != PREFIX_RESERVED || report_is_trivet()) {
			check_prefix(PROBE_REAL, &both[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(rex); i++) {
		check_prefix(PROBE_KERNEL, &rex[i]);
	}
}

/* Runs code with flags set; the traps must strike at these offsets. */
static void check_steps(
	const char *name, struct guest_probe probe, const int64_t *offsets, unsigned count)
{
	bool holds;

	guest_probe_run(&probe);
	holds = guest_probe_is_done(&probe) && probe.step_count == count;
	for (unsigned i = 0; i < count && i < probe.step_count; i++) {
		holds = holds && probe.steps[i].rip_offset == offsets[i] &&
			(probe.steps[i].dr6 & (DR6_BS | DR6_B0)) == DR6_BS;
	}
	case_begin("step", guest_probe_mode_name(probe.mode), name);
	case_probe(&probe);
	case_steps(&probe);
	case_end(holds);
}

static struct guest_probe step_probe(
	enum guest_probe_mode mode, const char *code, size_t size_bytes)
{
	struct guest_probe probe = guest_probe_make(mode, code, size_bytes);

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	probe.in.rdx = SELECTOR_KERNEL_DATA;
	probe.rflags_in |= RFLAGS_TF;
	return probe;
}

static void check_single_step(void)
{
	/* vmcall; nop */
	static const int64_t plain[] = {3, 4};
	/* 67 vmcall; nop */
	static const int64_t prefixed[] = {4, 5};
	/* sti; vmcall; cli */
	static const int64_t sti[] = {1, 4, 5};
	/* mov ss, dx; vmcall; nop: no trap between the first two */
	static const int64_t mov_ss[] = {5, 6};
	static const enum guest_probe_mode modes[] = {
		PROBE_KERNEL, PROBE_USER, PROBE_COMPATIBILITY, PROBE_COMPATIBILITY_USER};

	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		check_steps("vmcall", step_probe(modes[i], PROBE_CODE("\x0f\x01\xc1\x90")), plain,
			ARRAY_COUNT(plain));
		check_steps("prefixed", step_probe(modes[i], PROBE_CODE("\x67\x0f\x01\xc1\x90")),
			prefixed, ARRAY_COUNT(prefixed));
	}
	check_steps("behind_sti", step_probe(PROBE_KERNEL, PROBE_CODE("\xfb\x0f\x01\xc1\xfa")), sti,
		ARRAY_COUNT(sti));
	check_steps("behind_mov_ss",
		step_probe(PROBE_KERNEL, PROBE_CODE("\x8e\xd2\x0f\x01\xc1\x90")), mov_ss,
		ARRAY_COUNT(mov_ss));
	check_steps("behind_mov_ss",
		step_probe(PROBE_COMPATIBILITY, PROBE_CODE("\x8e\xd2\x0f\x01\xc1\x90")), mov_ss,
		ARRAY_COUNT(mov_ss));
}

/* RF is of the instruction before: a breakpoint on the next one strikes. */
static void check_resume_flag(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x01\xc1\x90"));

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	probe.rflags_in |= RFLAGS_RF;
	guest_write_dr6(0);
	guest_write_dr0(guest_probe_code_address() + 3);
	guest_write_dr7(DR7_FIXED | DR7_L0);
	guest_probe_run(&probe);
	guest_write_dr7(DR7_FIXED);
	case_begin("step", "kernel64", "breakpoint_behind_vmcall_with_rf");
	case_probe(&probe);
	case_steps(&probe);
	case_end(probe.step_count == 1 && probe.steps[0].rip_offset == 3);
}

/* Without a trap or an interrupt a shadow shows only if the entry fails. */
static void check_shadows(void)
{
	struct guest_probe probe =
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xfb\x0f\x01\xc1\xfa"));

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	guest_probe_run(&probe);
	case_begin("shadow", "kernel64", "behind_sti");
	case_result(&probe, 0);
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x8e\xd2\x0f\x01\xc1\x90"));
	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	probe.in.rdx = SELECTOR_KERNEL_DATA;
	guest_probe_run(&probe);
	case_begin("shadow", "kernel64", "behind_mov_ss");
	case_result(&probe, 0);
}

void conformance_instruction(void)
{
	check_prefixes();
	check_single_step();
	check_resume_flag();
	check_shadows();
}
