/* SPDX-License-Identifier: MIT */
#ifndef CPU_TSC_CLAIMS_H
#define CPU_TSC_CLAIMS_H

#include "lib/types.h"

enum { TSC_CLAIMS_MAX = 4 };

/* What something says that the TSC's frequency is. */
struct tsc_claim {
	const char *source; /* For the log. */
	uint64_t hz;
};

/*
 * Collects what the hypervisor below, CPUID and MSR_PLATFORM_INFO say of the TSC's frequency, the
 * most precise first. Returns how many there are. None is checked: emulators claim what the real
 * model has. Context: any. Source: SDM Vol. 2A "CPUID", leaves 15H and 16H; Vol. 3B "Determining
 * the Processor Base Frequency"; Vol. 4, MSR_PLATFORM_INFO.
 */
size_t tsc_claims_collect(struct tsc_claim claims[TSC_CLAIMS_MAX]);

#endif
