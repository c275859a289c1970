/* SPDX-License-Identifier: MIT */
#include "cpu/pic8259_host.h"

#include "cpu/insn.h"
#include "lib/bits.h"

/* Intel 8259A data sheet, "Programming the 8259A". */
enum {
	PIC_MASTER_COMMAND = 0x20,
	PIC_MASTER_DATA = 0x21,
	PIC_SLAVE_COMMAND = 0xa0,
	PIC_SLAVE_DATA = 0xa1,
	PIC_ICW1_INIT_WITH_ICW4 = 0x11,
	PIC_ICW3_SLAVE_ON_LINE_2 = 0x04,
	PIC_ICW3_SLAVE_ID = 0x02,
	PIC_ICW4_8086_MODE = 0x01,
	PIC_OCW1_MASK_ALL = 0xff,
	PIC_OCW2_SPECIFIC_EOI = 0x60,
	PIC_OCW3_READ_ISR = 0x0b,
	PIC_CASCADE_IRQ = 2,
	PIC_LINES = 8,
};

void pic8259_host_init(void)
{
	insn_out8(PIC_MASTER_COMMAND, PIC_ICW1_INIT_WITH_ICW4);
	insn_out8(PIC_SLAVE_COMMAND, PIC_ICW1_INIT_WITH_ICW4);
	insn_out8(PIC_MASTER_DATA, PIC_HOST_VECTOR_BASE);
	insn_out8(PIC_SLAVE_DATA, PIC_HOST_VECTOR_BASE + PIC_LINES);
	insn_out8(PIC_MASTER_DATA, PIC_ICW3_SLAVE_ON_LINE_2);
	insn_out8(PIC_SLAVE_DATA, PIC_ICW3_SLAVE_ID);
	insn_out8(PIC_MASTER_DATA, PIC_ICW4_8086_MODE);
	insn_out8(PIC_SLAVE_DATA, PIC_ICW4_8086_MODE);
	insn_out8(PIC_MASTER_DATA, PIC_OCW1_MASK_ALL);
	insn_out8(PIC_SLAVE_DATA, PIC_OCW1_MASK_ALL);
}

static void set_mask_bit(uint16_t port, unsigned line, bool is_masked)
{
	insn_out8(port, (uint8_t)bits_put(insn_in8(port), line, line, is_masked ? 1 : 0));
}

void pic8259_host_set_mask(unsigned irq, bool is_masked)
{
	if (irq >= PIC_HOST_IRQ_COUNT) {
		return;
	}
	if (irq < PIC_LINES) {
		set_mask_bit(PIC_MASTER_DATA, irq, is_masked);
		return;
	}
	set_mask_bit(PIC_SLAVE_DATA, irq - PIC_LINES, is_masked);
	if (!is_masked) {
		set_mask_bit(PIC_MASTER_DATA, PIC_CASCADE_IRQ, false);
	}
}

/* Ends a line's interrupt if it is in service, which a spurious one is not. */
static bool end_line(uint16_t command_port, unsigned line)
{
	insn_out8(command_port, PIC_OCW3_READ_ISR);
	if ((insn_in8(command_port) & BIT(line)) == 0) {
		return false;
	}
	insn_out8(command_port, (uint8_t)(PIC_OCW2_SPECIFIC_EOI | line));
	return true;
}

bool pic8259_host_eoi(uint8_t vector)
{
	unsigned irq = (unsigned)vector - PIC_HOST_VECTOR_BASE;
	bool is_ended;

	if (vector < PIC_HOST_VECTOR_BASE || irq >= PIC_HOST_IRQ_COUNT) {
		return false;
	}
	if (irq < PIC_LINES) {
		return end_line(PIC_MASTER_COMMAND, irq);
	}
	is_ended = end_line(PIC_SLAVE_COMMAND, irq - PIC_LINES);
	/* The master saw the cascade line even if the slave's interrupt was spurious. */
	(void)end_line(PIC_MASTER_COMMAND, PIC_CASCADE_IRQ);
	return is_ended;
}
