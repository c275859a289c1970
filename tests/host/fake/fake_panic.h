/* SPDX-License-Identifier: MIT */
#ifndef FAKE_FAKE_PANIC_H
#define FAKE_FAKE_PANIC_H

#include "cpu/panic.h"

#include <stdbool.h>

/*
 * Calls call(argument) and returns true if it ended in panic(), whose text is then in
 * fake_panic_text(). Any panic() outside ends the test program with its text on stderr.
 */
bool fake_panics(void (*call)(void *argument), void *argument);
const char *fake_panic_text(void);

#endif
