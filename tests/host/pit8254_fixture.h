/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOST_PIT8254_FIXTURE_H
#define TESTS_HOST_PIT8254_FIXTURE_H

#include "devices/pit8254.h"

enum {
	CONTROL = 3,
	LSB = 0x10,
	MSB = 0x20,
	BOTH = 0x30,
	BCD = 0x01,
	GATE_2 = 0x01,
	REFRESH = 0x10,
	OUT_2 = 0x20,
	STATUS_OUT = 0x80,
	STATUS_NULL = 0x40,
};

/* A timer whose CLK ticks as the test says. */
extern struct pit8254 pit;
extern uint64_t now;   /* In ticks. */
extern unsigned rises; /* Of the interrupt line. */
extern bool irq;

/* The set-up of each test. */
int pit_fixture_start(void **state);

uint64_t now_ns(void);

/* Accesses the ports now. */
void put(unsigned offset, unsigned value);
uint8_t get(unsigned offset);
void speaker(unsigned value);
bool out_2(void);

/* Writes a control word and both bytes of a count. */
void program(unsigned channel, unsigned mode, unsigned count);

/* Latches a counter of two bytes and reads it; its status by the read-back command. */
unsigned count_of(unsigned channel);
uint8_t status_of(unsigned channel);

void step(uint64_t ticks);

/* OUT of channel 2 for as many ticks as the text has letters: "-" is high, "_" is low. */
void assert_wave(const char *wave);

#define pit_test(function) cmocka_unit_test_setup(function, pit_fixture_start)

#endif
