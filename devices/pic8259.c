/* SPDX-License-Identifier: MIT */
#include "devices/pic8259.h"

#include "lib/bits.h"

enum {
	INPUT_COUNT = 8,
	INPUT_LAST = INPUT_COUNT - 1,
	INPUT_NONE = INPUT_COUNT,
	BYTE_MAX = 0xff,
};

/* 8259A data sheet, "Initialization Command Words". */
enum {
	ICW_DONE = 0,
	ICW2 = 2,
	ICW3 = 3,
	ICW4 = 4,
};

#define ICW1_INIT                 BIT(4) /* With A0 = 0: else OCW2 or OCW3. */
#define ICW1_SINGLE               BIT(1)
#define ICW1_ICW4                 BIT(0)
#define ICW2_VECTOR               BITS_MASK(7, 3)
#define ICW4_SPECIAL_FULLY_NESTED BIT(4)
#define ICW4_AUTO_EOI             BIT(1)

/* "Operation Command Words": bit 3 tells OCW3 from OCW2. */
#define OCW3           BIT(3)
#define OCW2_ROTATE    BIT(7)
#define OCW2_SPECIFIC  BIT(6)
#define OCW2_EOI       BIT(5)
#define OCW2_LEVEL     BITS_MASK(2, 0)
#define OCW3_ESMM      BIT(6)
#define OCW3_SMM       BIT(5)
#define OCW3_POLL      BIT(2)
#define OCW3_READ      BIT(1)
#define OCW3_READ_ISR  BIT(0)
#define POLL_INTERRUPT BIT(7)
#define PORT_A0        BIT(0)

/* PIIX3 data sheet, "Edge/Level Control Registers": IRQ 0, 1, 2, 8 and 13 are edges always. */
#define ELCR_MASTER_WRITABLE BITS_MASK(7, 3)
#define ELCR_SLAVE_WRITABLE  (BITS_MASK(7, 0) & ~(BIT(0) | BIT(5)))

static uint8_t requests(const struct pic8259_chip *chip)
{
	return (uint8_t)(chip->edges | (chip->lines & chip->elcr));
}

/* The input of the highest priority in a mask, INPUT_NONE if it is empty. */
static unsigned highest(const struct pic8259_chip *chip, uint8_t mask)
{
	for (unsigned i = 1; i <= INPUT_COUNT; i++) {
		unsigned input = (chip->lowest_priority + i) % INPUT_COUNT;

		if ((mask & BIT(input)) != 0) {
			return input;
		}
	}
	return INPUT_NONE;
}

/* 0 is the highest; INPUT_NONE has none. */
static unsigned priority(const struct pic8259_chip *chip, unsigned input)
{
	return input == INPUT_NONE ? INPUT_NONE
				   : (input + INPUT_LAST - chip->lowest_priority) % INPUT_COUNT;
}

/* "Special Mask Mode": what is in service but masked does not hold others off. */
static uint8_t blocking(const struct pic8259_chip *chip)
{
	return chip->in_service & (uint8_t)(chip->is_special_mask ? ~chip->mask : BYTE_MAX);
}

/*
 * The input that the chip would interrupt for now, INPUT_NONE if there is none. "Special Fully
 * Nested Mode", of a master: the slave in service holds off all below it, but not itself.
 */
static unsigned pending(const struct pic8259 *pic, const struct pic8259_chip *chip)
{
	unsigned input = highest(chip, requests(chip) & (uint8_t)~chip->mask);
	unsigned blocker = highest(chip, blocking(chip));
	unsigned limit = priority(chip, blocker);

	if (chip->is_special_fully_nested && chip == &pic->master &&
		blocker == PIC8259_CASCADE_IRQ) {
		limit++;
	}
	if (input == INPUT_NONE || chip->next_icw != ICW_DONE || priority(chip, input) >= limit) {
		return INPUT_NONE;
	}
	return input;
}

static void set_input(struct pic8259_chip *chip, unsigned input, bool is_high)
{
	uint8_t bit = (uint8_t)BIT(input);

	if (!is_high) {
		chip->lines &= (uint8_t)~bit;
		return;
	}
	if ((chip->lines & bit) == 0 && (chip->elcr & bit) == 0) {
		chip->edges |= bit;
	}
	chip->lines |= bit;
}

static void update_int(struct pic8259 *pic)
{
	pic->slave.is_int_high = pending(pic, &pic->slave) != INPUT_NONE;
	set_input(&pic->master, PIC8259_CASCADE_IRQ, pic->slave.is_int_high);
	pic->master.is_int_high = pending(pic, &pic->master) != INPUT_NONE;
	if (pic->master.is_int_high != pic->int_level) {
		pic->int_level = pic->master.is_int_high;
		pic->set_int(pic->context, pic->int_level);
	}
}

static void reset_chip(struct pic8259_chip *chip)
{
	*chip = (struct pic8259_chip){
		.lines = chip->lines, .mask = BYTE_MAX, .lowest_priority = INPUT_LAST};
}

void pic8259_reset(struct pic8259 *pic)
{
	reset_chip(&pic->master);
	reset_chip(&pic->slave);
	update_int(pic);
}

void pic8259_set_line(struct pic8259 *pic, unsigned irq, bool is_high)
{
	if (irq >= INPUT_COUNT) {
		set_input(&pic->slave, irq - INPUT_COUNT, is_high);
	} else if (irq != PIC8259_CASCADE_IRQ) {
		set_input(&pic->master, irq, is_high);
	}
	update_int(pic);
}

/* "Automatic End of Interrupt Mode": the end comes with the acknowledge itself. */
static void take(struct pic8259_chip *chip, unsigned input)
{
	chip->edges &= (uint8_t)~BIT(input);
	if (!chip->is_auto_eoi) {
		chip->in_service |= (uint8_t)BIT(input);
	} else if (chip->is_rotate_on_auto_eoi) {
		chip->lowest_priority = (uint8_t)input;
	}
}

/*
 * The chip's INT goes low with an acknowledge and rises anew if more is pending: to the master that
 * is an edge.
 */
static unsigned acknowledge(struct pic8259 *pic, struct pic8259_chip *chip)
{
	unsigned input = pending(pic, chip);

	if (chip == &pic->slave) {
		set_input(&pic->master, PIC8259_CASCADE_IRQ, false);
	}
	if (input != INPUT_NONE) {
		take(chip, input);
	}
	return input;
}

/* "Interrupt Sequence": a request that is gone by then gives IR7, a "default" or spurious one. */
static uint8_t vector_of(const struct pic8259_chip *chip, unsigned input)
{
	return (uint8_t)(chip->vector_base | (input == INPUT_NONE ? INPUT_LAST : input));
}

uint8_t pic8259_acknowledge(struct pic8259 *pic)
{
	unsigned input = acknowledge(pic, &pic->master);
	uint8_t vector;

	if (input == PIC8259_CASCADE_IRQ && !pic->master.is_single) {
		vector = vector_of(&pic->slave, acknowledge(pic, &pic->slave));
	} else {
		vector = vector_of(&pic->master, input);
	}
	update_int(pic);
	return vector;
}

/* "ICW1": what starting the initialisation does by itself. The vectors stay until ICW2. */
static void write_icw1(struct pic8259_chip *chip, uint8_t value)
{
	*chip = (struct pic8259_chip){
		.lines = chip->lines,
		.elcr = chip->elcr,
		.vector_base = chip->vector_base,
		.lowest_priority = INPUT_LAST,
		.next_icw = ICW2,
		.has_icw4 = (value & ICW1_ICW4) != 0,
		.is_single = (value & ICW1_SINGLE) != 0,
	};
}

/* The wiring that ICW3 describes is a PC's, whatever it says. */
static void write_next_icw(struct pic8259_chip *chip, uint8_t value)
{
	uint8_t after_icw3 = chip->has_icw4 ? ICW4 : ICW_DONE;

	if (chip->next_icw == ICW2) {
		chip->vector_base = value & ICW2_VECTOR;
		chip->next_icw = chip->is_single ? after_icw3 : ICW3;
	} else if (chip->next_icw == ICW3) {
		chip->next_icw = after_icw3;
	} else {
		chip->is_special_fully_nested = (value & ICW4_SPECIAL_FULLY_NESTED) != 0;
		chip->is_auto_eoi = (value & ICW4_AUTO_EOI) != 0;
		chip->next_icw = ICW_DONE;
	}
}

/* "EOI Command": in special mask mode a masked interrupt is not ended by a non-specific one. */
static unsigned ended_input(const struct pic8259_chip *chip, uint8_t command)
{
	uint8_t mask = chip->in_service;

	if ((command & OCW2_SPECIFIC) != 0) {
		return command & OCW2_LEVEL;
	}
	if (chip->is_special_mask) {
		mask &= (uint8_t)~chip->mask;
	}
	return highest(chip, mask);
}

/* "Operation Control Word 2": R, SL and EOI. R = 0, SL = 1, EOI = 0 does nothing. */
static void write_ocw2(struct pic8259_chip *chip, uint8_t value)
{
	bool is_rotate = (value & OCW2_ROTATE) != 0;
	unsigned input = ended_input(chip, value);

	if ((value & (OCW2_SPECIFIC | OCW2_EOI)) == 0) {
		chip->is_rotate_on_auto_eoi = is_rotate;
		return;
	}
	if (input == INPUT_NONE) {
		return;
	}
	if ((value & OCW2_EOI) != 0) {
		chip->in_service &= (uint8_t)~BIT(input);
	}
	if (is_rotate) {
		chip->lowest_priority = (uint8_t)input;
	}
}

static void write_ocw3(struct pic8259_chip *chip, uint8_t value)
{
	if ((value & OCW3_ESMM) != 0) {
		chip->is_special_mask = (value & OCW3_SMM) != 0;
	}
	if ((value & OCW3_POLL) != 0) {
		chip->is_poll = true;
	} else if ((value & OCW3_READ) != 0) {
		chip->is_isr_read = (value & OCW3_READ_ISR) != 0;
	}
}

static void write_chip(struct pic8259_chip *chip, bool is_a0, uint8_t value)
{
	if (!is_a0 && (value & ICW1_INIT) != 0) {
		write_icw1(chip, value);
	} else if (!is_a0 && (value & OCW3) != 0) {
		write_ocw3(chip, value);
	} else if (!is_a0) {
		write_ocw2(chip, value);
	} else if (chip->next_icw != ICW_DONE) {
		write_next_icw(chip, value);
	} else {
		chip->mask = value;
	}
}

/* "Poll Command": the read is an interrupt acknowledge of this chip. */
static uint8_t poll(struct pic8259 *pic, struct pic8259_chip *chip)
{
	unsigned input = acknowledge(pic, chip);

	chip->is_poll = false;
	update_int(pic);
	return (uint8_t)(input == INPUT_NONE ? 0 : POLL_INTERRUPT | input);
}

static uint8_t read_chip(struct pic8259 *pic, struct pic8259_chip *chip, bool is_a0)
{
	if (chip->is_poll) {
		return poll(pic, chip);
	}
	if (is_a0) {
		return chip->mask;
	}
	return chip->is_isr_read ? chip->in_service : requests(chip);
}

uint8_t pic8259_read(struct pic8259 *pic, uint16_t port)
{
	bool is_a0 = (port & PORT_A0) != 0;

	switch (port & ~PORT_A0) {
	case PIC8259_MASTER_PORT:
		return read_chip(pic, &pic->master, is_a0);
	case PIC8259_SLAVE_PORT:
		return read_chip(pic, &pic->slave, is_a0);
	case PIC8259_ELCR_PORT:
		return is_a0 ? pic->slave.elcr : pic->master.elcr;
	default:
		return BYTE_MAX;
	}
}

/* An input that becomes level-triggered has no edge any more. */
static void write_elcr(struct pic8259_chip *chip, uint8_t value)
{
	chip->elcr = value;
	chip->edges &= (uint8_t)~value;
}

void pic8259_write(struct pic8259 *pic, uint16_t port, uint8_t value)
{
	bool is_a0 = (port & PORT_A0) != 0;

	switch (port & ~PORT_A0) {
	case PIC8259_MASTER_PORT:
		write_chip(&pic->master, is_a0, value);
		break;
	case PIC8259_SLAVE_PORT:
		write_chip(&pic->slave, is_a0, value);
		break;
	case PIC8259_ELCR_PORT:
		if (is_a0) {
			write_elcr(&pic->slave, value & ELCR_SLAVE_WRITABLE);
		} else {
			write_elcr(&pic->master, value & ELCR_MASTER_WRITABLE);
		}
		break;
	default:
		break;
	}
	update_int(pic);
}
