/* SPDX-License-Identifier: MIT */
#ifndef SMP_START_SMP_START_RULES_H
#define SMP_START_SMP_START_RULES_H

#include "guest/runtime/guest_smp.h"

/* What MADT and CPUID tell of the processors. */
void smp_start_check_topology(void);

/* Each processor's own APIC ID, by CPUID and by its APIC. Context: all run. */
void smp_start_check_identities(void);

/* The state after INIT and start-up IPI at a vector. */
void smp_start_check_state(
	const struct guest_ap_state *state, const struct guest_cpu *cpu, unsigned vector);

/* Whether this machine checks the limits of segments in real mode. */
bool smp_start_has_limits(void);

/* What INIT changes of a processor that ran, and what it leaves. */
void smp_start_check_init(struct guest_cpu *cpu, bool has_limits);

/* INIT and start-up in x2APIC mode; the calling processor's APIC stays in it. */
void smp_start_check_x2apic(struct guest_cpu *cpu);

#endif
