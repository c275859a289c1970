/* SPDX-License-Identifier: MIT */
/* The leaves by which a guest finds the interface. */
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

enum { FEATURE_COUNT = 32, LEAF_1_ECX_HYPERVISOR = 31, FIRST_TWO_DIGITS = 10 };

static void check_signature(void)
{
	const struct trivet_cpuid_result leaf = trivet_cpuid(KVM_CPUID_SIGNATURE_LEAF);
	const bool is_kvm = trivet_signature_is(leaf, "KVMKVMKVM\0\0\0");

	case_begin("cpuid", NULL, "hypervisor_bit");
	case_value("bit", trivet_cpuid(1).ecx >> LEAF_1_ECX_HYPERVISOR);
	case_end(trivet_cpuid(1).ecx >> LEAF_1_ECX_HYPERVISOR == 1);
	case_begin("cpuid", NULL, "signature");
	case_value("max_leaf", leaf.eax);
	case_value("ebx", leaf.ebx);
	case_value("ecx", leaf.ecx);
	case_value("edx", leaf.edx);
	case_end(is_kvm && leaf.eax == KVM_CPUID_FEATURES_LEAF);
}

/* Bits whose services this guest tries in other groups: whether they are offered is free. */
static bool may_be_offered(unsigned bit)
{
	static const uint32_t known = 0x0103fffb;

	return (known >> bit & 1) != 0;
}

static void check_features(void)
{
	const struct trivet_cpuid_result leaf = trivet_cpuid(KVM_CPUID_FEATURES_LEAF);

	for (unsigned bit = 0; bit < FEATURE_COUNT; bit++) {
		const char name[] = {'b', 'i', 't', '_', (char)('0' + bit / FIRST_TWO_DIGITS),
			(char)('0' + bit % FIRST_TWO_DIGITS), '\0'};

		case_begin("cpuid", "feature", name);
		case_value("offered", offers(bit));
		case_end(!offers(bit) || may_be_offered(bit));
	}
	case_begin("cpuid", NULL, "features_other_registers");
	case_value("ebx", leaf.ebx);
	case_value("ecx", leaf.ecx);
	case_value("edx", leaf.edx);
	case_end(leaf.ebx == 0 && leaf.ecx == 0 && leaf.edx <= 1);
}

void conformance_cpuid(void)
{
	check_signature();
	check_features();
}
