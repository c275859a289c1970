/* SPDX-License-Identifier: MIT */
#ifndef CPU_DEBUG_CHECKS_H
#define CPU_DEBUG_CHECKS_H

#include "lib/types.h"

/* Whether invariants that cost time are checked: true in a build with DEBUG=1, and in host tests.
 */
extern const bool debug_has_checks;

#endif
