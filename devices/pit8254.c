/* SPDX-License-Identifier: MIT */
#include "devices/pit8254.h"

#include "lib/bits.h"
#include "lib/tick_rate.h"

/* 8254 data sheet, "Programming the 8254": "Control Word Format". */
enum {
	OFFSET_CONTROL = 3,
	CONTROL_SELECT_HIGH = 7,
	CONTROL_SELECT_LOW = 6,
	CONTROL_RW_HIGH = 5,
	CONTROL_RW_LOW = 4,
	CONTROL_MODE_HIGH = 3,
	CONTROL_MODE_LOW = 1,
	SELECT_READ_BACK = 3,
	RW_COUNTER_LATCH = 0,
	RW_LSB = 1,
	RW_MSB = 2,
	RW_BOTH = 3,
};

#define CONTROL_BCD  BIT(0)
#define CONTROL_KEPT BITS_MASK(5, 0)
/* "X10" and "X11" are modes 2 and 3 whatever X is. */
#define MODE_PERIODIC      BIT(1)
#define MODE_PERIODIC_MASK BITS_MASK(1, 0)

/* "Read-Back Command": a 0 latches. */
#define READ_BACK_NOT_COUNT  BIT(5)
#define READ_BACK_NOT_STATUS BIT(4)
#define READ_BACK_CHANNEL_0  BIT(1)

/* "Status Byte". */
#define STATUS_OUT        BIT(7)
#define STATUS_NULL_COUNT BIT(6)

/* PIIX3 data sheet, "NMI Status and Control Register"; bits 7:6 are errors that never come. */
#define SPEAKER_GATE_2   BIT(0)
#define SPEAKER_WRITABLE BITS_MASK(3, 0)
#define SPEAKER_REFRESH  BIT(4)
#define SPEAKER_OUT_2    BIT(5)

enum {
	CHANNEL_IRQ = 0,
	CHANNEL_SPEAKER = 2,
	/* What a PC's firmware programs channel 1 for: a refresh every 15.09 us. */
	REFRESH_TICKS = 18,
	BYTE_BITS = 8,
	BYTE_MAX = 0xff,
	DIGIT_BITS = 4,
	DIGIT_COUNT = 4,
	DECIMAL = 10,
};

static bool is_bcd(const struct pit8254_channel *channel)
{
	return (channel->control & CONTROL_BCD) != 0;
}

static uint8_t access_of(const struct pit8254_channel *channel)
{
	return (uint8_t)bits_get(channel->control, CONTROL_RW_HIGH, CONTROL_RW_LOW);
}

/* What a count register's bits count, 1 to the modulus: 0 is the largest count. */
static uint32_t count_of_register(const struct pit8254_channel *channel, uint16_t bits)
{
	uint32_t modulus = channel->counter.modulus;
	uint32_t count = 0;

	for (unsigned i = DIGIT_COUNT; is_bcd(channel) && i > 0; i--) {
		unsigned low = (i - 1) * DIGIT_BITS;

		count = count * DECIMAL + (uint32_t)bits_get(bits, low + DIGIT_BITS - 1, low);
	}
	count = is_bcd(channel) ? count % modulus : bits;
	return count == 0 ? modulus : count;
}

static uint16_t register_of_value(const struct pit8254_channel *channel, uint32_t value)
{
	uint32_t bits = 0;

	for (unsigned i = 0; is_bcd(channel) && i < DIGIT_COUNT; i++) {
		bits |= value % DECIMAL << (i * DIGIT_BITS);
		value /= DECIMAL;
	}
	return (uint16_t)(is_bcd(channel) ? bits : value);
}

static void set_irq_level(struct pit8254 *pit, bool level)
{
	if (level != pit->irq_level) {
		pit->irq_level = level;
		pit->set_irq(pit->context, level);
	}
}

static void update_irq(struct pit8254 *pit)
{
	set_irq_level(pit, pit8254_counter_out(&pit->channels[CHANNEL_IRQ].counter, pit->tick));
}

void pit8254_advance(struct pit8254 *pit, uint64_t now_ns)
{
	uint64_t tick = tick_rate_ticks(PIT8254_HZ, now_ns);
	bool has_risen;

	if (tick <= pit->tick) {
		return;
	}
	has_risen =
		pit8254_counter_next_rise(&pit->channels[CHANNEL_IRQ].counter, pit->tick) <= tick;
	pit->tick = tick;
	for (unsigned i = 0; i < PIT8254_CHANNEL_COUNT; i++) {
		pit8254_counter_advance(&pit->channels[i].counter, tick);
	}
	if (has_risen) {
		set_irq_level(pit, false);
		set_irq_level(pit, true);
	}
	update_irq(pit);
}

uint64_t pit8254_next_event(const struct pit8254 *pit)
{
	uint64_t tick = pit8254_counter_next_rise(&pit->channels[CHANNEL_IRQ].counter, pit->tick);

	return tick == UINT64_MAX ? TIME_NEVER : tick_rate_ns(PIT8254_HZ, tick);
}

void pit8254_reset(struct pit8254 *pit, uint64_t now_ns)
{
	pit->tick = tick_rate_ticks(PIT8254_HZ, now_ns);
	pit->speaker_control = 0;
	for (unsigned i = 0; i < PIT8254_CHANNEL_COUNT; i++) {
		struct pit8254_channel *channel = &pit->channels[i];

		*channel = (struct pit8254_channel){.control = RW_BOTH << CONTROL_RW_LOW};
		channel->counter.is_gate_high = i != CHANNEL_SPEAKER;
		pit8254_counter_set_mode(&channel->counter, 0, false);
	}
	update_irq(pit);
}

static uint16_t current_count(const struct pit8254 *pit, const struct pit8254_channel *channel)
{
	return register_of_value(channel, pit8254_counter_value(&channel->counter, pit->tick));
}

/* "Counter Latch Command": a second latch before the count is read is ignored. */
static void latch_count(const struct pit8254 *pit, struct pit8254_channel *channel)
{
	if (!channel->is_count_latched) {
		channel->is_count_latched = true;
		channel->latched_count = current_count(pit, channel);
	}
}

static void latch_status(const struct pit8254 *pit, struct pit8254_channel *channel)
{
	const struct pit8254_counter *counter = &channel->counter;

	if (channel->is_status_latched) {
		return;
	}
	channel->is_status_latched = true;
	channel->latched_status = channel->control;
	if (pit8254_counter_out(counter, pit->tick)) {
		channel->latched_status |= STATUS_OUT;
	}
	if (pit8254_counter_is_null(counter, pit->tick)) {
		channel->latched_status |= STATUS_NULL_COUNT;
	}
}

static void read_back(struct pit8254 *pit, uint8_t command)
{
	for (unsigned i = 0; i < PIT8254_CHANNEL_COUNT; i++) {
		bool is_selected = (command & (READ_BACK_CHANNEL_0 << i)) != 0;

		if (is_selected && (command & READ_BACK_NOT_COUNT) == 0) {
			latch_count(pit, &pit->channels[i]);
		}
		if (is_selected && (command & READ_BACK_NOT_STATUS) == 0) {
			latch_status(pit, &pit->channels[i]);
		}
	}
}

static void set_control(struct pit8254_channel *channel, uint8_t control)
{
	uint8_t mode = (uint8_t)bits_get(control, CONTROL_MODE_HIGH, CONTROL_MODE_LOW);

	if ((mode & MODE_PERIODIC) != 0) {
		mode &= MODE_PERIODIC_MASK;
	}
	*channel = (struct pit8254_channel){
		.counter = channel->counter,
		.control = control & CONTROL_KEPT,
	};
	pit8254_counter_set_mode(&channel->counter, mode, is_bcd(channel));
}

static void write_control(struct pit8254 *pit, uint8_t value)
{
	unsigned select = (unsigned)bits_get(value, CONTROL_SELECT_HIGH, CONTROL_SELECT_LOW);

	if (select == SELECT_READ_BACK) {
		read_back(pit, value);
	} else if (bits_get(value, CONTROL_RW_HIGH, CONTROL_RW_LOW) == RW_COUNTER_LATCH) {
		latch_count(pit, &pit->channels[select]);
	} else {
		set_control(&pit->channels[select], value);
	}
}

/* "Write Operations": a counter of one byte has the other one 0. */
static void write_count(struct pit8254 *pit, struct pit8254_channel *channel, uint8_t value)
{
	uint16_t bits = value;

	if (access_of(channel) == RW_BOTH && !channel->is_high_byte_write) {
		channel->is_high_byte_write = true;
		channel->low_byte = value;
		pit8254_counter_set_half_count(&channel->counter);
		return;
	}
	if (access_of(channel) != RW_LSB) {
		bits = (uint16_t)(value << BYTE_BITS | channel->low_byte);
	}
	channel->is_high_byte_write = false;
	channel->low_byte = 0;
	pit8254_counter_set_count(&channel->counter, count_of_register(channel, bits), pit->tick);
}

void pit8254_write(struct pit8254 *pit, unsigned offset, uint8_t value, uint64_t now_ns)
{
	pit8254_advance(pit, now_ns);
	if (offset == OFFSET_CONTROL) {
		write_control(pit, value);
	} else {
		write_count(pit, &pit->channels[offset], value);
	}
	update_irq(pit);
}

/* "Read Operations": the status comes before a latched count, that before the counter. */
static uint8_t read_channel(struct pit8254 *pit, struct pit8254_channel *channel)
{
	uint16_t count = channel->latched_count;
	bool is_high = access_of(channel) == RW_MSB || channel->is_high_byte_read;

	if (channel->is_status_latched) {
		channel->is_status_latched = false;
		return channel->latched_status;
	}
	if (!channel->is_count_latched) {
		count = current_count(pit, channel);
	}
	channel->is_high_byte_read = access_of(channel) == RW_BOTH && !is_high;
	if (!channel->is_high_byte_read) {
		channel->is_count_latched = false;
	}
	return (uint8_t)(is_high ? count >> BYTE_BITS : count);
}

uint8_t pit8254_read(struct pit8254 *pit, unsigned offset, uint64_t now_ns)
{
	pit8254_advance(pit, now_ns);
	if (offset == OFFSET_CONTROL) { /* "No-Operation (3-State)". */
		return BYTE_MAX;
	}
	return read_channel(pit, &pit->channels[offset]);
}

uint8_t pit8254_read_speaker(struct pit8254 *pit, uint64_t now_ns)
{
	uint8_t value;

	pit8254_advance(pit, now_ns);
	value = pit->speaker_control;
	if (pit->tick / REFRESH_TICKS % 2 != 0) {
		value |= SPEAKER_REFRESH;
	}
	if (pit8254_counter_out(&pit->channels[CHANNEL_SPEAKER].counter, pit->tick)) {
		value |= SPEAKER_OUT_2;
	}
	return value;
}

void pit8254_write_speaker(struct pit8254 *pit, uint8_t value, uint64_t now_ns)
{
	pit8254_advance(pit, now_ns);
	pit->speaker_control = value & SPEAKER_WRITABLE;
	pit8254_counter_set_gate(
		&pit->channels[CHANNEL_SPEAKER].counter, (value & SPEAKER_GATE_2) != 0, pit->tick);
}
