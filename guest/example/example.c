/* SPDX-License-Identifier: MIT */
/*
 * A guest in 32-bit protected mode that makes each kind of call. Paging is off, so that a pointer
 * is the guest-physical address that the calls take.
 */
#include "guest/trivet_guest.h"

#define UART_DATA            0x3f8
#define UART_LINE_STATUS     0x3fd
#define LINE_STATUS_IS_EMPTY 0x20

#define EXIT_CODE      42
#define SLEEP_US       1000
#define COUNTERS_ROOM  32
#define HEX_DIGITS     8
#define BITS_PER_DIGIT 4

static const char text[] = "hello from a guest of your own";
static struct trivet_counter counters[COUNTERS_ROOM];
static struct trivet_batch_entry batch[] __attribute__((aligned(TRIVET_BATCH_ENTRY_BYTES))) = {
	{.rax = TRIVET_CALL_PING},
	{.rax = TRIVET_CALL_TRACE_MARK, .rbx = 1, .rcx = 2},
	{.rax = TRIVET_CALL_SLEEP, .rbx = TRIVET_SLEEP_MAX_US + 1},
};
enum { BATCH_COUNT = sizeof(batch) / sizeof(batch[0]) };

void example_main(void);

static uint8_t port_read(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void port_write(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/* Prints on the first serial port. */
static void print(const char *string)
{
	for (; *string != '\0'; string++) {
		while ((port_read(UART_LINE_STATUS) & LINE_STATUS_IS_EMPTY) == 0) {
		}
		port_write(UART_DATA, (uint8_t)*string);
	}
}

static void print_value(const char *what, uint32_t value)
{
	char digits[] = "00000000\n";
	unsigned i;

	for (i = HEX_DIGITS; i != 0; i--) {
		digits[i - 1] = "0123456789abcdef"[value % 16];
		value >>= BITS_PER_DIGIT;
	}
	print(what);
	print(" = 0x");
	print(digits);
}

/* Prints how often this guest has made the call. */
static void print_counter(const char *what, uint32_t number)
{
	const intptr_t count = trivet_read_counters((uintptr_t)counters, COUNTERS_ROOM);

	for (intptr_t i = 0; i < count && i < COUNTERS_ROOM; i++) {
		if (counters[i].kind == TRIVET_COUNTER_HYPERCALL && counters[i].number == number) {
			print_value(what, (uint32_t)counters[i].count);
		}
	}
}

void example_main(void)
{
	const uint32_t base = trivet_find("TrivetTrivet");

	if (base == 0) {
		print("no Trivet here: VMCALL would raise #UD\n");
		return;
	}
	print_value("interface version", trivet_cpuid(base + 1).eax);
	print_value("ping", (uint32_t)trivet_ping());
	print_value("log", (uint32_t)trivet_log((uintptr_t)text, sizeof(text) - 1));
	print_value("sleep", (uint32_t)trivet_sleep(SLEEP_US));
	print_value("batch", (uint32_t)trivet_batch((uintptr_t)batch, BATCH_COUNT));
	print_value("its first call, a ping", (uint32_t)batch[0].result);
	print_value("its last call, too long a sleep", (uint32_t)batch[BATCH_COUNT - 1].result);
	print_counter("pings so far", TRIVET_CALL_PING);
	trivet_end(EXIT_CODE);
}
