/* SPDX-License-Identifier: MIT */
/* SEND_IPI and what arrives of it; interrupts behind a call. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/conformance/conformance_apic.h"
#include "tests/guests/shared/vmcall_rules.h"

/* SDM Vol. 3A "Interrupt Command Register (ICR)". */
enum {
	ICR_LOWEST_PRIORITY = 0x100,
	ICR_NMI = 0x400,
	ICR_LOGICAL = 0x800,
	ICR_ASSERT = 0x4000,
	ICR_SELF = 0x40000,
	ICR_ALL = 0x80000,
	ICR_ALL_BUT_SELF = 0xc0000,
};

enum { ABSENT_ID = 0xfe, PV_EOI_BIT = 0, PV_EOI_TRIES = 16 };
#define NO_ID     0xffffffffull
#define MINUS_32  0xffffffe0ull
#define MINUS_64  0xffffffc0ull
#define HIGH_BITS 0xdeadbeef00000000ull

struct ipi {
	const char *name;
	uint64_t low;
	uint64_t high;
	uint64_t minimum; /* Counted from our APIC ID, in 32 bits. */
	uint64_t icr;
	int64_t result;
	bool arrives;
};

static const char *scope;

static struct guest_probe ipi_probe(enum guest_probe_mode mode, const struct ipi *ipi)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = KVM_CALL_SEND_IPI;
	probe.in.rbx = ipi->low;
	probe.in.rcx = ipi->high;
	probe.in.rdx = apic_is_offered() ? (uint32_t)(ipi->minimum + apic_id()) : 0;
	probe.in.rsi = ipi->icr;
	return probe;
}

/* Lets in what is pending and ends it. Returns how many came. */
static uint64_t take_interrupts(void)
{
	const uint64_t count = apic_is_offered() ? apic_let_interrupts_in() : 0;

	for (uint64_t i = 0; i < count; i++) {
		apic_write(APIC_EOI, 0);
	}
	return count;
}

static void check_ipi(enum guest_probe_mode mode, const struct ipi *ipi)
{
	const bool is_offered = offers(FEATURE_PV_SEND_IPI);
	struct guest_probe probe = ipi_probe(mode, ipi);
	uint64_t count;
	uint64_t want;

	apic_forget_interrupts();
	guest_probe_run(&probe);
	count = take_interrupts();
	want = result_in(mode, is_offered ? ipi->result : -TRIVET_ENOSYS);
	case_begin(scope, guest_probe_mode_name(mode), ipi->name);
	case_probe(&probe);
	case_value("arrived", count);
	case_end(guest_probe_is_done(&probe) && probe.out.rax == want &&
		 case_others_are_same(&probe) && case_flags_are_same(&probe) &&
		 count == (is_offered && ipi->arrives && want == 1));
}

static void check_ipis(void)
{
	static const struct ipi in_any_mode[] = {
		{"self", 1, 0, 0, INTERRUPT_VECTOR, 1, true},
		{"self_assert", 1, 0, 0, INTERRUPT_VECTOR | ICR_ASSERT, 1, true},
		{"self_lowest_priority", 1, 0, 0, INTERRUPT_VECTOR | ICR_LOWEST_PRIORITY, 1, true},
		{"nobody", 0, 0, 0, INTERRUPT_VECTOR, 0, false},
		{"absent", ~1ull, ~0ull, 0, INTERRUPT_VECTOR, 0, false},
		{"self_and_absent", ~0ull, ~0ull, 0, INTERRUPT_VECTOR, 1, true},
		{"all_above_the_highest", ~0ull, ~0ull, ABSENT_ID, INTERRUPT_VECTOR, 0, false},
		{"logical", 1, 0, 0, INTERRUPT_VECTOR | ICR_LOGICAL, -TRIVET_EINVAL, false},
		{"shorthand_self", 1, 0, 0, INTERRUPT_VECTOR | ICR_SELF, -TRIVET_EINVAL, false},
		{"shorthand_all", 1, 0, 0, INTERRUPT_VECTOR | ICR_ALL, -TRIVET_EINVAL, false},
		{"shorthand_all_but_self", 1, 0, 0, INTERRUPT_VECTOR | ICR_ALL_BUT_SELF,
			-TRIVET_EINVAL, false},
	};
	/* The lowest ID has 32 bits: 64, or 32, below our own, the high word begins with us. */
	static const struct ipi high_64[] = {
		{"high_word_at_64", 0, 1, MINUS_64, INTERRUPT_VECTOR, 1, true},
		{"high_word_not_at_32", 0, 1, MINUS_32, INTERRUPT_VECTOR, 0, false},
		{"high_half_of_icr", 1, 0, 0, INTERRUPT_VECTOR | HIGH_BITS, 1, true},
	};
	static const struct ipi high_32[] = {
		{"high_word_at_32", 0, 1, MINUS_32, INTERRUPT_VECTOR, 1, true},
		{"high_word_not_at_64", 0, 1, MINUS_64, INTERRUPT_VECTOR, 0, false},
		{"low_word_has_32_bits", 1ull << 32 | 1, 0, 0, INTERRUPT_VECTOR, 1, true},
	};

	for (size_t i = 0; i < ARRAY_COUNT(in_any_mode); i++) {
		check_ipi(PROBE_KERNEL, &in_any_mode[i]);
		check_ipi(PROBE_COMPATIBILITY, &in_any_mode[i]);
		check_ipi(PROBE_PROTECTED32, &in_any_mode[i]);
	}
	check_ipi(PROBE_USER, &in_any_mode[0]);
	for (size_t i = 0; i < ARRAY_COUNT(high_64); i++) {
		check_ipi(PROBE_KERNEL, &high_64[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(high_32); i++) {
		check_ipi(PROBE_COMPATIBILITY, &high_32[i]);
		check_ipi(PROBE_PROTECTED32, &high_32[i]);
	}
}

/* An NMI comes right behind the call, whatever RFLAGS.IF says: the probe ends with it. */
static void check_nmi(void)
{
	static const struct ipi nmi = {"nmi", 1, 0, 0, ICR_NMI, 1, false};
	struct guest_probe probe = ipi_probe(PROBE_KERNEL, &nmi);

	guest_probe_run(&probe);
	case_begin(scope, "kernel64", nmi.name);
	case_value("rax", probe.out.rax);
	case_value("rip", (uint64_t)probe.rip_offset);
	case_exception(probe.vector, probe.error_code);
	case_end(probe.out.rax == 1 && probe.vector == VECTOR_NMI && probe.rip_offset == 3);
}

/* A call that makes an interrupt pending with IF set: where does it strike? */
static void check_arrival(const char *name, struct guest_probe probe, uint64_t flags, uint64_t rip)
{
	static const struct ipi self = {"", 1, 0, 0, INTERRUPT_VECTOR, 1, true};
	uint64_t struck;
	bool is_in_probe;

	probe.in = ipi_probe(PROBE_KERNEL, &self).in;
	probe.in.r8 = SELECTOR_KERNEL_DATA;
	probe.rflags_in |= flags;
	apic_forget_interrupts();
	guest_probe_run(&probe);
	is_in_probe = apic_interrupt_count() != 0;
	struck = is_in_probe ? apic_interrupt_rip() - guest_probe_code_address() : ~0ull;
	case_begin(scope, "arrival", name);
	case_value("rax", probe.out.rax);
	case_value("in_probe", is_in_probe);
	case_value("rip", struck);
	case_end(struck == rip && probe.out.rax == 1);
	take_interrupts();
}

static void check_arrivals(void)
{
	/* vmcall; nop; cli */
	check_arrival("behind_the_call",
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x01\xc1\x90\xfa")), RFLAGS_IF, 3);
	/* sti; vmcall; nop; cli */
	check_arrival("in_sti_shadow",
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xfb\x0f\x01\xc1\x90\xfa")), 0, 4);
	/* mov ss, r8d; vmcall; nop; cli */
	check_arrival("in_mov_ss_shadow",
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x41\x8e\xd0\x0f\x01\xc1\x90\xfa")),
		RFLAGS_IF, 6);
}

static void check_end_of_interrupt(void)
{
	static const struct ipi self = {"", 1, 0, 0, INTERRUPT_VECTOR, 1, true};
	struct guest_probe probe = ipi_probe(PROBE_KERNEL, &self);
	bool is_requested;
	bool is_in_service;
	bool is_still_in_service;
	uint64_t count;

	apic_forget_interrupts();
	guest_probe_run(&probe);
	guest_probe_run(&probe);
	is_requested = apic_vector_is_in(APIC_IRR_0, INTERRUPT_VECTOR);
	count = apic_let_interrupts_in();
	is_in_service = apic_vector_is_in(APIC_ISR_0, INTERRUPT_VECTOR);
	apic_write(APIC_EOI, 0);
	is_still_in_service = apic_vector_is_in(APIC_ISR_0, INTERRUPT_VECTOR);
	case_begin(scope, "eoi", "two_ipis_are_one_interrupt");
	case_value("second_result", probe.out.rax);
	case_value("irr", is_requested);
	case_value("arrived", count);
	case_value("isr", is_in_service);
	case_value("isr_behind_eoi", is_still_in_service);
	case_end(probe.out.rax == 1 && is_requested && count == 1 && is_in_service &&
		 !is_still_in_service);
}

/*
 * An interrupt, ended by the flag if it is set, else by an EOI. One instruction looks and clears:
 * an exit in between might take the flag back.
 */
static bool end_by_pv_eoi(struct guest_probe *probe)
{
	bool was_set;

	guest_probe_run(probe);
	(void)apic_let_interrupts_in();
	was_set = guest_btr(conformance_page, PV_EOI_BIT);
	if (!was_set) {
		apic_write(APIC_EOI, 0);
	}
	return was_set;
}

/*
 * Where the hypervisor set the flag, clearing it is an EOI; where it did not, one is needed. It may
 * set it or not: KVM takes it back at any exit, as one by an interrupt of its own, and offers it
 * again with the next interrupt. So there are some tries, and each interrupt must end.
 */
static void check_pv_eoi(void)
{
	static const struct ipi self = {"", 1, 0, 0, INTERRUPT_VECTOR, 1, true};
	struct guest_probe probe = ipi_probe(PROBE_KERNEL, &self);
	bool is_ended_by_flag = false;
	uint64_t sent = 0;
	uint64_t vector;
	bool all_came;

	if (!offers(FEATURE_PV_EOI)) {
		return;
	}
	conformance_page[0] = 0;
	guest_probe_wrmsr(MSR_KVM_PV_EOI_EN, (uintptr_t)conformance_page | 1, &vector);
	apic_forget_interrupts();
	while (!is_ended_by_flag && sent < PV_EOI_TRIES) {
		is_ended_by_flag = end_by_pv_eoi(&probe);
		sent++;
	}
	/* Only if the last one has ended, one more of the same vector comes. */
	(void)end_by_pv_eoi(&probe);
	all_came = apic_interrupt_count() == sent + 1;
	case_begin(scope, "pv_eoi", "flag_ends_the_interrupt");
	case_value("ended_by_flag", is_ended_by_flag);
	case_value("all_came", all_came);
	case_end(all_came);
	guest_probe_wrmsr(MSR_KVM_PV_EOI_EN, 0, &vector);
	apic_write(APIC_EOI, 0);
}

static void check_all(const char *new_scope, const char *apic_mode)
{
	scope = new_scope;
	check_ipis();
	conformance_kick(apic_mode);
	if (apic_is_offered() && offers(FEATURE_PV_SEND_IPI)) {
		check_nmi();
		check_arrivals();
		check_end_of_interrupt();
		check_pv_eoi();
	}
}

void conformance_ipi(void)
{
	case_begin("cpuid", NULL, "local_apic");
	case_value("apic", apic_is_offered());
	case_value("x2apic", apic_x2apic_is_offered());
	case_end_observed();
	if (apic_is_offered()) {
		apic_enable();
	}
	check_all("send_ipi", "xapic");
	if (apic_is_offered() && apic_x2apic_is_offered()) {
		apic_enter_x2apic();
		check_all("send_ipi_x2apic", "x2apic");
	}
}
