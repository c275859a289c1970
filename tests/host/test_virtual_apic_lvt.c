/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

static void lint(enum virtual_apic_lint pin, bool is_high)
{
	virtual_apic_set_lint(&apic, pin, is_high);
}

static void assert_event(enum virtual_apic_mode mode)
{
	assert_int_equal(record.event_count, 1);
	assert_int_equal(record.event_mode, mode);
	record.event_count = 0;
}

static void a_rising_edge_interrupts_once(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT1, 0x45);
	lint(VIRTUAL_APIC_LINT1, true);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x45);
	assert_false(virtual_apic_eoi(&apic).is_level);
	lint(VIRTUAL_APIC_LINT1, true);
	lint(VIRTUAL_APIC_LINT1, false);
	assert_false(virtual_apic_has_interrupt(&apic));
	lint(VIRTUAL_APIC_LINT1, true);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void active_low_interrupts_on_the_falling_edge(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT1, 0x2045);
	lint(VIRTUAL_APIC_LINT1, true);
	assert_false(virtual_apic_has_interrupt(&apic));
	lint(VIRTUAL_APIC_LINT1, false);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void a_masked_edge_is_lost(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x10045);
	lint(VIRTUAL_APIC_LINT0, true);
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x45);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void lint1_knows_no_level(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT1, 0x8045);
	lint(VIRTUAL_APIC_LINT1, true);
	assert_false(apic_has(VIRTUAL_APIC_TMR, 0x45));
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT1), 0x8045);
}

static void a_level_sets_remote_irr_until_its_eoi(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x8045);
	lint(VIRTUAL_APIC_LINT0, true);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0xc045);
	assert_true(apic_has(VIRTUAL_APIC_TMR, 0x45));
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x45);
	lint(VIRTUAL_APIC_LINT0, false);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0xc045);
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0x8045);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void a_level_that_stays_interrupts_again_after_eoi(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x8045);
	lint(VIRTUAL_APIC_LINT0, true);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x45);
	assert_false(virtual_apic_has_interrupt(&apic));
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x45);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0xc045);
}

static void the_end_of_another_vector_keeps_remote_irr(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x8045);
	lint(VIRTUAL_APIC_LINT0, true);
	apic_serve(0x80, true);
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0xc045);
}

static void unmasking_lets_a_waiting_level_through(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x18045);
	lint(VIRTUAL_APIC_LINT0, true);
	assert_false(virtual_apic_has_interrupt(&apic));
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x8045);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void a_guest_can_neither_set_nor_clear_remote_irr(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0xc045);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0x8045);
	lint(VIRTUAL_APIC_LINT0, true);
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x8046);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0xc046);
	assert_false(apic_has(VIRTUAL_APIC_IRR, 0x46));
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x45);
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x46);
}

static void an_entry_made_edge_loses_remote_irr(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x8045);
	lint(VIRTUAL_APIC_LINT0, true);
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x45);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_LINT0), 0x45);
}

static void nmi_smi_and_init_go_to_the_owner(void **state)
{
	static const enum virtual_apic_mode modes[] = {
		VIRTUAL_APIC_NMI, VIRTUAL_APIC_SMI, VIRTUAL_APIC_INIT};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		apic_write(VIRTUAL_APIC_LVT_LINT0, (uint32_t)modes[i] << 8 | 0x8055);
		lint(VIRTUAL_APIC_LINT0, true);
		assert_event(modes[i]);
		lint(VIRTUAL_APIC_LINT0, false);
		assert_int_equal(record.event_count, 0);
	}
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void reserved_modes_deliver_nothing(void **state)
{
	static const uint32_t modes[] = {1, 3, 6};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		apic_write(VIRTUAL_APIC_LVT_THERMAL, modes[i] << 8 | 0x55);
		assert_false(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_LVT_THERMAL));
	}
	assert_int_equal(record.event_count, 0);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void extint_follows_its_pin(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x700);
	assert_false(virtual_apic_has_extint(&apic));
	lint(VIRTUAL_APIC_LINT0, true);
	assert_event(VIRTUAL_APIC_EXTINT);
	assert_true(virtual_apic_has_extint(&apic));
	virtual_apic_acknowledge_extint(&apic);
	assert_true(virtual_apic_has_extint(&apic));
	lint(VIRTUAL_APIC_LINT0, false);
	assert_false(virtual_apic_has_extint(&apic));
}

static void extint_waits_for_the_mask(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x10700);
	lint(VIRTUAL_APIC_LINT0, true);
	assert_false(virtual_apic_has_extint(&apic));
	assert_int_equal(record.event_count, 0);
	apic_write(VIRTUAL_APIC_LVT_LINT0, 0x700);
	assert_true(virtual_apic_has_extint(&apic));
	assert_event(VIRTUAL_APIC_EXTINT);
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	assert_false(virtual_apic_has_extint(&apic));
}

static void extint_may_be_on_lint1_too(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_LINT1, 0x700);
	lint(VIRTUAL_APIC_LINT0, true);
	assert_false(virtual_apic_has_extint(&apic));
	lint(VIRTUAL_APIC_LINT1, true);
	assert_true(virtual_apic_has_extint(&apic));
}

static void without_an_apic_the_pins_are_intr_and_nmi(void **state)
{
	(void)state;
	assert_true(virtual_apic_write_base(&apic, 0xfee00000));
	lint(VIRTUAL_APIC_LINT0, true);
	assert_event(VIRTUAL_APIC_EXTINT);
	assert_true(virtual_apic_has_extint(&apic));
	lint(VIRTUAL_APIC_LINT0, false);
	assert_false(virtual_apic_has_extint(&apic));
	lint(VIRTUAL_APIC_LINT1, true);
	assert_event(VIRTUAL_APIC_NMI);
	assert_false(virtual_apic_has_extint(&apic));
}

static void pins_keep_their_levels_over_a_reset(void **state)
{
	(void)state;
	lint(VIRTUAL_APIC_LINT0, true);
	virtual_apic_reset(&apic);
	virtual_apic_set_virtual_wire(&apic);
	assert_true(virtual_apic_has_extint(&apic));
}

static void thermal_interrupts_and_stays_unmasked(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_THERMAL, 0x66);
	assert_true(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_LVT_THERMAL));
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x66);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_THERMAL), 0x66);
	apic_write(VIRTUAL_APIC_LVT_THERMAL, 0x10066);
	assert_false(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_LVT_THERMAL));
}

static void performance_masks_itself(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_PERFORMANCE, 0x400);
	assert_true(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_LVT_PERFORMANCE));
	assert_event(VIRTUAL_APIC_NMI);
	assert_int_equal(apic_read(VIRTUAL_APIC_LVT_PERFORMANCE), 0x10400);
	assert_false(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_LVT_PERFORMANCE));
	assert_int_equal(record.event_count, 0);
}

static void what_is_no_entry_raises_nothing(void **state)
{
	(void)state;
	assert_false(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_SVR));
	assert_false(virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_INITIAL_COUNT));
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void a_low_vector_in_an_entry_is_a_receive_error(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_THERMAL, 0x0f);
	assert_int_equal(apic_errors(), 0);
	virtual_apic_raise_lvt(&apic, VIRTUAL_APIC_LVT_THERMAL);
	assert_int_equal(apic_errors(), 0x40);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void an_error_interrupts_once_until_the_esr_is_written(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_ERROR, 0xfe);
	virtual_apic_accept(&apic, 1, false);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0xfe);
	virtual_apic_eoi(&apic);
	virtual_apic_accept(&apic, 2, false);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_int_equal(apic_errors(), 0x40);
	virtual_apic_accept(&apic, 3, false);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void a_masked_error_is_only_logged(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LVT_ERROR, 0x100fe);
	virtual_apic_accept(&apic, 1, false);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_int_equal(apic_errors(), 0x40);
}

static void an_error_entry_with_a_low_vector_does_not_loop(void **state)
{
	uint32_t value;

	(void)state;
	apic_write(VIRTUAL_APIC_LVT_ERROR, 0x05);
	assert_int_equal(virtual_apic_mmio_read(&apic, 0x10, 0, &value), STATUS_NOT_FOUND);
	assert_int_equal(apic_errors(), 0xc0);
	assert_false(virtual_apic_has_interrupt(&apic));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_TEST(a_rising_edge_interrupts_once),
		APIC_TEST(active_low_interrupts_on_the_falling_edge),
		APIC_TEST(a_masked_edge_is_lost),
		APIC_TEST(lint1_knows_no_level),
		APIC_TEST(a_level_sets_remote_irr_until_its_eoi),
		APIC_TEST(a_level_that_stays_interrupts_again_after_eoi),
		APIC_TEST(the_end_of_another_vector_keeps_remote_irr),
		APIC_TEST(unmasking_lets_a_waiting_level_through),
		APIC_TEST(a_guest_can_neither_set_nor_clear_remote_irr),
		APIC_TEST(an_entry_made_edge_loses_remote_irr),
		APIC_TEST(nmi_smi_and_init_go_to_the_owner),
		APIC_TEST(reserved_modes_deliver_nothing),
		APIC_TEST(extint_follows_its_pin),
		APIC_TEST(extint_waits_for_the_mask),
		APIC_TEST(extint_may_be_on_lint1_too),
		APIC_TEST(without_an_apic_the_pins_are_intr_and_nmi),
		APIC_TEST(pins_keep_their_levels_over_a_reset),
		APIC_TEST(thermal_interrupts_and_stays_unmasked),
		APIC_TEST(performance_masks_itself),
		APIC_TEST(what_is_no_entry_raises_nothing),
		APIC_TEST(a_low_vector_in_an_entry_is_a_receive_error),
		APIC_TEST(an_error_interrupts_once_until_the_esr_is_written),
		APIC_TEST(a_masked_error_is_only_logged),
		APIC_TEST(an_error_entry_with_a_low_vector_does_not_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
