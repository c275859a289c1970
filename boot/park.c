/* SPDX-License-Identifier: MIT */
#include "boot/park.h"

#include "boot/processors.h"

void park_main(struct cpu *cpu)
{
	(void)cpu;
	/* A kick that comes between the look and HLT is pending, and ends HLT. */
	while (!processors_are_ending()) {
		insn_sti_hlt_cli();
	}
}
