/* SPDX-License-Identifier: MIT */
#include "vmx/vmcs.h"

static const struct {
	uint32_t encoding;
	const char *name;
} vmcs_field_names[] = {
#define VMCS_FIELD(width, name, encoding) {encoding, #name},
#include "vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

const char *vmcs_field_name(uint32_t encoding)
{
	for (size_t i = 0; i < ARRAY_COUNT(vmcs_field_names); i++) {
		if (vmcs_field_names[i].encoding == encoding) {
			return vmcs_field_names[i].name + sizeof("VMCS_") - 1;
		}
	}
	return NULL;
}
