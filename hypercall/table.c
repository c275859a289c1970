/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "hypercall/hypercall.h"
#include "lib/format.h"

enum { COUNTS_TEXT_MAX = 200 };

_Static_assert((int)HYPERCALL_ROW_COUNT == (int)VCPU_HYPERCALL_COUNTERS, "a counter for each row");
_Static_assert(TRIVET_CALL_PING == TRIVET_CALL_BASE, "the native rows are in the order of the ABI");
_Static_assert(TRIVET_CALL_END - TRIVET_CALL_BASE == HYPERCALL_NATIVE_COUNT - 1, "all of them");

/* Numbers 2 to 12 have a name in Linux; what is not served here is -ENOSYS, as from a KVM that does
 * not offer it. */
const struct hypercall_row hypercall_table[HYPERCALL_ROW_COUNT] = {
	[0] = {"kvm_0", HYPERCALL_ABI_KVM, hypercall_not_served},
	[KVM_CALL_VAPIC_POLL_IRQ] = {"kvm_vapic_poll_irq", HYPERCALL_ABI_KVM,
		hypercall_kvm_vapic_poll_irq},
	[2] = {"kvm_mmu_op", HYPERCALL_ABI_KVM, hypercall_not_served},
	[3] = {"kvm_features", HYPERCALL_ABI_KVM, hypercall_not_served},
	[4] = {"kvm_ppc_map_magic_page", HYPERCALL_ABI_KVM, hypercall_not_served},
	[5] = {"kvm_kick_cpu", HYPERCALL_ABI_KVM, hypercall_not_served},
	[6] = {"kvm_mips_get_clock_freq", HYPERCALL_ABI_KVM, hypercall_not_served},
	[7] = {"kvm_mips_exit_vm", HYPERCALL_ABI_KVM, hypercall_not_served},
	[8] = {"kvm_mips_console_output", HYPERCALL_ABI_KVM, hypercall_not_served},
	[9] = {"kvm_clock_pairing", HYPERCALL_ABI_KVM, hypercall_not_served},
	[10] = {"kvm_send_ipi", HYPERCALL_ABI_KVM, hypercall_not_served},
	[11] = {"kvm_sched_yield", HYPERCALL_ABI_KVM, hypercall_not_served},
	[12] = {"kvm_map_gpa_range", HYPERCALL_ABI_KVM, hypercall_not_served},
	[HYPERCALL_NATIVE_FIRST] = {"ping", HYPERCALL_ABI_NATIVE, hypercall_native_ping},
	[HYPERCALL_NATIVE_FIRST + 1] = {"log", HYPERCALL_ABI_NATIVE, hypercall_native_log},
	[HYPERCALL_NATIVE_FIRST + 2] = {"end", HYPERCALL_ABI_NATIVE, hypercall_native_end},
	[HYPERCALL_UNKNOWN] = {"unknown", HYPERCALL_ABI_NONE, hypercall_not_served},
};

uint64_t hypercall_not_served(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return hypercall_error(TRIVET_ENOSYS);
}

void hypercall_report_counts(const struct vcpu *vcpu)
{
	char text[COUNTS_TEXT_MAX] = "";
	size_t used = 0;

	for (size_t row = 0; row < HYPERCALL_ROW_COUNT; row++) {
		if (vcpu->hypercall_counts[row] != 0 && used < sizeof(text)) {
			used += format(text + used, sizeof(text) - used, " %s=%lu",
				hypercall_table[row].name, vcpu->hypercall_counts[row]);
		}
	}
	log_info(vcpu->vm->config->name, "hypercalls:%s", used == 0 ? " none" : text);
}
