/* SPDX-License-Identifier: MIT */
#include "tests/guests/smp_ipi_kvm/kvm_halted.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/kvm_memory.h"

#include <stddef.h>

/* Linux Documentation/virt/kvm/x86/cpuid.rst and its <asm/kvm_para.h>. */
#define FEATURE_PV_TLB_FLUSH (1u << 9)
#define VCPU_PREEMPTED       1u
#define VCPU_FLUSH_TLB       2u

/* A linear address that nothing else uses, and two frames behind our image. */
#define FLUSH_PAGE 0x24000000ull
#define FRAME_A    0x600000ull
#define FRAME_B    0x800000ull

enum { SETTLE_TICKS = 1000000, ABSENT_ID = 0x70, VALUE_A = 0xaaaa, VALUE_B = 0xbbbb };

static struct steal_time records[GUEST_CPU_MAX] __attribute__((aligned(64)));
static atomic_uint stage;
static atomic_uint go_on;
static uint64_t first_value;
static uint64_t second_value;

/* Once a stage: tells that it is there and halts with IF clear. */
static void halt_thrice(void *unused)
{
	(void)unused;
	atomic_store(&stage, 1);
	guest_hlt();
	atomic_store(&stage, 2);
	(void)guest_wait_for(&go_on, 1);
	/* The kick has come already. */
	guest_hlt();
	atomic_store(&stage, 3);
	guest_hlt();
	atomic_store(&stage, 4);
}

static void check_kick_other(struct guest_cpu *target)
{
	atomic_store(&stage, 0);
	atomic_store(&go_on, 0);
	guest_smp_run(target, halt_thrice, NULL);
	report_true("it_halts", guest_wait_for(&stage, 1));
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("a_kick_of_nobody_returns_0", (uint64_t)trivet_kvm_kick_cpu(ABSENT_ID), 0);
	guest_lapic_send(target->apic_id, GUEST_VECTOR_WAKE | LAPIC_ICR_ASSERT);
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("it_stays_halted_with_if_clear", atomic_load(&stage), 1);
	report_equal("a_kick_returns_0", (uint64_t)trivet_kvm_kick_cpu(target->apic_id), 0);
	report_true("a_kick_ends_its_hlt", guest_wait_for(&stage, 2));
	(void)trivet_kvm_kick_cpu(target->apic_id);
	atomic_store(&go_on, 1);
	report_true("a_kick_before_hlt_is_not_lost", guest_wait_for(&stage, 3));
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("but_counts_once", atomic_load(&stage), 3);
	(void)trivet_kvm_kick_cpu(target->apic_id);
	report_true("the_next_kick_ends_the_next_hlt", guest_smp_wait(target));
	report_equal("it_was_at_the_end", atomic_load(&stage), 4);
}

void kvm_halted_check_kick(uint32_t features)
{
	if ((features & KVM_FEATURE_PV_UNHALT) == 0) {
		report_skip("kick", "it is not offered");
		return;
	}
	report_equal("a_kick_of_self_returns_0",
		(uint64_t)trivet_kvm_kick_cpu(guest_cpu_self()->apic_id), 0);
	guest_hlt();
	report_pass("a_kick_of_self_ends_the_next_hlt");
	if (guest_cpu_count() > 1) {
		check_kick_other(guest_cpu_at(1));
		check_kick_other(guest_cpu_at(guest_cpu_count() - 1));
	}
}

static void register_record(void *unused)
{
	struct steal_time *record = &records[guest_cpu_self()->index];

	(void)unused;
	record->preempted = VCPU_PREEMPTED;
	guest_wrmsr(MSR_KVM_STEAL_TIME, (uintptr_t)record | 1);
	/* Those that follow read what the hypervisor wrote. */
	if (guest_rdmsr(MSR_KVM_STEAL_TIME) != ((uintptr_t)record | 1)) {
		record->padding[0] = 1;
	}
	record->padding[1] = record->preempted;
}

void kvm_halted_check_steal_time(uint32_t features)
{
	if ((features & KVM_FEATURE_STEAL_TIME) == 0) {
		report_skip("steal_time", "it is not offered");
		return;
	}
	report_true("each_registers_its_record", guest_smp_run_all(register_record, NULL));
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		report_equal("its_msr_reads_back", records[i].padding[0], 0);
		report_equal("who_runs_is_not_preempted", records[i].padding[1], 0);
	}
}

static uint64_t read_page(void)
{
	return *(volatile uint64_t *)(uintptr_t)FLUSH_PAGE;
}

static void read_halt_read(void *unused)
{
	(void)unused;
	first_value = read_page();
	atomic_store(&stage, 1);
	/* The interrupt that ends the HLT is an NMI. */
	while (atomic_load(&go_on) == 0) {
		guest_hlt();
	}
	second_value = read_page();
	atomic_store(&stage, 2);
}

static bool set_flush(struct steal_time *record)
{
	uint8_t expected = VCPU_PREEMPTED;
	const uint64_t start = guest_rdtsc();

	while (!__atomic_compare_exchange_n(&record->preempted, &expected,
		VCPU_PREEMPTED | VCPU_FLUSH_TLB, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		expected = VCPU_PREEMPTED;
		if (guest_rdtsc() - start > guest_limit_ticks()) {
			return false;
		}
		guest_pause();
	}
	return true;
}

/* Again, if need be: one that came before the HLT is used up. */
static void wake_by_nmi(const struct guest_cpu *target)
{
	const uint64_t start = guest_rdtsc();

	atomic_store(&go_on, 1);
	while (atomic_load(&stage) != 2 && guest_rdtsc() - start < guest_limit_ticks()) {
		guest_lapic_send(target->apic_id, LAPIC_ICR_NMI | LAPIC_ICR_ASSERT);
		guest_spin_ticks(SETTLE_TICKS);
	}
}

void kvm_halted_check_flush(uint32_t features)
{
	const uint32_t needed = KVM_FEATURE_STEAL_TIME | FEATURE_PV_TLB_FLUSH;
	struct guest_cpu *target = guest_cpu_at(guest_cpu_count() - 1);
	struct steal_time *record = &records[target->index];

	if ((features & needed) != needed || target->index == 0) {
		report_skip("tlb_flush", "it is not offered, or there is one processor");
		return;
	}
	*(volatile uint64_t *)(uintptr_t)FRAME_A = VALUE_A;
	*(volatile uint64_t *)(uintptr_t)FRAME_B = VALUE_B;
	atomic_store(&stage, 0);
	atomic_store(&go_on, 0);
	guest_map_2m(FLUSH_PAGE, FRAME_A, GUEST_PAGE_DEFAULT);
	guest_smp_run(target, read_halt_read, NULL);
	report_true("it_reads_and_halts", guest_wait_for(&stage, 1));
	guest_spin_ticks(SETTLE_TICKS);
	guest_map_2m(FLUSH_PAGE, FRAME_B, GUEST_PAGE_DEFAULT);
	report_true("a_halted_one_shows_as_preempted", set_flush(record));
	wake_by_nmi(target);
	report_true("it_goes_on", guest_smp_wait(target));
	report_equal("it_read_the_first_page", first_value, VALUE_A);
	report_equal("its_tlb_was_flushed", second_value, VALUE_B);
}
