/* SPDX-License-Identifier: MIT */
#include "devices/rtc_mc146818.h"

#include "lib/bits.h"
#include "lib/calendar.h"
#include "lib/tick_rate.h"

/* MC146818A data sheet, "Address Map". */
enum rtc_register {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM = 0x01,
	RTC_MINUTES = 0x02,
	RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04,
	RTC_HOURS_ALARM = 0x05,
	RTC_WEEKDAY = 0x06, /* Sunday is 1. */
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
};

/* "Registers". */
#define A_UPDATE_IN_PROGRESS BIT(7)
#define A_WRITABLE           BITS_MASK(6, 0)
/* "Divider Control", DV2:DV1: both set hold the divider reset, whatever DV0. */
#define A_DIVIDER_RESET BITS_MASK(6, 5)
#define A_RATE          BITS_MASK(3, 0)

#define B_SET      BIT(7)
#define B_PIE      BIT(6)
#define B_AIE      BIT(5)
#define B_UIE      BIT(4)
#define B_SQWE     BIT(3)
#define B_BINARY   BIT(2)
#define B_24_HOURS BIT(1)

/* Register C's flags stand where register B's enables do. */
#define C_IRQF BIT(7)
#define C_PF   B_PIE
#define C_AF   B_AIE
#define C_UF   B_UIE

#define D_VALID_RAM_AND_TIME BIT(7)

#define INDEX_NMI_MASK BIT(7)
#define INDEX_REGISTER BITS_MASK(6, 0)

#define HOURS_PM BIT(7)
/* "Don't care" codes of an alarm byte: C0 to FF. */
#define ALARM_ANY BITS_MASK(7, 6)

enum {
	A_32768_HZ_1024 = 0x26, /* What a PC's firmware sets: periodic rate 1024 Hz. */
	BASE_HZ = 32768,
	RATE_ALIAS_LAST = 2, /* Rates 1 and 2 are those of 8 and 9. */
	RATE_ALIAS_DISTANCE = 7,
	UPDATE_NS = 244000 + 1984000, /* "Update Cycle": t_BUC before it and t_UC, its length. */
	DIVIDER_RELEASE_NS = 500000000,
	DECIMAL = 10,
	DIGIT_BITS = 4,
	DIGIT_MASK = 0xf,
	YEARS_IN_CENTURY = 100,
	YEAR_FIRST = 1970,
	YEAR_LAST = 9999,
	MONTHS = 12,
	DAYS_MAX = 31,
	DAYS_IN_WEEK = 7,
	WEEKDAY_1970 = 4, /* The first of January was a Thursday; here Sunday is 0. */
	HALF_DAY_HOURS = 12,
	DAY_HOURS = 24,
	HOUR_MINUTES = 60,
	MINUTE_SECONDS = 60,
	HOUR_SECONDS = HOUR_MINUTES * MINUTE_SECONDS,
	DAY_SECONDS = DAY_HOURS * HOUR_SECONDS,
};

/* The bytes that hold the time. */
static const uint8_t time_registers[] = {RTC_SECONDS, RTC_MINUTES, RTC_HOURS, RTC_WEEKDAY, RTC_DAY,
	RTC_MONTH, RTC_YEAR, RTC_MC146818_CENTURY};

static bool is_divider_reset(const struct rtc_mc146818 *rtc)
{
	return (rtc->memory[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* The time stands in memory[] and no update comes. */
static bool is_frozen(const struct rtc_mc146818 *rtc)
{
	return (rtc->memory[RTC_B] & B_SET) != 0 || is_divider_reset(rtc);
}

static uint64_t divider_second(const struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	return (now_ns + rtc->phase_ns) / TIME_NS_PER_SECOND;
}

static uint64_t guest_second(const struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	return divider_second(rtc, now_ns) + rtc->offset_seconds;
}

static uint8_t encode(const struct rtc_mc146818 *rtc, unsigned value)
{
	if ((rtc->memory[RTC_B] & B_BINARY) != 0) {
		return (uint8_t)value;
	}
	return (uint8_t)(value / DECIMAL << DIGIT_BITS | value % DECIMAL);
}

static unsigned decode(const struct rtc_mc146818 *rtc, uint8_t byte)
{
	if ((rtc->memory[RTC_B] & B_BINARY) != 0) {
		return byte;
	}
	return (unsigned)(byte >> DIGIT_BITS) * DECIMAL + (byte & DIGIT_MASK);
}

static uint8_t encode_hours(const struct rtc_mc146818 *rtc, unsigned hour)
{
	unsigned half = hour % HALF_DAY_HOURS;

	if ((rtc->memory[RTC_B] & B_24_HOURS) != 0) {
		return encode(rtc, hour);
	}
	return encode(rtc, half == 0 ? HALF_DAY_HOURS : half) |
	       (hour >= HALF_DAY_HOURS ? HOURS_PM : 0);
}

static unsigned decode_hours(const struct rtc_mc146818 *rtc, uint8_t byte)
{
	unsigned half;

	if ((rtc->memory[RTC_B] & B_24_HOURS) != 0) {
		return decode(rtc, byte);
	}
	half = decode(rtc, byte & (uint8_t)~HOURS_PM);
	if (half == 0 || half > HALF_DAY_HOURS) {
		return DAY_HOURS; /* There is no such hour. */
	}
	return half % HALF_DAY_HOURS + ((byte & HOURS_PM) != 0 ? HALF_DAY_HOURS : 0);
}

static unsigned weekday(uint64_t seconds)
{
	return (unsigned)((seconds / DAY_SECONDS + WEEKDAY_1970) % DAYS_IN_WEEK);
}

/* A byte of the guest's time as it stands at now_ns. */
static uint8_t time_byte(const struct rtc_mc146818 *rtc, unsigned index)
{
	uint64_t seconds = guest_second(rtc, rtc->now_ns);
	struct calendar_time time = calendar_of_seconds(seconds);

	switch (index) {
	case RTC_SECONDS:
		return encode(rtc, time.second);
	case RTC_MINUTES:
		return encode(rtc, time.minute);
	case RTC_HOURS:
		return encode_hours(rtc, time.hour);
	case RTC_WEEKDAY:
		return encode(rtc, (weekday(seconds) + rtc->weekday_shift) % DAYS_IN_WEEK + 1);
	case RTC_DAY:
		return encode(rtc, time.day);
	case RTC_MONTH:
		return encode(rtc, time.month);
	case RTC_YEAR:
		return encode(rtc, time.year % YEARS_IN_CENTURY);
	default:
		return encode(rtc, time.year / YEARS_IN_CENTURY);
	}
}

static void freeze_time(struct rtc_mc146818 *rtc)
{
	for (size_t i = 0; i < ARRAY_COUNT(time_registers); i++) {
		rtc->memory[time_registers[i]] = time_byte(rtc, time_registers[i]);
	}
}

static unsigned clamp(unsigned value, unsigned low, unsigned high)
{
	if (value < low) {
		return low;
	}
	return value > high ? high : value;
}

/* The seconds of the time in memory[]; bytes out of range count as the nearest in it. */
static uint64_t frozen_seconds(const struct rtc_mc146818 *rtc)
{
	const uint8_t *memory = rtc->memory;
	unsigned year = decode(rtc, memory[RTC_MC146818_CENTURY]) * YEARS_IN_CENTURY +
			clamp(decode(rtc, memory[RTC_YEAR]), 0, YEARS_IN_CENTURY - 1);
	struct calendar_time time = {
		.year = clamp(year, YEAR_FIRST, YEAR_LAST),
		.month = clamp(decode(rtc, memory[RTC_MONTH]), 1, MONTHS),
		.day = clamp(decode(rtc, memory[RTC_DAY]), 1, DAYS_MAX),
		.hour = clamp(decode_hours(rtc, memory[RTC_HOURS]), 0, DAY_HOURS - 1),
		.minute = clamp(decode(rtc, memory[RTC_MINUTES]), 0, HOUR_MINUTES - 1),
		.second = clamp(decode(rtc, memory[RTC_SECONDS]), 0, MINUTE_SECONDS - 1),
	};
	uint64_t seconds = 0;

	/* Only the day can still be too large for its month. */
	while (calendar_seconds(&time, &seconds) != STATUS_OK && time.day > 1) {
		time.day--;
	}
	return seconds;
}

/* The time goes on from what stands in memory[]. */
static void unfreeze_time(struct rtc_mc146818 *rtc)
{
	uint64_t seconds = frozen_seconds(rtc);
	unsigned day = clamp(decode(rtc, rtc->memory[RTC_WEEKDAY]), 1, DAYS_IN_WEEK) - 1;

	rtc->offset_seconds = seconds - divider_second(rtc, rtc->now_ns);
	rtc->weekday_shift = (uint8_t)((day + DAYS_IN_WEEK - weekday(seconds)) % DAYS_IN_WEEK);
}

/* The period in ticks of the time base; 0 is none. "Periodic Interrupt Rate and Square Wave". */
static uint64_t periodic_ticks(const struct rtc_mc146818 *rtc)
{
	unsigned rate = rtc->memory[RTC_A] & A_RATE;

	if (rate == 0 || is_divider_reset(rtc)) {
		return 0;
	}
	return BIT((rate <= RATE_ALIAS_LAST ? rate + RATE_ALIAS_DISTANCE : rate) - 1);
}

static uint64_t base_ticks(const struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	return tick_rate_ticks(BASE_HZ, now_ns + rtc->phase_ns);
}

static bool is_alarm_match(uint8_t byte, unsigned alarm, unsigned value)
{
	return (byte & ALARM_ANY) == ALARM_ANY || alarm == value;
}

/* The first second after `seconds` of the guest's time that the alarm bytes match. */
static uint64_t next_alarm(const struct rtc_mc146818 *rtc, uint64_t seconds)
{
	const uint8_t *memory = rtc->memory;
	unsigned hour = decode_hours(rtc, memory[RTC_HOURS_ALARM]);
	unsigned minute = decode(rtc, memory[RTC_MINUTES_ALARM]);
	unsigned second = decode(rtc, memory[RTC_SECONDS_ALARM]);
	uint64_t at = seconds + 1;

	/* From a match of the hour on at most 60 minutes and 60 seconds are tried. */
	for (unsigned i = 0; i < DAY_HOURS + HOUR_MINUTES + MINUTE_SECONDS; i++) {
		unsigned now = (unsigned)(at % DAY_SECONDS);

		if (!is_alarm_match(memory[RTC_HOURS_ALARM], hour, now / HOUR_SECONDS)) {
			at += HOUR_SECONDS - now % HOUR_SECONDS;
		} else if (!is_alarm_match(memory[RTC_MINUTES_ALARM], minute,
				   now / MINUTE_SECONDS % HOUR_MINUTES)) {
			at += MINUTE_SECONDS - now % MINUTE_SECONDS;
		} else if (!is_alarm_match(
				   memory[RTC_SECONDS_ALARM], second, now % MINUTE_SECONDS)) {
			at++;
		} else {
			return at;
		}
	}
	return TIME_NEVER;
}

static void update_irq(struct rtc_mc146818 *rtc)
{
	uint8_t enables = rtc->memory[RTC_B] & (B_PIE | B_AIE | B_UIE);
	bool level = (rtc->memory[RTC_C] & enables) != 0;

	rtc->memory[RTC_C] = (uint8_t)((rtc->memory[RTC_C] & ~C_IRQF) | (level ? C_IRQF : 0));
	if (level != rtc->irq_level) {
		rtc->irq_level = level;
		rtc->set_irq(rtc->context, level);
	}
}

/* The flags come whether their interrupts are enabled or not. */
static void raise_flags(struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	uint64_t period = periodic_ticks(rtc);
	uint64_t before = guest_second(rtc, rtc->now_ns);
	uint64_t after = guest_second(rtc, now_ns);

	if (period != 0 &&
		base_ticks(rtc, now_ns) / period != base_ticks(rtc, rtc->now_ns) / period) {
		rtc->memory[RTC_C] |= C_PF;
	}
	if (is_frozen(rtc) || before == after) {
		return;
	}
	rtc->memory[RTC_C] |= C_UF;
	if (next_alarm(rtc, before) <= after) {
		rtc->memory[RTC_C] |= C_AF;
	}
}

void rtc_mc146818_advance(struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	if (now_ns <= rtc->now_ns) {
		return;
	}
	raise_flags(rtc, now_ns);
	rtc->now_ns = now_ns;
	update_irq(rtc);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t ns_of_divider_second(const struct rtc_mc146818 *rtc, uint64_t second)
{
	return second * TIME_NS_PER_SECOND - rtc->phase_ns;
}

static uint64_t ns_of_alarm(const struct rtc_mc146818 *rtc)
{
	uint64_t alarm = next_alarm(rtc, guest_second(rtc, rtc->now_ns));

	return alarm == TIME_NEVER ? TIME_NEVER
				   : ns_of_divider_second(rtc, alarm - rtc->offset_seconds);
}

uint64_t rtc_mc146818_next_event(const struct rtc_mc146818 *rtc)
{
	uint8_t waiting = rtc->memory[RTC_B] & (uint8_t)~rtc->memory[RTC_C];
	uint64_t period = periodic_ticks(rtc);
	uint64_t event = TIME_NEVER;

	if ((waiting & B_PIE) != 0 && period != 0) {
		uint64_t ticks = (base_ticks(rtc, rtc->now_ns) / period + 1) * period;

		event = tick_rate_ns(BASE_HZ, ticks) - rtc->phase_ns;
	}
	if ((waiting & B_UIE) != 0 && !is_frozen(rtc)) {
		event = earlier(
			event, ns_of_divider_second(rtc, divider_second(rtc, rtc->now_ns) + 1));
	}
	if ((waiting & B_AIE) != 0 && !is_frozen(rtc)) {
		event = earlier(event, ns_of_alarm(rtc));
	}
	return event;
}

void rtc_mc146818_reset(struct rtc_mc146818 *rtc)
{
	rtc->memory[RTC_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	rtc->memory[RTC_C] = 0;
	update_irq(rtc);
}

void rtc_mc146818_init(struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	rtc->index = 0;
	rtc->is_nmi_masked = false;
	rtc->now_ns = now_ns;
	rtc->phase_ns = 0;
	rtc->offset_seconds = 0;
	rtc->weekday_shift = 0;
	rtc->memory[RTC_SECONDS_ALARM] = 0;
	rtc->memory[RTC_MINUTES_ALARM] = 0;
	rtc->memory[RTC_HOURS_ALARM] = 0;
	rtc->memory[RTC_A] = A_32768_HZ_1024;
	rtc->memory[RTC_B] = B_24_HOURS;
	rtc_mc146818_reset(rtc);
}

void rtc_mc146818_write_index(struct rtc_mc146818 *rtc, uint8_t value)
{
	rtc->index = value & INDEX_REGISTER;
	rtc->is_nmi_masked = (value & INDEX_NMI_MASK) != 0;
}

static uint8_t read_a(const struct rtc_mc146818 *rtc)
{
	uint64_t rest = (rtc->now_ns + rtc->phase_ns) % TIME_NS_PER_SECOND;
	bool is_update = !is_frozen(rtc) && rest >= TIME_NS_PER_SECOND - UPDATE_NS;

	return rtc->memory[RTC_A] | (is_update ? A_UPDATE_IN_PROGRESS : 0);
}

static uint8_t read_c(struct rtc_mc146818 *rtc)
{
	uint8_t flags = rtc->memory[RTC_C];

	rtc->memory[RTC_C] = 0;
	update_irq(rtc);
	return flags;
}

static bool is_time_register(unsigned index)
{
	for (size_t i = 0; i < ARRAY_COUNT(time_registers); i++) {
		if (time_registers[i] == index) {
			return true;
		}
	}
	return false;
}

uint8_t rtc_mc146818_read(struct rtc_mc146818 *rtc, uint64_t now_ns)
{
	rtc_mc146818_advance(rtc, now_ns);
	if (is_time_register(rtc->index) && !is_frozen(rtc)) {
		return time_byte(rtc, rtc->index);
	}
	switch (rtc->index) {
	case RTC_A:
		return read_a(rtc);
	case RTC_C:
		return read_c(rtc);
	case RTC_D:
		return D_VALID_RAM_AND_TIME;
	default:
		return rtc->memory[rtc->index];
	}
}

static void write_time(struct rtc_mc146818 *rtc, uint8_t value)
{
	bool is_running = !is_frozen(rtc);

	if (is_running) {
		freeze_time(rtc);
	}
	rtc->memory[rtc->index] = value;
	if (is_running) {
		unfreeze_time(rtc);
	}
}

/* "Divider Control": the first update cycle comes half a second after the reset is taken away. */
static void release_divider(struct rtc_mc146818 *rtc)
{
	uint64_t rest = (rtc->now_ns + rtc->phase_ns) % TIME_NS_PER_SECOND;

	rtc->phase_ns =
		(uint32_t)((rtc->phase_ns + TIME_NS_PER_SECOND + DIVIDER_RELEASE_NS - rest) %
			   TIME_NS_PER_SECOND);
}

/* Registers A and B both can stop the time and let it go on. */
static void write_control(struct rtc_mc146818 *rtc, unsigned index, uint8_t value)
{
	bool was_frozen = is_frozen(rtc);
	bool was_divider_reset = is_divider_reset(rtc);

	if (!was_frozen) {
		freeze_time(rtc);
	}
	rtc->memory[index] = value;
	if (was_divider_reset && !is_divider_reset(rtc)) {
		release_divider(rtc);
	}
	if (was_frozen && !is_frozen(rtc)) {
		unfreeze_time(rtc);
	}
	update_irq(rtc);
}

void rtc_mc146818_write(struct rtc_mc146818 *rtc, uint8_t value, uint64_t now_ns)
{
	rtc_mc146818_advance(rtc, now_ns);
	if (is_time_register(rtc->index)) {
		write_time(rtc, value);
		return;
	}
	switch (rtc->index) {
	case RTC_A:
		write_control(rtc, RTC_A, value & A_WRITABLE);
		break;
	case RTC_B: /* "The SET bit going high clears the UIE bit." */
		write_control(rtc, RTC_B, (value & B_SET) != 0 ? value & (uint8_t)~B_UIE : value);
		break;
	case RTC_C: /* Read-only. */
	case RTC_D:
		break;
	default:
		rtc->memory[rtc->index] = value;
		break;
	}
}
