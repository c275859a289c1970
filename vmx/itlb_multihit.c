/* SPDX-License-Identifier: MIT */
#include "vmx/itlb_multihit.h"

#include "cpu/msr.h"
#include "lib/bits.h"
#include "lib/string.h"

/* CPUID.01H:EAX: SDM Vol. 2A "CPUID - CPU Identification", Figure "Version Information Returned by
 * CPUID in EAX". */
#define SIGNATURE_EXTENDED_MODEL_HIGH 19
#define SIGNATURE_EXTENDED_MODEL_LOW  16
#define SIGNATURE_FAMILY_HIGH         11
#define SIGNATURE_FAMILY_LOW          8
#define SIGNATURE_MODEL_HIGH          7
#define SIGNATURE_MODEL_LOW           4

enum { FAMILY_6 = 6, MODEL_BITS = 4 };

/*
 * The models of family 6 that have VMX with all that Trivet needs, no bit that says that they are
 * free of the erratum, and do not have it: Intel's list of affected processors leaves these cores
 * out. Tremont and later Atoms but the one below have the bit.
 */
static const struct {
	unsigned model;
	const char *core;
} free_models[] = {
	{0x37, "Silvermont (Bay Trail)"},
	{0x4a, "Silvermont (Merrifield)"},
	{0x4d, "Silvermont (Avoton, Rangeley)"},
	{0x5a, "Airmont (Moorefield)"},
	{0x4c, "Airmont (Braswell, Cherry Trail)"},
	{0x75, "Airmont (Lightning Mountain)"},
	{0x5c, "Goldmont (Apollo Lake)"},
	{0x5f, "Goldmont (Denverton)"},
	{0x7a, "Goldmont Plus (Gemini Lake)"},
	{0x86, "Tremont (Snow Ridge)"},
	{0x57, "Xeon Phi (Knights Landing)"},
	{0x85, "Xeon Phi (Knights Mill)"},
};

static unsigned model_of(uint32_t signature)
{
	const uint64_t high =
		bits_get(signature, SIGNATURE_EXTENDED_MODEL_HIGH, SIGNATURE_EXTENDED_MODEL_LOW);

	return (unsigned)(high << MODEL_BITS |
			  bits_get(signature, SIGNATURE_MODEL_HIGH, SIGNATURE_MODEL_LOW));
}

const char *itlb_multihit_absence(const struct vmx_capability *capability)
{
	const uint32_t signature = capability->signature;

	if ((capability->arch_capabilities & ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO) != 0) {
		return "IA32_ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO";
	}
	if (strcmp(capability->vendor, "GenuineIntel") != 0 ||
		bits_get(signature, SIGNATURE_FAMILY_HIGH, SIGNATURE_FAMILY_LOW) != FAMILY_6) {
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_COUNT(free_models); i++) {
		if (free_models[i].model == model_of(signature)) {
			return free_models[i].core;
		}
	}
	return NULL;
}

bool itlb_multihit_allows_large_pages(
	const struct vmx_capability *capability, enum large_page_choice choice)
{
	switch (choice) {
	case LARGE_PAGES_EXECUTABLE:
		return true;
	case LARGE_PAGES_SPLIT:
		return false;
	case LARGE_PAGES_AUTO:
	default:
		return itlb_multihit_absence(capability) != NULL;
	}
}
