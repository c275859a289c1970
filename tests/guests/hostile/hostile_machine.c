/* SPDX-License-Identifier: MIT */
/* What the guest lives by, and how each processor gets it back after an attack. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

/* Counts of the APIC timer, 200 microseconds of it on Trivet and on KVM. */
enum { VECTOR_COUNT = 256, SPURIOUS_VECTOR = 0xff, TIMER_MIN = 200000, ABSENT_MAX = 2 };
enum { PAGE_ENTRY_COUNT = 512, OWN_COUNT = HOSTILE_OWN_END / GUEST_PAGE_2M_BYTES };
enum { PIC_1 = 0x20, PIC_2 = 0xa0, PIT_FIRST = 0x40, PIT_LAST = 0x43, UNUSED_PORT = 0x80 };

#define MSR_SYSENTER_EIP  0x176u
#define MSR_EFER          0xc0000080u
#define MSR_LSTAR         0xc0000082u
#define MSR_CSTAR         0xc0000083u
#define DR7_RESET         0x400ull
#define ICR_DELIVERY_MODE 0x700u
#define ICR_INIT          0x500u
#define ICR_NMI           0x400u
#define MSR_X2APIC_EOI    0x80bu
/* The page tables map the first GiB. */
#define HOSTILE_UNMAPPED_BIT (1ull << 30)
#define CR4_OSFXSR           (1ull << 9)
#define CR4_OSXMMEXCPT       (1ull << 10)
#define CR4_FSGSBASE         (1ull << 16)
#define CR4_OSXSAVE          (1ull << 18)
#define CR4_PKE              (1ull << 22)
#define PKRU_KEY_0           3u
#define CPUID_1_ECX_XSAVE    (1u << 26)
#define CPUID_7_EBX_FSGSBASE (1u << 0)
#define CPUID_7_ECX_PKU      (1u << 3)
#define CPUID_1_EDX_APIC     (1u << 9)

extern const uint64_t hostile_entries[VECTOR_COUNT];
extern uint64_t guest_page_directory[PAGE_ENTRY_COUNT];
void hostile_nmi(void);

static struct kept {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t apic_base;
} kept[HOSTILE_CPUS];
static bool has_apic;
/* What hostile_map_absent() has mapped. */
static uint64_t absent[HOSTILE_CPUS][ABSENT_MAX];
/* PML4, page-directory pointers and page directory of hostile_protect_own(). */
static uint64_t protecting[HOSTILE_CPUS][3][PAGE_ENTRY_COUNT] __attribute__((aligned(4096)));
static bool is_trivet;
static uint64_t timer_min;
static bool is_traced;

static struct kept *own(void)
{
	return &kept[guest_segments_cpu() % HOSTILE_CPUS];
}

/* In x2APIC mode the page is memory like any other, and in no mode does one too many matter. */
static void end_interrupt(void)
{
	const uint64_t base = has_apic ? guest_rdmsr(MSR_APIC_BASE) : 0;

	if ((base & APIC_BASE_ENABLE) == 0) {
		return;
	}
	if ((base & APIC_BASE_X2APIC) != 0) {
		guest_wrmsr(MSR_X2APIC_EOI, 0);
	} else {
		guest_lapic_end_interrupt();
	}
}

/* Interrupts outside of probes, and a debug exception by DR7.GD when this file restores DR7: the
 * processor has cleared GD by then. */
static bool survive(struct guest_trap_frame *frame)
{
	if (frame->vector >= VECTOR_EXCEPTION_COUNT) {
		end_interrupt();
		return true;
	}
	if (frame->vector == VECTOR_DB) {
		guest_write_dr7(DR7_RESET);
		return true;
	}
	return false;
}

void hostile_take_vectors(void)
{
	timer_min = guest_option("timer_min", TIMER_MIN);
	is_trivet = report_is_trivet();
	has_apic = (guest_cpuid(1, 0).edx & CPUID_1_EDX_APIC) != 0;
	for (unsigned i = 0; i < VECTOR_COUNT; i++) {
		const bool is_for_all = i == VECTOR_BP || i == VECTOR_OF;

		if (i != VECTOR_PROBE_END) {
			guest_segments_set_gate(i, hostile_entries[i], is_for_all ? 3 : 0);
		}
	}
	guest_segments_set_gate(VECTOR_NMI, (uintptr_t)hostile_nmi, 0);
	guest_segments_set_vector_ist(VECTOR_DF, GUEST_IST_DOUBLE_FAULT);
	guest_segments_set_vector_ist(VECTOR_NMI, GUEST_IST_NMI);
	guest_segments_set_vector_ist(VECTOR_MC, GUEST_IST_NMI);
	guest_trap_set_hook(survive);
}

static void enable_features(void)
{
	uint64_t cr4 = guest_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
	const bool has_leaf_7 = guest_cpuid(0, 0).eax >= 7;

	cr4 |= (guest_cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) != 0 ? CR4_OSXSAVE : 0;
	if (has_leaf_7) {
		const struct guest_cpuid leaf = guest_cpuid(7, 0);

		cr4 |= (leaf.ebx & CPUID_7_EBX_FSGSBASE) != 0 ? CR4_FSGSBASE : 0;
		cr4 |= (leaf.ecx & CPUID_7_ECX_PKU) != 0 ? CR4_PKE : 0;
	}
	guest_write_cr4(cr4);
}

/* ICW1 to ICW4: vectors from 32 on, all lines masked. After a reset they may begin at 0. */
static void init_8259(uint16_t port, uint8_t cascade)
{
	guest_out8(port, 0x11);
	guest_out8(port + 1, 0x20);
	guest_out8(port + 1, cascade);
	guest_out8(port + 1, 1);
	guest_out8(port + 1, 0xff);
}

/* SYSCALL and SYSENTER go nowhere: to what lies at their reset value 0 kernel code would go on. */
static void close_entries(void)
{
	guest_wrmsr(MSR_SYSENTER_EIP, hostile_unmapped(0));
	guest_wrmsr(MSR_LSTAR, hostile_unmapped(0));
	guest_wrmsr(MSR_CSTAR, hostile_unmapped(0));
}

void hostile_begin(void)
{
	enable_features();
	close_entries();
	if (guest_segments_cpu() == 0) {
		init_8259(PIC_1, 4);
		init_8259(PIC_2, 2);
	}
	hostile_keep();
}

void hostile_keep(void)
{
	struct kept *state = own();

	state->cr0 = guest_read_cr0();
	state->cr3 = guest_read_cr3();
	state->cr4 = guest_read_cr4();
	state->efer = guest_rdmsr(MSR_EFER);
	state->apic_base = has_apic ? guest_rdmsr(MSR_APIC_BASE) : 0;
}

/* Key 0 is that of all pages. Bochs' XRSTOR of a compacted area may deny it by mistake. */
static void allow_key_0(void)
{
	const uint32_t pkru = guest_rdpkru();

	if ((pkru & PKRU_KEY_0) != 0) {
		guest_wrpkru(pkru & ~PKRU_KEY_0);
	}
}

void hostile_restore(void)
{
	const struct kept *state = own();

	guest_write_cr0(state->cr0);
	if (guest_read_cr4() != state->cr4) {
		guest_write_cr4(state->cr4);
	}
	if ((state->cr4 & CR4_PKE) != 0) {
		allow_key_0();
	}
	guest_write_cr3(state->cr3);
	if (guest_rdmsr(MSR_EFER) != state->efer) {
		guest_wrmsr(MSR_EFER, state->efer);
	}
	if (guest_read_dr7() != DR7_RESET) {
		guest_write_dr7(DR7_RESET);
	}
}

/* SDM Vol. 3A "x2APIC State Transitions": through the disabled state, which resets it. */
void hostile_restore_apic(void)
{
	const uint64_t wanted = own()->apic_base;

	if (!has_apic) {
		return;
	}
	if (guest_rdmsr(MSR_APIC_BASE) != wanted) {
		guest_wrmsr(MSR_APIC_BASE, wanted & ~(APIC_BASE_ENABLE | APIC_BASE_X2APIC));
		guest_wrmsr(MSR_APIC_BASE, wanted & ~APIC_BASE_X2APIC);
		guest_wrmsr(MSR_APIC_BASE, wanted);
	}
	if ((wanted & APIC_BASE_ENABLE) != 0 &&
		guest_lapic_read(LAPIC_SVR) != (LAPIC_SVR_ENABLE | SPURIOUS_VECTOR)) {
		guest_lapic_enable();
	}
}

bool hostile_is_trivet(void)
{
	return is_trivet;
}

bool hostile_has_apic(void)
{
	return has_apic;
}

void hostile_trace(void)
{
	is_traced = true;
}

bool hostile_is_traced(void)
{
	return is_traced && guest_segments_cpu() == 0;
}

/* A line that names the probe before it runs: with it a run that hangs tells what it hangs in. */
static void print_probe(const struct guest_probe *probe)
{
	const uint8_t *code = probe->code;

	guest_printf("hostile: %s rflags=0x%lx code=", guest_probe_mode_name(probe->mode),
		probe->rflags_in);
	for (size_t i = 0; i < probe->code_size_bytes; i++) {
		guest_printf("%02x", code[i]);
	}
	guest_printf(" rax=0x%lx rbx=0x%lx rcx=0x%lx rdx=0x%lx rsi=0x%lx rdi=0x%lx\n",
		probe->in.rax, probe->in.rbx, probe->in.rcx, probe->in.rdx, probe->in.rsi,
		probe->in.rdi);
}

/* A word access reaches the next port too, one of 32 bits three. */
static bool reaches(uint16_t port, uint16_t first, uint16_t last)
{
	return port > first - 4 && port <= last;
}

/* The 8259s are hostile_apic.c's: what it writes gives no interrupt the number of an exception,
 * which an idle processor of this guest would take for one. */
uint16_t hostile_port(void)
{
	const uint16_t port = choose_port();
	const bool is_left_out = (reaches(port, PIT_FIRST, PIT_LAST) && timer_min != 0) ||
				 reaches(port, PIC_1, PIC_1 + 1) || reaches(port, PIC_2, PIC_2 + 1);

	return is_left_out ? UNUSED_PORT : port;
}

uint64_t hostile_timer_count(uint64_t count)
{
	count &= HOSTILE_LOW_HALF;
	return count != 0 && count < timer_min ? count + timer_min : count;
}

void hostile_map_absent(uint64_t linear, uint64_t physical)
{
	uint64_t *mapped = absent[guest_segments_cpu() % HOSTILE_CPUS];

	mapped[mapped[0] != 0] = linear;
	guest_map_2m(linear, physical, GUEST_PAGE_DEFAULT | GUEST_PAGE_PCD);
}

/* CR0.WP is clear: the kernel writes there all the same. */
void hostile_protect_own(void)
{
	uint64_t(*tables)[PAGE_ENTRY_COUNT] = protecting[guest_segments_cpu() % HOSTILE_CPUS];
	const uint64_t bits = GUEST_PAGE_PRESENT | GUEST_PAGE_WRITABLE | GUEST_PAGE_USER;

	tables[0][0] = (uintptr_t)tables[1] | bits;
	tables[1][0] = (uintptr_t)tables[2] | bits;
	for (unsigned i = 0; i < PAGE_ENTRY_COUNT; i++) {
		tables[2][i] =
			guest_page_directory[i] & (i < OWN_COUNT ? ~GUEST_PAGE_WRITABLE : ~0ull);
	}
	guest_write_cr3((uintptr_t)tables[0]);
}

static void unmap_absent(void)
{
	uint64_t *mapped = absent[guest_segments_cpu() % HOSTILE_CPUS];

	for (unsigned i = 0; i < ABSENT_MAX && mapped[i] != 0; i++) {
		guest_map_2m(mapped[i], 0, 0);
		mapped[i] = 0;
	}
}

bool hostile_run(struct guest_probe *probe)
{
	probe->rflags_in |= choose_bits(3) == 0 ? RFLAGS_TF : 0;
	probe->rflags_in |= choose_bits(3) == 0 ? RFLAGS_DF : 0;
	probe->rflags_in |= choose_bits(3) == 0 && probe->mode < PROBE_PROTECTED32 ? RFLAGS_IF : 0;
	if (hostile_is_traced()) {
		print_probe(probe);
	}
	guest_probe_run(probe);
	hostile_restore();
	unmap_absent();
	if (probe->vector >= VECTOR_EXCEPTION_COUNT && probe->vector != VECTOR_PROBE_END) {
		end_interrupt();
	}
	return guest_probe_is_done(probe);
}

struct guest_probe hostile_probe(const struct hostile_code *code, bool is_user)
{
	return guest_probe_make(
		is_user ? PROBE_USER : PROBE_KERNEL, code->code, code->code_size_bytes);
}

uint64_t hostile_arena_address(void)
{
	return HOSTILE_ARENA + choose_below(HOSTILE_ARENA_END - HOSTILE_ARENA);
}

uint64_t hostile_window(uint64_t first)
{
	return first + guest_segments_cpu() % HOSTILE_CPUS * GUEST_PAGE_2M_BYTES;
}

uint64_t hostile_address(void)
{
	switch (choose_bits(2)) {
	case 0:
		return choose_address();
	case 1:
		return hostile_window(HOSTILE_WINDOW) + choose_below(GUEST_PAGE_2M_BYTES);
	case 2:
		return HOSTILE_RACE_WINDOW + choose_below(HOSTILE_RACE_PAGES * HOSTILE_PAGE_BYTES);
	default:
		return hostile_arena_address();
	}
}

uint64_t hostile_without_init(uint64_t icr)
{
	return (icr & ICR_DELIVERY_MODE) == ICR_INIT ? icr ^ ICR_INIT ^ ICR_NMI : icr;
}

uint64_t hostile_away_from_own(uint64_t address)
{
	return address < HOSTILE_OWN_END ? address + HOSTILE_OWN_END : address;
}

uint64_t hostile_unmapped(uint64_t address)
{
	return address | HOSTILE_UNMAPPED_BIT;
}
