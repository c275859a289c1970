/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
/* The straight ways of the timer: each does what the long one would, or nothing. */
#include "tests/host/virtual_apic_fixture.h"

enum {
	LVT = VIRTUAL_APIC_LVT_TIMER,
	INITIAL = VIRTUAL_APIC_INITIAL_COUNT,
	DIVIDE_BY_1 = 0xb,
	ONE_SHOT = 0x50,
	PERIODIC = 0x20050,
	DEADLINE = 0x40050,
	MASKED = 0x10000,
	VECTOR = 0x50,
};

/* A mode whose counts are ticks. */
static void set_mode(uint32_t lvt)
{
	apic_create(apic_config, (struct virtual_apic_rate){1, 1});
	apic_write(LVT, lvt);
	apic_write(VIRTUAL_APIC_DIVIDE, DIVIDE_BY_1);
}

static void assert_fires_at(uint64_t tick)
{
	assert_int_equal(virtual_apic_next_deadline(&apic), tick);
	virtual_apic_advance(&apic, tick - 1);
	assert_false(virtual_apic_has_interrupt(&apic));
	virtual_apic_advance(&apic, tick);
	assert_int_equal(virtual_apic_acknowledge(&apic), VECTOR);
}

static void assert_stopped(void)
{
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	virtual_apic_advance(&apic, UINT64_MAX);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void a_deadline_ahead_is_rearmed_straight(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	assert_true(virtual_apic_rearm(&apic, 1000, 10));
	assert_true(virtual_apic_rearm(&apic, 2000, 999));
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 1000), 2000);
	assert_fires_at(2000);
}

static void a_deadline_of_0_disarms_straight(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	assert_true(virtual_apic_rearm(&apic, 1000, 10));
	assert_true(virtual_apic_rearm(&apic, 0, 20));
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 1000), 0);
	assert_stopped();
}

static void a_rearm_is_refused_where_an_interrupt_is_due(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	assert_false(virtual_apic_rearm(&apic, 1000, 1000));
	assert_false(virtual_apic_rearm(&apic, 999, 1000));
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	assert_true(virtual_apic_rearm(&apic, 1000, 10));
	assert_false(virtual_apic_rearm(&apic, 3000, 1000));
	assert_false(virtual_apic_rearm(&apic, 0, 1000));
	assert_fires_at(1000);
}

static void a_rearm_is_refused_outside_deadline_mode(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	assert_false(virtual_apic_rearm(&apic, 1000, 10));
	set_mode(PERIODIC);
	assert_false(virtual_apic_rearm(&apic, 1000, 10));
}

static void assert_taken_at(uint64_t tick)
{
	assert_int_equal(virtual_apic_timer_take(&apic, tick - 1, false), 0);
	assert_int_equal(virtual_apic_timer_take(&apic, tick, false), VECTOR);
	assert_true(apic_has(VIRTUAL_APIC_ISR, VECTOR));
	assert_false(apic_has(VIRTUAL_APIC_IRR, VECTOR));
	assert_int_equal(apic.isr_highest, VECTOR);
	assert_int_equal(apic.isr_count, 1);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_PPR, tick), VECTOR);
	assert_int_equal(virtual_apic_eoi(&apic).vector, VECTOR);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_PPR, tick), 0);
	assert_int_equal(virtual_apic_timer_take(&apic, tick, false), 0);
}

static void a_due_timer_is_taken_once(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 1000, 10);
	assert_taken_at(1000);
	assert_stopped();
	set_mode(ONE_SHOT);
	apic_write_at(INITIAL, 500, 1000);
	assert_taken_at(1500);
	assert_stopped();
}

static void a_taken_vector_is_edge_triggered(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	apic_serve(VECTOR, true);
	virtual_apic_eoi(&apic);
	virtual_apic_write_tsc_deadline(&apic, 1000, 10);
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, false), VECTOR);
	assert_false(virtual_apic_eoi(&apic).is_level);
}

/* Nothing is done: the long way finds the same timer due. */
static void assert_not_taken(void)
{
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, false), 0);
	assert_int_equal(virtual_apic_next_deadline(&apic), 1000);
}

static void set_due(uint32_t lvt)
{
	set_mode(lvt);
	if (lvt == DEADLINE) {
		virtual_apic_write_tsc_deadline(&apic, 1000, 10);
	} else {
		apic_write_at(INITIAL, 1000, 0);
	}
}

static void a_timer_is_not_taken_where_anything_else_counts(void **state)
{
	(void)state;
	set_due(PERIODIC);
	assert_not_taken();
	set_due(DEADLINE);
	apic_accept(VECTOR + 1);
	assert_not_taken();
	set_due(DEADLINE);
	apic_serve(VECTOR - 32, false);
	assert_not_taken();
	set_due(DEADLINE);
	apic_write(VIRTUAL_APIC_TPR, VECTOR);
	assert_not_taken();
	set_due(DEADLINE);
	apic_write(VIRTUAL_APIC_LVT_LINT0, VIRTUAL_APIC_EXTINT << VIRTUAL_APIC_MODE_LOW);
	virtual_apic_set_lint(&apic, VIRTUAL_APIC_LINT0, true);
	assert_not_taken();
	virtual_apic_set_lint(&apic, VIRTUAL_APIC_LINT0, false);
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, false), VECTOR);
}

static void a_timer_ended_in_memory_is_taken_again(void **state)
{
	(void)state;
	set_due(DEADLINE);
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, false), VECTOR);
	virtual_apic_write_tsc_deadline(&apic, 2000, 1000);
	assert_int_equal(virtual_apic_timer_take(&apic, 2000, false), 0);
	assert_int_equal(virtual_apic_timer_take(&apic, 2000, true), VECTOR);
	assert_int_equal(apic.isr_highest, VECTOR);
	assert_int_equal(apic.isr_count, 1);
	virtual_apic_eoi(&apic);
	assert_int_equal(apic.isr_highest, 0);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_PPR, 2000), 0);
}

static void another_interrupt_ended_in_memory_is_for_the_long_way(void **state)
{
	(void)state;
	set_due(DEADLINE);
	apic_serve(VECTOR - 1, false);
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, true), 0);
	set_due(DEADLINE);
	apic_serve(VECTOR + 1, false);
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, true), 0);
}

static void a_masked_timer_is_not_taken(void **state)
{
	(void)state;
	set_due(DEADLINE);
	apic_write(LVT, DEADLINE | MASKED);
	assert_int_equal(virtual_apic_timer_take(&apic, 1000, false), 0);
	set_mode(DEADLINE);
	assert_int_equal(virtual_apic_timer_take(&apic, UINT64_MAX, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_TEST(a_deadline_ahead_is_rearmed_straight),
		APIC_TEST(a_deadline_of_0_disarms_straight),
		APIC_TEST(a_rearm_is_refused_where_an_interrupt_is_due),
		APIC_TEST(a_rearm_is_refused_outside_deadline_mode),
		APIC_TEST(a_due_timer_is_taken_once),
		APIC_TEST(a_taken_vector_is_edge_triggered),
		APIC_TEST(a_timer_is_not_taken_where_anything_else_counts),
		APIC_TEST(a_timer_ended_in_memory_is_taken_again),
		APIC_TEST(another_interrupt_ended_in_memory_is_for_the_long_way),
		APIC_TEST(a_masked_timer_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
