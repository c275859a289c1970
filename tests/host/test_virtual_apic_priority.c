/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

static void ppr_is_the_higher_of_tpr_and_isr(void **state)
{
	static const struct {
		uint8_t tpr;
		uint8_t in_service; /* 0: none. */
		uint8_t ppr;
	} rows[] = {{0, 0, 0}, {0x35, 0, 0x35}, {0, 0x47, 0x40}, {0x4f, 0x47, 0x4f},
		{0x3f, 0x47, 0x40}, {0x51, 0x47, 0x51}, {0xff, 0xfe, 0xff}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		apic_start(NULL);
		if (rows[i].in_service != 0) {
			apic_serve(rows[i].in_service, false);
		}
		apic_write(VIRTUAL_APIC_TPR, rows[i].tpr);
		assert_int_equal(apic_read(VIRTUAL_APIC_PPR), rows[i].ppr);
		assert_int_equal(apic.page[VIRTUAL_APIC_PPR / 4], rows[i].ppr);
	}
}

static void apr_also_knows_what_pends(void **state)
{
	static const struct {
		uint8_t tpr;
		uint8_t in_service;
		uint8_t pending;
		uint8_t apr;
	} rows[] = {{0x35, 0, 0, 0x35}, {0x35, 0, 0x32, 0x35}, {0x35, 0, 0x41, 0x40},
		{0x35, 0x33, 0, 0x30}, {0x25, 0x33, 0x41, 0x40}, {0x25, 0x53, 0x41, 0x50},
		{0x65, 0x53, 0x41, 0x65}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		apic_start(NULL);
		if (rows[i].in_service != 0) {
			apic_serve(rows[i].in_service, false);
		}
		if (rows[i].pending != 0) {
			apic_accept(rows[i].pending);
		}
		apic_write(VIRTUAL_APIC_TPR, rows[i].tpr);
		assert_int_equal(apic_read(VIRTUAL_APIC_APR), rows[i].apr);
	}
}

static void each_vector_from_16_is_taken_and_none_below(void **state)
{
	(void)state;
	for (unsigned vector = 0; vector < 256; vector++) {
		assert_int_equal(virtual_apic_accept(&apic, (uint8_t)vector, false),
			vector < 16 ? VIRTUAL_APIC_REFUSED : VIRTUAL_APIC_ACCEPTED);
		assert_int_equal(apic_has(VIRTUAL_APIC_IRR, (uint8_t)vector), vector >= 16);
	}
	assert_int_equal(apic_errors(), 0x40);
}

static void a_second_one_of_a_vector_coalesces(void **state)
{
	(void)state;
	apic_accept(0x61);
	assert_int_equal(virtual_apic_accept(&apic, 0x61, false), VIRTUAL_APIC_COALESCED);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x61);
	apic_accept(0x61);
}

static void tmr_follows_the_last_accepted_trigger(void **state)
{
	(void)state;
	virtual_apic_accept(&apic, 0x61, true);
	assert_true(apic_has(VIRTUAL_APIC_TMR, 0x61));
	virtual_apic_accept(&apic, 0x61, false);
	assert_false(apic_has(VIRTUAL_APIC_TMR, 0x61));
}

static void a_software_disabled_apic_refuses_but_keeps_what_pends(void **state)
{
	(void)state;
	apic_accept(0x61);
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	assert_int_equal(virtual_apic_accept(&apic, 0x62, false), VIRTUAL_APIC_REFUSED);
	assert_true(virtual_apic_has_interrupt(&apic));
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x61);
	assert_int_equal(virtual_apic_eoi(&apic).vector, 0x61);
}

static void the_highest_vector_goes_first(void **state)
{
	(void)state;
	apic_accept(0x31);
	apic_accept(0xf1);
	apic_accept(0x32);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0xf1);
	assert_false(virtual_apic_has_interrupt(&apic));
	virtual_apic_eoi(&apic);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x32);
	virtual_apic_eoi(&apic);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x31);
}

static void acknowledging_nothing_gives_nothing(void **state)
{
	(void)state;
	assert_int_equal(virtual_apic_acknowledge(&apic), 0);
	apic_accept(0x31);
	apic_write(VIRTUAL_APIC_TPR, 0x30);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0);
	assert_true(apic_has(VIRTUAL_APIC_IRR, 0x31));
	assert_false(apic_has(VIRTUAL_APIC_ISR, 0x31));
}

static void acknowledging_moves_the_vector_from_irr_to_isr(void **state)
{
	(void)state;
	apic_accept(0x31);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x31);
	assert_false(apic_has(VIRTUAL_APIC_IRR, 0x31));
	assert_true(apic_has(VIRTUAL_APIC_ISR, 0x31));
	assert_int_equal(apic_read(VIRTUAL_APIC_PPR), 0x30);
}

static void tpr_holds_back_its_class_and_those_below(void **state)
{
	(void)state;
	apic_accept(0x5f);
	for (unsigned tpr = 0; tpr < 256; tpr++) {
		apic_write(VIRTUAL_APIC_TPR, tpr);
		assert_int_equal(virtual_apic_has_interrupt(&apic), tpr < 0x50);
	}
}

static void the_class_in_service_holds_back_its_own(void **state)
{
	(void)state;
	apic_serve(0x50, false);
	apic_accept(0x5f);
	assert_false(virtual_apic_has_interrupt(&apic));
	apic_accept(0x60);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x60);
	virtual_apic_eoi(&apic);
	assert_false(virtual_apic_has_interrupt(&apic));
	virtual_apic_eoi(&apic);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x5f);
}

static void class_1_is_delivered_at_tpr_0(void **state)
{
	(void)state;
	apic_accept(0x10);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x10);
}

static void eoi_ends_the_highest_in_service(void **state)
{
	(void)state;
	apic_serve(0x40, false);
	apic_serve(0x80, false);
	assert_int_equal(virtual_apic_eoi(&apic).vector, 0x80);
	assert_int_equal(apic_read(VIRTUAL_APIC_PPR), 0x40);
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_int_equal(apic_read(VIRTUAL_APIC_PPR), 0);
	assert_int_equal(virtual_apic_eoi(&apic).vector, 0);
}

static void eoi_with_nothing_in_service_does_nothing(void **state)
{
	(void)state;
	virtual_apic_accept(&apic, 0x44, true);
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_true(apic_has(VIRTUAL_APIC_IRR, 0x44));
	assert_int_equal(record.eoi_count, 0);
	assert_false(virtual_apic_eoi(&apic).is_level);
}

static void only_level_triggered_ends_are_broadcast(void **state)
{
	(void)state;
	apic_serve(0x40, false);
	assert_false(virtual_apic_eoi(&apic).is_level);
	assert_int_equal(record.eoi_count, 0);
	apic_serve(0x41, true);
	assert_true(virtual_apic_eoi(&apic).is_level);
	assert_int_equal(record.eoi_count, 1);
	assert_int_equal(record.eoi_vector, 0x41);
}

static void suppression_in_the_svr_stops_the_broadcast(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_SVR, 0x11ff);
	apic_serve(0x41, true);
	assert_true(virtual_apic_eoi(&apic).is_level);
	assert_int_equal(record.eoi_count, 0);
}

static void accept_again(void *context, uint8_t vector)
{
	(void)context;
	virtual_apic_accept(&apic, vector, true);
}

static void an_io_apic_may_send_again_during_the_broadcast(void **state)
{
	(void)state;
	apic.broadcast_eoi = accept_again;
	apic_serve(0x41, true);
	apic_write(VIRTUAL_APIC_EOI, 0);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x41);
}

static void pv_eoi_needs_one_edge_interrupt_alone(void **state)
{
	(void)state;
	assert_false(virtual_apic_can_pv_eoi(&apic));
	apic_serve(0x41, false);
	assert_true(virtual_apic_can_pv_eoi(&apic));
	virtual_apic_eoi(&apic);
	assert_false(virtual_apic_can_pv_eoi(&apic));
	apic_serve(0x41, true);
	assert_false(virtual_apic_can_pv_eoi(&apic));
}

static void pv_eoi_is_not_for_nested_interrupts(void **state)
{
	(void)state;
	apic_serve(0x41, false);
	apic_serve(0x51, false);
	assert_false(virtual_apic_can_pv_eoi(&apic));
	virtual_apic_eoi(&apic);
	assert_true(virtual_apic_can_pv_eoi(&apic));
}

static void pv_eoi_is_not_while_anything_pends(void **state)
{
	(void)state;
	apic_serve(0x41, false);
	apic_accept(0x22);
	assert_false(virtual_apic_can_pv_eoi(&apic));
}

static void posted_vectors_come_in_as_edges(void **state)
{
	const uint64_t bitmap[4] = {BIT(15) | BIT(16) | BIT(63), 0, BIT(2), BIT(63)};

	(void)state;
	virtual_apic_accept(&apic, 63, true);
	virtual_apic_accept_posted(&apic, bitmap);
	assert_true(apic_has(VIRTUAL_APIC_IRR, 16));
	assert_true(apic_has(VIRTUAL_APIC_IRR, 63));
	assert_true(apic_has(VIRTUAL_APIC_IRR, 130));
	assert_false(apic_has(VIRTUAL_APIC_IRR, 15));
	assert_false(apic_has(VIRTUAL_APIC_TMR, 63));
	assert_int_equal(virtual_apic_acknowledge(&apic), 255);
	assert_int_equal(apic_errors(), 0x40);
}

static void cr8_is_the_tprs_class(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_TPR, 0x5c);
	assert_int_equal(virtual_apic_cr8(&apic), 5);
	virtual_apic_set_cr8(&apic, 9);
	assert_int_equal(apic_read(VIRTUAL_APIC_TPR), 0x90);
	assert_int_equal(apic.page[VIRTUAL_APIC_PPR / 4], 0x90);
}

static void tpr_threshold_is_the_class_that_the_tpr_holds_back(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_TPR, 0x60);
	assert_int_equal(virtual_apic_tpr_threshold(&apic), 0);
	apic_accept(0x4a);
	assert_int_equal(virtual_apic_tpr_threshold(&apic), 4);
	apic_write(VIRTUAL_APIC_TPR, 0x40);
	assert_int_equal(virtual_apic_tpr_threshold(&apic), 4);
	apic_write(VIRTUAL_APIC_TPR, 0x3f);
	assert_int_equal(virtual_apic_tpr_threshold(&apic), 0);
}

static void a_tpr_shadow_needs_no_call(void **state)
{
	(void)state;
	apic_accept(0x4a);
	apic.page[VIRTUAL_APIC_TPR / 4] = 0x40;
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_int_equal(apic_read(VIRTUAL_APIC_PPR), 0x40);
	apic.page[VIRTUAL_APIC_TPR / 4] = 0x30;
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x4a);
}

static void reload_finds_what_the_cpu_delivered_and_ended(void **state)
{
	(void)state;
	apic_accept(0x4a);
	apic_accept(0x3a);
	/* Virtual-interrupt delivery of 4AH, as the CPU does it. */
	apic.page[(0x200 + 0x20) / 4] = 0;
	apic.page[(0x100 + 0x20) / 4] = 1 << 10;
	virtual_apic_reload(&apic);
	assert_int_equal(apic.irr_highest, 0x3a);
	assert_int_equal(apic.isr_highest, 0x4a);
	assert_int_equal(apic.isr_count, 1);
	assert_int_equal(apic.page[VIRTUAL_APIC_PPR / 4], 0x40);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void reload_counts_from_the_lowest_to_the_highest_vector(void **state)
{
	(void)state;
	apic.page[0x100 / 4] = 1 << 16;
	apic.page[0x170 / 4] = 1u << 31;
	virtual_apic_reload(&apic);
	assert_int_equal(apic.isr_count, 2);
	assert_int_equal(virtual_apic_eoi(&apic).vector, 0xff);
	assert_int_equal(virtual_apic_eoi(&apic).vector, 0x10);
	assert_int_equal(apic.isr_count, 0);
}

static void an_induced_eoi_is_broadcast(void **state)
{
	(void)state;
	apic_serve(0x4a, true);
	apic_accept(0x3a);
	apic.page[(0x100 + 0x20) / 4] = 0;
	virtual_apic_eoi_induced(&apic, 0x4a);
	assert_int_equal(record.eoi_vector, 0x4a);
	assert_int_equal(apic.isr_highest, 0);
	assert_int_equal(apic.isr_count, 0);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void level_vectors_are_the_eoi_exit_bitmap(void **state)
{
	(void)state;
	virtual_apic_accept(&apic, 0x30, true);
	virtual_apic_accept(&apic, 0x7f, true);
	virtual_apic_accept(&apic, 0xc0, true);
	virtual_apic_accept(&apic, 0xc1, false);
	assert_int_equal(virtual_apic_level_vectors(&apic, 0), BIT(0x30));
	assert_int_equal(virtual_apic_level_vectors(&apic, 1), BIT(63));
	assert_int_equal(virtual_apic_level_vectors(&apic, 2), 0);
	assert_int_equal(virtual_apic_level_vectors(&apic, 3), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_TEST(ppr_is_the_higher_of_tpr_and_isr),
		APIC_TEST(apr_also_knows_what_pends),
		APIC_TEST(each_vector_from_16_is_taken_and_none_below),
		APIC_TEST(a_second_one_of_a_vector_coalesces),
		APIC_TEST(tmr_follows_the_last_accepted_trigger),
		APIC_TEST(a_software_disabled_apic_refuses_but_keeps_what_pends),
		APIC_TEST(the_highest_vector_goes_first),
		APIC_TEST(acknowledging_nothing_gives_nothing),
		APIC_TEST(acknowledging_moves_the_vector_from_irr_to_isr),
		APIC_TEST(tpr_holds_back_its_class_and_those_below),
		APIC_TEST(the_class_in_service_holds_back_its_own),
		APIC_TEST(class_1_is_delivered_at_tpr_0),
		APIC_TEST(eoi_ends_the_highest_in_service),
		APIC_TEST(eoi_with_nothing_in_service_does_nothing),
		APIC_TEST(only_level_triggered_ends_are_broadcast),
		APIC_TEST(suppression_in_the_svr_stops_the_broadcast),
		APIC_TEST(an_io_apic_may_send_again_during_the_broadcast),
		APIC_TEST(pv_eoi_needs_one_edge_interrupt_alone),
		APIC_TEST(pv_eoi_is_not_for_nested_interrupts),
		APIC_TEST(pv_eoi_is_not_while_anything_pends),
		APIC_TEST(posted_vectors_come_in_as_edges),
		APIC_TEST(cr8_is_the_tprs_class),
		APIC_TEST(tpr_threshold_is_the_class_that_the_tpr_holds_back),
		APIC_TEST(a_tpr_shadow_needs_no_call),
		APIC_TEST(reload_finds_what_the_cpu_delivered_and_ended),
		APIC_TEST(reload_counts_from_the_lowest_to_the_highest_vector),
		APIC_TEST(an_induced_eoi_is_broadcast),
		APIC_TEST(level_vectors_are_the_eoi_exit_bitmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
