/* SPDX-License-Identifier: MIT */
#include "hypercall/counters.h"

#include "cpu/log.h"
#include "lib/format.h"

enum { COUNTS_TEXT_MAX = 200 };

_Static_assert((int)HYPERCALL_COUNTER_COUNT == (int)VCPU_HYPERCALL_COUNTERS,
	"a counter for each call of the tables");

static const char *counter_name(size_t counter)
{
	if (counter < HYPERCALL_COUNTER_NATIVE) {
		return hypercall_kvm_table[counter].name;
	}
	if (counter < HYPERCALL_COUNTER_UNKNOWN) {
		return hypercall_native_table[counter - HYPERCALL_COUNTER_NATIVE].name;
	}
	return "unknown";
}

void hypercall_report_counts(const struct vcpu *vcpu)
{
	char text[COUNTS_TEXT_MAX] = "";
	size_t used = 0;

	for (size_t i = 0; i < VCPU_HYPERCALL_COUNTERS; i++) {
		if (vcpu->hypercall_counts[i] != 0 && used < sizeof(text)) {
			used += format(text + used, sizeof(text) - used, " %s=%lu", counter_name(i),
				vcpu->hypercall_counts[i]);
		}
	}
	log_info(vcpu->vm->config->name, "hypercalls:%s", used == 0 ? " none" : text);
}
