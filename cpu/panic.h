/* SPDX-License-Identifier: MIT */
#ifndef CPU_PANIC_H
#define CPU_PANIC_H

#include "lib/types.h"

enum { PANIC_END_STATUS = 127 };

/* Ends the run with a status: prints the line "trivet: end status=N" and never returns. */
typedef void panic_end_function(unsigned status);

/*
 * A broken invariant of ours: says it on every console with a symbolised backtrace, then the line
 * "trivet: end status=127", and ends the run as the option end= asks. Never returns.
 * Context: any.
 */
_Noreturn void panic(const char *template, ...) __attribute__((format(printf, 1, 2)));

/* Says how a run ends after a panic; until then the machine is halted. Context: boot. */
void panic_set_end(panic_end_function *end);

/*
 * For reports of a panic's kind. The first processor that comes here stops the others; one that
 * comes after it stops itself. Counts how deep we are in reports: the third one within another
 * stops the machine at once, with no more words. Context: any.
 */
void panic_enter(void);

/* Stops this processor for ever if another panics. Context: the handler of NMIs. */
void panic_stop_if_elsewhere(void);

/* Returns 1 in a report, 2 in one that came out of the first. */
unsigned panic_depth(void);

/* Ends the run with PANIC_END_STATUS: the first time as panic_set_end() says. Context: any. */
_Noreturn void panic_end(void);

#endif
