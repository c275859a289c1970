/* SPDX-License-Identifier: MIT */
#ifndef BOOT_VERSION_H
#define BOOT_VERSION_H

#define TRIVET_VERSION "0.1.0"

/* clang's version text has its name in it, gcc's has not. */
#ifdef __clang__
#define TRIVET_COMPILER __VERSION__
#else
#define TRIVET_COMPILER "gcc " __VERSION__
#endif

#endif
