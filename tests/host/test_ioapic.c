/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/ioapic.c */
#include "devices/ioapic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	SELECT = 0x00,
	WINDOW = 0x10,
	ENTRIES = 0x10,
	PENDING = 0x1000,
	ACTIVE_LOW = 0x2000,
	REMOTE_IRR = 0x4000,
	LEVEL = 0x8000,
	MASKED = 0x10000,
};

static struct ioapic ioapic;
static struct ioapic_message messages[64];
static size_t message_count;
static bool is_taken;

static bool take(void *context, const struct ioapic_message *message)
{
	assert_ptr_equal(context, messages);
	assert_true(message_count < ARRAY_COUNT(messages));
	messages[message_count++] = *message;
	return is_taken;
}

static int start(void **state)
{
	(void)state;
	ioapic = (struct ioapic){.deliver = take, .context = messages};
	message_count = 0;
	is_taken = true;
	ioapic_reset(&ioapic);
	return 0;
}

static uint32_t get(uint8_t index)
{
	ioapic_write(&ioapic, SELECT, index);
	return ioapic_read(&ioapic, WINDOW);
}

static void put(uint8_t index, uint32_t value)
{
	ioapic_write(&ioapic, SELECT, index);
	ioapic_write(&ioapic, WINDOW, value);
}

static uint8_t low(unsigned pin)
{
	return (uint8_t)(ENTRIES + 2 * pin);
}

static void pulse(unsigned pin)
{
	ioapic_set_line(&ioapic, pin, true);
	ioapic_set_line(&ioapic, pin, false);
}

static void reset_masks_every_pin(void **state)
{
	(void)state;
	assert_int_equal(ioapic_read(&ioapic, SELECT), 0);
	assert_int_equal(get(0), 0);
	assert_int_equal(get(2), 0);
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		assert_int_equal(get(low(pin)), MASKED);
		assert_int_equal(get((uint8_t)(low(pin) + 1)), 0);
		pulse(pin);
	}
	assert_int_equal(message_count, 0);
}

static void version_is_11_with_24_entries_and_read_only(void **state)
{
	(void)state;
	put(1, 0xffffffff);
	assert_int_equal(get(1), 0x00170011);
}

static void id_has_four_bits_and_loads_the_arbitration_id(void **state)
{
	(void)state;
	put(0, 0xffffffff);
	assert_int_equal(get(0), 0x0f000000);
	assert_int_equal(get(2), 0x0f000000);
	put(2, 0);
	assert_int_equal(get(2), 0x0f000000);
	put(0, 0x02000000);
	assert_int_equal(get(2), 0x02000000);
}

static void select_reads_back_its_eight_bits(void **state)
{
	(void)state;
	ioapic_write(&ioapic, SELECT, 0xffffff3f);
	assert_int_equal(ioapic_read(&ioapic, SELECT), 0x3f);
}

static void other_indexes_and_offsets_read_as_zero(void **state)
{
	(void)state;
	for (unsigned index = 3; index <= UINT8_MAX; index++) {
		if (index < ENTRIES || index >= ENTRIES + 2 * IOAPIC_PIN_COUNT) {
			put((uint8_t)index, 0xffffffff);
			assert_int_equal(get((uint8_t)index), 0);
		}
	}
	ioapic_write(&ioapic, 0x40, 0xffffffff);
	assert_int_equal(ioapic_read(&ioapic, 0x40), 0);
	assert_int_equal(ioapic_read(&ioapic, 4), 0);
}

static void an_entry_keeps_its_writable_bits_only(void **state)
{
	(void)state;
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		put(low(pin), 0xffffffff);
		put((uint8_t)(low(pin) + 1), 0xffffffff);
		assert_int_equal(get(low(pin)), 0x1afff);
		assert_int_equal(get((uint8_t)(low(pin) + 1)), 0xff000000);
	}
	put(low(3), MASKED);
	assert_int_equal(get((uint8_t)(low(3) + 1)), 0xff000000);
	assert_int_equal(get(low(3)), MASKED);
	assert_int_equal(message_count, 0);
}

static void an_edge_sends_one_message_with_the_entrys_fields(void **state)
{
	(void)state;
	put((uint8_t)(low(4) + 1), 0x5a000000);
	put(low(4), 0x934);
	ioapic_set_line(&ioapic, 4, true);
	ioapic_set_line(&ioapic, 4, true);
	assert_int_equal(message_count, 1);
	assert_int_equal(messages[0].vector, 0x34);
	assert_int_equal(messages[0].delivery_mode, IOAPIC_LOWEST_PRIORITY);
	assert_int_equal(messages[0].destination, 0x5a);
	assert_true(messages[0].is_logical);
	assert_false(messages[0].is_level);
	assert_int_equal(get(low(4)), 0x934);
	ioapic_set_line(&ioapic, 4, false);
	assert_int_equal(message_count, 1);
	ioapic_set_line(&ioapic, 4, true);
	assert_int_equal(message_count, 2);
}

static void every_pin_has_its_own_vector(void **state)
{
	(void)state;
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		put(low(pin), 0x30 + pin);
		pulse(pin);
		assert_int_equal(message_count, pin + 1);
		assert_int_equal(messages[pin].vector, 0x30 + pin);
		assert_false(messages[pin].is_logical);
	}
}

static void an_edge_on_a_masked_pin_is_ignored(void **state)
{
	(void)state;
	put(low(1), MASKED | 0x31);
	ioapic_set_line(&ioapic, 1, true);
	put(low(1), 0x31);
	assert_int_equal(message_count, 0);
	ioapic_set_line(&ioapic, 1, false);
	ioapic_set_line(&ioapic, 1, true);
	assert_int_equal(message_count, 1);
}

static void a_level_sends_once_until_its_eoi(void **state)
{
	(void)state;
	put(low(10), LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	assert_int_equal(message_count, 1);
	assert_true(messages[0].is_level);
	assert_int_equal(get(low(10)), LEVEL | REMOTE_IRR | 0x41);
	ioapic_set_line(&ioapic, 10, false);
	ioapic_set_line(&ioapic, 10, true);
	ioapic_retry(&ioapic);
	assert_int_equal(message_count, 1);
	ioapic_end_of_interrupt(&ioapic, 0x41);
	assert_int_equal(message_count, 2);
	ioapic_set_line(&ioapic, 10, false);
	ioapic_end_of_interrupt(&ioapic, 0x41);
	assert_int_equal(message_count, 2);
	assert_int_equal(get(low(10)), LEVEL | 0x41);
}

static void an_eoi_of_another_vector_changes_nothing(void **state)
{
	(void)state;
	put(low(10), LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	ioapic_end_of_interrupt(&ioapic, 0x42);
	assert_int_equal(get(low(10)), LEVEL | REMOTE_IRR | 0x41);
	assert_int_equal(message_count, 1);
}

static void an_eoi_ends_every_pin_of_the_vector(void **state)
{
	(void)state;
	put(low(10), LEVEL | 0x41);
	put(low(11), LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	ioapic_set_line(&ioapic, 11, true);
	assert_int_equal(message_count, 2);
	ioapic_set_line(&ioapic, 10, false);
	ioapic_end_of_interrupt(&ioapic, 0x41);
	assert_int_equal(message_count, 3);
	assert_int_equal(get(low(10)), LEVEL | 0x41);
	assert_int_equal(get(low(11)), LEVEL | REMOTE_IRR | 0x41);
}

static void a_masked_level_waits_for_its_unmasking(void **state)
{
	(void)state;
	put(low(10), MASKED | LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	assert_int_equal(message_count, 0);
	assert_int_equal(get(low(10)), MASKED | LEVEL | 0x41);
	put(low(10), LEVEL | 0x41);
	assert_int_equal(message_count, 1);
}

static void an_eoi_while_masked_redelivers_at_the_unmasking(void **state)
{
	(void)state;
	put(low(10), LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	put(low(10), MASKED | LEVEL | 0x41);
	assert_int_equal(get(low(10)), MASKED | LEVEL | REMOTE_IRR | 0x41);
	ioapic_end_of_interrupt(&ioapic, 0x41);
	assert_int_equal(message_count, 1);
	put(low(10), LEVEL | 0x41);
	assert_int_equal(message_count, 2);
}

static void turning_to_edge_and_back_clears_remote_irr(void **state)
{
	(void)state;
	put(low(10), LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	put(low(10), MASKED | 0x41);
	assert_int_equal(get(low(10)), MASKED | 0x41);
	put(low(10), LEVEL | 0x41);
	assert_int_equal(message_count, 2);
	assert_int_equal(get(low(10)), LEVEL | REMOTE_IRR | 0x41);
}

static void remote_irr_and_status_cannot_be_written(void **state)
{
	(void)state;
	put(low(10), LEVEL | REMOTE_IRR | PENDING | 0x41);
	assert_int_equal(get(low(10)), LEVEL | 0x41);
	ioapic_set_line(&ioapic, 10, true);
	put(low(10), LEVEL | 0x41);
	assert_int_equal(get(low(10)), LEVEL | REMOTE_IRR | 0x41);
}

static void an_edge_that_nobody_takes_stays_pending(void **state)
{
	(void)state;
	is_taken = false;
	put(low(2), 0x32);
	ioapic_set_line(&ioapic, 2, true);
	assert_int_equal(message_count, 1);
	assert_int_equal(get(low(2)), PENDING | 0x32);
	is_taken = true;
	ioapic_retry(&ioapic);
	assert_int_equal(message_count, 2);
	assert_int_equal(get(low(2)), 0x32);
	ioapic_retry(&ioapic);
	assert_int_equal(message_count, 2);
}

static void a_level_that_nobody_takes_stays_pending_while_asserted(void **state)
{
	(void)state;
	is_taken = false;
	put(low(2), LEVEL | 0x32);
	ioapic_set_line(&ioapic, 2, true);
	assert_int_equal(get(low(2)), PENDING | LEVEL | 0x32);
	ioapic_set_line(&ioapic, 2, false);
	assert_int_equal(get(low(2)), LEVEL | 0x32);
	is_taken = true;
	ioapic_retry(&ioapic);
	assert_int_equal(message_count, 1);
}

static void turning_to_level_forgets_an_edge(void **state)
{
	(void)state;
	is_taken = false;
	put(low(2), 0x32);
	pulse(2);
	is_taken = true;
	put(low(2), LEVEL | 0x32);
	put(low(2), 0x32);
	assert_int_equal(message_count, 2);
}

static void nmi_smi_init_and_extint_are_always_edges(void **state)
{
	static const uint8_t modes[] = {IOAPIC_SMI, IOAPIC_NMI, IOAPIC_INIT, IOAPIC_EXTINT};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		put(low(0), LEVEL | (uint32_t)modes[i] << 8);
		pulse(0);
		pulse(0);
		assert_int_equal(message_count, 2 * i + 2);
		assert_int_equal(messages[2 * i].delivery_mode, modes[i]);
		assert_false(messages[2 * i].is_level);
		assert_int_equal(get(low(0)) & REMOTE_IRR, 0);
	}
}

static void polarity_reads_back_and_changes_nothing(void **state)
{
	(void)state;
	put(low(9), LEVEL | ACTIVE_LOW | 0x39);
	assert_int_equal(message_count, 0);
	ioapic_set_line(&ioapic, 9, true);
	assert_int_equal(message_count, 1);
	assert_int_equal(get(low(9)), LEVEL | ACTIVE_LOW | REMOTE_IRR | 0x39);
}

static void reset_forgets_pending_edges_and_keeps_the_lines(void **state)
{
	(void)state;
	is_taken = false;
	put(low(2), 0x32);
	ioapic_set_line(&ioapic, 2, true);
	ioapic_set_line(&ioapic, 3, true);
	ioapic_reset(&ioapic);
	is_taken = true;
	put(low(2), 0x32);
	put(low(3), LEVEL | 0x33);
	assert_int_equal(message_count, 2);
	assert_int_equal(messages[1].vector, 0x33);
}

#define ioapic_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ioapic_test(reset_masks_every_pin),
		ioapic_test(version_is_11_with_24_entries_and_read_only),
		ioapic_test(id_has_four_bits_and_loads_the_arbitration_id),
		ioapic_test(select_reads_back_its_eight_bits),
		ioapic_test(other_indexes_and_offsets_read_as_zero),
		ioapic_test(an_entry_keeps_its_writable_bits_only),
		ioapic_test(an_edge_sends_one_message_with_the_entrys_fields),
		ioapic_test(every_pin_has_its_own_vector),
		ioapic_test(an_edge_on_a_masked_pin_is_ignored),
		ioapic_test(a_level_sends_once_until_its_eoi),
		ioapic_test(an_eoi_of_another_vector_changes_nothing),
		ioapic_test(an_eoi_ends_every_pin_of_the_vector),
		ioapic_test(a_masked_level_waits_for_its_unmasking),
		ioapic_test(an_eoi_while_masked_redelivers_at_the_unmasking),
		ioapic_test(turning_to_edge_and_back_clears_remote_irr),
		ioapic_test(remote_irr_and_status_cannot_be_written),
		ioapic_test(an_edge_that_nobody_takes_stays_pending),
		ioapic_test(a_level_that_nobody_takes_stays_pending_while_asserted),
		ioapic_test(turning_to_level_forgets_an_edge),
		ioapic_test(nmi_smi_init_and_extint_are_always_edges),
		ioapic_test(polarity_reads_back_and_changes_nothing),
		ioapic_test(reset_forgets_pending_edges_and_keeps_the_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
