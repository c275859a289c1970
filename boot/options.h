/* SPDX-License-Identifier: MIT */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include "lib/types.h"
#include "vmx/apic_controls.h"
#include "vmx/itlb_multihit.h"
#include "vmx/preemption_timer.h"

enum boot_mode {
	BOOT_MODE_RUN,
	BOOT_MODE_DOCTOR,
	BOOT_MODE_SELFTEST,
	BOOT_MODE_TRAP, /* Shows what an exception of the hypervisor looks like. */
};

/* What happens after the last guest. */
enum end_action {
	END_ACTION_HALT,
	END_ACTION_POWEROFF,
	END_ACTION_RESET,
};

struct options_serial {
	uint16_t base; /* 0: no port of its own. */
	uint32_t speed;
};

/* The hypervisor's command line. */
struct options {
	enum boot_mode mode;                /* mode=run|doctor|selftest|trap */
	struct options_serial console;      /* console=PORT[,SPEED]; none: base 0 */
	struct options_serial guest_serial; /* guest_serial=PORT[,SPEED]; console: base 0 */
	bool has_screen;                    /* screen=on|off */
	enum end_action end;                /* end=halt|poweroff|reset */
	enum apic_choice apic;              /* apic=auto|software|hardware */
	enum timer_choice timer;            /* timer=auto|host */
	enum large_page_choice large_pages; /* large_pages=auto|executable|split */
	bool are_guests_in_turn;            /* guests=together|inturn */
	unsigned cpus;                      /* cpus=N, 1 to CPUS_MAX; 0: all */
};

/*
 * Reads the command line. PORT is com1 to com4 or a number; SPEED divides 115200. A word that is
 * unknown or wrong is named in a warning, and what was set before it stays. Context: boot; pure but
 * for the log.
 */
void options_parse(const char *command_line, struct options *options);

#endif
