/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit_cr.c exits/virtual_cr.c vm/event.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c
 * vm/cpuid_policy.c vm/cpuid_topology.c vm/guest_memory.c vmx/operation.c
 * vmx/exit_qualification.c lib/format.c tests/host/vcpu_fixture.c vm/vcpu_interrupts.c
 * vm/vcpu_timer.c vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c
 * vm/vm.c cpu/tsc.c vm/vm_platform.c vm/port_bus.c cpu/wall_clock.c lib/calendar.c
 * lib/scaled_time.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c devices/pit8254.c
 * devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c
 * devices/reset_control.c devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c
 * vm/posted_interrupts.c */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "exits/virtual_cr.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

enum { MOV_TO = 0, MOV_FROM = 1 << 4, CLTS = 2 << 4, LMSW = 3 << 4 };

static enum exit_action mov_to_cr(struct vcpu_fixture *f, unsigned cr, uint64_t value)
{
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, MOV_TO | cr | REGISTER_R9 << 8);
	f->vcpu.frame.registers[REGISTER_R9] = value;
	return exit_handle_control_register(&f->vcpu);
}

static void expect_done(struct vcpu_fixture *f, unsigned cr, uint64_t value)
{
	assert_int_equal(mov_to_cr(f, cr, value), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

static void expect_gp(struct vcpu_fixture *f, unsigned cr, uint64_t value)
{
	const uint64_t cr0 = fake_vmcs_get(VMCS_GUEST_CR0);
	const uint64_t cr4 = fake_vmcs_get(VMCS_GUEST_CR4);
	const uint64_t cr0_shadow = fake_vmcs_get(VMCS_CR0_READ_SHADOW);
	const uint64_t cr4_shadow = fake_vmcs_get(VMCS_CR4_READ_SHADOW);
	const uint64_t efer = fake_vmcs_get(VMCS_GUEST_IA32_EFER);

	assert_int_equal(mov_to_cr(f, cr, value), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected() & 0xff, VECTOR_GP);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR0), cr0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR4), cr4);
	assert_int_equal(fake_vmcs_get(VMCS_CR0_READ_SHADOW), cr0_shadow);
	assert_int_equal(fake_vmcs_get(VMCS_CR4_READ_SHADOW), cr4_shadow);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), efer);
	assert_int_equal(fake_cpu.invvpid_count, 0);
}

static void protected_mode_is_entered_and_left(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_real_mode(f);
	expect_done(f, 0, CR0_PE | CR0_ET);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR0), CR0_PE | CR0_ET | CR0_NE);
	assert_int_equal(fake_vmcs_get(VMCS_CR0_READ_SHADOW), CR0_PE | CR0_ET);
	assert_int_equal(fake_cpu.invvpid_count, 1);
	expect_done(f, 0, 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR0), CR0_ET | CR0_NE);
}

static void the_guest_reads_what_it_wrote(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t value = CR0_PE | CR0_WP | CR0_AM | CR0_MP | CR0_CD | CR0_NW | CR0_ET;

	vcpu_fixture_32bit(f);
	expect_done(f, 0, value);
	assert_int_equal(virtual_cr0_read(&f->vcpu), value);
	expect_done(f, 4, CR4_PAE | CR4_PSE | CR4_MCE);
	assert_int_equal(virtual_cr4_read(&f->vcpu), CR4_PAE | CR4_PSE | CR4_MCE);
	expect_done(f, 4, 0);
	assert_int_equal(virtual_cr4_read(&f->vcpu), 0);
}

static void caching_stays_on(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	expect_done(f, 0, CR0_PE | CR0_CD | CR0_NW);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR0) & (CR0_CD | CR0_NW), 0);
}

static void reserved_bits_of_cr0_below_32_are_ignored(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	expect_done(f, 0, CR0_PE | 0x1ffaffc0);
	assert_int_equal(virtual_cr0_read(&f->vcpu), CR0_PE | CR0_ET);
}

static void cr0_refuses_what_the_sdm_forbids(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_gp(f, 0, CR0_PE | CR0_PG | BIT(32));
	expect_gp(f, 0, CR0_PE | CR0_PG | BIT(63));
	expect_gp(f, 0, CR0_PG);
	expect_gp(f, 0, CR0_PE | CR0_PG | CR0_NW);
	expect_gp(f, 0, CR0_PE);
}

static void upper_bits_of_the_source_are_cut_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	expect_done(f, 0, 0xffffffff00000000 | CR0_PE);
	assert_int_equal(virtual_cr0_read(&f->vcpu), CR0_PE | CR0_ET);
}

static void paging_goes_off_from_compatibility_mode_only(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_gp(f, 0, CR0_PE);
	vcpu_fixture_compatibility(f);
	expect_done(f, 0, CR0_PE);
	assert_false(f->vcpu.is_long_mode);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), EFER_LME | EFER_NXE);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST, 0);
	assert_int_equal(fake_cpu.invvpid_count, 1);
}

static void paging_does_not_go_off_with_pcide(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_compatibility(f);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, CR4_PAE | CR4_PCIDE);
	expect_gp(f, 0, CR0_PE);
}

static void prepare_long_mode(struct vcpu_fixture *f)
{
	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_IA32_EFER, EFER_LME);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, CR4_PAE);
}

static void long_mode_begins_with_paging(void **state)
{
	struct vcpu_fixture *f = *state;

	prepare_long_mode(f);
	/* It has no PDPTE registers: CR3 may lead nowhere yet. */
	fake_vmcs_set(VMCS_GUEST_CR3, 0xfffff000);
	expect_done(f, 0, CR0_PE | CR0_PG);
	assert_true(f->vcpu.is_long_mode);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), EFER_LME | EFER_LMA);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST, BIT(9));
	assert_int_equal(f->vcpu.controls.entry, fake_vmcs_get(VMCS_VM_ENTRY_CONTROLS));
}

static void long_mode_needs_pae(void **state)
{
	prepare_long_mode(*state);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, 0);
	expect_gp(*state, 0, CR0_PE | CR0_PG);
}

static void long_mode_does_not_begin_with_cs_l(void **state)
{
	prepare_long_mode(*state);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09b);
	expect_gp(*state, 0, CR0_PE | CR0_PG);
}

static void long_mode_does_not_begin_from_a_16_bit_tss(void **state)
{
	prepare_long_mode(*state);
	fake_vmcs_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x83);
	expect_gp(*state, 0, CR0_PE | CR0_PG);
	fake_vmcs_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x89);
	expect_done(*state, 0, CR0_PE | CR0_PG);
}

static void put_pdptes(struct vcpu_fixture *f, uint32_t cr3, const uint64_t pdptes[4])
{
	memcpy(f->ram + (cr3 & 0xffffffe0), pdptes, 4 * sizeof(*pdptes));
	fake_vmcs_set(VMCS_GUEST_CR3, cr3);
}

static void pae_paging_loads_the_pdptes(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, CR4_PAE);
	put_pdptes(f, 0x1fe0 | 0x18, (const uint64_t[]){0x1001, 6, 0x2e19, 0xfffffff001});
	expect_done(f, 0, CR0_PE | CR0_PG);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE0), 0x1001);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE1), 6);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE2), 0x2e19);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE3), 0xfffffff001);
	assert_false(f->vcpu.is_long_mode);
}

static void a_malformed_pdpte_is_gp(void **state)
{
	const uint64_t bad[] = {1 | BIT(1), 1 | BIT(2), 1 | BIT(5), 1 | BIT(6), 1 | BIT(7),
		1 | BIT(8), 1 | BIT(40), 1 | BIT(62), 1 | BIT(63)};

	vcpu_fixture_32bit(*state);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, CR4_PAE);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		uint64_t pdptes[4] = {0};

		pdptes[i % 4] = bad[i];
		put_pdptes(*state, 0x1000, pdptes);
		expect_gp(*state, 0, CR0_PE | CR0_PG);
		assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE0 + 2 * (uint32_t)(i % 4)), 0);
	}
}

static void pdptes_outside_of_ram_are_gp(void **state)
{
	vcpu_fixture_32bit(*state);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, CR4_PAE);
	fake_vmcs_set(VMCS_GUEST_CR3, 0xffffffe0);
	expect_gp(*state, 0, CR0_PE | CR0_PG);
	fake_vmcs_set(VMCS_GUEST_CR3, VCPU_FIXTURE_RAM);
	expect_gp(*state, 0, CR0_PE | CR0_PG);
}

static void pdptes_come_again_with_each_bit_that_the_sdm_names(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t bits[] = {CR4_PGE, CR4_PSE, CR4_SMEP};

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE);
	fake_vmcs_set(VMCS_CR0_READ_SHADOW, CR0_PE | CR0_PG | CR0_ET);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, CR4_PAE);
	for (size_t i = 0; i < ARRAY_COUNT(bits); i++) {
		fake_vmcs_set(VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE);
		put_pdptes(f, 0x1000, (const uint64_t[]){(i + 1) << 12 | 1, 0, 0, 0});
		expect_done(f, 4, CR4_PAE | bits[i]);
		assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE0), (i + 1) << 12 | 1);
	}
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE);
	put_pdptes(f, 0x1000, (const uint64_t[]){0x9001, 0, 0, 0});
	expect_done(f, 4, CR4_PAE | CR4_DE);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE0), 0x3001);
	expect_done(f, 0, CR0_PE | CR0_PG | CR0_CD);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PDPTE0), 0x9001);
}

static void cr4_refuses_bits_that_the_guest_is_not_shown(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.cr4_allowed = CR4_PAE | CR4_PSE;
	expect_gp(f, 4, CR4_PAE | CR4_PGE);
	expect_gp(f, 4, CR4_PAE | CR4_VMXE);
	expect_gp(f, 4, CR4_PAE | CR4_LA57);
	expect_gp(f, 4, CR4_PAE | BIT(32));
	expect_done(f, 4, CR4_PAE | CR4_PSE);
}

static void bits_that_must_be_1_stay_and_stay_hidden(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_done(f, 4, CR4_PAE);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR4), CR4_PAE | CR4_VMXE | CR4_MCE);
	assert_int_equal(virtual_cr4_read(&f->vcpu), CR4_PAE);
}

static void pae_stays_on_in_long_mode(void **state)
{
	expect_gp(*state, 4, CR4_PSE);
	vcpu_fixture_compatibility(*state);
	expect_gp(*state, 4, CR4_PSE);
	vcpu_fixture_32bit(*state);
	expect_done(*state, 4, CR4_PSE);
}

static void pcide_needs_long_mode_and_pcid_0(void **state)
{
	fake_vmcs_set(VMCS_GUEST_CR3, 0x1001);
	expect_gp(*state, 4, CR4_PAE | CR4_PCIDE);
	fake_vmcs_set(VMCS_GUEST_CR3, 0x1800);
	expect_gp(*state, 4, CR4_PAE | CR4_PCIDE);
	fake_vmcs_set(VMCS_GUEST_CR3, 0x1000);
	expect_done(*state, 4, CR4_PAE | CR4_PCIDE);
	fake_vmcs_set(VMCS_GUEST_CR3, 0x1001);
	expect_done(*state, 4, CR4_PAE | CR4_PCIDE | CR4_PSE);
	fake_cpu.invvpid_count = 0;
	vcpu_fixture_32bit(*state);
	expect_gp(*state, 4, CR4_PAE | CR4_PCIDE);
}

static void translations_are_invalidated_where_the_sdm_says(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_done(f, 4, CR4_PAE | CR4_PGE);
	assert_int_equal(fake_cpu.invvpid_count, 1);
	assert_int_equal(fake_cpu.invvpid_descriptor.first, f->vcpu.vpid);
	expect_done(f, 4, CR4_PAE | CR4_PGE | CR4_DE);
	assert_int_equal(fake_cpu.invvpid_count, 1);
	f->vcpu.controls.secondary = 0;
	expect_done(f, 4, CR4_PAE);
	assert_int_equal(fake_cpu.invvpid_count, 1);
}

static void cr8_is_the_vcpus_own(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_done(f, 8, 15);
	assert_int_equal(virtual_apic_cr8(&f->vcpu.apic), 15);
	expect_gp(f, 8, 16);
	expect_gp(f, 8, BIT(63));
	assert_int_equal(virtual_apic_cr8(&f->vcpu.apic), 15);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, MOV_FROM | 8 | REGISTER_RBX << 8);
	f->vcpu.frame.registers[REGISTER_RBX] = UINT64_MAX;
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RBX], 15);
}

static void rsp_is_a_register_like_others(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RSP, 7);
	f->vcpu.frame.registers[REGISTER_RSP] = 99;
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, MOV_TO | 8 | REGISTER_RSP << 8);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(virtual_apic_cr8(&f->vcpu.apic), 7);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, MOV_FROM | 8 | REGISTER_RSP << 8);
	fake_vmcs_set(VMCS_GUEST_RSP, 0);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RSP), 7);
}

static void cr3_and_unknown_registers_are_unhandled(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(mov_to_cr(f, 3, 0x1000), EXIT_UNHANDLED);
	assert_int_equal(mov_to_cr(f, 2, 0x1000), EXIT_UNHANDLED);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, MOV_FROM | 3);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_UNHANDLED);
}

static void clts_clears_ts(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_CR0, CR0_PE | CR0_PG | CR0_TS | CR0_ET | CR0_NE);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, CLTS);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CR0), CR0_PE | CR0_PG | CR0_ET | CR0_NE);
}

static void lmsw_sets_four_bits_and_never_clears_pe(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_real_mode(f);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, LMSW | 0xfff1ULL << 16);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(virtual_cr0_read(&f->vcpu), CR0_PE | CR0_ET);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, LMSW | 0xeULL << 16);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(virtual_cr0_read(&f->vcpu), CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, LMSW);
	assert_int_equal(exit_handle_control_register(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(virtual_cr0_read(&f->vcpu), CR0_PE | CR0_ET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(protected_mode_is_entered_and_left),
		WITH_VCPU(the_guest_reads_what_it_wrote),
		WITH_VCPU(caching_stays_on),
		WITH_VCPU(reserved_bits_of_cr0_below_32_are_ignored),
		WITH_VCPU(cr0_refuses_what_the_sdm_forbids),
		WITH_VCPU(upper_bits_of_the_source_are_cut_outside_64_bit_code),
		WITH_VCPU(paging_goes_off_from_compatibility_mode_only),
		WITH_VCPU(paging_does_not_go_off_with_pcide),
		WITH_VCPU(long_mode_begins_with_paging),
		WITH_VCPU(long_mode_needs_pae),
		WITH_VCPU(long_mode_does_not_begin_with_cs_l),
		WITH_VCPU(long_mode_does_not_begin_from_a_16_bit_tss),
		WITH_VCPU(pae_paging_loads_the_pdptes),
		WITH_VCPU(a_malformed_pdpte_is_gp),
		WITH_VCPU(pdptes_outside_of_ram_are_gp),
		WITH_VCPU(pdptes_come_again_with_each_bit_that_the_sdm_names),
		WITH_VCPU(cr4_refuses_bits_that_the_guest_is_not_shown),
		WITH_VCPU(bits_that_must_be_1_stay_and_stay_hidden),
		WITH_VCPU(pae_stays_on_in_long_mode),
		WITH_VCPU(pcide_needs_long_mode_and_pcid_0),
		WITH_VCPU(translations_are_invalidated_where_the_sdm_says),
		WITH_VCPU(cr8_is_the_vcpus_own),
		WITH_VCPU(rsp_is_a_register_like_others),
		WITH_VCPU(cr3_and_unknown_registers_are_unhandled),
		WITH_VCPU(clts_clears_ts),
		WITH_VCPU(lmsw_sets_four_bits_and_never_clears_pe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
