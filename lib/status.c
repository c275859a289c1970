/* SPDX-License-Identifier: MIT */
#include "lib/status.h"

#include "lib/types.h"

static const char *const status_names[STATUS_COUNT] = {
	[STATUS_OK] = "ok",
	[STATUS_INVALID] = "invalid",
	[STATUS_TRUNCATED] = "truncated",
	[STATUS_RANGE] = "out of range",
	[STATUS_ALIGNMENT] = "not aligned",
	[STATUS_OVERLAP] = "overlap",
	[STATUS_NO_MEMORY] = "no memory",
	[STATUS_NOT_FOUND] = "not found",
	[STATUS_UNSUPPORTED] = "unsupported",
	[STATUS_CHANGED] = "changed meanwhile",
};

const char *status_name(enum status status)
{
	size_t index = (size_t)status;

	return index < STATUS_COUNT ? status_names[index] : "unknown status";
}
