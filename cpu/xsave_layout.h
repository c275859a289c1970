/* SPDX-License-Identifier: MIT */
#ifndef CPU_XSAVE_LAYOUT_H
#define CPU_XSAVE_LAYOUT_H

#include "lib/types.h"

enum {
	XSAVE_FIXED_BYTES = 576, /* The legacy region and the header; FXSAVE writes less. */
	XSAVE_COMPONENTS = 10,   /* Guests have none beyond PKRU, which is component 9. */
	/* What is kept for a vCPU at most: about three times what AVX-512 and PKRU need. */
	XSAVE_AREA_BYTES_MAX = 8192,
};

/* Where a component stands in the standard format of the XSAVE area; size 0: it is not there. */
struct xsave_component {
	uint32_t offset;
	uint32_t size_bytes;
	bool is_aligned; /* To 64 bytes in the compacted format. */
};

/* The state components that guests have, and the area that holds all of them. */
struct xsave_layout {
	uint64_t components; /* By XCR0's bits; 0: FXSAVE and FXRSTOR are used, not XSAVE. */
	uint32_t area_bytes; /* XSAVE_FIXED_BYTES to XSAVE_AREA_BYTES_MAX. */
	struct xsave_component parts[XSAVE_COMPONENTS]; /* 0 and 1 are in the legacy region. */
};

/*
 * Decides what guests have, from this CPU: x87, SSE, AVX, AVX-512 and PKRU, where CPUID has them
 * and the area has room for them. All else is left out, with a line in the log. XCR0 holds these
 * components afterwards. Context: the boot processor, protection_enable() was called. Source: SDM
 * Vol. 1 "Managing State Using the XSAVE Feature Set", Vol. 2A "CPUID", leaf 0DH.
 */
void xsave_layout_read(struct xsave_layout *layout);

/*
 * Returns what this CPU lacks, or has in another place or size; NULL if its XSAVE writes the same
 * area. Then XCR0 holds the layout's components. Context: the CPU itself, protection_enable() was
 * called.
 */
const char *xsave_layout_difference(const struct xsave_layout *layout);

#endif
