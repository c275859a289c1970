/* SPDX-License-Identifier: MIT */
#include "hypercall/abi.h"
#include "hypercall/hypercall.h"

/* Once made a vCPU look for interrupts; a VM entry does that today, so the call itself has nothing
 * to do. */
static uint64_t kvm_vapic_poll_irq(struct vcpu *vcpu, const struct hypercall *call)
{
	(void)vcpu;
	(void)call;
	return 0;
}

/* Numbers 2 to 12 have a name in Linux and are not served here: -ENOSYS, as from a KVM that does
 * not offer them. */
const struct hypercall_row hypercall_kvm_table[HYPERCALL_KVM_COUNT] = {
	[0] = {"kvm_0", NULL},
	[KVM_CALL_VAPIC_POLL_IRQ] = {"kvm_vapic_poll_irq", kvm_vapic_poll_irq},
	[2] = {"kvm_mmu_op", NULL},
	[3] = {"kvm_features", NULL},
	[4] = {"kvm_ppc_map_magic_page", NULL},
	[5] = {"kvm_kick_cpu", NULL},
	[6] = {"kvm_mips_get_clock_freq", NULL},
	[7] = {"kvm_mips_exit_vm", NULL},
	[8] = {"kvm_mips_console_output", NULL},
	[9] = {"kvm_clock_pairing", NULL},
	[10] = {"kvm_send_ipi", NULL},
	[11] = {"kvm_sched_yield", NULL},
	[12] = {"kvm_map_gpa_range", NULL},
};
