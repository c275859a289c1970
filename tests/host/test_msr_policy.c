/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/msr_policy.c vm/msr_mtrr.c vm/cpuid_policy.c vm/vcpu.c vm/guest_memory.c
 * exits/exit_msr.c vm/event.c lib/format.c tests/host/vcpu_fixture.c hypercall/kvm_msrs.c
 * cpu/tsc.c cpu/wall_clock.c lib/calendar.c lib/scaled_time.c vm/vcpu_interrupts.c
 * vm/vcpu_timer.c vmx/preemption_timer.c vm/vcpu_apicv.c vm/vcpu_apicv_mode.c
 * vmx/apic_controls.c vmx/ept.c vmx/ept_edit.c vmx/ept_table.c vmx/operation.c vm/pv_eoi.c
 * devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * cpu/host_timer.c cpu/local_apic.c vm/vm.c vm/vm_platform.c vm/port_bus.c lib/tick_rate.c
 * devices/pic8259.c devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c
 * devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c devices/reset_control.c
 * devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c
 * vm/steal_time.c vm/vcpu_shootdown.c vm/cpuid_topology.c */
#include "vm/msr_policy.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

static int set_up(void **state)
{
	(void)vcpu_fixture_set_up(state);
	fake_cpuid_set(CPUID_LEAF_EXTENDED_FEATURES, 0,
		(struct cpuid_result){.edx = CPUID_80000001_EDX_SYSCALL | CPUID_80000001_EDX_XD});
	return 0;
}

static uint64_t read_msr(struct vcpu_fixture *f, uint32_t msr)
{
	uint64_t value = 0xdead;

	assert_true(msr_policy_read(&f->vcpu, msr, &value));
	return value;
}

static bool write_msr(struct vcpu_fixture *f, uint32_t msr, uint64_t value)
{
	return msr_policy_write(&f->vcpu, msr, value);
}

static void msrs_that_do_not_exist_are_gp(void **state)
{
	const uint32_t absent[] = {0x0, 0x11, 0x12, 0x33, 0x48, 0xc1, 0x186, 0x480, 0x48c, 0x802,
		MSR_IA32_XSS, 0x4b564d00, 0x4b564d07, 0x40000000, 0xc0000085, 0xc0010000,
		0xffffffff};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_COUNT(absent); i++) {
		struct vcpu_fixture *f = *state;

		assert_false(msr_policy_read(&f->vcpu, absent[i], &value));
		assert_false(write_msr(f, absent[i], 0));
	}
}

static void the_feature_control_is_locked_with_vmx_off(void **state)
{
	assert_int_equal(read_msr(*state, MSR_IA32_FEATURE_CONTROL), FEATURE_CONTROL_LOCK);
	assert_false(write_msr(*state, MSR_IA32_FEATURE_CONTROL, 5));
}

static void machine_checks_have_no_banks(void **state)
{
	assert_int_equal(read_msr(*state, MSR_IA32_MCG_CAP), 0);
	assert_int_equal(read_msr(*state, MSR_IA32_MCG_STATUS), 0);
	assert_true(write_msr(*state, MSR_IA32_MCG_STATUS, 0));
	assert_false(write_msr(*state, MSR_IA32_MCG_STATUS, 1));
	assert_false(write_msr(*state, MSR_IA32_MCG_CAP, 0));
}

static void microcode_updates_are_swallowed(void **state)
{
	assert_true(write_msr(*state, MSR_IA32_BIOS_UPDT_TRIG, 0x1000));
	assert_true(write_msr(*state, MSR_IA32_BIOS_SIGN_ID, 0));
	assert_int_equal(read_msr(*state, MSR_IA32_BIOS_SIGN_ID), 0);
}

static void misc_enable_keeps_its_fixed_bits(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.msrs.misc_enable = BIT(11) | BIT(12);
	assert_true(write_msr(f, MSR_IA32_MISC_ENABLE, BIT(0) | BIT(34) | BIT(7)));
	assert_int_equal(read_msr(f, MSR_IA32_MISC_ENABLE), BIT(0) | BIT(11) | BIT(12));
}

static void efer_takes_what_cpuid_shows(void **state)
{
	vcpu_fixture_32bit(*state);
	assert_true(write_msr(*state, MSR_IA32_EFER, EFER_SCE | EFER_LME | EFER_NXE));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), EFER_SCE | EFER_LME | EFER_NXE);
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t defined = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

		assert_int_equal(
			write_msr(*state, MSR_IA32_EFER, BIT(bit)), (BIT(bit) & defined) != 0);
	}
	fake_cpuid_set(CPUID_LEAF_EXTENDED_FEATURES, 0, (struct cpuid_result){0});
	assert_false(write_msr(*state, MSR_IA32_EFER, EFER_NXE));
	assert_false(write_msr(*state, MSR_IA32_EFER, EFER_SCE));
}

static void efer_lma_cannot_be_written(void **state)
{
	vcpu_fixture_32bit(*state);
	assert_true(write_msr(*state, MSR_IA32_EFER, EFER_LMA));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), 0);
	vcpu_fixture_64bit(*state);
	assert_true(write_msr(*state, MSR_IA32_EFER, EFER_LME));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), EFER_LME | EFER_LMA);
}

static void efer_lme_does_not_change_under_paging(void **state)
{
	vcpu_fixture_64bit(*state);
	assert_false(write_msr(*state, MSR_IA32_EFER, 0));
	assert_true(write_msr(*state, MSR_IA32_EFER, EFER_LME | EFER_SCE));
	vcpu_fixture_32bit(*state);
	fake_vmcs_set(VMCS_GUEST_CR0, CR0_PE | CR0_PG);
	assert_false(write_msr(*state, MSR_IA32_EFER, EFER_LME));
}

static void debugctl_takes_btf_and_ignores_lbr(void **state)
{
	assert_true(write_msr(*state, MSR_IA32_DEBUGCTL, DEBUGCTL_LBR));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_DEBUGCTL), 0);
	assert_true(write_msr(*state, MSR_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_DEBUGCTL), DEBUGCTL_BTF);
	assert_true(write_msr(*state, MSR_IA32_DEBUGCTL, DEBUGCTL_BTF));
	assert_int_equal(read_msr(*state, MSR_IA32_DEBUGCTL), DEBUGCTL_BTF);
	assert_false(write_msr(*state, MSR_IA32_DEBUGCTL, BIT(6)));
	assert_false(write_msr(*state, MSR_IA32_DEBUGCTL, BIT(15)));
	assert_int_equal(read_msr(*state, MSR_IA32_DEBUGCTL), DEBUGCTL_BTF);
}

static void lbr_is_gp_where_the_cpu_has_architectural_ones(void **state)
{
	fake_cpuid_set(CPUID_LEAF_BASIC, 0, (struct cpuid_result){.eax = CPUID_LEAF_STRUCTURED});
	fake_cpuid_set(CPUID_LEAF_STRUCTURED, 0, (struct cpuid_result){.edx = 1u << 19});
	assert_true(write_msr(*state, MSR_IA32_DEBUGCTL, DEBUGCTL_BTF));
	assert_false(write_msr(*state, MSR_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF));
	assert_false(write_msr(*state, MSR_IA32_DEBUGCTL, DEBUGCTL_LBR));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_DEBUGCTL), DEBUGCTL_BTF);
}

static bool is_let_pass(const uint8_t *bitmap, uint32_t msr, bool is_write)
{
	const uint32_t index = msr & 0x1fff;
	const size_t part = (is_write ? 2048u : 0) + (msr >= 0xc0000000u ? 1024u : 0);

	return (bitmap[part + index / 8] & BIT(index % 8)) == 0;
}

/* Of those that are guest state in the VMCS; SDM Vol. 3C "Guest Register State". */
static bool is_in_vmcs(uint32_t msr)
{
	return msr == MSR_IA32_SYSENTER_CS || msr == MSR_IA32_SYSENTER_ESP ||
	       msr == MSR_IA32_SYSENTER_EIP || msr == MSR_IA32_PAT || msr == MSR_IA32_FS_BASE ||
	       msr == MSR_IA32_GS_BASE;
}

/* The virtual local APIC's, in its page. */
static bool is_x2apic(uint32_t msr)
{
	return msr >= 0x800 && msr <= 0x8ff;
}

static void expect_kept(const struct control_set *controls, uint32_t msr)
{
	uint64_t values[VCPU_SAVED_MSRS];
	uint64_t value = 0;

	fake_msr_set(msr, 0x1234);
	msr_policy_save(controls, values);
	fake_msr_set(msr, 0x5678);
	msr_policy_restore(controls, values);
	if (!fake_msr_get(msr, &value) || value != 0x1234) {
		fail_msg("MSR %#x passes from one guest to the next", msr);
	}
}

/* What a guest can write without an exit must not reach the next one. */
static void each_msr_that_a_guest_writes_without_an_exit_is_kept(void **state)
{
	static uint8_t bitmap[PAGE_SIZE_4K];
	const uint64_t controls_tried[] = {0, SECONDARY_ENABLE_RDTSCP, BITS_MASK(31, 0)};
	const uint32_t firsts[] = {0, 0xc0000000};
	size_t count = 0;

	(void)state;
	fake_msr_set(MSR_IA32_STAR, 0);
	fake_msr_set(MSR_IA32_LSTAR, 0);
	fake_msr_set(MSR_IA32_CSTAR, 0);
	fake_msr_set(MSR_IA32_FMASK, 0);
	fake_msr_set(MSR_IA32_KERNEL_GS_BASE, 0);
	fake_msr_set(MSR_IA32_TSC_AUX, 0);
	for (size_t i = 0; i < ARRAY_COUNT(controls_tried); i++) {
		const struct control_set controls = {.secondary = (uint32_t)controls_tried[i]};

		msr_policy_fill_bitmap(bitmap, &controls);
		for (uint32_t index = 0; index < 2 * 0x2000; index++) {
			const uint32_t msr = firsts[index / 0x2000] + index % 0x2000;

			if (is_let_pass(bitmap, msr, true) && !is_in_vmcs(msr) && !is_x2apic(msr)) {
				expect_kept(&controls, msr);
				count++;
			}
		}
	}
	assert_int_equal(count, 5 + 6 + 6);
}

static void writing_the_tsc_moves_its_offset(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_cpu.tsc = 1000;
	f->vcpu.frame.registers[REGISTER_RCX] = MSR_IA32_TSC;
	f->vcpu.frame.registers[REGISTER_RAX] = 5000;
	f->vcpu.frame.registers[REGISTER_RDX] = 0;
	assert_int_equal(exit_handle_wrmsr(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(fake_vmcs_get(VMCS_TSC_OFFSET), 4000);
	assert_int_equal(f->vcpu.tsc_offset, 4000);
}

/* SDM Vol. 3C "MSR-Bitmap Address": four bitmaps of 1 KiB. */
static bool exits(const uint8_t *bitmap, uint32_t msr, bool is_write)
{
	const bool is_high = msr >= 0xc0000000;
	const uint32_t index = is_high ? msr - 0xc0000000 : msr;
	const uint32_t start = (is_write ? 2048u : 0u) + (is_high ? 1024u : 0u);

	return (bitmap[start + index / 8] >> (index % 8) & 1) != 0;
}

static bool is_guests_own(uint32_t msr, bool is_write)
{
	switch (msr) {
	case MSR_IA32_TSC:
	case MSR_IA32_EFER:
		return !is_write;
	case MSR_IA32_SYSENTER_CS:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
	case MSR_IA32_PAT:
	case MSR_IA32_STAR:
	case MSR_IA32_LSTAR:
	case MSR_IA32_CSTAR:
	case MSR_IA32_FMASK:
	case MSR_IA32_FS_BASE:
	case MSR_IA32_GS_BASE:
	case MSR_IA32_KERNEL_GS_BASE:
	case MSR_IA32_TSC_AUX:
		return true;
	default:
		return false;
	}
}

static void all_msrs_exit_but_the_guests_own(void **state)
{
	struct vcpu_fixture *f = *state;
	uint8_t bitmap[4096] = {0};

	msr_policy_fill_bitmap(bitmap, &f->vcpu.controls);
	for (uint32_t i = 0; i < 4 * 0x2000; i++) {
		const uint32_t msr = (i & 0x2000) != 0 ? 0xc0000000 + (i & 0x1fff) : i & 0x1fff;
		const bool is_write = (i & 0x4000) != 0;

		assert_int_equal(exits(bitmap, msr, is_write), !is_guests_own(msr, is_write));
	}
}

static uint32_t x2apic(uint32_t offset)
{
	return VIRTUAL_APIC_MSR_FIRST + offset / VIRTUAL_APIC_STRIDE;
}

/* Which accesses of the range do not exit, of 2 * 256. */
static unsigned count_x2apic_passes(const uint8_t *bitmap)
{
	unsigned count = 0;

	for (uint32_t msr = VIRTUAL_APIC_MSR_FIRST; msr <= VIRTUAL_APIC_MSR_LAST; msr++) {
		count += !exits(bitmap, msr, false);
		count += !exits(bitmap, msr, true);
	}
	return count;
}

static void x2apic_msrs_pass_where_the_cpu_answers_for_them(void **state)
{
	struct vcpu_fixture *f = *state;
	uint8_t bitmap[4096] = {0};

	f->vcpu.controls.secondary |= (uint32_t)SECONDARY_VIRTUALIZE_X2APIC_MODE;
	msr_policy_fill_bitmap(bitmap, &f->vcpu.controls);
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_TPR), false));
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_TPR), true));
	assert_int_equal(count_x2apic_passes(bitmap), 2);
	f->vcpu.controls.secondary |= (uint32_t)SECONDARY_APIC_REGISTER_VIRTUALIZATION;
	msr_policy_fill_bitmap(bitmap, &f->vcpu.controls);
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_LVT_TIMER), false));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_LVT_TIMER), true));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_PPR), false));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_ISR), false));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_EOI), true));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_CURRENT_COUNT), false));
	f->vcpu.controls.secondary |= (uint32_t)SECONDARY_VIRTUAL_INTERRUPT_DELIVERY;
	msr_policy_fill_bitmap(bitmap, &f->vcpu.controls);
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_PPR), false));
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_ISR), false));
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_EOI), true));
	assert_false(exits(bitmap, x2apic(VIRTUAL_APIC_SELF_IPI), true));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_EOI), false));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_SELF_IPI), false));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_CURRENT_COUNT), false));
	assert_true(exits(bitmap, x2apic(VIRTUAL_APIC_ICR), true));
}

static void without_virtualize_x2apic_mode_all_of_them_exit(void **state)
{
	struct vcpu_fixture *f = *state;
	uint8_t bitmap[4096] = {0};

	f->vcpu.controls.secondary |= (uint32_t)(SECONDARY_APIC_REGISTER_VIRTUALIZATION |
						 SECONDARY_VIRTUAL_INTERRUPT_DELIVERY);
	msr_policy_fill_bitmap(bitmap, &f->vcpu.controls);
	assert_int_equal(count_x2apic_passes(bitmap), 0);
}

static void tsc_aux_exits_where_rdtscp_is_not_enabled(void **state)
{
	struct vcpu_fixture *f = *state;
	uint8_t bitmap[4096] = {0};

	f->vcpu.controls.secondary &= ~(uint32_t)SECONDARY_ENABLE_RDTSCP;
	msr_policy_fill_bitmap(bitmap, &f->vcpu.controls);
	assert_true(exits(bitmap, MSR_IA32_TSC_AUX, false));
	assert_true(exits(bitmap, MSR_IA32_TSC_AUX, true));
}

static const uint32_t passed_through[] = {MSR_IA32_STAR, MSR_IA32_LSTAR, MSR_IA32_CSTAR,
	MSR_IA32_FMASK, MSR_IA32_KERNEL_GS_BASE, MSR_IA32_TSC_AUX};

static void set_passed_through(uint64_t first)
{
	for (size_t i = 0; i < ARRAY_COUNT(passed_through); i++) {
		fake_msr_set(passed_through[i], first + i);
	}
}

static void expect_passed_through(uint64_t first, uint64_t step)
{
	uint64_t value;

	for (size_t i = 0; i < ARRAY_COUNT(passed_through); i++) {
		assert_true(fake_msr_get(passed_through[i], &value));
		assert_int_equal(value, first + i * step);
	}
}

static void the_next_guest_finds_cleared_msrs(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t cleared[VCPU_SAVED_MSRS] = {0};

	set_passed_through(0x1234);
	msr_policy_restore(&f->vcpu.controls, cleared);
	expect_passed_through(0, 0);
}

static void a_vcpu_finds_its_msrs_again(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t values[VCPU_SAVED_MSRS] = {0};

	set_passed_through(0x1000);
	msr_policy_save(&f->vcpu.controls, values);
	set_passed_through(0x2000);
	msr_policy_restore(&f->vcpu.controls, values);
	expect_passed_through(0x1000, 1);
}

static void tsc_aux_is_left_alone_where_rdtscp_is_not_enabled(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t values[VCPU_SAVED_MSRS] = {0};
	uint64_t value;

	set_passed_through(0x1000);
	fake_msr_remove(MSR_IA32_TSC_AUX);
	f->vcpu.controls.secondary &= ~(uint32_t)SECONDARY_ENABLE_RDTSCP;
	msr_policy_save(&f->vcpu.controls, values);
	msr_policy_restore(&f->vcpu.controls, values);
	assert_true(fake_msr_get(MSR_IA32_KERNEL_GS_BASE, &value));
	assert_int_equal(value, 0x1004);
}

static void rdmsr_splits_the_value_and_clears_upper_halves(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_IA32_DEBUGCTL, 0x1234567890);
	memset(f->vcpu.frame.registers, 0xff, sizeof(f->vcpu.frame.registers));
	f->vcpu.frame.registers[REGISTER_RCX] = 0xffffffff00000000 | MSR_IA32_DEBUGCTL;
	assert_int_equal(exit_handle_rdmsr(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], 0x34567890);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RDX], 0x12);
}

static void wrmsr_joins_the_low_halves(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.frame.registers[REGISTER_RAX] = 0xaaaaaaaafee00900;
	f->vcpu.frame.registers[REGISTER_RDX] = 0xbbbbbbbb00000012;
	f->vcpu.frame.registers[REGISTER_RCX] = MSR_IA32_APIC_BASE;
	assert_int_equal(exit_handle_wrmsr(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(f->vcpu.apic.base, 0x12fee00900);
}

static void a_refused_msr_is_gp_with_a_bounded_number_of_warnings(void **state)
{
	struct vcpu_fixture *f = *state;
	size_t lines = 0;

	f->vcpu.frame.registers[REGISTER_RCX] = 0xdead;
	f->vcpu.frame.registers[REGISTER_RAX] = 0x1111;
	for (int i = 0; i < 100; i++) {
		fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
		assert_int_equal(
			i % 2 == 0 ? exit_handle_rdmsr(&f->vcpu) : exit_handle_wrmsr(&f->vcpu),
			EXIT_RESUME);
		assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
	}
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], 0x1111);
	for (const char *c = fake_log_text(); *c != '\0'; c++) {
		lines += *c == '\n';
	}
	assert_int_equal(lines, VCPU_WARNINGS_MAX + 1);
	assert_non_null(
		strstr(fake_log_text(), "warning: vm0/vcpu0: RDMSR gives #GP msr=0xdead\n"));
}

#define WITH_MSRS(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MSRS(msrs_that_do_not_exist_are_gp),
		WITH_MSRS(the_feature_control_is_locked_with_vmx_off),
		WITH_MSRS(machine_checks_have_no_banks),
		WITH_MSRS(microcode_updates_are_swallowed),
		WITH_MSRS(misc_enable_keeps_its_fixed_bits),
		WITH_MSRS(efer_takes_what_cpuid_shows),
		WITH_MSRS(efer_lma_cannot_be_written),
		WITH_MSRS(efer_lme_does_not_change_under_paging),
		WITH_MSRS(debugctl_takes_btf_and_ignores_lbr),
		WITH_MSRS(lbr_is_gp_where_the_cpu_has_architectural_ones),
		WITH_MSRS(each_msr_that_a_guest_writes_without_an_exit_is_kept),
		WITH_MSRS(writing_the_tsc_moves_its_offset),
		WITH_MSRS(all_msrs_exit_but_the_guests_own),
		WITH_MSRS(tsc_aux_exits_where_rdtscp_is_not_enabled),
		WITH_MSRS(x2apic_msrs_pass_where_the_cpu_answers_for_them),
		WITH_MSRS(without_virtualize_x2apic_mode_all_of_them_exit),
		WITH_MSRS(the_next_guest_finds_cleared_msrs),
		WITH_MSRS(a_vcpu_finds_its_msrs_again),
		WITH_MSRS(tsc_aux_is_left_alone_where_rdtscp_is_not_enabled),
		WITH_MSRS(rdmsr_splits_the_value_and_clears_upper_halves),
		WITH_MSRS(wrmsr_joins_the_low_halves),
		WITH_MSRS(a_refused_msr_is_gp_with_a_bounded_number_of_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
