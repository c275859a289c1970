/* SPDX-License-Identifier: MIT */
#include "fake_insn.h"

#include "cpu/cpuid.h"
#include "fake_devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MSRS_MAX = 512,
	CPUIDS_MAX = 256,
	PORT_VALUES_MAX = 1024,
};

struct fake_msr {
	uint32_t index;
	uint64_t value;
	bool is_read_only;
};

struct fake_cpuid {
	uint32_t leaf;
	uint32_t subleaf;
	struct cpuid_result result;
};

struct fake_port_value {
	uint16_t port;
	bool is_queued; /* Goes with the first read. */
	uint32_t value;
};

_Thread_local struct fake_cpu fake_cpu = {.tsc_step = 1, .is_random_ready = true};

static struct fake_msr msrs[MSRS_MAX];
static size_t msr_count;
static struct fake_cpuid cpuids[CPUIDS_MAX];
static size_t cpuid_count;
static struct fake_port_value port_values[PORT_VALUES_MAX];
static size_t port_value_count;
static struct fake_port_write port_writes[FAKE_PORT_WRITES_MAX];
static size_t port_write_count;

/* A fault that the real CPU would raise, or a test beyond the fake's tables. */
static _Noreturn void fake_fault(const char *what, uint64_t which)
{
	fprintf(stderr, "fake cpu: %s: %#llx\n", what, (unsigned long long)which);
	abort();
}

void fake_insn_reset(void)
{
	fake_cpu = (struct fake_cpu){.tsc_step = 1, .is_random_ready = true};
	msr_count = 0;
	cpuid_count = 0;
	port_value_count = 0;
	port_write_count = 0;
	fake_devices_reset();
	fake_this_cpu_reset();
	fake_vmcs_reset();
}

static struct fake_msr *msr_find(uint32_t msr)
{
	for (size_t i = 0; i < msr_count; i++) {
		if (msrs[i].index == msr) {
			return &msrs[i];
		}
	}
	return NULL;
}

static void msr_put(struct fake_msr msr)
{
	struct fake_msr *slot = msr_find(msr.index);

	if (slot == NULL) {
		if (msr_count == MSRS_MAX) {
			fake_fault("too many MSRs", msr.index);
		}
		slot = &msrs[msr_count++];
	}
	*slot = msr;
}

void fake_msr_set(uint32_t msr, uint64_t value)
{
	msr_put((struct fake_msr){.index = msr, .value = value});
}

void fake_msr_set_read_only(uint32_t msr, uint64_t value)
{
	msr_put((struct fake_msr){.index = msr, .value = value, .is_read_only = true});
}

void fake_msr_remove(uint32_t msr)
{
	struct fake_msr *slot = msr_find(msr);

	if (slot != NULL) {
		*slot = msrs[--msr_count];
	}
}

bool fake_msr_get(uint32_t msr, uint64_t *value)
{
	const struct fake_msr *slot = msr_find(msr);

	*value = slot != NULL ? slot->value : 0;
	return slot != NULL;
}

bool insn_rdmsr_safe(uint32_t msr, uint64_t *value)
{
	return fake_msr_get(msr, value);
}

bool insn_wrmsr_safe(uint32_t msr, uint64_t value)
{
	struct fake_msr *slot = msr_find(msr);

	if (slot == NULL || slot->is_read_only) {
		return false;
	}
	slot->value = value;
	return true;
}

uint64_t insn_rdmsr(uint32_t msr)
{
	uint64_t value;

	if (!insn_rdmsr_safe(msr, &value)) {
		fake_fault("#GP on RDMSR", msr);
	}
	return value;
}

void insn_wrmsr(uint32_t msr, uint64_t value)
{
	if (!insn_wrmsr_safe(msr, value)) {
		fake_fault("#GP on WRMSR", msr);
	}
}

static struct fake_cpuid *cpuid_find(uint32_t leaf, uint32_t subleaf)
{
	for (size_t i = 0; i < cpuid_count; i++) {
		if (cpuids[i].leaf == leaf && cpuids[i].subleaf == subleaf) {
			return &cpuids[i];
		}
	}
	return NULL;
}

void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, struct cpuid_result result)
{
	struct fake_cpuid *slot = cpuid_find(leaf, subleaf);

	if (slot == NULL) {
		if (cpuid_count == CPUIDS_MAX) {
			fake_fault("too many CPUID leaves", leaf);
		}
		slot = &cpuids[cpuid_count++];
	}
	*slot = (struct fake_cpuid){leaf, subleaf, result};
}

struct cpuid_result insn_cpuid(uint32_t leaf, uint32_t subleaf)
{
	const struct fake_cpuid *slot = cpuid_find(leaf, subleaf);
	struct cpuid_result result = slot != NULL ? slot->result : (struct cpuid_result){0};

	if (leaf == CPUID_LEAF_XSAVE && subleaf == 0 && fake_cpu.has_xsave_sizes) {
		result.ebx = fake_xsave_bytes(fake_cpu.xcr0);
	}
	return result;
}

static void port_value_add(struct fake_port_value value)
{
	if (port_value_count == PORT_VALUES_MAX) {
		fake_fault("too many port values", value.port);
	}
	port_values[port_value_count++] = value;
}

void fake_port_queue(uint16_t port, uint32_t value)
{
	port_value_add((struct fake_port_value){port, true, value});
}

void fake_port_set(uint16_t port, uint32_t value)
{
	for (size_t i = 0; i < port_value_count; i++) {
		if (port_values[i].port == port && !port_values[i].is_queued) {
			port_values[i].value = value;
			return;
		}
	}
	port_value_add((struct fake_port_value){port, false, value});
}

static uint32_t port_take(size_t index)
{
	uint32_t value = port_values[index].value;

	port_value_count--;
	for (size_t i = index; i < port_value_count; i++) {
		port_values[i] = port_values[i + 1];
	}
	return value;
}

static uint32_t port_read(uint16_t port, unsigned width_bytes)
{
	uint32_t value = UINT32_MAX;

	if (fake_device_read(false, port, width_bytes, &value)) {
		return value;
	}
	for (size_t i = 0; i < port_value_count; i++) {
		if (port_values[i].port != port) {
			continue;
		}
		if (port_values[i].is_queued) {
			return port_take(i);
		}
		value = port_values[i].value;
	}
	return value;
}

static void port_write(uint16_t port, uint8_t width_bytes, uint32_t value)
{
	if (fake_device_write(false, port, width_bytes, value)) {
		return;
	}
	if (port_write_count == FAKE_PORT_WRITES_MAX) {
		fake_fault("too many port writes", port);
	}
	port_writes[port_write_count++] = (struct fake_port_write){port, width_bytes, value};
}

size_t fake_port_write_count(void)
{
	return port_write_count;
}

struct fake_port_write fake_port_write_at(size_t index)
{
	if (index >= port_write_count) {
		fake_fault("no such port write", index);
	}
	return port_writes[index];
}

uint8_t insn_in8(uint16_t port)
{
	return (uint8_t)port_read(port, sizeof(uint8_t));
}

uint16_t insn_in16(uint16_t port)
{
	return (uint16_t)port_read(port, sizeof(uint16_t));
}

uint32_t insn_in32(uint16_t port)
{
	return port_read(port, sizeof(uint32_t));
}

void insn_out8(uint16_t port, uint8_t value)
{
	port_write(port, sizeof(value), value);
}

void insn_out16(uint16_t port, uint16_t value)
{
	port_write(port, sizeof(value), value);
}

void insn_out32(uint16_t port, uint32_t value)
{
	port_write(port, sizeof(value), value);
}

uint32_t insn_mmio_read32(uint64_t address)
{
	uint32_t value = UINT32_MAX;

	(void)fake_device_read(true, address, sizeof(value), &value);
	return value;
}

void insn_mmio_write32(uint64_t address, uint32_t value)
{
	(void)fake_device_write(true, address, sizeof(value), value);
}
