/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

static void assert_keeps(uint32_t offset, uint32_t kept, uint32_t ones)
{
	apic_write(offset, 0xffffffff);
	assert_int_equal(apic_read(offset), kept | ones);
	apic_write(offset, 0);
	assert_int_equal(apic_read(offset), ones);
}

static void assert_read_only(uint32_t offset)
{
	const uint32_t before = apic_read(offset);

	apic_write(offset, ~before);
	assert_int_equal(apic_read(offset), before);
}

static bool is_register(uint32_t offset)
{
	static const uint32_t singles[] = {0x20, 0x30, 0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0,
		0xf0, 0x280, 0x300, 0x310, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x390,
		0x3e0};

	for (size_t i = 0; i < ARRAY_COUNT(singles); i++) {
		if (singles[i] == offset) {
			return true;
		}
	}
	return offset >= 0x100 && offset < 0x280;
}

static void exactly_the_manuals_registers_exist(void **state)
{
	(void)state;
	for (uint32_t offset = 0; offset < PAGE_SIZE_4K; offset += 16) {
		uint32_t value = 1;
		const enum status want = is_register(offset) ? STATUS_OK : STATUS_NOT_FOUND;

		assert_int_equal(virtual_apic_mmio_read(&apic, offset, 0, &value), want);
		assert_true(want == STATUS_OK || value == 0);
	}
}

static void a_reserved_register_logs_an_error_when_read_or_written(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(virtual_apic_mmio_read(&apic, 0x40, 0, &value), STATUS_NOT_FOUND);
	assert_int_equal(apic_errors(), 0x80);
	assert_int_equal(virtual_apic_mmio_write(&apic, 0x3f0, 0x50, 0), STATUS_NOT_FOUND);
	assert_int_equal(apic_errors(), 0x80);
	assert_int_equal(virtual_apic_mmio_write(&apic, 0xff0, 0, 0), STATUS_NOT_FOUND);
	assert_int_equal(apic_errors(), 0x80);
	assert_int_equal(apic_errors(), 0);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void an_offset_between_registers_is_refused_and_does_nothing(void **state)
{
	uint32_t value = 7;

	(void)state;
	for (uint32_t offset = 0x80; offset < 0x90; offset++) {
		if (offset != 0x80) {
			assert_int_equal(
				virtual_apic_mmio_write(&apic, offset, 0xff, 0), STATUS_ALIGNMENT);
			assert_int_equal(
				virtual_apic_mmio_read(&apic, offset, 0, &value), STATUS_ALIGNMENT);
			assert_int_equal(value, 0);
		}
	}
	assert_int_equal(apic_read(VIRTUAL_APIC_TPR), 0);
	assert_int_equal(apic_errors(), 0);
}

static void offsets_beyond_the_page_are_no_registers(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(virtual_apic_mmio_read(&apic, 0x1020, 0, &value), STATUS_NOT_FOUND);
	assert_int_equal(virtual_apic_mmio_write(&apic, 0xfffffff0, 1, 0), STATUS_NOT_FOUND);
}

static void there_is_no_page_when_disabled_or_in_x2apic_mode(void **state)
{
	uint32_t value;

	(void)state;
	assert_true(virtual_apic_write_base(&apic, 0xfee00c00));
	assert_int_equal(virtual_apic_mmio_read(&apic, 0x20, 0, &value), STATUS_UNSUPPORTED);
	assert_int_equal(value, 0);
	assert_int_equal(virtual_apic_mmio_write(&apic, 0x80, 0x20, 0), STATUS_UNSUPPORTED);
	assert_int_equal(apic_msr(0x808), 0);
	assert_true(virtual_apic_write_base(&apic, 0xfee00000));
	assert_int_equal(virtual_apic_mmio_read(&apic, 0x20, 0, &value), STATUS_UNSUPPORTED);
	assert_int_equal(value, 0);
	assert_int_equal(virtual_apic_mmio_write(&apic, 0xf0, 0x1ff, 0), STATUS_UNSUPPORTED);
}

static void id_is_read_only_in_its_high_byte(void **state)
{
	(void)state;
	assert_int_equal(apic_read(VIRTUAL_APIC_ID), APIC_OWN_ID << 24);
	assert_read_only(VIRTUAL_APIC_ID);
}

static void version_tells_six_entries_and_suppression(void **state)
{
	(void)state;
	assert_int_equal(apic_read(VIRTUAL_APIC_VERSION), 0x01050014);
	assert_read_only(VIRTUAL_APIC_VERSION);
}

static void without_suppression_neither_version_nor_svr_have_it(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.has_eoi_suppression = false;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_int_equal(apic_read(VIRTUAL_APIC_VERSION), 0x00050014);
	apic_write(VIRTUAL_APIC_SVR, 0xffffffff);
	assert_int_equal(apic_read(VIRTUAL_APIC_SVR), 0x3ff);
}

static void tpr_keeps_its_low_byte(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_TPR, 0xff, 0);
}

static void priorities_and_remote_read_are_read_only(void **state)
{
	(void)state;
	assert_read_only(VIRTUAL_APIC_APR);
	assert_read_only(VIRTUAL_APIC_PPR);
	assert_read_only(VIRTUAL_APIC_REMOTE_READ);
}

static void eoi_reads_as_zero(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_EOI, 0x1234);
	assert_int_equal(apic_read(VIRTUAL_APIC_EOI), 0);
	assert_int_equal(apic_errors(), 0);
}

static void ldr_keeps_its_high_byte(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_LDR, 0xff000000, 0);
}

static void dfr_keeps_its_model_and_reads_ones_below(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_DFR, 0xf0000000, 0x0fffffff);
}

static void svr_keeps_vector_enable_focus_and_suppression(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_SVR, 0x13ff, 0);
}

static void the_bitmaps_are_read_only(void **state)
{
	(void)state;
	apic_serve(0x45, true);
	apic_accept(0x81);
	for (uint32_t offset = 0x100; offset < 0x280; offset += 16) {
		assert_read_only(offset);
	}
	assert_int_equal(apic_read(0x120), 1 << 5);
	assert_int_equal(apic_read(0x1a0), 1 << 5);
	assert_int_equal(apic_read(0x240), 1 << 1);
}

static void icr_low_keeps_its_fields_and_is_always_idle(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_ICR, 0xccfff, 0);
}

static void icr_high_keeps_the_destination_and_sends_nothing(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_ICR_HIGH, 0xff000000, 0);
	assert_int_equal(record.ipi_count, 0);
}

static void lvt_entries_keep_their_fields(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_LVT_TIMER, 0x700ff, 0);
	assert_keeps(VIRTUAL_APIC_LVT_THERMAL, 0x107ff, 0);
	assert_keeps(VIRTUAL_APIC_LVT_PERFORMANCE, 0x107ff, 0);
	assert_keeps(VIRTUAL_APIC_LVT_LINT0, 0x1a7ff, 0);
	assert_keeps(VIRTUAL_APIC_LVT_LINT1, 0x1a7ff, 0);
	assert_keeps(VIRTUAL_APIC_LVT_ERROR, 0x100ff, 0);
}

static void timer_entry_has_no_deadline_bit_without_the_feature(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.has_tsc_deadline = false;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_keeps(VIRTUAL_APIC_LVT_TIMER, 0x300ff, 0);
}

static void counts_and_divider_keep_what_they_can(void **state)
{
	(void)state;
	assert_keeps(VIRTUAL_APIC_INITIAL_COUNT, 0xffffffff, 0);
	assert_keeps(VIRTUAL_APIC_DIVIDE, 0xb, 0);
	assert_read_only(VIRTUAL_APIC_CURRENT_COUNT);
}

static void esr_shows_errors_only_after_a_write(void **state)
{
	uint32_t value;

	(void)state;
	virtual_apic_accept(&apic, 0xf, false);
	assert_int_equal(virtual_apic_mmio_read(&apic, 0x10, 0, &value), STATUS_NOT_FOUND);
	assert_int_equal(apic_read(VIRTUAL_APIC_ESR), 0);
	apic_write(VIRTUAL_APIC_ESR, 0xffffffff);
	assert_int_equal(apic_read(VIRTUAL_APIC_ESR), 0xc0);
	assert_int_equal(apic_read(VIRTUAL_APIC_ESR), 0xc0);
	apic_write(VIRTUAL_APIC_ESR, 0);
	assert_int_equal(apic_read(VIRTUAL_APIC_ESR), 0);
}

static void software_disabling_masks_all_entries(void **state)
{
	(void)state;
	for (uint32_t offset = 0x320; offset <= 0x370; offset += 16) {
		apic_write(offset, 0x50);
	}
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	for (uint32_t offset = 0x320; offset <= 0x370; offset += 16) {
		assert_int_equal(apic_read(offset), 0x10050);
		apic_write(offset, 0x61);
		assert_int_equal(apic_read(offset), 0x10061);
	}
	apic_write(VIRTUAL_APIC_SVR, 0x1ff);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_TIMER), 0x10061);
	apic_write(VIRTUAL_APIC_LVT_TIMER, 0x61);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_TIMER), 0x61);
}

/* --- APIC-write exits: the CPU has stored the guest's value. --- */

static void cpu_stores(uint32_t offset, uint32_t value)
{
	apic.page[offset / 4] = value;
	virtual_apic_page_written(&apic, offset, 0);
}

static void a_stored_value_loses_its_reserved_bits(void **state)
{
	static const struct {
		uint32_t offset;
		uint32_t kept;
	} rows[] = {{0x80, 0xff}, {0xd0, 0xff000000}, {0xe0, 0xffffffff}, {0xf0, 0x13ff},
		{0x310, 0xff000000}, {0x320, 0x700ff}, {0x330, 0x107ff}, {0x350, 0x1a7ff},
		{0x370, 0x100ff}, {0x380, 0}, {0x3e0, 0xb}, {0xb0, 0}, {0x280, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		cpu_stores(rows[i].offset, 0xffffffff);
		assert_int_equal(apic.page[rows[i].offset / 4], rows[i].kept);
	}
}

static void a_stored_id_is_put_back(void **state)
{
	(void)state;
	cpu_stores(VIRTUAL_APIC_ID, 0x77000000);
	assert_int_equal(apic_read(VIRTUAL_APIC_ID), APIC_OWN_ID << 24);
}

static void a_stored_icr_sends_its_ipi(void **state)
{
	(void)state;
	cpu_stores(VIRTUAL_APIC_ICR_HIGH, 0x03000000);
	cpu_stores(VIRTUAL_APIC_ICR, 0x4044);
	assert_int_equal(record.ipi_count, 1);
	assert_int_equal(record.ipi.vector, 0x44);
	assert_int_equal(record.ipi.destination, 3);
}

static void a_stored_mode_disarms_the_timer(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_INITIAL_COUNT, 100);
	cpu_stores(VIRTUAL_APIC_LVT_TIMER, 0x40050);
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 1234, 0);
	assert_int_equal(virtual_apic_next_deadline(&apic), 1234);
}

static void a_stored_count_comes_after_what_was_due(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_TIMER, 0x50);
	apic_write(VIRTUAL_APIC_INITIAL_COUNT, 100);
	apic.page[VIRTUAL_APIC_INITIAL_COUNT / 4] = 10;
	virtual_apic_page_written(&apic, VIRTUAL_APIC_INITIAL_COUNT, 300);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x50);
	assert_int_equal(virtual_apic_next_deadline(&apic), 320);
}

static void a_stored_svr_disables_and_enables(void **state)
{
	(void)state;
	cpu_stores(VIRTUAL_APIC_SVR, 0xff);
	assert_int_equal(virtual_apic_accept(&apic, 0x40, false), VIRTUAL_APIC_REFUSED);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0x10000);
	cpu_stores(VIRTUAL_APIC_SVR, 0x1ff);
	apic_accept(0x40);
}

static void a_stored_value_where_none_can_be_is_ignored(void **state)
{
	(void)state;
	apic_serve(0x70, false);
	virtual_apic_page_written(&apic, VIRTUAL_APIC_EOI + 4, 0);
	virtual_apic_page_written(&apic, VIRTUAL_APIC_VERSION, 0);
	virtual_apic_page_written(&apic, 0x1000, 0);
	virtual_apic_page_written(&apic, 0xfffffff0, 0);
	assert_true(apic_has(VIRTUAL_APIC_ISR, 0x70));
	assert_int_equal(apic.page[VIRTUAL_APIC_VERSION / 4], 0x01050014);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_TEST(exactly_the_manuals_registers_exist),
		APIC_TEST(a_reserved_register_logs_an_error_when_read_or_written),
		APIC_TEST(an_offset_between_registers_is_refused_and_does_nothing),
		APIC_TEST(offsets_beyond_the_page_are_no_registers),
		APIC_TEST(there_is_no_page_when_disabled_or_in_x2apic_mode),
		APIC_TEST(id_is_read_only_in_its_high_byte),
		APIC_TEST(version_tells_six_entries_and_suppression),
		APIC_TEST(without_suppression_neither_version_nor_svr_have_it),
		APIC_TEST(tpr_keeps_its_low_byte),
		APIC_TEST(priorities_and_remote_read_are_read_only),
		APIC_TEST(eoi_reads_as_zero),
		APIC_TEST(ldr_keeps_its_high_byte),
		APIC_TEST(dfr_keeps_its_model_and_reads_ones_below),
		APIC_TEST(svr_keeps_vector_enable_focus_and_suppression),
		APIC_TEST(the_bitmaps_are_read_only),
		APIC_TEST(icr_low_keeps_its_fields_and_is_always_idle),
		APIC_TEST(icr_high_keeps_the_destination_and_sends_nothing),
		APIC_TEST(lvt_entries_keep_their_fields),
		APIC_TEST(timer_entry_has_no_deadline_bit_without_the_feature),
		APIC_TEST(counts_and_divider_keep_what_they_can),
		APIC_TEST(esr_shows_errors_only_after_a_write),
		APIC_TEST(software_disabling_masks_all_entries),
		APIC_TEST(a_stored_value_loses_its_reserved_bits),
		APIC_TEST(a_stored_id_is_put_back),
		APIC_TEST(a_stored_icr_sends_its_ipi),
		APIC_TEST(a_stored_mode_disarms_the_timer),
		APIC_TEST(a_stored_count_comes_after_what_was_due),
		APIC_TEST(a_stored_svr_disables_and_enables),
		APIC_TEST(a_stored_value_where_none_can_be_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
