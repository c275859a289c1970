/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "vmx/operation.h"

enum { SINGLE_CONTEXT = 1 };

/* As the real ones on a CPU that has all: fake_cpu counts the instructions. */
void vmx_invalidate_ept(const struct vmx_capability *capability, uint64_t ept_pointer)
{
	const struct invalidation_descriptor descriptor = {ept_pointer, 0};

	(void)capability;
	(void)!insn_invept(SINGLE_CONTEXT, &descriptor);
}

void vmx_invalidate_vpid(const struct vmx_capability *capability, uint16_t vpid)
{
	const struct invalidation_descriptor descriptor = {vpid, 0};

	(void)capability;
	(void)!insn_invvpid(SINGLE_CONTEXT, &descriptor);
}
