/* SPDX-License-Identifier: MIT */
#include "cpu/wall_clock.h"

#include "cpu/insn.h"
#include "cpu/tsc.h"
#include "lib/calendar.h"
#include "lib/scaled_time.h"
#include "lib/string.h"

enum {
	CMOS_INDEX_PORT = 0x70,
	CMOS_DATA_PORT = 0x71,
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_STATUS_A = 0x0a,
	RTC_STATUS_B = 0x0b,
	STATUS_A_UPDATE = 1 << 7,
	STATUS_B_24_HOURS = 1 << 1,
	STATUS_B_BINARY = 1 << 2,
	HOURS_PM = 1 << 7,
	/* An update takes 2 ms, a read of the port about a microsecond. */
	UPDATE_POLLS_MAX = 20000,
	READS_MAX = 8,
	HALF_DAY_HOURS = 12,
	CENTURY_YEARS = 100,
	PIVOT_YEAR = 70,
	CENTURY_20 = 1900,
	BCD_BITS = 4,
	BCD_MASK = 0xf,
	DECIMAL = 10,
};

#define NANOSECONDS_PER_MICROSECOND 1000ull
#define MICROSECONDS_PER_SECOND     1000000ull
#define NANOSECONDS_PER_SECOND      1000000000ull

/* What the clock's registers hold. */
struct rtc_registers {
	uint8_t second;
	uint8_t minute;
	uint8_t hour;
	uint8_t day;
	uint8_t month;
	uint8_t year;
};

static uint64_t start_ns;
static uint64_t start_tsc;
static struct scaled_time scale;

static uint8_t cmos_read(uint8_t index)
{
	insn_out8(CMOS_INDEX_PORT, index);
	return insn_in8(CMOS_DATA_PORT);
}

static bool wait_for_update(void)
{
	insn_out8(CMOS_INDEX_PORT, RTC_STATUS_A);
	for (unsigned i = 0; i < UPDATE_POLLS_MAX; i++) {
		if ((insn_in8(CMOS_DATA_PORT) & STATUS_A_UPDATE) == 0) {
			return true;
		}
	}
	return false;
}

static struct rtc_registers read_once(void)
{
	return (struct rtc_registers){
		.second = cmos_read(RTC_SECONDS),
		.minute = cmos_read(RTC_MINUTES),
		.hour = cmos_read(RTC_HOURS),
		.day = cmos_read(RTC_DAY),
		.month = cmos_read(RTC_MONTH),
		.year = cmos_read(RTC_YEAR),
	};
}

/* An update may begin while the registers are read: two reads must agree. */
static bool read_registers(struct rtc_registers *registers)
{
	for (unsigned i = 0; i < READS_MAX; i++) {
		struct rtc_registers again;

		if (!wait_for_update()) {
			return false;
		}
		*registers = read_once();
		again = read_once();
		if (memcmp(registers, &again, sizeof(again)) == 0) {
			return true;
		}
	}
	return false;
}

static unsigned decode(uint8_t value, bool is_binary)
{
	return is_binary ? value : (unsigned)(value >> BCD_BITS) * DECIMAL + (value & BCD_MASK);
}

static unsigned decode_hour(uint8_t value, uint8_t status_b)
{
	const bool is_binary = (status_b & STATUS_B_BINARY) != 0;

	if ((status_b & STATUS_B_24_HOURS) != 0) {
		return decode(value, is_binary);
	}
	/* 12 at night is 0. */
	return decode(value & (uint8_t)~HOURS_PM, is_binary) % HALF_DAY_HOURS +
	       ((value & HOURS_PM) != 0 ? HALF_DAY_HOURS : 0);
}

static enum status read_seconds(uint64_t *seconds)
{
	const uint8_t status_b = cmos_read(RTC_STATUS_B);
	const bool is_binary = (status_b & STATUS_B_BINARY) != 0;
	struct rtc_registers registers;
	struct calendar_time time;

	if (!read_registers(&registers)) {
		return STATUS_NOT_FOUND;
	}
	time = (struct calendar_time){
		.year = CENTURY_20 + decode(registers.year, is_binary),
		.month = decode(registers.month, is_binary),
		.day = decode(registers.day, is_binary),
		.hour = decode_hour(registers.hour, status_b),
		.minute = decode(registers.minute, is_binary),
		.second = decode(registers.second, is_binary),
	};
	if (time.year < CENTURY_20 + PIVOT_YEAR) {
		time.year += CENTURY_YEARS;
	}
	return calendar_seconds(&time, seconds);
}

enum status wall_clock_start(void)
{
	uint64_t seconds = 0;
	enum status status = read_seconds(&seconds);

	start_tsc = insn_rdtsc();
	start_ns = seconds * NANOSECONDS_PER_SECOND;
	scale = tsc_hz() == 0 ? (struct scaled_time){0, 0} : scaled_time_of_hz(tsc_hz());
	return status == STATUS_OK ? STATUS_OK : STATUS_NOT_FOUND;
}

uint64_t wall_clock_ticks_ns(uint64_t ticks)
{
	return scaled_time_ns(scale, ticks);
}

uint64_t wall_clock_ns_ticks(uint64_t ns)
{
	const uint64_t microseconds = ns / NANOSECONDS_PER_MICROSECOND + 1;
	const uint64_t seconds = microseconds / MICROSECONDS_PER_SECOND;
	const uint64_t rest = microseconds % MICROSECONDS_PER_SECOND;
	const uint64_t most = UINT64_MAX / 2;

	if (tsc_hz() == 0) {
		return 0;
	}
	/* The TSC's frequency is below 10^11 Hz: no product of the rest leaves 64 bits. */
	return seconds >= most / tsc_hz()
		       ? most
		       : seconds * tsc_hz() + rest * tsc_hz() / MICROSECONDS_PER_SECOND;
}

uint64_t wall_clock_ns(uint64_t tsc)
{
	return start_ns + wall_clock_ticks_ns(tsc - start_tsc);
}
