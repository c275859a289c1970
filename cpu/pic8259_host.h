/* SPDX-License-Identifier: MIT */
#ifndef CPU_PIC8259_HOST_H
#define CPU_PIC8259_HOST_H

#include "lib/types.h"

enum {
	PIC_HOST_VECTOR_BASE = 0x20, /* IRQ 0 to 15 come as vectors 0x20 to 0x2f. */
	PIC_HOST_IRQ_COUNT = 16,
	PIC_HOST_IRQ_PIT = 0,
};

/* Moves the machine's two 8259As to our vectors and masks every line.
 * Source: Intel 8259A data sheet, "Programming the 8259A". */
void pic8259_host_init(void);

/* Opens or closes one line, irq 0 to 15; another does nothing. */
void pic8259_host_set_mask(unsigned irq, bool is_masked);

/*
 * Ends the interrupt of a vector: specific to it, with nothing sent for a spurious IRQ 7 or 15.
 * Returns false if the vector does not belong to the PIC, or if the PIC has it not in service.
 */
bool pic8259_host_eoi(uint8_t vector);

#endif
