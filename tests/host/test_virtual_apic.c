/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

enum {
	BSP = 0x100,
	EXTD = 0x400,
	EN = 0x800,
};

#define BASE UINT64_C(0xfee00000)

static void reach(uint64_t mode)
{
	if (mode == (EN | EXTD)) {
		assert_true(virtual_apic_write_base(&apic, BASE | EN));
	}
	assert_true(virtual_apic_write_base(&apic, BASE | mode));
}

/* Puts something into everything that a reset clears. */
static void fill(void)
{
	apic_write(VIRTUAL_APIC_LVT_TIMER, 0x20040);
	apic_write(VIRTUAL_APIC_INITIAL_COUNT, 1000);
	apic_write(VIRTUAL_APIC_DIVIDE, 0xb);
	apic_write(VIRTUAL_APIC_LDR, 0x01000000);
	apic_write(VIRTUAL_APIC_DFR, 0);
	apic_write(VIRTUAL_APIC_ICR_HIGH, 0x07000000);
	apic_write(VIRTUAL_APIC_ICR, 0x44);
	apic_write(VIRTUAL_APIC_LVT_ERROR, 0x33);
	apic_serve(0x55, true);
	apic_accept(0x31);
	apic_write(VIRTUAL_APIC_TPR, 0x20);
	virtual_apic_accept(&apic, 3, false);
	apic_write(VIRTUAL_APIC_ESR, 0);
}

static void assert_reset_state(void)
{
	for (uint32_t offset = 0; offset < PAGE_SIZE_4K; offset += 4) {
		uint32_t want = 0;

		want = offset == VIRTUAL_APIC_ID ? APIC_OWN_ID << 24 : want;
		want = offset == VIRTUAL_APIC_VERSION ? 0x01050014 : want;
		want = offset == VIRTUAL_APIC_DFR ? 0xffffffff : want;
		want = offset == VIRTUAL_APIC_SVR ? 0xff : want;
		if (offset >= 0x320 && offset <= 0x370 && offset % 16 == 0) {
			want = 0x10000;
		}
		assert_int_equal(apic.page[offset / 4], want);
	}
	assert_false(apic.is_software_enabled);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_false(virtual_apic_can_pv_eoi(&apic));
	assert_int_equal(apic.isr_count + apic.errors + apic.irr_highest + apic.isr_highest, 0);
	assert_int_equal(apic.timer.deadline, VIRTUAL_APIC_NO_DEADLINE);
	assert_int_equal(apic.timer.mode, VIRTUAL_APIC_ONE_SHOT);
	assert_int_equal(virtual_apic_eoi(&apic).vector, 0);
}

static void reset_gives_the_manuals_register_values(void **state)
{
	(void)state;
	assert_reset_state();
	assert_int_equal(apic.base, BASE | EN | BSP);
}

static void reset_clears_what_was_there(void **state)
{
	(void)state;
	fill();
	virtual_apic_reset(&apic);
	assert_reset_state();
}

static void reset_leaves_x2apic_mode_and_a_moved_base(void **state)
{
	(void)state;
	assert_true(virtual_apic_write_base(&apic, 0x12345000 | EN | EXTD));
	virtual_apic_reset(&apic);
	assert_int_equal(apic.base, BASE | EN | BSP);
	assert_reset_state();
}

static void another_processor_has_no_bsp_flag(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.is_bootstrap = false;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_int_equal(apic.base, BASE | EN);
}

static void init_keeps_the_base_in_xapic_mode(void **state)
{
	const uint64_t base = 0x12345000 | EN | BSP;

	(void)state;
	assert_true(virtual_apic_write_base(&apic, base));
	fill();
	virtual_apic_init_signal(&apic);
	assert_int_equal(apic.base, base);
	assert_reset_state();
}

static void init_keeps_x2apic_mode_and_both_ids(void **state)
{
	(void)state;
	apic_accept(0x60);
	virtual_apic_init_signal(&apic);
	assert_true(virtual_apic_is_x2apic(&apic));
	assert_int_equal(apic_msr(0x802), APIC_OWN_ID);
	assert_int_equal(apic_msr(0x80d), 1 << APIC_OWN_ID);
	assert_int_equal(apic_msr(0x80f), 0xff);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void init_keeps_a_disabled_apic_disabled(void **state)
{
	(void)state;
	assert_true(virtual_apic_write_base(&apic, BASE));
	virtual_apic_init_signal(&apic);
	assert_false(virtual_apic_is_enabled(&apic));
}

static void create_refuses_a_page_that_is_not_aligned(void **state)
{
	(void)state;
	apic.page += 1;
	assert_int_equal(virtual_apic_create(&apic, apic_config, (struct virtual_apic_rate){1, 1}),
		STATUS_ALIGNMENT);
}

static void create_refuses_strange_address_widths(void **state)
{
	struct virtual_apic_config config = apic_config;
	const struct virtual_apic_rate rate = {1, 1};

	(void)state;
	config.physical_address_bits = 31;
	assert_int_equal(virtual_apic_create(&apic, config, rate), STATUS_RANGE);
	config.physical_address_bits = 53;
	assert_int_equal(virtual_apic_create(&apic, config, rate), STATUS_RANGE);
	config.physical_address_bits = 32;
	assert_int_equal(virtual_apic_create(&apic, config, rate), STATUS_OK);
	config.physical_address_bits = 52;
	assert_int_equal(virtual_apic_create(&apic, config, rate), STATUS_OK);
}

static void create_refuses_rates_of_nothing_and_too_much(void **state)
{
	static const struct virtual_apic_rate bad[] = {
		{0, 1}, {1, 0}, {1u << 24, 1}, {1, 1u << 24}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(virtual_apic_create(&apic, apic_config, bad[i]), STATUS_RANGE);
	}
	assert_int_equal(virtual_apic_create(&apic, apic_config,
				 (struct virtual_apic_rate){(1u << 24) - 1, (1u << 24) - 1}),
		STATUS_OK);
}

static void each_transition_is_as_the_manuals_figure_says(void **state)
{
	static const struct {
		uint64_t from;
		uint64_t to;
		bool is_legal;
	} rows[] = {
		{0, 0, true},
		{0, EXTD, false},
		{0, EN, true},
		{0, EN | EXTD, false},
		{EN, 0, true},
		{EN, EXTD, false},
		{EN, EN, true},
		{EN, EN | EXTD, true},
		{EN | EXTD, 0, true},
		{EN | EXTD, EXTD, false},
		{EN | EXTD, EN, false},
		{EN | EXTD, EN | EXTD, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		apic_create(apic_config, (struct virtual_apic_rate){1, 1});
		reach(rows[i].from);
		assert_int_equal(
			virtual_apic_write_base(&apic, BASE | rows[i].to), rows[i].is_legal);
		assert_int_equal(apic.base, BASE | (rows[i].is_legal ? rows[i].to : rows[i].from));
	}
}

static void base_refuses_reserved_bits(void **state)
{
	static const uint64_t bad[] = {1, 1 << 7, 1 << 9, UINT64_C(1) << 40, UINT64_C(1) << 63};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_false(virtual_apic_write_base(&apic, BASE | EN | bad[i]));
	}
	assert_int_equal(apic.base, BASE | EN | BSP);
	assert_true(virtual_apic_write_base(&apic, UINT64_C(0xfffffff000) | EN));
}

static void extd_is_reserved_without_x2apic(void **state)
{
	struct virtual_apic_config config = apic_config;

	(void)state;
	config.has_x2apic = false;
	apic_create(config, (struct virtual_apic_rate){1, 1});
	assert_false(virtual_apic_write_base(&apic, BASE | EN | EXTD));
	assert_true(virtual_apic_is_xapic(&apic));
}

static void base_can_move_and_bsp_can_change(void **state)
{
	(void)state;
	apic_accept(0x40);
	assert_true(virtual_apic_write_base(&apic, 0xd0000000 | EN));
	assert_int_equal(virtual_apic_mmio_address(&apic).value, 0xd0000000);
	assert_int_equal(apic.base, 0xd0000000 | EN);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void disabling_and_enabling_resets(void **state)
{
	(void)state;
	fill();
	assert_true(virtual_apic_write_base(&apic, BASE | BSP));
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_true(virtual_apic_write_base(&apic, BASE | EN | BSP));
	assert_reset_state();
}

static void leaving_x2apic_mode_by_disabling_gives_the_xapic_id_back(void **state)
{
	(void)state;
	assert_true(virtual_apic_write_base(&apic, BASE));
	assert_true(virtual_apic_write_base(&apic, BASE | EN));
	assert_reset_state();
}

static void entering_x2apic_mode_preserves_most_registers(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_TPR, 0x31);
	apic_write(VIRTUAL_APIC_LVT_THERMAL, 0x87);
	apic_accept(0x66);
	apic_write(VIRTUAL_APIC_INITIAL_COUNT, 77);
	assert_true(virtual_apic_write_base(&apic, BASE | EN | EXTD));
	assert_int_equal(apic_msr(0x808), 0x31);
	assert_int_equal(apic_msr(0x833), 0x87);
	assert_int_equal(apic_msr(0x80f), APIC_ENABLED_SVR);
	assert_int_equal(apic_msr(0x838), 77);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void entering_x2apic_mode_loses_ldr_and_icr_high(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LDR, 0x80000000);
	apic_write(VIRTUAL_APIC_ICR_HIGH, 0x99000000);
	apic_write(VIRTUAL_APIC_ICR, 0x4051);
	assert_true(virtual_apic_write_base(&apic, BASE | EN | EXTD));
	assert_int_equal(apic_msr(0x80d), 1 << APIC_OWN_ID);
	assert_int_equal(apic_msr(0x830), 0x4051);
	assert_int_equal(apic.page[VIRTUAL_APIC_ICR_HIGH / 4], 0);
}

static void the_same_mode_again_changes_no_register(void **state)
{
	(void)state;
	fill();
	apic_write(VIRTUAL_APIC_LVT_LINT1, 0x400);
	assert_true(virtual_apic_write_base(&apic, BASE | EN));
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT1), 0x400);
	assert_int_equal(apic_read(VIRTUAL_APIC_TPR), 0x20);
}

static void a_disabled_apic_takes_nothing(void **state)
{
	const struct virtual_apic_message nmi = {.mode = VIRTUAL_APIC_NMI, .destination = 0xff};

	(void)state;
	assert_true(virtual_apic_write_base(&apic, BASE));
	assert_int_equal(virtual_apic_accept(&apic, 0x80, false), VIRTUAL_APIC_REFUSED);
	assert_false(virtual_apic_matches(&apic, &nmi, NULL));
	assert_int_equal(virtual_apic_deliver(&apic, &nmi), VIRTUAL_APIC_REFUSED);
	assert_int_equal(record.event_count, 0);
}

static void virtual_wire_lets_the_pic_and_nmi_through(void **state)
{
	(void)state;
	virtual_apic_set_virtual_wire(&apic);
	assert_int_equal(apic_read(VIRTUAL_APIC_SVR), 0x10f);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0x700);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT1), 0x400);
	virtual_apic_set_lint(&apic, VIRTUAL_APIC_LINT0, true);
	assert_true(virtual_apic_has_extint(&apic));
	virtual_apic_set_lint(&apic, VIRTUAL_APIC_LINT1, true);
	assert_int_equal(record.event_mode, VIRTUAL_APIC_NMI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_RESET(reset_gives_the_manuals_register_values),
		APIC_TEST(reset_clears_what_was_there),
		APIC_TEST(reset_leaves_x2apic_mode_and_a_moved_base),
		APIC_RESET(another_processor_has_no_bsp_flag),
		APIC_TEST(init_keeps_the_base_in_xapic_mode),
		X2APIC_TEST(init_keeps_x2apic_mode_and_both_ids),
		APIC_TEST(init_keeps_a_disabled_apic_disabled),
		APIC_RESET(create_refuses_a_page_that_is_not_aligned),
		APIC_RESET(create_refuses_strange_address_widths),
		APIC_RESET(create_refuses_rates_of_nothing_and_too_much),
		APIC_TEST(each_transition_is_as_the_manuals_figure_says),
		APIC_TEST(base_refuses_reserved_bits),
		APIC_TEST(extd_is_reserved_without_x2apic),
		APIC_TEST(base_can_move_and_bsp_can_change),
		APIC_TEST(disabling_and_enabling_resets),
		X2APIC_TEST(leaving_x2apic_mode_by_disabling_gives_the_xapic_id_back),
		APIC_TEST(entering_x2apic_mode_preserves_most_registers),
		APIC_TEST(entering_x2apic_mode_loses_ldr_and_icr_high),
		APIC_TEST(the_same_mode_again_changes_no_register),
		APIC_TEST(a_disabled_apic_takes_nothing),
		APIC_RESET(virtual_wire_lets_the_pic_and_nmi_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
