/* SPDX-License-Identifier: MIT */
#ifndef SHARED_ISOLATION_H
#define SHARED_ISOLATION_H

#include <stdint.h>

/*
 * What one guest leaves behind, and the next must not find: isolation_a_dirty writes a pattern
 * wherever a guest can, isolation_b_clean, which runs right behind it, looks for it.
 */
#define ISOLATION_PATTERN 0x7472697665747321ull

/* MSRs that pass through to the CPU, and are 0 after a reset. */
#define ISOLATION_MSRS                                                                             \
	{                                                                                          \
		0xc0000081,         /* IA32_STAR */                                                \
			0xc0000082, /* IA32_LSTAR */                                               \
			0xc0000083, /* IA32_CSTAR */                                               \
			0xc0000084, /* IA32_FMASK */                                               \
			0xc0000102, /* IA32_KERNEL_GS_BASE */                                      \
			0x174,      /* IA32_SYSENTER_CS */                                         \
			0x175,      /* IA32_SYSENTER_ESP */                                        \
			0x176,      /* IA32_SYSENTER_EIP */                                        \
	}

/* From here to the end of RAM nothing is the runtime's or the loader's. */
#define ISOLATION_MEMORY 0x200000ull

#define ISOLATION_PAT_RESET 0x0007040600070406ull
#define ISOLATION_PAT_DIRTY 0x0000000000000006ull

#define CR4_OSFXSR  (1ull << 9)
#define CR4_OSXSAVE (1ull << 18)

#endif
