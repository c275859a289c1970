/* SPDX-License-Identifier: MIT */
#include "cpu/debug_checks.h"

const bool debug_has_checks = false;
