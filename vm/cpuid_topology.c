/* SPDX-License-Identifier: MIT */
#include "vm/cpuid_topology.h"

#include "cpu/cpuid.h"
#include "lib/bits.h"

enum {
	FEATURES_LOGICAL_HIGH = 23,
	FEATURES_LOGICAL_LOW = 16,
	FEATURES_APIC_ID_HIGH = 31,
	FEATURES_APIC_ID_LOW = 24,
	CACHE_TYPE_HIGH = 4,
	CACHE_LEVEL_HIGH = 7,
	CACHE_LEVEL_LOW = 5,
	CACHE_SHARING_HIGH = 25,
	CACHE_SHARING_LOW = 14,
	CACHE_CORES_HIGH = 31,
	CACHE_CORES_LOW = 26,
	CACHE_LEVEL_PRIVATE_MAX = 2,
	LEVEL_TYPE_LOW = 8,
	LEVEL_TYPE_THREADS = 1, /* "SMT"; 0 ends the list. */
	LEVEL_TYPE_CORES = 2,
};

/* How many low bits of the x2APIC ID tell the package's cores apart. */
static unsigned id_bits(const struct cpuid_topology *topology)
{
	unsigned bits = 0;

	while ((1u << bits) < topology->vcpu_count) {
		bits++;
	}
	return bits;
}

/* As many IDs as those bits can name: a power of two, not the vCPUs themselves. */
static unsigned id_count(const struct cpuid_topology *topology)
{
	return 1u << id_bits(topology);
}

struct cpuid_result cpuid_topology_features(
	const struct cpuid_topology *topology, struct cpuid_result result)
{
	uint64_t ebx = result.ebx;

	ebx = bits_put(ebx, FEATURES_LOGICAL_HIGH, FEATURES_LOGICAL_LOW, id_count(topology));
	ebx = bits_put(ebx, FEATURES_APIC_ID_HIGH, FEATURES_APIC_ID_LOW, topology->id);
	result.ebx = (uint32_t)ebx;
	result.edx &= (uint32_t)~CPUID_1_EDX_HTT;
	result.edx |= topology->vcpu_count > 1 ? (uint32_t)CPUID_1_EDX_HTT : 0;
	return result;
}

struct cpuid_result cpuid_topology_caches(
	const struct cpuid_topology *topology, struct cpuid_result result)
{
	const bool is_cache = bits_get(result.eax, CACHE_TYPE_HIGH, 0) != 0;
	const uint64_t level = bits_get(result.eax, CACHE_LEVEL_HIGH, CACHE_LEVEL_LOW);
	const unsigned others = is_cache ? id_count(topology) - 1 : 0;
	uint64_t eax = result.eax;

	eax = bits_put(eax, CACHE_SHARING_HIGH, CACHE_SHARING_LOW,
		level > CACHE_LEVEL_PRIVATE_MAX ? others : 0);
	eax = bits_put(eax, CACHE_CORES_HIGH, CACHE_CORES_LOW, others);
	result.eax = (uint32_t)eax;
	return result;
}

struct cpuid_result cpuid_topology_levels(const struct cpuid_topology *topology, uint32_t subleaf)
{
	struct cpuid_result result = {.ecx = subleaf & UINT8_MAX, .edx = topology->id};

	if (subleaf == 0) {
		result.ebx = 1;
		result.ecx |= (uint32_t)LEVEL_TYPE_THREADS << LEVEL_TYPE_LOW;
	} else if (subleaf == 1) {
		result.eax = id_bits(topology);
		result.ebx = topology->vcpu_count;
		result.ecx |= (uint32_t)LEVEL_TYPE_CORES << LEVEL_TYPE_LOW;
	}
	return result;
}
