/* SPDX-License-Identifier: MIT */
#ifndef FAKE_FAKE_LOG_H
#define FAKE_FAKE_LOG_H

#include "cpu/log.h"

/*
 * What log_write() wrote since the last fake_log_clear(), as the consoles would show it: lines of
 * "source: text\n" with "error: " or "warning: " in front. What goes beyond 64 KiB is lost.
 */
const char *fake_log_text(void);
void fake_log_clear(void);

#endif
