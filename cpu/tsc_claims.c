/* SPDX-License-Identifier: MIT */
#include "cpu/tsc_claims.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"

enum {
	HZ_PER_KHZ = 1000,
	HZ_PER_MHZ = 1000000,
	HYPERVISOR_TIMING_LEAF_OFFSET = 0x10, /* EAX is kHz; VMware's, which QEMU has too. */
	BASE_FREQUENCY_MHZ_HIGH = 15,         /* CPUID.16H:EAX. */
	PLATFORM_RATIO_HIGH = 15,             /* Maximum non-turbo ratio. */
	PLATFORM_RATIO_LOW = 8,
	FAMILY_6 = 6,
	MODEL_NEHALEM = 0x1a, /* The first model that has the ratio. */
	BUS_HZ = 100000000,
	BUS_HZ_NEHALEM = 133333333,
};

/* CPUID.01H:EAX. */
enum {
	MODEL_HIGH = 7,
	MODEL_LOW = 4,
	FAMILY_HIGH = 11,
	FAMILY_LOW = 8,
	EXTENDED_MODEL_HIGH = 19,
	EXTENDED_MODEL_LOW = 16,
	EXTENDED_MODEL_SHIFT = 4,
};

/* Models of family 6 whose ratio does not count periods of 100 MHz; 0: of several frequencies. */
static const struct {
	uint8_t model;
	uint32_t bus_hz;
} other_buses[] = {
	{0x1a, BUS_HZ_NEHALEM}, /* Nehalem. */
	{0x1e, BUS_HZ_NEHALEM},
	{0x1f, BUS_HZ_NEHALEM},
	{0x2e, BUS_HZ_NEHALEM},
	{0x25, BUS_HZ_NEHALEM}, /* Westmere. */
	{0x2c, BUS_HZ_NEHALEM},
	{0x2f, BUS_HZ_NEHALEM},
	{0x1c, 0}, /* Bonnell and Saltwell. */
	{0x26, 0},
	{0x27, 0},
	{0x35, 0},
	{0x36, 0},
	{0x37, 0}, /* Silvermont and Airmont. */
	{0x4a, 0},
	{0x4c, 0},
	{0x4d, 0},
	{0x5a, 0},
	{0x5d, 0},
	{0x75, 0},
};

static uint32_t bus_hz_of(uint64_t model)
{
	for (size_t i = 0; i < ARRAY_COUNT(other_buses); i++) {
		if (other_buses[i].model == model) {
			return other_buses[i].bus_hz;
		}
	}
	return model < MODEL_NEHALEM ? 0 : BUS_HZ;
}

static uint64_t hz_of_hypervisor(void)
{
	const uint32_t leaf = CPUID_LEAF_HYPERVISOR + HYPERVISOR_TIMING_LEAF_OFFSET;

	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).ecx & CPUID_1_ECX_HYPERVISOR) == 0 ||
		insn_cpuid(CPUID_LEAF_HYPERVISOR, 0).eax < leaf) {
		return 0;
	}
	return (uint64_t)insn_cpuid(leaf, 0).eax * HZ_PER_KHZ;
}

static bool has_leaf(uint32_t leaf)
{
	return insn_cpuid(CPUID_LEAF_BASIC, 0).eax >= leaf;
}

static uint64_t hz_of_crystal(void)
{
	struct cpuid_result leaf;

	if (!has_leaf(CPUID_LEAF_TSC)) {
		return 0;
	}
	leaf = insn_cpuid(CPUID_LEAF_TSC, 0);
	return leaf.eax == 0 ? 0 : (uint64_t)leaf.ecx * leaf.ebx / leaf.eax;
}

/* Rounded to 1 MHz: it is what the model is sold as. */
static uint64_t hz_of_base_frequency(void)
{
	if (!has_leaf(CPUID_LEAF_FREQUENCY)) {
		return 0;
	}
	return bits_get(insn_cpuid(CPUID_LEAF_FREQUENCY, 0).eax, BASE_FREQUENCY_MHZ_HIGH, 0) *
	       HZ_PER_MHZ;
}

/* A ratio of 0 says nothing. */
static uint64_t hz_of_platform_info(void)
{
	const uint32_t signature = insn_cpuid(CPUID_LEAF_FEATURES, 0).eax;
	const uint64_t model = bits_get(signature, MODEL_HIGH, MODEL_LOW) |
			       bits_get(signature, EXTENDED_MODEL_HIGH, EXTENDED_MODEL_LOW)
				       << EXTENDED_MODEL_SHIFT;
	uint64_t info;

	if (bits_get(signature, FAMILY_HIGH, FAMILY_LOW) != FAMILY_6 ||
		!insn_rdmsr_safe(MSR_PLATFORM_INFO, &info)) {
		return 0;
	}
	return bits_get(info, PLATFORM_RATIO_HIGH, PLATFORM_RATIO_LOW) * bus_hz_of(model);
}

size_t tsc_claims_collect(struct tsc_claim claims[TSC_CLAIMS_MAX])
{
	const struct tsc_claim all[TSC_CLAIMS_MAX] = {
		{"the hypervisor below", hz_of_hypervisor()},
		{"CPUID leaf 15H", hz_of_crystal()},
		{"CPUID leaf 16H", hz_of_base_frequency()},
		{"MSR_PLATFORM_INFO", hz_of_platform_info()},
	};
	size_t count = 0;

	for (size_t i = 0; i < TSC_CLAIMS_MAX; i++) {
		if (all[i].hz != 0) {
			claims[count++] = all[i];
		}
	}
	return count;
}
