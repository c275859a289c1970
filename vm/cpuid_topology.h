/* SPDX-License-Identifier: MIT */
#ifndef VM_CPUID_TOPOLOGY_H
#define VM_CPUID_TOPOLOGY_H

#include "cpu/insn.h"
#include "lib/types.h"

/*
 * What a guest's CPUID tells of its processors: one package of so many cores as it has vCPUs, each
 * of one thread, with the x2APIC IDs from 0 on. Each core has its first and second-level caches
 * for itself; those behind them are the package's. All are pure. Source: SDM Vol. 2A "CPUID",
 * leaves 01H, 04H and 0BH; Vol. 3A "Detecting Hardware Multi-Threading Support and Topology".
 */
struct cpuid_topology {
	unsigned vcpu_count; /* 1 to VM_VCPUS_MAX. */
	uint32_t id;         /* Of the vCPU that asks: its x2APIC ID. */
};

/* Puts the APIC ID, the number of logical processors and HTT into leaf 01H's answer. */
struct cpuid_result cpuid_topology_features(
	const struct cpuid_topology *topology, struct cpuid_result result);

/* Puts the sharing into an answer of leaf 04H, which may be that of no cache. */
struct cpuid_result cpuid_topology_caches(
	const struct cpuid_topology *topology, struct cpuid_result result);

/* Returns the answer of leaf 0BH: its subleaf 0 tells of threads, 1 of cores, others of nothing. */
struct cpuid_result cpuid_topology_levels(const struct cpuid_topology *topology, uint32_t subleaf);

#endif
