/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

enum access {
	NO,
	RO,
	WO,
	RW,
};

/* SDM Vol. 3A Table "Local APIC Register Address Map Supported by x2APIC". */
static enum access access_of(uint32_t msr)
{
	static const uint32_t read_write[] = {
		0x808, 0x80f, 0x828, 0x830, 0x832, 0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x83e};

	for (size_t i = 0; i < ARRAY_COUNT(read_write); i++) {
		if (msr == read_write[i]) {
			return RW;
		}
	}
	if (msr == 0x80b || msr == 0x83f) {
		return WO;
	}
	if (msr == 0x802 || msr == 0x803 || msr == 0x80a || msr == 0x80d || msr == 0x839) {
		return RO;
	}
	return msr >= 0x810 && msr <= 0x827 ? RO : NO;
}

static void assert_keeps(uint32_t msr, uint64_t value)
{
	assert_true(apic_msr_write(msr, value));
	assert_int_equal(apic_msr(msr), value);
}

/* Each bit alone: #GP if and only if it is not in `allowed`. */
static void assert_allows(uint32_t msr, uint64_t allowed)
{
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(apic_msr_write(msr, BIT(i)), (allowed & BIT(i)) != 0);
	}
}

static void exactly_the_manuals_msrs_can_be_read(void **state)
{
	(void)state;
	for (uint32_t msr = 0x700; msr < 0xc00; msr++) {
		const enum access access = access_of(msr);

		assert_int_equal(apic_msr_can_read(msr), access == RO || access == RW);
	}
}

static void exactly_the_manuals_msrs_can_be_written(void **state)
{
	(void)state;
	for (uint32_t msr = 0x700; msr < 0xc00; msr++) {
		const enum access access = access_of(msr);

		assert_int_equal(apic_msr_write(msr, 0), access == WO || access == RW);
	}
}

static void no_msr_can_be_reached_in_xapic_mode(void **state)
{
	(void)state;
	for (uint32_t msr = 0x800; msr < 0x900; msr++) {
		assert_false(apic_msr_can_read(msr));
		assert_false(apic_msr_write(msr, 0));
	}
}

static void no_msr_can_be_reached_when_disabled(void **state)
{
	(void)state;
	assert_true(virtual_apic_write_base(&apic, 0xfee00000));
	assert_false(apic_msr_can_read(0x803));
	assert_false(apic_msr_write(0x808, 0));
}

static void far_msr_numbers_are_no_registers(void **state)
{
	(void)state;
	assert_false(apic_msr_can_read(0x10000803));
	assert_false(apic_msr_can_read(0xffffffff));
	assert_false(apic_msr_write(0x40000808, 0));
	assert_false(apic_msr_write(0, 0));
}

static void id_has_32_bits(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.id = 0x12345;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_int_equal(apic_read(VIRTUAL_APIC_ID), 0x45000000);
	assert_true(virtual_apic_write_base(&apic, 0xfee00c00));
	assert_int_equal(apic_msr(0x802), 0x12345);
}

static void logical_id_comes_from_the_id(void **state)
{
	static const struct {
		uint32_t id;
		uint32_t ldr;
	} rows[] = {{0, 1}, {15, 0x8000}, {16, 0x10001}, {0x2f, 0x28000}, {0x12345, 0x12340020}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct virtual_apic_config config = apic_config;

		config.id = rows[i].id;
		apic_create(config, (struct virtual_apic_rate){1, 1});
		assert_true(virtual_apic_write_base(&apic, 0xfee00c00));
		assert_int_equal(apic_msr(0x80d), rows[i].ldr);
	}
}

static void tpr_refuses_more_than_a_byte(void **state)
{
	(void)state;
	assert_allows(0x808, 0xff);
	assert_keeps(0x808, 0xa5);
}

static void eoi_takes_only_zero(void **state)
{
	(void)state;
	apic_serve(0x50, false);
	assert_allows(0x80b, 0);
	assert_true(apic_has(VIRTUAL_APIC_ISR, 0x50));
	assert_true(apic_msr_write(0x80b, 0));
	assert_false(apic_has(VIRTUAL_APIC_ISR, 0x50));
}

static void esr_takes_only_zero(void **state)
{
	(void)state;
	assert_allows(0x828, 0);
	virtual_apic_accept(&apic, 1, false);
	assert_true(apic_msr_write(0x828, 0));
	assert_int_equal(apic_msr(0x828), 0x40);
}

static void svr_refuses_reserved_bits(void **state)
{
	(void)state;
	assert_allows(0x80f, 0x13ff);
	assert_keeps(0x80f, 0x1120);
}

static void svr_refuses_suppression_without_the_feature(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.has_eoi_suppression = false;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_true(virtual_apic_write_base(&apic, 0xfee00c00));
	assert_allows(0x80f, 0x3ff);
}

static void lvt_entries_refuse_reserved_bits(void **state)
{
	(void)state;
	assert_allows(0x832, 0x710ff);
	assert_allows(0x833, 0x117ff);
	assert_allows(0x834, 0x117ff);
	assert_allows(0x835, 0x1f7ff);
	assert_allows(0x836, 0x1f7ff);
	assert_allows(0x837, 0x110ff);
}

static void timer_entry_refuses_deadline_mode_without_the_feature(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.has_tsc_deadline = false;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_true(virtual_apic_write_base(&apic, 0xfee00c00));
	assert_allows(0x832, 0x310ff);
}

static void read_only_bits_of_an_entry_do_not_stick(void **state)
{
	(void)state;
	assert_true(apic_msr_write(0x835, 0x15050));
	assert_int_equal(apic_msr(0x835), 0x10050);
}

static void counts_have_32_bits_and_the_divider_three(void **state)
{
	(void)state;
	assert_allows(0x838, 0xffffffff);
	assert_allows(0x83e, 0xb);
	assert_keeps(0x83e, 0x9);
}

static void current_count_can_be_read(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(apic_msr_write(0x83e, 0xb));
	assert_true(apic_msr_write(0x838, 1000));
	assert_true(virtual_apic_msr_read(&apic, 0x839, 400, &value));
	assert_int_equal(value, 600);
}

static void msr_accesses_first_raise_what_was_due(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(apic_msr_write(0x832, 0x50));
	assert_true(apic_msr_write(0x838, 100));
	assert_true(virtual_apic_msr_write(&apic, 0x838, 100, 200));
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x50);
	assert_true(virtual_apic_msr_read(&apic, 0x822, 400, &value));
	assert_int_equal(value, 1 << 16);
}

static void icr_has_64_bits(void **state)
{
	(void)state;
	assert_allows(0x830, 0xffffffff000cdfff);
	assert_keeps(0x830, 0xdeadbeef000c4841);
}

static void icr_busy_is_ignored(void **state)
{
	(void)state;
	assert_true(apic_msr_write(0x830, 0x5041));
	assert_int_equal(apic_msr(0x830), 0x4041);
}

static void icr_lies_in_one_piece_in_the_page(void **state)
{
	(void)state;
	assert_true(apic_msr_write(0x830, 0x1234567800004041));
	assert_int_equal(apic.page[0x300 / 4], 0x4041);
	assert_int_equal(apic.page[0x304 / 4], 0x12345678);
}

static void one_write_sends_to_a_32_bit_destination(void **state)
{
	(void)state;
	assert_true(apic_msr_write(0x830, 0x1234567800004941));
	assert_int_equal(record.ipi_count, 1);
	assert_int_equal(record.ipi.destination, 0x12345678);
	assert_true(record.ipi.is_wide && record.ipi.is_logical);
	assert_int_equal(record.ipi.mode, VIRTUAL_APIC_LOWEST_PRIORITY);
}

static void a_refused_icr_sends_and_stores_nothing(void **state)
{
	(void)state;
	assert_false(apic_msr_write(0x830, 0x500102041));
	assert_int_equal(record.ipi_count, 0);
	assert_int_equal(apic_msr(0x830), 0);
}

static void self_ipi_pends_at_once(void **state)
{
	(void)state;
	assert_allows(0x83f, 0xff);
	assert_true(apic_msr_write(0x83f, 0xe3));
	assert_true(apic_has(VIRTUAL_APIC_IRR, 0xe3));
	assert_false(apic_has(VIRTUAL_APIC_TMR, 0xe3));
	assert_int_equal(virtual_apic_acknowledge(&apic), 0xe3);
	assert_int_equal(record.ipi_count, 0);
}

static void self_ipi_of_a_low_vector_is_a_send_error(void **state)
{
	(void)state;
	assert_true(apic_msr_write(0x83f, 0xf));
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_true(apic_msr_write(0x828, 0));
	assert_int_equal(apic_msr(0x828), 0x20);
}

static void bitmaps_come_in_eight_words_each(void **state)
{
	(void)state;
	apic_serve(0x30, true);
	apic_accept(0xff);
	assert_int_equal(apic_msr(0x811), 1 << 16);
	assert_int_equal(apic_msr(0x819), 1 << 16);
	assert_int_equal(apic_msr(0x827), UINT64_C(1) << 31);
	assert_int_equal(apic_msr(0x80a), 0x30);
}

static void a_stored_self_ipi_is_sent(void **state)
{
	(void)state;
	apic.page[VIRTUAL_APIC_SELF_IPI / 4] = 0x92;
	virtual_apic_page_written(&apic, VIRTUAL_APIC_SELF_IPI, 0);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x92);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		X2APIC_TEST(exactly_the_manuals_msrs_can_be_read),
		X2APIC_TEST(exactly_the_manuals_msrs_can_be_written),
		APIC_TEST(no_msr_can_be_reached_in_xapic_mode),
		X2APIC_TEST(no_msr_can_be_reached_when_disabled),
		X2APIC_TEST(far_msr_numbers_are_no_registers),
		X2APIC_TEST(id_has_32_bits),
		X2APIC_TEST(logical_id_comes_from_the_id),
		X2APIC_TEST(tpr_refuses_more_than_a_byte),
		X2APIC_TEST(eoi_takes_only_zero),
		X2APIC_TEST(esr_takes_only_zero),
		X2APIC_TEST(svr_refuses_reserved_bits),
		X2APIC_TEST(svr_refuses_suppression_without_the_feature),
		X2APIC_TEST(lvt_entries_refuse_reserved_bits),
		X2APIC_TEST(timer_entry_refuses_deadline_mode_without_the_feature),
		X2APIC_TEST(read_only_bits_of_an_entry_do_not_stick),
		X2APIC_TEST(counts_have_32_bits_and_the_divider_three),
		X2APIC_TEST(current_count_can_be_read),
		X2APIC_TEST(msr_accesses_first_raise_what_was_due),
		X2APIC_TEST(icr_has_64_bits),
		X2APIC_TEST(icr_busy_is_ignored),
		X2APIC_TEST(icr_lies_in_one_piece_in_the_page),
		X2APIC_TEST(one_write_sends_to_a_32_bit_destination),
		X2APIC_TEST(a_refused_icr_sends_and_stores_nothing),
		X2APIC_TEST(self_ipi_pends_at_once),
		X2APIC_TEST(self_ipi_of_a_low_vector_is_a_send_error),
		X2APIC_TEST(bitmaps_come_in_eight_words_each),
		X2APIC_TEST(a_stored_self_ipi_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
