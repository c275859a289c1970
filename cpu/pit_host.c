/* SPDX-License-Identifier: MIT */
#include "cpu/pit_host.h"

#include "cpu/insn.h"

enum {
	PIT_CHANNEL_0 = 0x40,
	PIT_COMMAND = 0x43,
	PIT_COMMAND_CHANNEL_0_MODE_2 = 0x34, /* Low byte, then high byte, binary. */
	PIT_INPUT_HZ = 1193182,
};

void pit_host_start(uint32_t frequency_hz)
{
	const uint16_t divisor = (uint16_t)(PIT_INPUT_HZ / frequency_hz);

	insn_out8(PIT_COMMAND, PIT_COMMAND_CHANNEL_0_MODE_2);
	insn_out8(PIT_CHANNEL_0, (uint8_t)divisor);
	insn_out8(PIT_CHANNEL_0, (uint8_t)(divisor >> 8));
}
