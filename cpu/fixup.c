/* SPDX-License-Identifier: MIT */
#include "cpu/fixup.h"

struct fixup {
	uint64_t rip;
	uint64_t resume;
};

extern const struct fixup fixups_start[];
extern const struct fixup fixups_end[];

bool fixup_find(uint64_t rip, uint64_t *resume)
{
	for (const struct fixup *fixup = fixups_start; fixup < fixups_end; fixup++) {
		if (fixup->rip == rip) {
			*resume = fixup->resume;
			return true;
		}
	}
	return false;
}
