/* SPDX-License-Identifier: MIT */
#include "tests/host/pit8254_fixture.h"

#include "lib/tick_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct pit8254 pit;
uint64_t now;
unsigned rises;
bool irq;

static void take_irq(void *context, bool is_high)
{
	assert_ptr_equal(context, &rises);
	assert_int_not_equal(irq, is_high);
	irq = is_high;
	rises += is_high;
}

uint64_t now_ns(void)
{
	return tick_rate_ns(PIT8254_HZ, now);
}

int pit_fixture_start(void **state)
{
	(void)state;
	pit = (struct pit8254){.set_irq = take_irq, .context = &rises};
	irq = false;
	now = 1000;
	pit8254_reset(&pit, now_ns());
	rises = 0;
	return 0;
}

void put(unsigned offset, unsigned value)
{
	pit8254_write(&pit, offset, (uint8_t)value, now_ns());
}

uint8_t get(unsigned offset)
{
	return pit8254_read(&pit, offset, now_ns());
}

void speaker(unsigned value)
{
	pit8254_write_speaker(&pit, (uint8_t)value, now_ns());
}

bool out_2(void)
{
	return (pit8254_read_speaker(&pit, now_ns()) & OUT_2) != 0;
}

void program(unsigned channel, unsigned mode, unsigned count)
{
	put(CONTROL, channel << 6 | BOTH | mode << 1);
	put(channel, count & 0xff);
	put(channel, count >> 8);
}

unsigned count_of(unsigned channel)
{
	unsigned low;

	put(CONTROL, channel << 6);
	low = get(channel);
	return low | (unsigned)get(channel) << 8;
}

uint8_t status_of(unsigned channel)
{
	put(CONTROL, 0xe0 | 2u << channel);
	return get(channel);
}

void step(uint64_t ticks)
{
	now += ticks;
	pit8254_advance(&pit, now_ns());
}

void assert_wave(const char *wave)
{
	for (size_t i = 0; wave[i] != '\0'; i++) {
		now++;
		if (out_2() != (wave[i] == '-')) {
			fail_msg("OUT is wrong at %zu of %s", i, wave);
		}
	}
}
