/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/pic8259.c */
#include "devices/pic8259.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	M0 = 0x20,
	M1 = 0x21,
	S0 = 0xa0,
	S1 = 0xa1,
	ELCR_M = 0x4d0,
	ELCR_S = 0x4d1,
	READ_IRR = 0x0a,
	READ_ISR = 0x0b,
	POLL = 0x0c,
	SPECIAL_MASK_ON = 0x68,
	SPECIAL_MASK_OFF = 0x48,
	EOI = 0x20,
	EOI_SPECIFIC = 0x60,
	ROTATE_EOI = 0xa0,
	ROTATE_AUTO_ON = 0x80,
	ROTATE_AUTO_OFF = 0x00,
	ROTATE_SPECIFIC = 0xe0,
	SET_PRIORITY = 0xc0,
	BASE_M = 0x30,
	BASE_S = 0x38,
	ICW4_8086 = 0x01,
	ICW4_AEOI = 0x03,
	ICW4_SFNM = 0x11,
};

static struct pic8259 pic;
static bool line;

static void take_int(void *context, bool is_high)
{
	assert_ptr_equal(context, &line);
	assert_int_not_equal(line, is_high);
	line = is_high;
}

static void put(uint16_t port, unsigned value)
{
	pic8259_write(&pic, port, (uint8_t)value);
}

static uint8_t get(uint16_t port)
{
	return pic8259_read(&pic, port);
}

static void initialise(unsigned icw4_master, unsigned icw4_slave)
{
	put(M0, 0x11);
	put(M1, BASE_M);
	put(M1, 0x04);
	put(M1, icw4_master);
	put(S0, 0x11);
	put(S1, BASE_S);
	put(S1, 0x02);
	put(S1, icw4_slave);
	put(M1, 0);
	put(S1, 0);
}

static int start(void **state)
{
	(void)state;
	pic = (struct pic8259){.set_int = take_int, .context = &line};
	line = false;
	pic8259_reset(&pic);
	initialise(ICW4_8086, ICW4_8086);
	return 0;
}

static void raise(unsigned irq)
{
	pic8259_set_line(&pic, irq, true);
}

static void lower(unsigned irq)
{
	pic8259_set_line(&pic, irq, false);
}

static void pulse(unsigned irq)
{
	raise(irq);
	lower(irq);
}

static uint8_t irr(uint16_t port)
{
	put(port, READ_IRR);
	return get(port);
}

static uint8_t isr(uint16_t port)
{
	put(port, READ_ISR);
	return get(port);
}

static void assert_taken(unsigned vector)
{
	assert_true(line);
	assert_int_equal(pic8259_acknowledge(&pic), vector);
}

static void after_reset_all_is_masked(void **state)
{
	(void)state;
	pic8259_reset(&pic);
	assert_int_equal(get(M1), 0xff);
	assert_int_equal(get(S1), 0xff);
	for (unsigned irq = 0; irq < PIC8259_IRQ_COUNT; irq++) {
		pulse(irq);
	}
	assert_false(line);
	/* Linux writes a mask and reads it back to see whether there is an 8259A at all. */
	put(M1, 0xfb);
	assert_int_equal(get(M1), 0xfb);
}

static void every_irq_gives_its_vector(void **state)
{
	(void)state;
	for (unsigned irq = 0; irq < PIC8259_IRQ_COUNT; irq++) {
		pulse(irq);
		if (irq == PIC8259_CASCADE_IRQ) {
			assert_false(line);
			continue;
		}
		assert_taken(BASE_M + irq);
		assert_false(line);
		assert_int_equal(isr(M0), irq < 8 ? 1u << irq : 0x04);
		assert_int_equal(isr(S0), irq < 8 ? 0 : 1u << (irq - 8));
		put(S0, EOI);
		put(M0, EOI);
		assert_int_equal(isr(M0) | isr(S0), 0);
	}
}

static void icw1_clears_masks_service_and_edges(void **state)
{
	(void)state;
	put(M1, 0xff);
	raise(3);
	pulse(4);
	put(M1, 0);
	assert_taken(BASE_M + 3);
	put(M0, SET_PRIORITY | 3);
	put(M0, READ_ISR);
	initialise(ICW4_8086, ICW4_8086);
	assert_int_equal(get(M0), 0);
	assert_int_equal(isr(M0), 0);
	assert_false(line);
	lower(3);
	raise(3);
	pulse(0);
	assert_taken(BASE_M);
}

static void nothing_interrupts_during_initialisation(void **state)
{
	(void)state;
	put(M0, 0x11);
	raise(1);
	assert_int_equal(pic8259_acknowledge(&pic), BASE_M + 7);
	put(M1, BASE_M);
	put(M1, 4);
	assert_false(line);
	put(M1, ICW4_8086);
	assert_true(line);
}

static void icw4_and_icw3_come_only_if_icw1_says_so(void **state)
{
	(void)state;
	put(M0, 0x10);
	put(M1, 0x47);
	put(M1, 0x04);
	put(M1, 0x5a);
	assert_int_equal(get(M1), 0x5a);
	put(M0, 0x13);
	put(M1, 0x40);
	put(M1, ICW4_AEOI);
	put(M1, 0xa5);
	assert_int_equal(get(M1), 0xa5);
	pulse(1);
	assert_taken(0x41);
	assert_int_equal(isr(M0), 0);
	put(M0, 0x12);
	put(M1, 0x40);
	put(M1, 0x00);
	pulse(1);
	assert_taken(0x41);
	assert_int_equal(isr(M0), 2);
}

static void a_higher_priority_interrupts_a_lower(void **state)
{
	(void)state;
	pulse(4);
	assert_taken(BASE_M + 4);
	pulse(5);
	assert_false(line);
	pulse(4);
	assert_false(line);
	pulse(3);
	assert_taken(BASE_M + 3);
	put(M0, EOI);
	assert_int_equal(isr(M0), 0x10);
	assert_false(line);
	put(M0, EOI);
	assert_taken(BASE_M + 4);
	put(M0, EOI);
	assert_taken(BASE_M + 5);
}

static void the_slave_stands_at_the_masters_ir2(void **state)
{
	(void)state;
	pulse(3);
	pulse(15);
	pulse(8);
	pulse(1);
	assert_taken(BASE_M + 1);
	put(M0, EOI);
	assert_taken(BASE_S);
	assert_false(line);
	put(S0, EOI);
	assert_false(line);
	put(M0, EOI);
	assert_taken(BASE_S + 7);
	put(S0, EOI);
	put(M0, EOI);
	assert_taken(BASE_M + 3);
}

static void a_slaves_higher_interrupt_waits_for_the_masters_eoi(void **state)
{
	(void)state;
	pulse(12);
	assert_taken(BASE_S + 4);
	pulse(8);
	assert_false(line);
	put(M0, EOI);
	assert_taken(BASE_S);
	assert_int_equal(isr(S0), 0x11);
}

static void special_fully_nested_mode_lets_it_through(void **state)
{
	(void)state;
	initialise(ICW4_SFNM, ICW4_8086);
	pulse(12);
	assert_taken(BASE_S + 4);
	pulse(3);
	pulse(13);
	assert_false(line);
	pulse(8);
	assert_taken(BASE_S);
}

static void masks_hold_requests_back(void **state)
{
	(void)state;
	put(M1, 0x08);
	raise(3);
	assert_false(line);
	assert_int_equal(irr(M0), 0x08);
	put(M1, 0);
	assert_taken(BASE_M + 3);
	put(S1, 0xff);
	raise(9);
	assert_false(line);
	assert_int_equal(irr(S0), 0x02);
	put(S1, 0xfd);
	put(M0, EOI);
	assert_taken(BASE_S + 1);
}

static void an_edge_counts_once_and_stays_latched(void **state)
{
	(void)state;
	raise(5);
	assert_taken(BASE_M + 5);
	put(M0, EOI);
	assert_false(line);
	raise(5);
	assert_false(line);
	lower(5);
	raise(5);
	lower(5);
	assert_int_equal(irr(M0), 0x20);
	assert_taken(BASE_M + 5);
}

static void a_level_interrupts_while_it_is_high(void **state)
{
	(void)state;
	put(ELCR_S, 0x08);
	raise(11);
	assert_taken(BASE_S + 3);
	put(S0, EOI);
	put(M0, EOI);
	assert_taken(BASE_S + 3);
	lower(11);
	put(S0, EOI);
	put(M0, EOI);
	assert_false(line);
	assert_int_equal(irr(S0), 0);
}

static void the_edge_level_registers_keep_what_a_pc_allows(void **state)
{
	(void)state;
	assert_int_equal(get(ELCR_M), 0);
	assert_int_equal(get(ELCR_S), 0);
	put(ELCR_M, 0xff);
	put(ELCR_S, 0xff);
	assert_int_equal(get(ELCR_M), 0xf8);
	assert_int_equal(get(ELCR_S), 0xde);
	initialise(ICW4_8086, ICW4_8086);
	assert_int_equal(get(ELCR_M), 0xf8);
	put(ELCR_M, 0);
	assert_int_equal(get(ELCR_M), 0);
}

static void turning_to_level_forgets_an_edge(void **state)
{
	(void)state;
	pulse(5);
	put(ELCR_M, 0x20);
	assert_false(line);
	put(ELCR_M, 0);
	assert_false(line);
}

static void a_level_that_falls_before_the_acknowledge_is_irq_7(void **state)
{
	(void)state;
	put(ELCR_M, 0x20);
	raise(5);
	assert_true(line);
	lower(5);
	assert_false(line);
	assert_int_equal(pic8259_acknowledge(&pic), BASE_M + 7);
	assert_int_equal(isr(M0), 0);
}

static void a_slaves_level_that_falls_is_irq_15(void **state)
{
	(void)state;
	put(ELCR_S, 0x08);
	raise(11);
	lower(11);
	assert_taken(BASE_S + 7);
	assert_int_equal(isr(S0), 0);
	assert_int_equal(isr(M0), 0x04);
	put(M0, EOI);
	assert_false(line);
}

static void specific_eoi_ends_the_one_that_it_names(void **state)
{
	(void)state;
	pulse(4);
	assert_taken(BASE_M + 4);
	pulse(1);
	assert_taken(BASE_M + 1);
	put(M0, EOI_SPECIFIC | 4);
	assert_int_equal(isr(M0), 0x02);
	put(M0, EOI_SPECIFIC | 7);
	assert_int_equal(isr(M0), 0x02);
	put(M0, 0x40);
	assert_int_equal(isr(M0), 0x02);
	put(M0, EOI);
	put(M0, EOI);
	assert_int_equal(isr(M0), 0);
}

static void rotation_on_eoi_makes_it_the_lowest(void **state)
{
	(void)state;
	pulse(4);
	assert_taken(BASE_M + 4);
	put(M0, ROTATE_EOI);
	pulse(4);
	pulse(3);
	pulse(5);
	assert_taken(BASE_M + 5);
	put(M0, EOI);
	assert_taken(BASE_M + 3);
	put(M0, EOI);
	assert_taken(BASE_M + 4);
}

static void rotation_without_service_changes_nothing(void **state)
{
	(void)state;
	put(M0, ROTATE_EOI);
	pulse(7);
	pulse(0);
	assert_taken(BASE_M);
}

static void rotation_on_specific_eoi_and_set_priority(void **state)
{
	(void)state;
	pulse(4);
	assert_taken(BASE_M + 4);
	put(M0, ROTATE_SPECIFIC | 4);
	assert_int_equal(isr(M0), 0);
	pulse(4);
	pulse(5);
	assert_taken(BASE_M + 5);
	put(M0, EOI);
	assert_taken(BASE_M + 4);
	put(M0, EOI);
	put(M0, SET_PRIORITY | 0);
	pulse(0);
	pulse(7);
	assert_taken(BASE_M + 7);
}

static void auto_eoi_leaves_nothing_in_service(void **state)
{
	(void)state;
	initialise(ICW4_AEOI, ICW4_AEOI);
	pulse(4);
	pulse(9);
	assert_taken(BASE_S + 1);
	assert_taken(BASE_M + 4);
	assert_int_equal(isr(M0) | isr(S0), 0);
}

static void the_slaves_next_request_is_a_new_edge_to_the_master(void **state)
{
	(void)state;
	initialise(ICW4_AEOI, ICW4_AEOI);
	pulse(10);
	pulse(9);
	pulse(15);
	assert_taken(BASE_S + 1);
	assert_taken(BASE_S + 2);
	assert_taken(BASE_S + 7);
	assert_false(line);
}

static void rotation_in_auto_eoi_is_set_and_cleared(void **state)
{
	(void)state;
	initialise(ICW4_AEOI, ICW4_8086);
	put(M0, ROTATE_AUTO_ON);
	pulse(4);
	assert_taken(BASE_M + 4);
	pulse(4);
	pulse(5);
	assert_taken(BASE_M + 5);
	assert_taken(BASE_M + 4);
	put(M0, ROTATE_AUTO_OFF);
	pulse(7);
	assert_taken(BASE_M + 7);
	pulse(3);
	pulse(5);
	assert_taken(BASE_M + 5);
	assert_taken(BASE_M + 3);
}

static void special_mask_mode_lets_lower_ones_through(void **state)
{
	(void)state;
	pulse(4);
	assert_taken(BASE_M + 4);
	pulse(6);
	put(M1, 0x10);
	assert_false(line);
	put(M0, SPECIAL_MASK_ON);
	assert_taken(BASE_M + 6);
	put(M0, EOI);
	assert_int_equal(isr(M0), 0x10);
	put(M0, EOI);
	assert_int_equal(isr(M0), 0x10);
	put(M0, SPECIAL_MASK_OFF);
	put(M0, EOI);
	assert_int_equal(isr(M0), 0);
}

static void smm_without_esmm_changes_nothing(void **state)
{
	(void)state;
	put(M0, 0x28);
	pulse(4);
	assert_taken(BASE_M + 4);
	put(M1, 0x10);
	pulse(6);
	assert_false(line);
}

static void the_register_read_stays_selected(void **state)
{
	(void)state;
	raise(4);
	put(M0, READ_ISR);
	assert_taken(BASE_M + 4);
	raise(5);
	assert_int_equal(get(M0), 0x10);
	assert_int_equal(get(M0), 0x10);
	put(M0, 0x08);
	assert_int_equal(get(M0), 0x10);
	put(M0, READ_IRR);
	assert_int_equal(get(M0), 0x20);
}

static void poll_acknowledges_by_a_read(void **state)
{
	(void)state;
	put(M0, POLL);
	assert_int_equal(get(M0), 0);
	pulse(5);
	pulse(3);
	put(M0, POLL);
	assert_int_equal(get(M0), 0x83);
	assert_int_equal(isr(M0), 0x08);
	put(M0, EOI);
	put(M0, POLL);
	assert_int_equal(get(M1), 0x85);
	assert_int_equal(get(M1), 0);
	assert_false(line);
}

static void poll_of_both_chips(void **state)
{
	(void)state;
	pulse(9);
	put(M0, POLL);
	assert_int_equal(get(M0), 0x82);
	put(S0, POLL);
	assert_int_equal(get(S0), 0x81);
	assert_int_equal(isr(S0), 0x02);
	put(S0, EOI);
	put(M0, EOI);
	assert_false(line);
}

static void other_ports_are_nobodys(void **state)
{
	(void)state;
	put(0x22, 0x11);
	put(0x4d2, 0xff);
	assert_int_equal(get(0x22), 0xff);
	assert_int_equal(get(M1), 0);
}

#define pic_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pic_test(after_reset_all_is_masked),
		pic_test(every_irq_gives_its_vector),
		pic_test(icw1_clears_masks_service_and_edges),
		pic_test(nothing_interrupts_during_initialisation),
		pic_test(icw4_and_icw3_come_only_if_icw1_says_so),
		pic_test(a_higher_priority_interrupts_a_lower),
		pic_test(the_slave_stands_at_the_masters_ir2),
		pic_test(a_slaves_higher_interrupt_waits_for_the_masters_eoi),
		pic_test(special_fully_nested_mode_lets_it_through),
		pic_test(masks_hold_requests_back),
		pic_test(an_edge_counts_once_and_stays_latched),
		pic_test(a_level_interrupts_while_it_is_high),
		pic_test(the_edge_level_registers_keep_what_a_pc_allows),
		pic_test(turning_to_level_forgets_an_edge),
		pic_test(a_level_that_falls_before_the_acknowledge_is_irq_7),
		pic_test(a_slaves_level_that_falls_is_irq_15),
		pic_test(specific_eoi_ends_the_one_that_it_names),
		pic_test(rotation_on_eoi_makes_it_the_lowest),
		pic_test(rotation_without_service_changes_nothing),
		pic_test(rotation_on_specific_eoi_and_set_priority),
		pic_test(auto_eoi_leaves_nothing_in_service),
		pic_test(the_slaves_next_request_is_a_new_edge_to_the_master),
		pic_test(rotation_in_auto_eoi_is_set_and_cleared),
		pic_test(special_mask_mode_lets_lower_ones_through),
		pic_test(smm_without_esmm_changes_nothing),
		pic_test(the_register_read_stays_selected),
		pic_test(poll_acknowledges_by_a_read),
		pic_test(poll_of_both_chips),
		pic_test(other_ports_are_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
