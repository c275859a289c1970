/* SPDX-License-Identifier: MIT */
#ifndef CPU_DEBUG_CHECKS_H
#define CPU_DEBUG_CHECKS_H

/*
 * Whether invariants that cost time are checked: the order of locks, and whose VMCS is current.
 * A constant, so that a build without them has no instruction for them. `make` defines the macro as
 * 0 unless DEBUG=1; whatever else compiles these sources, as host tests do, has the checks.
 */
#ifndef DEBUG_CHECKS
#define DEBUG_CHECKS 1
#endif

enum { DEBUG_HAS_CHECKS = DEBUG_CHECKS };

#endif
