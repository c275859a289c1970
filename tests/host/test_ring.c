/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/ring.c lib/status.c */
#include "lib/ring.h"
#include "lib/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { CAPACITY = 8 };

static void empty_ring_has_nothing(void **state)
{
	uint8_t bytes[CAPACITY];
	struct ring ring = {bytes, sizeof(bytes), 0};

	(void)state;
	assert_int_equal(ring_count(&ring), 0);
}

static void ring_keeps_the_last_bytes_in_order(void **state)
{
	uint8_t bytes[CAPACITY];
	struct ring ring = {bytes, sizeof(bytes), 0};

	(void)state;
	for (unsigned put = 1; put <= 5 * CAPACITY; put++) {
		size_t count = put < CAPACITY ? put : CAPACITY;

		ring_put(&ring, (uint8_t)put);
		assert_int_equal(ring_count(&ring), count);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(ring_peek(&ring, i), put - count + 1 + i);
		}
	}
	assert_int_equal(ring.written, 5 * CAPACITY);
}

static void ring_of_one_keeps_the_last_byte(void **state)
{
	uint8_t byte;
	struct ring ring = {&byte, 1, 0};

	(void)state;
	ring_put(&ring, 1);
	ring_put(&ring, 2);
	assert_int_equal(ring_count(&ring), 1);
	assert_int_equal(ring_peek(&ring, 0), 2);
}

static void every_status_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_non_null(status_name((enum status)i));
		assert_string_not_equal(status_name((enum status)i), "unknown status");
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(
				status_name((enum status)i), status_name((enum status)j));
		}
	}
	assert_string_equal(status_name(STATUS_TRUNCATED), "truncated");
}

static void unknown_status_is_named_so(void **state)
{
	(void)state;
	assert_string_equal(status_name(STATUS_COUNT), "unknown status");
	assert_string_equal(status_name((enum status)15), "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_ring_has_nothing),
		cmocka_unit_test(ring_keeps_the_last_bytes_in_order),
		cmocka_unit_test(ring_of_one_keeps_the_last_byte),
		cmocka_unit_test(every_status_has_a_name_of_its_own),
		cmocka_unit_test(unknown_status_is_named_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
