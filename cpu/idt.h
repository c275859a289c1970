/* SPDX-License-Identifier: MIT */
#ifndef CPU_IDT_H
#define CPU_IDT_H

/* Fills the IDT that all CPUs share: every vector an interrupt gate with an IST stack. */
void idt_init(void);

/* Loads it on this CPU, whose TSS must be loaded. */
void idt_load(void);

#endif
