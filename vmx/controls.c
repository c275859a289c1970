/* SPDX-License-Identifier: MIT */
#include "vmx/controls.h"

enum status controls_adjust(struct controls_request request, struct control_capability capability,
	uint32_t *value, uint32_t *missing)
{
	*value = ((request.required | request.wanted) & capability.allowed1) | capability.allowed0;
	*missing = request.required & ~capability.allowed1;
	return *missing == 0 ? STATUS_OK : STATUS_UNSUPPORTED;
}
