/* SPDX-License-Identifier: MIT */
#include "cpu/percpu.h"

#include "cpu/local_apic.h"
#include "cpu/msr.h"

struct cpu percpu_boot;

static struct cpu *cpus[CPUS_MAX] = {&percpu_boot};
static unsigned count = 1;

void percpu_init(struct cpu *cpu)
{
	cpu->self = cpu;
	insn_wrmsr(MSR_IA32_GS_BASE, (uintptr_t)cpu);
}

void percpu_add(struct cpu *cpu)
{
	cpus[count] = cpu;
	__atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
}

unsigned cpu_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

struct cpu *cpu_of(unsigned index)
{
	return cpus[index];
}

void cpu_kick(const struct cpu *cpu)
{
	local_apic_send(cpu->apic_id, LOCAL_APIC_SEND_FIXED | CPU_KICK_VECTOR);
}

void cpu_notify_posted(const struct cpu *cpu)
{
	local_apic_send(cpu->apic_id, LOCAL_APIC_SEND_FIXED | CPU_POSTED_VECTOR);
}

void cpu_send_nmi_to_others(void)
{
	/* One by one: a processor that the firmware keeps for itself must not get one. */
	for (unsigned i = 0; i < cpu_count(); i++) {
		if (cpus[i] != this_cpu()) {
			local_apic_send(cpus[i]->apic_id, LOCAL_APIC_SEND_NMI);
		}
	}
}
