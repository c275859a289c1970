/* SPDX-License-Identifier: MIT */
#include "vmx/ept.h"

uint64_t ept_pointer(const struct ept *ept)
{
	return hpa_of(ept->pml4).value;
}
