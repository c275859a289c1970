/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_paging.c vm/guest_memory.c tests/host/vcpu_fixture.c */
#include "vm/guest_paging.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/vmcs.h"

#include <string.h>

enum {
	P = 1,
	W = 2,
	U = 4,
	A = 0x20,
	D = 0x40,
	PS = 0x80,
	RAM = VCPU_FIXTURE_RAM,
	ROOT = 0x10000,
	LEVEL3 = 0x11000,
	LEVEL2 = 0x12000,
	LEVEL1 = 0x13000,
	CODE_P = 1,
	CODE_W = 2,
	CODE_U = 4,
	CODE_RSVD = 8,
	CODE_I = 16,
};

#define XD BIT(63)

static struct guest_paging paging_in(
	struct vcpu_fixture *f, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return (struct guest_paging){.memory = &f->vm.memory,
		.cr0 = cr0 | CR0_PE | CR0_PG,
		.cr3 = ROOT,
		.cr4 = cr4,
		.efer = efer,
		.physical_address_bits = 40};
}

static struct guest_paging paging_32bit(struct vcpu_fixture *f)
{
	return paging_in(f, CR0_WP, CR4_PSE, 0);
}

static struct guest_paging paging_pae(struct vcpu_fixture *f)
{
	struct guest_paging paging = paging_in(f, CR0_WP, CR4_PAE, EFER_NXE);

	paging.pdpte[1] = LEVEL2 | P;
	return paging;
}

static struct guest_paging paging_4level(struct vcpu_fixture *f)
{
	return paging_in(f, CR0_WP, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE);
}

static void put32(struct vcpu_fixture *f, uint64_t table, uint64_t index, uint32_t entry)
{
	memcpy(f->ram + table + index * 4, &entry, 4);
}

static uint32_t get32(struct vcpu_fixture *f, uint64_t table, uint64_t index)
{
	uint32_t entry;

	memcpy(&entry, f->ram + table + index * 4, 4);
	return entry;
}

static void put64(struct vcpu_fixture *f, uint64_t table, uint64_t index, uint64_t entry)
{
	memcpy(f->ram + table + index * 8, &entry, 8);
}

static uint64_t get64(struct vcpu_fixture *f, uint64_t table, uint64_t index)
{
	uint64_t entry;

	memcpy(&entry, f->ram + table + index * 8, 8);
	return entry;
}

/* The first entry of each 4-level table leads to the next; the last maps `page` at address 0. */
static void put_4level(struct vcpu_fixture *f, uint64_t page)
{
	put64(f, ROOT, 0, LEVEL3 | P | W | U);
	put64(f, LEVEL3, 0, LEVEL2 | P | W | U);
	put64(f, LEVEL2, 0, LEVEL1 | P | W | U);
	put64(f, LEVEL1, 0, page);
}

static void expect_page(
	const struct guest_paging *paging, uint64_t linear, unsigned access, uint64_t physical)
{
	uint32_t error_code;
	gpa_t address = gpa(0);

	assert_int_equal(guest_paging_translate(paging, gva(linear), access, &address, &error_code),
		STATUS_OK);
	assert_int_equal(address.value, physical);
}

static void expect_fault(
	const struct guest_paging *paging, uint64_t linear, unsigned access, uint32_t want)
{
	uint32_t error_code = 0;
	gpa_t address;

	assert_int_equal(guest_paging_translate(paging, gva(linear), access, &address, &error_code),
		STATUS_NOT_FOUND);
	assert_int_equal(error_code, want);
}

static void without_paging_linear_is_physical(void **state)
{
	struct guest_paging paging = paging_32bit(*state);

	paging.cr0 = CR0_PE;
	expect_page(&paging, 0xfedcba98, GUEST_ACCESS_WRITE, 0xfedcba98);
	expect_page(&paging, 0x1fedcba98, GUEST_ACCESS_WRITE, 0xfedcba98);
}

static void mode_32bit_has_4k_pages(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct guest_paging paging = paging_32bit(f);

	put32(f, ROOT, 0x3ff, LEVEL1 | P | W | U);
	put32(f, LEVEL1, 0x155, 0xfffff000 | P | W | U);
	expect_page(&paging, 0xffd55abc, GUEST_ACCESS_READ, 0xfffffabc);
	assert_int_equal(get32(f, ROOT, 0x3ff), LEVEL1 | P | W | U | A);
	assert_int_equal(get32(f, LEVEL1, 0x155), 0xfffff000 | P | W | U | A);
	expect_page(&paging, 0xffd55abc, GUEST_ACCESS_WRITE, 0xfffffabc);
	assert_int_equal(get32(f, LEVEL1, 0x155), 0xfffff000 | P | W | U | A | D);
	assert_int_equal(get32(f, ROOT, 0x3ff), LEVEL1 | P | W | U | A);
}

static void mode_32bit_ignores_cr3_above_bit_31(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_32bit(f);

	paging.cr3 = 0x1200000000 | ROOT | 0x18;
	put32(f, ROOT, 0, 0x00800000 | P | PS);
	expect_page(&paging, 0x1234, GUEST_ACCESS_READ, 0x00801234);
}

static void pse_36_takes_address_bits_39_to_32(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct guest_paging paging = paging_32bit(f);

	put32(f, ROOT, 1, 0xffc00000 | 0xffu << 13 | P | W | U | PS);
	expect_page(&paging, 0x00412345, GUEST_ACCESS_WRITE, 0xffffc12345);
	assert_int_equal(get32(f, ROOT, 1) & (A | D), A | D);
	put32(f, ROOT, 1, 0x00400000 | 1u << 12 | P | PS);
	expect_page(&paging, 0x00412345, GUEST_ACCESS_READ, 0x00412345);
}

static void pse_36_reserves_what_the_cpu_has_no_address_bits_for(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_32bit(f);

	for (unsigned width = 36; width <= 52; width++) {
		const unsigned first_reserved = 13 + (width < 40 ? width : 40) - 32;

		paging.physical_address_bits = width;
		for (unsigned bit = 13; bit <= 21; bit++) {
			put32(f, ROOT, 0, (uint32_t)(BIT(bit) | P | PS));
			if (bit >= first_reserved) {
				expect_fault(&paging, 0, 0, CODE_P | CODE_RSVD);
			} else {
				expect_page(&paging, 0, 0, BIT(bit - 13 + 32));
			}
		}
	}
}

static void without_pse_ps_is_ignored(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_32bit(f);

	paging.cr4 = 0;
	put32(f, ROOT, 0, LEVEL1 | P | W | U | PS);
	put32(f, LEVEL1, 0, 0x7000 | P);
	expect_page(&paging, 0x123, GUEST_ACCESS_READ, 0x7123);
}

static void pae_starts_at_the_pdpte_registers(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct guest_paging paging = paging_pae(f);

	put64(f, LEVEL2, 0, LEVEL1 | P | W | U);
	put64(f, LEVEL1, 1, 0xabcdef1000 | P | W);
	put64(f, LEVEL2, 511, 0xffffe00000 | P | W | PS | BIT(12));
	expect_page(&paging, 0x40001fff, GUEST_ACCESS_WRITE, 0xabcdef1fff);
	expect_page(&paging, 0x7ff23456, GUEST_ACCESS_WRITE, 0xfffff23456);
	expect_fault(&paging, 0x00001000, GUEST_ACCESS_WRITE, CODE_W);
	expect_fault(&paging, 0xc0001000, GUEST_ACCESS_USER, CODE_U);
}

static void pae_has_no_ignored_bits_above_52(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_pae(f);

	put64(f, LEVEL2, 0, LEVEL1 | P | W | U);
	for (unsigned bit = 40; bit < 63; bit++) {
		put64(f, LEVEL1, 0, 0x7000 | P | BIT(bit));
		expect_fault(&paging, 0x40000000, 0, CODE_P | CODE_RSVD);
	}
	put64(f, LEVEL1, 0, 0x7000 | P | XD);
	expect_page(&paging, 0x40000000, 0, 0x7000);
	paging.efer = 0;
	expect_fault(&paging, 0x40000000, 0, CODE_P | CODE_RSVD);
}

static void mode_4level_has_pages_of_three_sizes(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P | W | U);
	put64(f, ROOT, 511, LEVEL3 | P | W | U);
	put64(f, LEVEL3, 511, 0x40000000 | P | W | U | PS | BIT(12));
	put64(f, LEVEL2, 1, 0x00200000 | P | W | U | PS | BIT(12));
	expect_page(&paging, 0xabc, GUEST_ACCESS_READ, 0x7abc);
	expect_page(&paging, 0x00234567, GUEST_ACCESS_READ, 0x00234567);
	expect_page(&paging, 0xfffffffffedcba98, GUEST_ACCESS_WRITE, 0x7edcba98);
	assert_int_equal(get64(f, LEVEL3, 511) & (A | D), A | D);
	assert_int_equal(get64(f, LEVEL2, 1) & (A | D), A);
}

static void mode_4level_reserves_what_the_sdm_does(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P);
	put64(f, ROOT, 0, LEVEL3 | P | PS);
	expect_fault(&paging, 0, 0, CODE_P | CODE_RSVD);
	for (unsigned bit = 13; bit < 30; bit++) {
		put64(f, ROOT, 0, LEVEL3 | P);
		put64(f, LEVEL3, 0, P | PS | BIT(bit));
		expect_fault(&paging, 0, 0, CODE_P | CODE_RSVD);
		put64(f, LEVEL3, 0, LEVEL2 | P);
		put64(f, LEVEL2, 0, P | PS | BIT(bit));
		if (bit < 21) {
			expect_fault(&paging, 0, 0, CODE_P | CODE_RSVD);
		} else {
			expect_page(&paging, 0, 0, BIT(bit));
		}
	}
	for (unsigned bit = 40; bit < 63; bit++) {
		put_4level(f, 0x7000 | P | BIT(bit));
		if (bit < 52) {
			expect_fault(&paging, 0, 0, CODE_P | CODE_RSVD);
		} else {
			expect_page(&paging, 0, 0, 0x7000);
		}
	}
	put_4level(f, 0x7000 | P | XD);
	paging.efer &= ~EFER_NXE;
	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, CODE_P | CODE_RSVD);
}

static void the_rights_of_all_levels_count(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct guest_paging paging = paging_4level(f);
	const uint64_t tables[] = {ROOT, LEVEL3, LEVEL2, LEVEL1};
	const unsigned user_write = GUEST_ACCESS_USER | GUEST_ACCESS_WRITE;

	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		put_4level(f, 0x7000 | P | W | U);
		put64(f, tables[i], 0, get64(f, tables[i], 0) & ~(uint64_t)W);
		expect_fault(&paging, 0, user_write, CODE_P | CODE_W | CODE_U);
		expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_P | CODE_W);
		put_4level(f, 0x7000 | P | W | U);
		put64(f, tables[i], 0, get64(f, tables[i], 0) & ~(uint64_t)U);
		expect_fault(&paging, 0, GUEST_ACCESS_USER, CODE_P | CODE_U);
		expect_page(&paging, 0, GUEST_ACCESS_WRITE, 0x7000);
		put_4level(f, 0x7000 | P | W | U);
		put64(f, tables[i], 0, get64(f, tables[i], 0) | XD);
		expect_fault(&paging, 0, GUEST_ACCESS_FETCH, CODE_P | CODE_I);
		expect_page(&paging, 0, GUEST_ACCESS_READ, 0x7000);
		put_4level(f, 0x7000 | P | W | U);
		put64(f, tables[i], 0, get64(f, tables[i], 0) & ~(uint64_t)P);
		expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_W);
	}
}

static void wp_decides_whether_the_supervisor_may_write_everything(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P | U);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_P | CODE_W);
	paging.cr0 &= ~CR0_WP;
	expect_page(&paging, 0, GUEST_ACCESS_WRITE, 0x7000);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER, CODE_P | CODE_W | CODE_U);
}

static void smep_keeps_the_supervisor_from_user_code(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P | U);
	expect_page(&paging, 0, GUEST_ACCESS_FETCH, 0x7000);
	paging.cr4 |= CR4_SMEP;
	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, CODE_P | CODE_I);
	expect_page(&paging, 0, GUEST_ACCESS_FETCH | GUEST_ACCESS_USER, 0x7000);
	expect_page(&paging, 0, GUEST_ACCESS_READ, 0x7000);
	put64(f, LEVEL1, 0, 0x7000 | P);
	expect_page(&paging, 0, GUEST_ACCESS_FETCH, 0x7000);
}

static void smap_keeps_the_supervisor_from_user_data_unless_ac_is_set(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P | W | U);
	paging.cr4 |= CR4_SMAP;
	expect_fault(&paging, 0, GUEST_ACCESS_READ, CODE_P);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_P | CODE_W);
	expect_page(&paging, 0, GUEST_ACCESS_WRITE | GUEST_ACCESS_AC_SET, 0x7000);
	expect_page(&paging, 0, GUEST_ACCESS_USER, 0x7000);
	put64(f, LEVEL1, 0, 0x7000 | P | W);
	expect_page(&paging, 0, GUEST_ACCESS_WRITE, 0x7000);
}

static void the_code_tells_of_fetches_with_nxe_or_smep_only(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_32bit(f);

	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, 0);
	paging.efer = EFER_NXE;
	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, 0);
	paging.cr4 |= CR4_SMEP;
	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, CODE_I);
	paging = paging_pae(f);
	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, CODE_I);
	paging.efer = 0;
	expect_fault(&paging, 0, GUEST_ACCESS_FETCH, 0);
}

static void a_refused_access_does_not_mark_its_page(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_P | CODE_W);
	assert_int_equal(get64(f, LEVEL1, 0), 0x7000 | P);
}

static void a_table_outside_of_ram_is_no_page_fault(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);
	uint32_t error_code;
	gpa_t address;

	put_4level(f, 0x7000 | P);
	put64(f, LEVEL2, 0, RAM | P);
	assert_int_equal(
		guest_paging_translate(&paging, gva(0), 0, &address, &error_code), STATUS_RANGE);
	put64(f, LEVEL2, 0, 0xfffffff000 | P);
	assert_int_equal(
		guest_paging_translate(&paging, gva(0), 0, &address, &error_code), STATUS_RANGE);
	paging.cr3 = 0xfffffff000;
	assert_int_equal(guest_paging_translate(&paging, gva(UINT64_MAX), 0, &address, &error_code),
		STATUS_RANGE);
}

static void a_pcid_in_cr3_is_no_address(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);

	put_4level(f, 0x7000 | P);
	paging.cr3 |= 0xfff;
	expect_page(&paging, 0, 0, 0x7000);
}

static void the_state_comes_from_the_vmcs(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging;

	fake_vmcs_set(VMCS_GUEST_CR3, 0x1234000);
	guest_paging_from_vmcs(&paging, &f->vm.memory, 40);
	assert_int_equal(paging.cr0, fake_vmcs_get(VMCS_GUEST_CR0));
	assert_int_equal(paging.cr3, 0x1234000);
	assert_int_equal(paging.cr4, fake_vmcs_get(VMCS_GUEST_CR4));
	assert_int_equal(paging.efer, EFER_LME | EFER_LMA | EFER_NXE);
}

static void the_pdptes_come_with_pae_paging_alone_and_pkru_with_pke(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging;

	for (uint32_t i = 0; i < 4; i++) {
		fake_vmcs_set(VMCS_GUEST_PDPTE0 + 2 * i, 0x1000 * i | P);
	}
	fake_cpu.pkru = 0x55555554;
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_PAE | CR4_PKE);
	guest_paging_from_vmcs(&paging, &f->vm.memory, 40);
	assert_int_equal(paging.pkru, 0x55555554);
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_PAE);
	fake_vmcs_set(VMCS_GUEST_IA32_EFER, EFER_NXE);
	guest_paging_from_vmcs(&paging, &f->vm.memory, 40);
	assert_int_equal(paging.pdpte[3], 0x3001);
	assert_int_equal(paging.pkru, 0);
}

enum { KEY = 5, AD = 1 << 2 * KEY, WD = 2 << 2 * KEY, CODE_PK = 32 };

/* SDM Vol. 3A "Determination of Access Rights", "Protection Keys". */
static void protection_keys_deny_data_of_user_pages(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);
	const uint64_t page = 0x7000 | P | W | U | (uint64_t)KEY << 59;

	put_4level(f, page);
	paging.cr4 |= CR4_PKE;
	paging.pkru = AD;
	expect_fault(&paging, 0, 0, CODE_P | CODE_PK);
	expect_fault(&paging, 0, GUEST_ACCESS_USER, CODE_P | CODE_U | CODE_PK);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_P | CODE_W | CODE_PK);
	expect_page(&paging, 0, GUEST_ACCESS_FETCH | GUEST_ACCESS_USER, 0x7000);
	paging.pkru = WD;
	expect_page(&paging, 0, GUEST_ACCESS_USER, 0x7000);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE, CODE_P | CODE_W | CODE_PK);
	paging.cr0 &= ~CR0_WP;
	expect_page(&paging, 0, GUEST_ACCESS_WRITE, 0x7000);
	expect_fault(&paging, 0, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER,
		CODE_P | CODE_W | CODE_U | CODE_PK);
	paging.pkru = (uint32_t) ~(AD | WD);
	expect_page(&paging, 0, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER, 0x7000);
}

static void without_pke_and_for_supervisor_pages_no_key_counts(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);
	const uint64_t key = (uint64_t)KEY << 59;

	paging.pkru = UINT32_MAX;
	put_4level(f, 0x7000 | P | W | U | key);
	expect_page(&paging, 0, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER, 0x7000);
	paging.cr4 |= CR4_PKE;
	put_4level(f, 0x7000 | P | W | key);
	expect_page(&paging, 0, GUEST_ACCESS_WRITE, 0x7000);
	/* A fault for another reason has no key in its code. */
	expect_fault(&paging, 0, GUEST_ACCESS_USER, CODE_P | CODE_U);
	paging = paging_pae(f);
	paging.cr4 |= CR4_PKE;
	paging.pkru = UINT32_MAX;
	put64(f, LEVEL2, 0, LEVEL1 | P | W | U);
	put64(f, LEVEL1, 0, 0x7000 | P | W | U);
	expect_page(&paging, 0x40000000, GUEST_ACCESS_USER, 0x7000);
}

/* A table that may be read, but not marked. */
static void a_read_only_table_is_used_if_its_flags_are_set(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_paging paging = paging_4level(f);
	uint32_t error_code;
	gpa_t address;

	put_4level(f, 0x7000 | P | W | U | A);
	put64(f, ROOT, 0, LEVEL3 | P | W | U | A);
	put64(f, LEVEL3, 0, LEVEL2 | P | W | U | A);
	put64(f, LEVEL2, 0, LEVEL1 | P | W | U | A);
	f->vm.memory.regions[0].is_read_only = true;
	expect_page(&paging, 0, 0, 0x7000);
	assert_int_equal(
		guest_paging_translate(&paging, gva(0), GUEST_ACCESS_WRITE, &address, &error_code),
		STATUS_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(without_paging_linear_is_physical),
		WITH_VCPU(mode_32bit_has_4k_pages),
		WITH_VCPU(mode_32bit_ignores_cr3_above_bit_31),
		WITH_VCPU(pse_36_takes_address_bits_39_to_32),
		WITH_VCPU(pse_36_reserves_what_the_cpu_has_no_address_bits_for),
		WITH_VCPU(without_pse_ps_is_ignored),
		WITH_VCPU(pae_starts_at_the_pdpte_registers),
		WITH_VCPU(pae_has_no_ignored_bits_above_52),
		WITH_VCPU(mode_4level_has_pages_of_three_sizes),
		WITH_VCPU(mode_4level_reserves_what_the_sdm_does),
		WITH_VCPU(the_rights_of_all_levels_count),
		WITH_VCPU(wp_decides_whether_the_supervisor_may_write_everything),
		WITH_VCPU(smep_keeps_the_supervisor_from_user_code),
		WITH_VCPU(smap_keeps_the_supervisor_from_user_data_unless_ac_is_set),
		WITH_VCPU(the_code_tells_of_fetches_with_nxe_or_smep_only),
		WITH_VCPU(a_refused_access_does_not_mark_its_page),
		WITH_VCPU(a_table_outside_of_ram_is_no_page_fault),
		WITH_VCPU(a_pcid_in_cr3_is_no_address),
		WITH_VCPU(the_state_comes_from_the_vmcs),
		WITH_VCPU(the_pdptes_come_with_pae_paging_alone_and_pkru_with_pke),
		WITH_VCPU(protection_keys_deny_data_of_user_pages),
		WITH_VCPU(without_pke_and_for_supervisor_pages_no_key_counts),
		WITH_VCPU(a_read_only_table_is_used_if_its_flags_are_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
