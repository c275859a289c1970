/* SPDX-License-Identifier: MIT */
#include "fake_scheduler.h"

/* Apart from the functions, so that a test may link the real ones. */
struct fake_scheduler fake_scheduler;

void fake_scheduler_clear(void)
{
	fake_scheduler = (struct fake_scheduler){0};
}
