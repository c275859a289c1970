/* SPDX-License-Identifier: MIT */
#include "vmx/control_set.h"

#include "cpu/log.h"
#include "vmx/control_bits.h"
#include "vmx/controls.h"
#include "vmx/requirements.h"

enum status control_set_make(const struct vmx_capability *capability, struct control_set *controls)
{
	const struct {
		enum capability_word word;
		struct control_capability capability;
		uint32_t *value;
	} words[] = {
		{CAPABILITY_PIN, capability->pin, &controls->pin},
		{CAPABILITY_PRIMARY, capability->primary, &controls->primary},
		{CAPABILITY_SECONDARY, capability->secondary, &controls->secondary},
		{CAPABILITY_EXIT, capability->exit, &controls->exit},
		{CAPABILITY_ENTRY, capability->entry, &controls->entry},
	};
	const uint64_t all_vpids = EPT_CAP_INVVPID | EPT_CAP_INVVPID_ALL;
	enum status result = STATUS_OK;

	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		uint32_t missing;
		const enum status status = controls_adjust(requirements_request(words[i].word),
			words[i].capability, words[i].value, &missing);

		if (status != STATUS_OK) {
			log_error("vmx", "%ss lack bits=%#x", requirements_word_name(words[i].word),
				missing);
			result = status;
		}
	}
	/*
	 * A VPID whose translations cannot be invalidated would show a guest those of another user
	 * of VMX: a guest before it, or one of before our start, whose VPIDs we do not know.
	 */
	if ((capability->ept_vpid_cap & all_vpids) != all_vpids) {
		controls->secondary &= ~(uint32_t)SECONDARY_ENABLE_VPID;
	}
	/* Where the CPU has SGX: a leaf of ENCLS changes what all enclaves of the machine rest on.
	 */
	controls->secondary |=
		capability->secondary.allowed1 & (uint32_t)SECONDARY_ENABLE_ENCLS_EXITING;
	return result;
}
