/* SPDX-License-Identifier: MIT */
#ifndef FAKE_CPU_MODELS_H
#define FAKE_CPU_MODELS_H

#include "lib/types.h"

enum {
	CPU_MODEL_VMX_MSR_FIRST = 0x480,
	CPU_MODEL_VMX_MSR_COUNT = 0x492 - CPU_MODEL_VMX_MSR_FIRST,
};

/* What one CPU model's capability MSRs hold, as read on the model of that name in Bochs. */
struct cpu_model {
	const char *name;
	bool has_vmx;
	bool can_run; /* Trivet runs there. */
	uint64_t feature_control;
	uint64_t vmx_msrs[CPU_MODEL_VMX_MSR_COUNT]; /* 0: the MSR does not exist. */
};

extern const struct cpu_model cpu_models[];
extern const size_t cpu_models_count;

/* Returns the model of that name; a name that is not there ends the test program. */
const struct cpu_model *cpu_model_find(const char *name);

/* Makes the fake CPU this model: everything is reset, then its CPUID and MSRs are there. */
void cpu_model_install(const struct cpu_model *model);

/* Replaces the vendor, or puts a hypervisor (its signature may be "") below the machine. */
void cpu_model_set_vendor(const char *vendor);
void cpu_model_set_hypervisor(const struct cpu_model *model, const char *signature);

#endif
