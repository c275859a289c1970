/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_REQUIRE_H
#define FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdlib.h>

/* What a contract promises: the fuzzer reports the input for which it does not hold. */
static inline void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

#endif
