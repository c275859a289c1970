/* SPDX-License-Identifier: MIT */
#include "cpu/idt.h"

#include "cpu/gdt.h"
#include "cpu/insn.h"
#include "cpu/registers.h"
#include "cpu/trap.h"
#include "lib/bits.h"

enum { STUB_SIZE_BYTES = 16 };

/* SDM Vol. 3A "64-Bit Mode IDT", Figure "64-Bit IDT Gate Descriptors". */
struct gate {
	uint64_t low;
	uint64_t high;
};

#define GATE_TYPE_INTERRUPT (0xeULL << 40)
#define GATE_PRESENT        BIT(47)

extern const uint8_t trap_stubs[TRAP_VECTOR_COUNT][STUB_SIZE_BYTES];

static struct gate idt[TRAP_VECTOR_COUNT] __attribute__((aligned(16)));

/* Vectors below VECTOR_COUNT that are not named here share one stack. */
static const uint8_t exception_ist[VECTOR_COUNT] = {
	[VECTOR_DB] = IST_DEBUG,
	[VECTOR_NMI] = IST_NMI,
	[VECTOR_DF] = IST_DOUBLE_FAULT,
	[VECTOR_MC] = IST_MACHINE_CHECK,
};

static unsigned ist_of(unsigned vector)
{
	if (vector >= VECTOR_COUNT) {
		return IST_INTERRUPT;
	}
	return exception_ist[vector] != 0 ? exception_ist[vector] : IST_EXCEPTION;
}

void idt_init(void)
{
	for (unsigned vector = 0; vector < TRAP_VECTOR_COUNT; vector++) {
		uint64_t offset = (uintptr_t)trap_stubs[vector];
		uint64_t low = GATE_TYPE_INTERRUPT | GATE_PRESENT;

		low = bits_put(low, 15, 0, bits_get(offset, 15, 0));
		low = bits_put(low, 31, 16, GDT_CODE_SELECTOR);
		low = bits_put(low, 34, 32, ist_of(vector));
		low = bits_put(low, 63, 48, bits_get(offset, 31, 16));
		idt[vector].low = low;
		idt[vector].high = bits_get(offset, 63, 32);
	}
}

void idt_load(void)
{
	struct descriptor_table_register idtr = {
		.limit = sizeof(idt) - 1,
		.base = (uintptr_t)idt,
	};

	insn_lidt(&idtr);
}
