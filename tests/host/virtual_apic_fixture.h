/* SPDX-License-Identifier: MIT */
#ifndef HOST_VIRTUAL_APIC_FIXTURE_H
#define HOST_VIRTUAL_APIC_FIXTURE_H

/* A virtual APIC with every feature, and a record of what it told its owner. */

#include "devices/virtual_apic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { APIC_OWN_ID = 5, APIC_RECORD_MAX = 8, APIC_ENABLED_SVR = 0x1ff };

struct apic_record {
	struct virtual_apic_message ipi;
	unsigned ipi_count;
	unsigned event_count;
	enum virtual_apic_mode event_mode;
	uint8_t event_vector;
	unsigned eoi_count;
	uint8_t eoi_vector;
};

extern struct virtual_apic apic;
extern struct apic_record record;
extern const struct virtual_apic_config apic_config;

/* cmocka's set-ups: after a reset; software enabled; software enabled in x2APIC mode. */
int apic_start_reset(void **state);
int apic_start(void **state);
int apic_start_x2apic(void **state);

/* Makes the fixture's APIC anew, software enabled. */
void apic_create(struct virtual_apic_config config, struct virtual_apic_rate rate);

/* MMIO accesses that must succeed, at time 0 or the given one. */
uint32_t apic_read(uint32_t offset);
uint32_t apic_read_at(uint32_t offset, uint64_t now);
void apic_write(uint32_t offset, uint32_t value);
void apic_write_at(uint32_t offset, uint32_t value, uint64_t now);

/* MSR accesses at time 0; a read must succeed. */
uint64_t apic_msr(uint32_t msr);
bool apic_msr_can_read(uint32_t msr);
bool apic_msr_write(uint32_t msr, uint64_t value);

/* Is the vector's bit set in the bitmap at `offset` (IRR, ISR, TMR)? */
bool apic_has(uint32_t offset, uint8_t vector);

/* Accepts an edge-triggered vector, which must be new. */
void apic_accept(uint8_t vector);
/* Accepts and acknowledges a vector: it is then in service. */
void apic_serve(uint8_t vector, bool is_level);
/* The errors since the last call, as a guest reads them. */
uint32_t apic_errors(void);

#define APIC_RESET(test)  cmocka_unit_test_setup(test, apic_start_reset)
#define APIC_TEST(test)   cmocka_unit_test_setup(test, apic_start)
#define X2APIC_TEST(test) cmocka_unit_test_setup(test, apic_start_x2apic)

#endif
