/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_PIC8259_H
#define DEVICES_PIC8259_H

#include "lib/types.h"

enum {
	PIC8259_MASTER_PORT = 0x20, /* And 0x21. */
	PIC8259_SLAVE_PORT = 0xa0,  /* And 0xa1. */
	PIC8259_ELCR_PORT = 0x4d0,  /* Of the master; 0x4d1 of the slave. */
	PIC8259_IRQ_COUNT = 16,
	PIC8259_CASCADE_IRQ = 2,
};

/* One of the two chips. Masks have a bit for each of its inputs IR0 to IR7. */
struct pic8259_chip {
	uint8_t lines;           /* The inputs' levels. */
	uint8_t edges;           /* Edges that wait: IRR is these and the level-triggered lines. */
	uint8_t elcr;            /* Inputs that are level-triggered. */
	uint8_t in_service;      /* ISR */
	uint8_t mask;            /* IMR */
	uint8_t vector_base;     /* ICW2, bits 7:3. */
	uint8_t lowest_priority; /* The input of the lowest priority: 7 unless rotated. */
	uint8_t next_icw;        /* 2 to 4 while initialisation goes on, else 0. */
	bool has_icw4;
	bool is_single;
	bool is_auto_eoi;
	bool is_rotate_on_auto_eoi;
	bool is_special_mask;
	bool is_special_fully_nested;
	bool is_isr_read; /* The register that is read is ISR, not IRR. */
	bool is_poll;     /* The next read polls. */
	bool is_int_high; /* The chip's INT output. */
};

/*
 * A PC's two 8259A as a pure state machine: the slave's INT is the master's IR2, the master's INT
 * is the line that `set_int` is told the changes of. An edge stays latched when its line falls
 * before it is acknowledged; a level does not. The trigger mode is that of the edge/level control
 * registers, not of ICW1. Not modelled: the MCS-80 way of interrupt acknowledge, buffered mode.
 * Source: Intel 8259A data sheet (231468); edge/level control: Intel 82371SB (PIIX3) data sheet
 * (290550), "Edge/Level Control Registers".
 */
struct pic8259 {
	void (*set_int)(void *context, bool is_high);
	void *context;

	struct pic8259_chip master;
	struct pic8259_chip slave;
	bool int_level;
};

/*
 * Sets a state after power-on, which the data sheet leaves open: all inputs masked, vectors from 0.
 * The lines and the callback stay.
 */
void pic8259_reset(struct pic8259 *pic);

/* Reads or writes one of the six ports above; others read as ones and swallow writes. */
uint8_t pic8259_read(struct pic8259 *pic, uint16_t port);
void pic8259_write(struct pic8259 *pic, uint16_t port, uint8_t value);

/* Tells the level of an interrupt line, 0 to 15; PIC8259_CASCADE_IRQ has none. */
void pic8259_set_line(struct pic8259 *pic, unsigned irq, bool is_high);

/*
 * The CPU's interrupt acknowledge: returns the vector of the interrupt of the highest priority,
 * which is in service from now on; of IR7, without its being in service, if there is none.
 */
uint8_t pic8259_acknowledge(struct pic8259 *pic);

#endif
