/* SPDX-License-Identifier: MIT */
#ifndef CPU_LOG_H
#define CPU_LOG_H

#include "lib/types.h"

/*
 * Log lines go to every console as "source: text\n", with "error: ", "warning: " in front where it
 * is one. `source` names who speaks: a module ("ept") or a guest's vCPU and module ("vm0/vcpu0
 * cpuid"). Numbers are hex with 0x (%#lx), facts are written key=value.
 *
 * log_error: our bug or a machine that cannot do it. log_warn: a guest did something odd.
 * log_info: a state change, once. log_debug: the rest; nothing is compiled for it by default.
 */
enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
};

/* Writes one line, whole (at most 255 bytes, longer is cut). Context: any but NMI; takes the lock
 * of rank LOCK_RANK_CONSOLE. */
void log_write(enum log_level level, const char *source, const char *template, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(source, ...) log_write(LOG_ERROR, source, __VA_ARGS__)
#define log_warn(source, ...)  log_write(LOG_WARN, source, __VA_ARGS__)
#define log_info(source, ...)  log_write(LOG_INFO, source, __VA_ARGS__)
#define log_debug(source, ...)                                                                     \
	do {                                                                                       \
		if (0) {                                                                           \
			log_write(LOG_INFO, source, __VA_ARGS__);                                  \
		}                                                                                  \
	} while (0)

#endif
