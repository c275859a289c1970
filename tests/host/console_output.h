/* SPDX-License-Identifier: MIT */
#ifndef HOST_CONSOLE_OUTPUT_H
#define HOST_CONSOLE_OUTPUT_H

#include <stddef.h>

/* Stands in for cpu/console.c: what went to the consoles since console_output_clear(). */
extern char console_output[4096];
extern size_t console_output_length;

void console_output_clear(void);

#endif
