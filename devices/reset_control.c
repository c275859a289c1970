/* SPDX-License-Identifier: MIT */
#include "devices/reset_control.h"

#include "lib/bits.h"

/* PIIX3 data sheet, "Reset Control Register"; bit 3 is the ICH's. */
#define CONTROL_SYSTEM    BIT(1)
#define CONTROL_RESET_CPU BIT(2)
#define CONTROL_FULL      BIT(3)
#define CONTROL_WRITABLE  (CONTROL_SYSTEM | CONTROL_RESET_CPU | CONTROL_FULL)

/* "System Control Port A". */
#define PORT92_FAST_RESET BIT(0)
#define PORT92_A20        BIT(1)
#define PORT92_WRITABLE   (PORT92_FAST_RESET | PORT92_A20)

void reset_control_reset(struct reset_control *control)
{
	control->control = 0;
	control->port92 = PORT92_A20;
}

uint8_t reset_control_read(const struct reset_control *control)
{
	return control->control;
}

/* The change of bit 2 from 0 to 1 resets, in the way that the other bits say with it. */
void reset_control_write(struct reset_control *control, uint8_t value)
{
	bool is_reset = (value & ~control->control & CONTROL_RESET_CPU) != 0;

	control->control = value & CONTROL_WRITABLE;
	if (!is_reset) {
		return;
	}
	if ((value & CONTROL_SYSTEM) == 0) {
		control->reset(control->context, RESET_CPU);
	} else if ((value & CONTROL_FULL) == 0) {
		control->reset(control->context, RESET_SYSTEM);
	} else {
		control->reset(control->context, RESET_POWER_CYCLE);
	}
}

uint8_t reset_control_read_port92(const struct reset_control *control)
{
	return control->port92;
}

/* The change of bit 0 from 0 to 1 resets the CPU. */
void reset_control_write_port92(struct reset_control *control, uint8_t value)
{
	uint8_t changed = value ^ control->port92;

	control->port92 = value & PORT92_WRITABLE;
	if ((changed & PORT92_A20) != 0) {
		control->set_a20(control->context, (value & PORT92_A20) != 0);
	}
	if ((changed & value & PORT92_FAST_RESET) != 0) {
		control->reset(control->context, RESET_CPU);
	}
}
