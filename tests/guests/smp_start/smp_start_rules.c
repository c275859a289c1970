/* SPDX-License-Identifier: MIT */
#include "tests/guests/smp_start/smp_start_rules.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

#include <stddef.h>

enum {
	CPUID_TOPOLOGY = 0xb,
	TOPOLOGY_LEVELS = 8,
	APIC_ID_SHIFT = 24,
	STARTUP_VECTOR = 0x10,
	REAL_MODE_LIMIT = 0xffff,
	IVT_LIMIT = 0xffff,
	SVR_AT_INIT = 0xff,
};

/* SDM Vol. 3A Table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
#define CR0_AT_INIT    0x10u
#define CR0_CD_NW      0x60000000u
#define DR6_AT_INIT    0xffff0ff0u
#define DR7_AT_INIT    0x400u
#define EFLAGS_AT_INIT 2u
#define DR7_BY_US      0x455u
#define X2APIC_BOTH    (APIC_BASE_ENABLE | APIC_BASE_X2APIC)

struct identity {
	uint32_t by_leaf_1;
	uint32_t by_leaf_b;
	uint32_t by_apic;
	bool is_bsp;
};

static struct identity identities[GUEST_CPU_MAX];
static uint32_t mxcsr_found;
static uint16_t fcw_found;

static bool has_topology_leaf(void)
{
	return guest_cpuid(0, 0).eax >= CPUID_TOPOLOGY && guest_cpuid(CPUID_TOPOLOGY, 0).ebx != 0;
}

/* The highest level of leaf 0xb: how many processors the package has, and the width of their IDs.
 */
static struct guest_cpuid package_level(void)
{
	struct guest_cpuid level = guest_cpuid(CPUID_TOPOLOGY, 0);

	for (uint32_t i = 1; i < TOPOLOGY_LEVELS; i++) {
		const struct guest_cpuid next = guest_cpuid(CPUID_TOPOLOGY, i);

		if (next.ebx == 0) {
			break;
		}
		level = next;
	}
	return level;
}

void smp_start_check_topology(void)
{
	const unsigned listed = guest_smp_listed_count();
	struct guest_cpuid level;
	unsigned in_package = 0;

	if (listed == 0) {
		report_skip("madt", "there is none below 1 GiB");
		return;
	}
	report_true("the_madt_lists_this_processor", guest_smp_is_listed());
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		for (unsigned j = 0; j < i; j++) {
			report_true("apic_ids_are_distinct",
				guest_cpu_at(i)->apic_id != guest_cpu_at(j)->apic_id);
		}
	}
	if (!has_topology_leaf()) {
		report_skip("topology_leaf", "this CPU has none");
		return;
	}
	level = package_level();
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		in_package += guest_cpu_at(i)->apic_id >> level.eax ==
			      guest_cpu_at(0)->apic_id >> level.eax;
	}
	if (guest_cpu_count() == listed) {
		report_equal(
			"cpuid_counts_the_package_as_the_madt", level.ebx & 0xffff, in_package);
	}
}

static void note_identity(void *unused)
{
	struct identity *identity = &identities[guest_cpu_self()->index];

	(void)unused;
	identity->by_leaf_1 = guest_cpuid(1, 0).ebx >> APIC_ID_SHIFT;
	identity->by_leaf_b =
		has_topology_leaf() ? guest_cpuid(CPUID_TOPOLOGY, 0).edx : identity->by_leaf_1;
	identity->by_apic = guest_lapic_id();
	identity->is_bsp = (guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP) != 0;
}

void smp_start_check_identities(void)
{
	report_true("all_processors_work", guest_smp_run_all(note_identity, NULL));
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		const uint32_t id = guest_cpu_at(i)->apic_id;

		report_equal("its_apic_has_the_id_of_the_madt", identities[i].by_apic, id);
		report_equal("cpuid_1_has_it_too", identities[i].by_leaf_1, id);
		report_equal("cpuid_b_has_it_too", identities[i].by_leaf_b, id);
		report_equal("only_the_first_is_the_bsp", identities[i].is_bsp, i == 0);
	}
}

static void check_segments(const struct guest_ap_state *state, unsigned vector)
{
	report_equal("cs_is_that_of_the_vector", state->cs, vector << 8);
	report_equal("ip_is_0", state->ip, 0);
	report_equal("ds_is_0", state->ds, 0);
	report_equal("es_is_0", state->es, 0);
	report_equal("fs_is_0", state->fs, 0);
	report_equal("gs_is_0", state->gs, 0);
	report_equal("ss_is_0", state->ss, 0);
	report_equal("gdtr_base_is_0", state->gdtr_base, 0);
	report_equal("gdtr_limit_is_ffff", state->gdtr_limit, IVT_LIMIT);
	report_equal("idtr_base_is_0", state->idtr_base, 0);
	report_equal("idtr_limit_is_ffff", state->idtr_limit, IVT_LIMIT);
}

static void check_registers(const struct guest_ap_state *state)
{
	report_equal("eax_is_0", state->eax, 0);
	report_equal("ebx_is_0", state->ebx, 0);
	report_equal("ecx_is_0", state->ecx, 0);
	report_equal("edx_is_the_signature", state->edx, guest_cpuid(1, 0).eax);
	report_equal("esi_is_0", state->esi, 0);
	report_equal("edi_is_0", state->edi, 0);
	report_equal("ebp_is_0", state->ebp, 0);
	report_equal("esp_is_0", state->esp, 0);
	report_equal("eflags_is_2", state->eflags, EFLAGS_AT_INIT);
	/* Whether caches are off is the firmware's business. */
	report_equal("cr0_is_real_mode", state->cr0 & ~CR0_CD_NW, CR0_AT_INIT);
	report_equal("cr2_is_0", state->cr2, 0);
	report_equal("cr3_is_0", state->cr3, 0);
	report_equal("cr4_is_0", state->cr4, 0);
	report_equal("dr6_is_ffff0ff0", state->dr6, DR6_AT_INIT);
	report_equal("dr7_is_400", state->dr7, DR7_AT_INIT);
	report_equal("efer_is_0", state->efer, 0);
}

static void check_apic(const struct guest_ap_state *state, const struct guest_cpu *cpu)
{
	report_equal("it_is_not_the_bsp", state->apic_base & APIC_BASE_BSP, 0);
	report_equal("its_apic_is_on", state->apic_base & APIC_BASE_ENABLE, APIC_BASE_ENABLE);
	report_equal("svr_is_ff", cpu->svr_at_start, SVR_AT_INIT);
	report_equal("lint0_is_masked", cpu->lint0_at_start, LAPIC_LVT_MASKED);
	report_equal("the_timer_is_masked", cpu->timer_at_start, LAPIC_LVT_MASKED);
	report_equal("tpr_is_0", cpu->tpr_at_start, 0);
}

void smp_start_check_state(
	const struct guest_ap_state *state, const struct guest_cpu *cpu, unsigned vector)
{
	report_set_scope("startup");
	check_segments(state, vector);
	check_registers(state);
	check_apic(state, cpu);
	report_set_scope(NULL);
}

/* mov al, [dword 0x10000] in real mode; an emulator may let it pass. */
bool smp_start_has_limits(void)
{
	struct guest_probe probe =
		guest_probe_make(PROBE_REAL, PROBE_CODE("\x67\xa0\x00\x00\x01\x00"));

	guest_probe_run(&probe);
	return probe.vector == VECTOR_GP;
}

static void fill_state(void *unused)
{
	static const uint32_t mxcsr = 0x1f3f;
	static const uint16_t fcw = 0x27f;

	(void)unused;
	guest_write_cr4(guest_read_cr4() | 1u << 9); /* OSFXSR */
	__asm__ volatile("fninit\n\tfldcw %0\n\tldmxcsr %1" : : "m"(fcw), "m"(mxcsr));
	guest_write_cr2(0x12345000);
	guest_write_dr0(0x5000);
	guest_write_dr7(DR7_BY_US);
	guest_lapic_write(LAPIC_TPR, 0x10);
	guest_lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | 0x55);
	guest_write_dr7(DR7_AT_INIT | 0x2);
}

static void note_state(void *unused)
{
	(void)unused;
	guest_write_cr4(guest_read_cr4() | 1u << 9); /* OSFXSR */
	__asm__ volatile("fnstcw %0\n\tstmxcsr %1" : "=m"(fcw_found), "=m"(mxcsr_found));
}

void smp_start_check_init(struct guest_cpu *cpu, bool has_limits)
{
	struct guest_ap_state *state = guest_smp_place(STARTUP_VECTOR);

	guest_smp_run(cpu, fill_state, NULL);
	report_true("it_fills_its_registers", guest_smp_wait(cpu));
	state->wants_limits = has_limits;
	report_true("init_and_startup_restart_it", guest_smp_start(cpu, STARTUP_VECTOR));
	report_set_scope("init");
	check_segments(state, STARTUP_VECTOR);
	check_registers(state);
	check_apic(state, cpu);
	if (has_limits) {
		report_equal("segments_end_at_64_kib", state->has_limits, 1);
	} else {
		report_skip("segments_end_at_64_kib", "real mode has no limits here");
	}
	/* Emulators set both; the runtime had cleared them. */
	if (report_has_trivet("cd_and_nw_stay")) {
		report_equal("cd_and_nw_stay", state->cr0 & CR0_CD_NW, 0);
	}
	guest_smp_run(cpu, note_state, NULL);
	report_true("it_notes_its_registers", guest_smp_wait(cpu));
	report_equal("mxcsr_stays", mxcsr_found, 0x1f3f);
	report_equal("the_x87_control_word_stays", fcw_found, 0x27f);
	report_set_scope(NULL);
}

static void enter_x2apic(void *unused)
{
	(void)unused;
	guest_lapic_enter_x2apic();
}

/* SDM Vol. 3A "x2APIC State Transitions": INIT leaves the mode as it is. */
void smp_start_check_x2apic(struct guest_cpu *cpu)
{
	struct guest_ap_state *state = guest_smp_place(STARTUP_VECTOR);

	report_set_scope("x2apic");
	report_true("all_enter_it", guest_smp_run_all(enter_x2apic, NULL));
	report_true("a_processor_starts", guest_smp_start(cpu, STARTUP_VECTOR));
	report_equal("it_is_still_in_it", state->apic_base & X2APIC_BOTH, X2APIC_BOTH);
	check_segments(state, STARTUP_VECTOR);
	check_apic(state, cpu);
	guest_smp_run(cpu, enter_x2apic, NULL);
	report_true("it_works", guest_smp_wait(cpu));
	smp_start_check_identities();
	report_set_scope(NULL);
}
