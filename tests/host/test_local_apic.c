/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/local_apic.c cpu/percpu.c */
#include "cpu/local_apic.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/percpu.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	PAGE_WORDS = 1024,
	X2APIC_ID = 0x802,
	X2APIC_EOI = 0x80b,
	X2APIC_SVR = 0x80f,
	X2APIC_ISR_7 = 0x817,
	X2APIC_ICR = 0x830,
	ICR_PENDING = 1 << 12,
};

static uint32_t page[PAGE_WORDS] __attribute__((aligned(4096)));

static void set_cpuid(uint32_t ecx, uint32_t edx)
{
	fake_cpuid_set(CPUID_LEAF_FEATURES, 0, (struct cpuid_result){.ecx = ecx, .edx = edx});
}

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	memset(page, 0, sizeof(page));
	set_cpuid(CPUID_1_ECX_X2APIC, CPUID_1_EDX_APIC);
	fake_msr_set(MSR_IA32_APIC_BASE, (uintptr_t)page | APIC_BASE_EN);
	return 0;
}

static uint32_t *reg(unsigned offset)
{
	return &page[offset / sizeof(page[0])];
}

static uint64_t msr(uint32_t number)
{
	uint64_t value = 0;

	assert_true(fake_msr_get(number, &value));
	return value;
}

static void open_x2apic(uint32_t apic_id)
{
	fake_msr_set(MSR_IA32_APIC_BASE, (uintptr_t)page | APIC_BASE_EN | APIC_BASE_EXTD);
	fake_msr_set(X2APIC_ID, apic_id);
	fake_msr_set(X2APIC_ICR, 0);
	assert_true(local_apic_open());
}

static void the_id_is_read_in_both_modes(void **state)
{
	(void)state;
	*reg(LOCAL_APIC_ID) = 0x2a000000;
	assert_true(local_apic_open());
	assert_int_equal(this_cpu()->apic_id, 0x2a);
	assert_false(local_apic_is_x2apic());
	open_x2apic(0x12345);
	assert_int_equal(this_cpu()->apic_id, 0x12345);
	assert_true(local_apic_is_x2apic());
}

static void without_one_nothing_happens(void **state)
{
	(void)state;
	fake_msr_set(MSR_IA32_APIC_BASE, (uintptr_t)page);
	assert_false(local_apic_open());
	local_apic_quiesce();
	local_apic_eoi(0xff);
	local_apic_send(1, LOCAL_APIC_SEND_NMI);
	assert_false(local_apic_enable());
	set_cpuid(0, 0);
	assert_false(local_apic_open());
	for (size_t i = 0; i < PAGE_WORDS; i++) {
		assert_int_equal(page[i], 0);
	}
}

/* A local APIC with all entries of the LVT, not masked. */
static void set_up_lvt(uint32_t thermal)
{
	static const unsigned entries[] = {LOCAL_APIC_LVT_TIMER, LOCAL_APIC_LVT_ERROR,
		LOCAL_APIC_LVT_PERFORMANCE, LOCAL_APIC_LVT_CMCI};

	*reg(LOCAL_APIC_VERSION) = 6 << 16;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		*reg(entries[i]) = 0x20000 | 0x50;
	}
	*reg(LOCAL_APIC_LVT_THERMAL) = thermal;
	assert_true(local_apic_open());
}

static void what_the_firmware_left_running_is_masked(void **state)
{
	(void)state;
	set_up_lvt(0x0fa);
	local_apic_quiesce();
	assert_int_equal(*reg(LOCAL_APIC_LVT_TIMER), 0x30050);
	assert_int_equal(*reg(LOCAL_APIC_LVT_ERROR), 0x30050);
	assert_int_equal(*reg(LOCAL_APIC_LVT_PERFORMANCE), 0x30050);
	assert_int_equal(*reg(LOCAL_APIC_LVT_CMCI), 0x30050);
	assert_int_equal(*reg(LOCAL_APIC_LVT_THERMAL), 0x100fa);
}

/* A fixed interrupt with the number of an exception stays pending for ever: its class is 1. */
static void vectors_of_exceptions_are_held_back(void **state)
{
	(void)state;
	set_up_lvt(0x10000);
	local_apic_quiesce();
	assert_int_equal(*reg(LOCAL_APIC_TPR), 0x10);
}

static void entries_that_are_not_there_are_left_alone(void **state)
{
	(void)state;
	set_up_lvt(0x200);
	*reg(LOCAL_APIC_VERSION) = 3 << 16;
	local_apic_quiesce();
	assert_int_equal(*reg(LOCAL_APIC_LVT_ERROR), 0x30050);
	assert_int_equal(*reg(LOCAL_APIC_LVT_PERFORMANCE), 0x20050);
	assert_int_equal(*reg(LOCAL_APIC_LVT_THERMAL), 0x200);
	assert_int_equal(*reg(LOCAL_APIC_LVT_CMCI), 0x20050);
}

static void a_thermal_smi_of_the_firmware_stays_and_is_every_processors(void **state)
{
	(void)state;
	set_up_lvt(0x200);
	local_apic_quiesce();
	assert_int_equal(*reg(LOCAL_APIC_LVT_THERMAL), 0x200);
	this_cpu()->index = 1;
	set_up_lvt(0x10000);
	local_apic_quiesce();
	assert_int_equal(*reg(LOCAL_APIC_LVT_THERMAL), 0x200);
	this_cpu()->index = 0;
}

static void an_xapic_message_has_its_target_first(void **state)
{
	(void)state;
	assert_true(local_apic_open());
	local_apic_send(0x2a, LOCAL_APIC_SEND_FIXED | CPU_KICK_VECTOR);
	assert_int_equal(*reg(LOCAL_APIC_ICR_HIGH), 0x2a000000);
	assert_int_equal(*reg(LOCAL_APIC_ICR_LOW), 0x40f1);
	assert_int_equal(fake_cpu.pause_count, 0);
}

static void deliver(void)
{
	*reg(LOCAL_APIC_ICR_LOW) &= ~(uint32_t)ICR_PENDING;
	assert_int_equal(*reg(LOCAL_APIC_ICR_HIGH), 0);
}

static void an_xapic_message_waits_for_the_one_before(void **state)
{
	(void)state;
	assert_true(local_apic_open());
	*reg(LOCAL_APIC_ICR_LOW) = ICR_PENDING;
	fake_cpu.on_pause = deliver;
	local_apic_send(1, LOCAL_APIC_SEND_INIT);
	assert_int_equal(fake_cpu.pause_count, 1);
	assert_int_equal(*reg(LOCAL_APIC_ICR_LOW), LOCAL_APIC_SEND_INIT);
}

static void an_x2apic_message_is_one_write(void **state)
{
	(void)state;
	open_x2apic(0);
	local_apic_send(0x12345, LOCAL_APIC_SEND_STARTUP | 0x9f);
	assert_int_equal(msr(X2APIC_ICR), 0x123450000469f);
}

static void x2apic_mode_is_entered(void **state)
{
	(void)state;
	assert_true(local_apic_open());
	fake_msr_set(X2APIC_ID, 7);
	assert_int_equal(local_apic_set_x2apic(true), STATUS_OK);
	assert_true((msr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD) != 0);
	assert_true(local_apic_is_x2apic());
	assert_int_equal(this_cpu()->apic_id, 7);
}

static void x2apic_mode_needs_cpuid(void **state)
{
	(void)state;
	set_cpuid(0, CPUID_1_EDX_APIC);
	assert_true(local_apic_open());
	assert_int_equal(local_apic_set_x2apic(true), STATUS_UNSUPPORTED);
	assert_false(local_apic_is_x2apic());
	assert_int_equal(local_apic_set_x2apic(false), STATUS_OK);
}

static void x2apic_mode_is_left(void **state)
{
	(void)state;
	open_x2apic(7);
	assert_int_equal(local_apic_set_x2apic(false), STATUS_OK);
	assert_int_equal(msr(MSR_IA32_APIC_BASE), (uintptr_t)page | APIC_BASE_EN);
	assert_false(local_apic_is_x2apic());
}

static void only_what_is_in_service_is_ended(void **state)
{
	(void)state;
	open_x2apic(0);
	fake_msr_set(X2APIC_EOI, 1);
	fake_msr_set(X2APIC_ISR_7, 0);
	local_apic_eoi(CPU_KICK_VECTOR);
	assert_int_equal(msr(X2APIC_EOI), 1);
	fake_msr_set(X2APIC_ISR_7, 1ull << (CPU_KICK_VECTOR % 32));
	local_apic_eoi(CPU_KICK_VECTOR);
	assert_int_equal(msr(X2APIC_EOI), 0);
}

static void a_kick_and_an_nmi_go_to_the_right_ones(void **state)
{
	static struct cpu other = {.index = 1, .apic_id = 6};

	(void)state;
	assert_int_equal(cpu_count(), 1);
	fake_this_cpu = &percpu_boot;
	open_x2apic(0);
	cpu_send_nmi_to_others();
	assert_int_equal(msr(X2APIC_ICR), 0);
	percpu_add(&other);
	assert_int_equal(cpu_count(), 2);
	assert_ptr_equal(cpu_of(0), &percpu_boot);
	assert_ptr_equal(cpu_of(1), &other);
	cpu_kick(cpu_of(1));
	assert_int_equal(msr(X2APIC_ICR), 0x6000040f1);
	cpu_send_nmi_to_others();
	assert_int_equal(msr(X2APIC_ICR), 0x600004400);
	fake_this_cpu = NULL;
}

static void the_gs_base_leads_to_the_processor(void **state)
{
	struct cpu cpu = {0};

	(void)state;
	fake_msr_set(MSR_IA32_GS_BASE, 0);
	percpu_init(&cpu);
	assert_int_equal(msr(MSR_IA32_GS_BASE), (uintptr_t)&cpu);
	assert_ptr_equal(cpu.self, &cpu);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_id_is_read_in_both_modes),
		TEST(without_one_nothing_happens),
		TEST(what_the_firmware_left_running_is_masked),
		TEST(vectors_of_exceptions_are_held_back),
		TEST(entries_that_are_not_there_are_left_alone),
		TEST(a_thermal_smi_of_the_firmware_stays_and_is_every_processors),
		TEST(an_xapic_message_has_its_target_first),
		TEST(an_xapic_message_waits_for_the_one_before),
		TEST(an_x2apic_message_is_one_write),
		TEST(x2apic_mode_is_entered),
		TEST(x2apic_mode_needs_cpuid),
		TEST(x2apic_mode_is_left),
		TEST(only_what_is_in_service_is_ended),
		TEST(a_kick_and_an_nmi_go_to_the_right_ones),
		TEST(the_gs_base_leads_to_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
