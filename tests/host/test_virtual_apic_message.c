/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

#define WIDE_BASE (0xfee00000u | VIRTUAL_APIC_BASE_EN | VIRTUAL_APIC_BASE_EXTD)

static void create_with_id(uint32_t id)
{
	struct virtual_apic_config config = apic_config;

	config.id = id;
	apic_create(config, (struct virtual_apic_rate){1, 1});
}

static bool matches(uint32_t destination, bool is_logical, bool is_wide)
{
	const struct virtual_apic_message message = {
		.destination = destination, .is_logical = is_logical, .is_wide = is_wide};

	return virtual_apic_matches(&apic, &message, NULL);
}

static bool matches_physical(uint32_t destination)
{
	return matches(destination, false, false);
}

static bool matches_logical(uint32_t destination)
{
	return matches(destination, true, false);
}

static void icr_fields_are_where_the_figure_has_them(void **state)
{
	const struct virtual_apic_message none = virtual_apic_decode_icr(0, false);
	const struct virtual_apic_message all = virtual_apic_decode_icr(0xab000000000ccff1, false);

	(void)state;
	assert_int_equal(none.mode, VIRTUAL_APIC_FIXED);
	assert_int_equal(none.shorthand, VIRTUAL_APIC_NO_SHORTHAND);
	assert_int_equal(none.destination + none.vector, 0);
	assert_false(none.is_logical || none.is_wide || none.is_level || none.is_assert);
	assert_int_equal(all.mode, VIRTUAL_APIC_EXTINT);
	assert_int_equal(all.shorthand, VIRTUAL_APIC_ALL_BUT_SELF);
	assert_int_equal(all.destination, 0xab);
	assert_int_equal(all.vector, 0xf1);
	assert_true(all.is_logical && all.is_level && all.is_assert);
}

static void icr_fields_are_told_apart_bit_by_bit(void **state)
{
	(void)state;
	assert_int_equal(virtual_apic_decode_icr(0x500, false).mode, VIRTUAL_APIC_INIT);
	assert_true(virtual_apic_decode_icr(0x800, false).is_logical);
	assert_false(virtual_apic_decode_icr(0x700, false).is_logical);
	assert_true(virtual_apic_decode_icr(0x4000, false).is_assert);
	assert_false(virtual_apic_decode_icr(0x4000, false).is_level);
	assert_true(virtual_apic_decode_icr(0x8000, false).is_level);
	assert_int_equal(virtual_apic_decode_icr(0x40000, false).shorthand, VIRTUAL_APIC_SELF);
	assert_int_equal(virtual_apic_decode_icr(0x80000, false).shorthand, VIRTUAL_APIC_ALL);
}

static void a_wide_icr_has_a_32_bit_destination(void **state)
{
	const struct virtual_apic_message message =
		virtual_apic_decode_icr(0x1234567800004641, true);

	(void)state;
	assert_int_equal(message.destination, 0x12345678);
	assert_true(message.is_wide);
	assert_int_equal(message.mode, VIRTUAL_APIC_STARTUP);
}

static void writing_icr_low_sends_with_the_high_half_written_before(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_ICR_HIGH, 0x42000000);
	assert_int_equal(record.ipi_count, 0);
	apic_write(VIRTUAL_APIC_ICR, 0x4891);
	assert_int_equal(record.ipi_count, 1);
	assert_int_equal(record.ipi.destination, 0x42);
	assert_int_equal(record.ipi.vector, 0x91);
	assert_true(record.ipi.is_logical && record.ipi.is_assert && !record.ipi.is_wide);
	apic_write(VIRTUAL_APIC_ICR, 0x4891);
	assert_int_equal(record.ipi_count, 2);
}

static void ipis_go_out_as_edge_and_assert(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_ICR, 0x8091);
	assert_false(record.ipi.is_level);
	assert_true(record.ipi.is_assert);
}

static void init_deassert_goes_nowhere(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_ICR, 0x8500);
	assert_int_equal(record.ipi_count, 0);
	apic_write(VIRTUAL_APIC_ICR, 0xc500);
	assert_int_equal(record.ipi_count, 1);
	apic_write(VIRTUAL_APIC_ICR, 0x500);
	assert_int_equal(record.ipi_count, 2);
	assert_int_equal(record.ipi.mode, VIRTUAL_APIC_INIT);
}

static void reserved_delivery_modes_go_nowhere(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_ICR, 0x4341);
	apic_write(VIRTUAL_APIC_ICR, 0x4741);
	apic_write(VIRTUAL_APIC_ICR, 0x44741);
	assert_int_equal(record.ipi_count + record.event_count, 0);
	assert_int_equal(apic_errors(), 0);
}

static void a_low_vector_is_a_send_error_where_vectors_count(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_ICR, 0x400f);
	assert_int_equal(apic_errors(), 0x20);
	apic_write(VIRTUAL_APIC_ICR, 0x4103);
	assert_int_equal(apic_errors(), 0x20);
	apic_write(VIRTUAL_APIC_ICR, 0x44003);
	assert_int_equal(apic_errors(), 0x20);
	assert_int_equal(record.ipi_count, 0);
	apic_write(VIRTUAL_APIC_ICR, 0x4603);
	apic_write(VIRTUAL_APIC_ICR, 0x4400);
	assert_int_equal(record.ipi_count, 2);
	assert_int_equal(apic_errors(), 0);
}

static void self_is_delivered_here(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_ICR, 0x44071);
	assert_int_equal(record.ipi_count, 0);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x71);
	apic_write(VIRTUAL_APIC_ICR, 0x44400);
	assert_int_equal(record.event_mode, VIRTUAL_APIC_NMI);
	assert_int_equal(record.event_count, 1);
}

static void a_software_disabled_apic_can_still_send(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	apic_write(VIRTUAL_APIC_ICR, 0x84091);
	assert_int_equal(record.ipi_count, 1);
	assert_int_equal(record.ipi.shorthand, VIRTUAL_APIC_ALL);
}

static void physical_matches_the_id_or_all(void **state)
{
	(void)state;
	for (uint32_t destination = 0; destination < 256; destination++) {
		assert_int_equal(matches_physical(destination),
			destination == APIC_OWN_ID || destination == 0xff);
	}
}

static void flat_matches_any_common_bit(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LDR, 0x14000000);
	for (uint32_t destination = 0; destination < 256; destination++) {
		assert_int_equal(matches_logical(destination), (destination & 0x14) != 0);
	}
}

static void cluster_matches_the_cluster_and_any_member(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_DFR, 0);
	apic_write(VIRTUAL_APIC_LDR, 0x36000000);
	for (uint32_t destination = 0; destination < 255; destination++) {
		assert_int_equal(matches_logical(destination),
			destination >> 4 == 3 && (destination & 6) != 0);
	}
	assert_true(matches_logical(0xff));
}

static void a_reserved_model_matches_only_broadcasts(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_DFR, 0x70000000);
	apic_write(VIRTUAL_APIC_LDR, 0xff000000);
	assert_false(matches_logical(0x0f));
	assert_true(matches_logical(0xff));
}

static void a_broadcast_reaches_an_apic_without_logical_id(void **state)
{
	(void)state;
	assert_true(matches_logical(0xff));
	assert_true(matches(UINT32_MAX, true, true));
	assert_true(matches(UINT32_MAX, false, true));
	assert_false(matches(0xff, false, true));
}

static void a_wide_destination_meets_an_xapic_by_its_low_ids(void **state)
{
	(void)state;
	apic_write(VIRTUAL_APIC_LDR, 0x01000000);
	assert_true(matches(APIC_OWN_ID, false, true));
	assert_false(matches(0x100 + APIC_OWN_ID, false, true));
	assert_true(matches(1, true, true));
	assert_true(matches(0xff, true, true));
	assert_false(matches(0x101, true, true));
}

static void x2apic_physical_compares_all_32_bits(void **state)
{
	(void)state;
	create_with_id(0x10005);
	assert_true(virtual_apic_write_base(&apic, WIDE_BASE));
	assert_true(matches(0x10005, false, true));
	assert_false(matches(5, false, true));
	assert_false(matches(0xff, false, true));
	assert_true(matches(UINT32_MAX, false, true));
}

static void x2apic_logical_compares_cluster_and_member(void **state)
{
	(void)state;
	create_with_id(0x25);
	assert_true(virtual_apic_write_base(&apic, WIDE_BASE));
	assert_true(matches(0x20020, true, true));
	assert_true(matches(0x2ffff, true, true));
	assert_false(matches(0x2ffdf, true, true));
	assert_false(matches(0x30020, true, true));
	assert_true(matches(UINT32_MAX, true, true));
}

static void an_io_apics_broadcast_reaches_x2apics(void **state)
{
	(void)state;
	create_with_id(0x25);
	assert_true(virtual_apic_write_base(&apic, WIDE_BASE));
	assert_true(matches_physical(0xff));
	assert_true(matches_logical(0xff));
	assert_true(matches_physical(0x25));
	assert_false(matches_physical(0x24));
}

static void shorthands_need_no_destination(void **state)
{
	struct virtual_apic other = apic;
	struct virtual_apic_message message = {.destination = 0x77};

	(void)state;
	message.shorthand = VIRTUAL_APIC_SELF;
	assert_true(virtual_apic_matches(&apic, &message, &apic));
	assert_false(virtual_apic_matches(&apic, &message, &other));
	message.shorthand = VIRTUAL_APIC_ALL;
	assert_true(virtual_apic_matches(&apic, &message, &apic));
	assert_true(virtual_apic_matches(&apic, &message, &other));
	message.shorthand = VIRTUAL_APIC_ALL_BUT_SELF;
	assert_false(virtual_apic_matches(&apic, &message, &apic));
	assert_true(virtual_apic_matches(&apic, &message, &other));
	message.shorthand = VIRTUAL_APIC_NO_SHORTHAND;
	assert_false(virtual_apic_matches(&apic, &message, &apic));
}

static void fixed_and_lowest_priority_pend_with_their_trigger(void **state)
{
	struct virtual_apic_message message = {.vector = 0x59, .is_level = true, .is_assert = true};

	(void)state;
	assert_int_equal(virtual_apic_deliver(&apic, &message), VIRTUAL_APIC_ACCEPTED);
	assert_true(apic_has(VIRTUAL_APIC_TMR, 0x59));
	assert_int_equal(virtual_apic_deliver(&apic, &message), VIRTUAL_APIC_COALESCED);
	message.mode = VIRTUAL_APIC_LOWEST_PRIORITY;
	message.is_level = false;
	message.vector = 0x5a;
	assert_int_equal(virtual_apic_deliver(&apic, &message), VIRTUAL_APIC_ACCEPTED);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x5a);
}

static void other_modes_come_through_software_disabling(void **state)
{
	static const enum virtual_apic_mode modes[] = {
		VIRTUAL_APIC_SMI, VIRTUAL_APIC_NMI, VIRTUAL_APIC_INIT, VIRTUAL_APIC_STARTUP};

	(void)state;
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		const struct virtual_apic_message message = {.mode = modes[i], .vector = 0x9a};

		assert_int_equal(virtual_apic_deliver(&apic, &message), VIRTUAL_APIC_ACCEPTED);
		assert_int_equal(record.event_mode, modes[i]);
		assert_int_equal(record.event_vector, modes[i] == VIRTUAL_APIC_STARTUP ? 0x9a : 0);
		assert_int_equal(record.event_count, i + 1);
	}
}

static void fixed_does_not_come_through_software_disabling(void **state)
{
	const struct virtual_apic_message message = {.vector = 0x9a};

	(void)state;
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	assert_int_equal(virtual_apic_deliver(&apic, &message), VIRTUAL_APIC_REFUSED);
}

static void nothing_comes_of_a_reserved_mode_or_init_deassert(void **state)
{
	const struct virtual_apic_message reserved = {.mode = VIRTUAL_APIC_RESERVED_MODE};
	const struct virtual_apic_message deassert = {.mode = VIRTUAL_APIC_INIT, .is_level = true};

	(void)state;
	assert_int_equal(virtual_apic_deliver(&apic, &reserved), VIRTUAL_APIC_REFUSED);
	assert_int_equal(virtual_apic_deliver(&apic, &deassert), VIRTUAL_APIC_REFUSED);
	assert_int_equal(record.event_count, 0);
}

static void an_extint_message_waits_for_its_inta(void **state)
{
	const struct virtual_apic_message message = {.mode = VIRTUAL_APIC_EXTINT};

	(void)state;
	virtual_apic_deliver(&apic, &message);
	assert_int_equal(record.event_mode, VIRTUAL_APIC_EXTINT);
	assert_true(virtual_apic_has_extint(&apic));
	virtual_apic_acknowledge_extint(&apic);
	assert_false(virtual_apic_has_extint(&apic));
}

static void lowest_priority_prefers_the_lower_apr(void **state)
{
	uint32_t other_page[VIRTUAL_APIC_REGISTERS_END / 4] = {0};
	struct virtual_apic other = apic;

	(void)state;
	other.page = other_page;
	assert_true(virtual_apic_is_better_target(&apic, NULL));
	assert_false(virtual_apic_is_better_target(&apic, &other));
	apic_write(VIRTUAL_APIC_TPR, 0x20);
	assert_false(virtual_apic_is_better_target(&apic, &other));
	assert_true(virtual_apic_is_better_target(&other, &apic));
	other.is_software_enabled = false;
	assert_true(virtual_apic_is_better_target(&apic, &other));
	assert_false(virtual_apic_is_better_target(&other, &apic));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_TEST(icr_fields_are_where_the_figure_has_them),
		APIC_TEST(icr_fields_are_told_apart_bit_by_bit),
		APIC_TEST(a_wide_icr_has_a_32_bit_destination),
		APIC_TEST(writing_icr_low_sends_with_the_high_half_written_before),
		APIC_TEST(ipis_go_out_as_edge_and_assert),
		APIC_TEST(init_deassert_goes_nowhere),
		APIC_TEST(reserved_delivery_modes_go_nowhere),
		APIC_TEST(a_low_vector_is_a_send_error_where_vectors_count),
		APIC_TEST(self_is_delivered_here),
		APIC_TEST(a_software_disabled_apic_can_still_send),
		APIC_TEST(physical_matches_the_id_or_all),
		APIC_TEST(flat_matches_any_common_bit),
		APIC_TEST(cluster_matches_the_cluster_and_any_member),
		APIC_TEST(a_reserved_model_matches_only_broadcasts),
		APIC_TEST(a_broadcast_reaches_an_apic_without_logical_id),
		APIC_TEST(a_wide_destination_meets_an_xapic_by_its_low_ids),
		APIC_TEST(x2apic_physical_compares_all_32_bits),
		APIC_TEST(x2apic_logical_compares_cluster_and_member),
		APIC_TEST(an_io_apics_broadcast_reaches_x2apics),
		APIC_TEST(shorthands_need_no_destination),
		APIC_TEST(fixed_and_lowest_priority_pend_with_their_trigger),
		APIC_TEST(other_modes_come_through_software_disabling),
		APIC_TEST(fixed_does_not_come_through_software_disabling),
		APIC_TEST(nothing_comes_of_a_reserved_mode_or_init_deassert),
		APIC_TEST(an_extint_message_waits_for_its_inta),
		APIC_TEST(lowest_priority_prefers_the_lower_apr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
