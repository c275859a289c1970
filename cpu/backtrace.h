/* SPDX-License-Identifier: MIT */
#ifndef CPU_BACKTRACE_H
#define CPU_BACKTRACE_H

#include "lib/types.h"

/*
 * Logs rip, then its callers by the chain of frame pointers from rbp on. Every frame is checked
 * before it is read; the list ends at the first that makes no sense. is_return_address: rip is
 * where a call returns to, so the code to name is in front of it. Context: any.
 */
void backtrace_log(uint64_t rip, uint64_t rbp, bool is_return_address);

#endif
