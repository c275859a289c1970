/* SPDX-License-Identifier: MIT */
#include "cpu_models.h"

#include "fake_insn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CPUID_ADDRESS_SIZES_LEAF = 0x80000008,
	CPUID_HYPERVISOR_LEAF = 0x40000000,
	CPUID_EXTENDED_LEAF = 0x80000000,
	MAXIMUM_LEAF = 0xd,
	ADDRESS_SIZES = 48 << 8 | 40,
	FEATURE_CONTROL_MSR = 0x3a,
};

#define FEATURES_ECX_VMX        (1u << 5)
#define FEATURES_ECX_HYPERVISOR (1u << 31)

const struct cpu_model cpu_models[] =
	{
		{
			.name = "core2_penryn_t9600",
			.has_vmx = true,
			.can_run = false,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000003f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x0003ffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x00003fff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000467ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x0000004100000000,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000003f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x0003ffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x00003fff000011fb,
				},
		},
		{
			.name = "corei5_lynnfield_750",
			.has_vmx = true,
			.can_run = false,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000067ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000000,
					[0x48c - CPU_MODEL_VMX_MSR_FIRST] = 0x00000f0106114141,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011fb,
				},
		},
		{
			.name = "corei5_arrandale_m520",
			.has_vmx = true,
			.can_run = true,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000067ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x000000ff00000000,
					[0x48c - CPU_MODEL_VMX_MSR_FIRST] = 0x00000f0106114141,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011fb,
				},
		},
		{
			.name = "corei7_ivy_bridge_3770k",
			.has_vmx = true,
			.can_run = true,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000001727ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x000008ff00000000,
					[0x48c - CPU_MODEL_VMX_MSR_FIRST] = 0x00000f0106114141,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011fb,
				},
		},
		{
			.name = "corei7_haswell_4770",
			.has_vmx = true,
			.can_run = true,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000200401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000001727ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x00047fff00000000,
					[0x48c - CPU_MODEL_VMX_MSR_FIRST] = 0x00000f0106334141,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011fb,
					[0x491 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000001,
				},
		},
		{
			.name = "corei7_skylake_x",
			.has_vmx = true,
			.can_run = true,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000600401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000003727ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x02177fff00000000,
					[0x48c - CPU_MODEL_VMX_MSR_FIRST] = 0x00000f0106334141,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011fb,
					[0x491 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000001,
				},
		},
		{
			.name = "corei3_cnl",
			.has_vmx = true,
			.can_run = true,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000600401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000772fff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x02157cff00000000,
					[0x48c - CPU_MODEL_VMX_MSR_FIRST] = 0x00000f0106334141,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000007f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x007fffff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000ffff000011fb,
					[0x491 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000001,
				},
		},
		{
			.name = "p4_prescott_celeron_336",
			.has_vmx = false,
			.can_run = false,
			.feature_control = 0,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000001f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0x7781fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x0003efff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x00001fff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000007ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000001f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0x7781fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x0003efff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x00001fff000011fb,
				},
		},
		{
			.name = "bx_generic",
			.has_vmx = true,
			.can_run = false,
			.feature_control = 5,
			.vmx_msrs =
				{
					[0x480 - CPU_MODEL_VMX_MSR_FIRST] = 0x00d810000000002b,
					[0x481 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000003f00000016,
					[0x482 - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe0401e172,
					[0x483 - CPU_MODEL_VMX_MSR_FIRST] = 0x0003efff00036dff,
					[0x484 - CPU_MODEL_VMX_MSR_FIRST] = 0x00001fff000011ff,
					[0x485 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000401e0,
					[0x486 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000080000021,
					[0x487 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000ffffffff,
					[0x488 - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000002000,
					[0x489 - CPU_MODEL_VMX_MSR_FIRST] = 0x00000000000027ff,
					[0x48a - CPU_MODEL_VMX_MSR_FIRST] = 0x0000000000000034,
					[0x48b - CPU_MODEL_VMX_MSR_FIRST] = 0x0000004900000000,
					[0x48d - CPU_MODEL_VMX_MSR_FIRST] = 0x0000003f00000016,
					[0x48e - CPU_MODEL_VMX_MSR_FIRST] = 0xf7f9fffe04006172,
					[0x48f - CPU_MODEL_VMX_MSR_FIRST] = 0x0003efff00036dfb,
					[0x490 - CPU_MODEL_VMX_MSR_FIRST] = 0x00001fff000011fb,
				},
		},
};

const size_t cpu_models_count = ARRAY_COUNT(cpu_models);

const struct cpu_model *cpu_model_find(const char *name)
{
	for (size_t i = 0; i < cpu_models_count; i++) {
		if (strcmp(cpu_models[i].name, name) == 0) {
			return &cpu_models[i];
		}
	}
	fprintf(stderr, "no such CPU model: %s\n", name);
	abort();
}

static uint32_t word_of(const char *text, size_t index)
{
	char padded[3 * sizeof(uint32_t) + 1] = {0};
	uint32_t word;

	snprintf(padded, sizeof(padded), "%s", text);
	memcpy(&word, padded + index * sizeof(word), sizeof(word));
	return word;
}

void cpu_model_set_vendor(const char *vendor)
{
	fake_cpuid_set(0, 0,
		(struct cpuid_result){
			.eax = MAXIMUM_LEAF,
			.ebx = word_of(vendor, 0),
			.edx = word_of(vendor, 1),
			.ecx = word_of(vendor, 2),
		});
}

static void set_features(const struct cpu_model *model, uint32_t more_ecx)
{
	fake_cpuid_set(1, 0,
		(struct cpuid_result){.ecx = (model->has_vmx ? FEATURES_ECX_VMX : 0) | more_ecx});
}

void cpu_model_set_hypervisor(const struct cpu_model *model, const char *signature)
{
	set_features(model, FEATURES_ECX_HYPERVISOR);
	fake_cpuid_set(CPUID_HYPERVISOR_LEAF, 0,
		(struct cpuid_result){
			.eax = CPUID_HYPERVISOR_LEAF,
			.ebx = word_of(signature, 0),
			.ecx = word_of(signature, 1),
			.edx = word_of(signature, 2),
		});
}

void cpu_model_install(const struct cpu_model *model)
{
	fake_insn_reset();
	cpu_model_set_vendor("GenuineIntel");
	set_features(model, 0);
	fake_cpuid_set(
		CPUID_EXTENDED_LEAF, 0, (struct cpuid_result){.eax = CPUID_ADDRESS_SIZES_LEAF});
	fake_cpuid_set(CPUID_ADDRESS_SIZES_LEAF, 0, (struct cpuid_result){.eax = ADDRESS_SIZES});
	fake_msr_set(FEATURE_CONTROL_MSR, model->feature_control);
	for (uint32_t i = 0; i < CPU_MODEL_VMX_MSR_COUNT; i++) {
		if (model->vmx_msrs[i] != 0) {
			fake_msr_set(CPU_MODEL_VMX_MSR_FIRST + i, model->vmx_msrs[i]);
		}
	}
}
