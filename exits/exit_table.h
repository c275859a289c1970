/* SPDX-License-Identifier: MIT */
#ifndef EXITS_EXIT_TABLE_H
#define EXITS_EXIT_TABLE_H

#include "exits/exit.h"
#include "vmx/exit_reason.h"

/* One basic exit reason. */
struct exit_table_row {
	exit_handler handler;        /* NULL: not handled. */
	bool may_interrupt_delivery; /* IDT-vectoring information can be valid. */
};

extern const struct exit_table_row exit_table[EXIT_REASON_COUNT];

#endif
