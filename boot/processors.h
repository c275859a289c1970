/* SPDX-License-Identifier: MIT */
#ifndef BOOT_PROCESSORS_H
#define BOOT_PROCESSORS_H

#include "boot/multiboot2.h"
#include "cpu/percpu.h"
#include "cpu/xsave_layout.h"
#include "vmx/capability.h"

struct processors_plan {
	unsigned count_max; /* 0: all. */
	/* What VMX operation is entered with on each, and what each must be able to do; NULL: none
	 * enters it. */
	const struct vmx_capability *capability;
	/* What each must write with XSAVE as the boot processor does; NULL: that does not matter.
	 */
	const struct xsave_layout *xsave_layout;
	/* What each but the boot processor then does; returns when processors_are_ending(). */
	void (*ap_main)(struct cpu *cpu);
};

/*
 * Starts the machine's other processors, one after another, each set up as this one; says which
 * were found, which run, and which are left out and why, and whether their TSCs agree. Returns
 * cpu_count(). Context: boot processor, once, with clocks and host timer started; plan stays.
 */
unsigned processors_start(const struct boot_info *info, const struct processors_plan *plan);

/* Returns whether ap_main() is to return. Looked at after each CPU_KICK_VECTOR. Context: any. */
bool processors_are_ending(void);

/*
 * Has each other processor leave ap_main() and VMX operation and halt, and waits for that, for a
 * second each at most. Context: boot processor; does nothing if none was started.
 */
void processors_stop(void);

#endif
