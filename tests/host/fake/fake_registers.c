/* SPDX-License-Identifier: MIT */
#include "fake_insn.h"

#include "cpu/cpuid.h"
#include "cpu/percpu.h"

#include <string.h>

_Thread_local struct cpu *fake_this_cpu;
static struct cpu boot_processor = {.self = &boot_processor, .vmcs = fake_vmcs_region};

void fake_this_cpu_reset(void)
{
	boot_processor = (struct cpu){.self = &boot_processor, .vmcs = fake_vmcs_region};
}

uint64_t insn_bsr(uint64_t value)
{
	uint64_t index = 0;

	while (value >> index > 1) {
		index++;
	}
	return index;
}

uint64_t insn_rdtsc(void)
{
	uint64_t value = fake_cpu.tsc;

	fake_cpu.tsc += fake_cpu.tsc_step;
	return value;
}

uint64_t insn_read_cr0(void)
{
	return fake_cpu.cr0;
}

void insn_write_cr0(uint64_t value)
{
	fake_cpu.cr0 = value;
}

uint64_t insn_read_cr2(void)
{
	return fake_cpu.cr2;
}

void insn_write_cr2(uint64_t value)
{
	fake_cpu.cr2 = value;
}

uint64_t insn_read_cr3(void)
{
	return fake_cpu.cr3;
}

void insn_write_cr3(uint64_t value)
{
	fake_cpu.cr3 = value;
}

uint64_t insn_read_cr4(void)
{
	return fake_cpu.cr4;
}

void insn_write_cr4(uint64_t value)
{
	fake_cpu.cr4 = value;
}

uint64_t insn_read_dr(unsigned index)
{
	return index < FAKE_DR_COUNT ? fake_cpu.dr[index] : 0;
}

void insn_write_dr(unsigned index, uint64_t value)
{
	if (index < FAKE_DR_COUNT) {
		fake_cpu.dr[index] = value;
	}
}

uint32_t insn_rdpkru(void)
{
	return fake_cpu.pkru;
}

uint64_t insn_xgetbv(uint32_t index)
{
	return index == 0 ? fake_cpu.xcr0 : 0;
}

void insn_xsetbv(uint32_t index, uint64_t value)
{
	if (index == 0) {
		fake_cpu.xcr0 = value;
	}
}

/* The header's XSTATE_BV. SDM Vol. 1 "XSAVE Area". */
enum { XSTATE_BV_OFFSET = 512, HEADER_BYTES = 64, FXSAVE_COMPONENTS = 2, AMX_TILEDATA = 18 };

/* Where each component stands in the standard format on processors that have all of these. */
static const struct fake_component {
	uint32_t offset;
	uint32_t size_bytes;
} fake_components[FAKE_COMPONENT_COUNT] = {
	[0] = {32, 128},
	[1] = {160, 256},
	[2] = {576, 256},
	[3] = {960, 64},
	[4] = {1024, 64},
	[5] = {1088, 64},
	[6] = {1152, 512},
	[7] = {1664, 1024},
	[9] = {2688, 8},
	[17] = {2752, 64},
	[18] = {2816, 8192},
};

const struct xsave_layout fake_xsave_layout = {
	.components = 0x2e7,
	.area_bytes = 2696,
	.parts =
		{
			[2] = {576, 256, false},
			[5] = {1088, 64, false},
			[6] = {1152, 512, false},
			[7] = {1664, 1024, false},
			[9] = {2688, 8, false},
		},
};

void fake_xsave_install(uint64_t components)
{
	for (uint32_t i = 2; i < FAKE_COMPONENT_COUNT; i++) {
		const struct fake_component *part = &fake_components[i];
		const bool is_there = (components & BIT(i)) != 0;

		fake_cpuid_set(CPUID_LEAF_XSAVE, i,
			is_there
				? (struct cpuid_result){.eax = part->size_bytes,
					  .ebx = part->offset,
					  .ecx = i == AMX_TILEDATA ? (uint32_t)CPUID_D_N_ECX_ALIGNED
								   : 0}
				: (struct cpuid_result){0});
	}
	fake_cpuid_set(CPUID_LEAF_XSAVE, 0,
		(struct cpuid_result){.eax = (uint32_t)components,
			.ecx = fake_xsave_bytes(components),
			.edx = (uint32_t)(components >> 32)});
	fake_cpu.has_xsave_sizes = true;
}

uint32_t fake_xsave_bytes(uint64_t components)
{
	uint32_t bytes = XSTATE_BV_OFFSET + HEADER_BYTES;

	for (uint32_t i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		const uint32_t end = fake_components[i].offset + fake_components[i].size_bytes;

		bytes = (components & BIT(i)) != 0 && end > bytes ? end : bytes;
	}
	return bytes;
}

/* Each byte of a component is written: its word, over and over. */
static void save_component(uint8_t *area, unsigned i)
{
	const struct fake_component *part = &fake_components[i];

	for (uint32_t at = 0; at < part->size_bytes; at += sizeof(uint64_t)) {
		memcpy(area + part->offset + at, &fake_cpu.components[i], sizeof(uint64_t));
	}
}

/* A component of which not all came back has a word that no test gives it. */
static void restore_component(const uint8_t *area, unsigned i)
{
	const struct fake_component *part = &fake_components[i];
	const uint8_t *first = area + part->offset;

	memcpy(&fake_cpu.components[i], first, sizeof(uint64_t));
	for (uint32_t at = 0; at < part->size_bytes; at += sizeof(uint64_t)) {
		if (memcmp(first + at, first, sizeof(uint64_t)) != 0) {
			fake_cpu.components[i] = FAKE_COMPONENT_TORN;
		}
	}
}

void insn_xsave(void *area, uint64_t mask)
{
	uint64_t states;

	memcpy(&states, (uint8_t *)area + XSTATE_BV_OFFSET, sizeof(states));
	for (unsigned i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		if ((mask & fake_cpu.xcr0 & BIT(i)) != 0) {
			save_component(area, i);
			states |= BIT(i);
		}
	}
	memcpy((uint8_t *)area + XSTATE_BV_OFFSET, &states, sizeof(states));
	fake_cpu.xsave_mask = mask;
	fake_cpu.xsave_count++;
}

/* A component that the area does not have gets its initial state, which is 0 here. */
void insn_xrstor(const void *area, uint64_t mask)
{
	uint64_t states;

	memcpy(&states, (const uint8_t *)area + XSTATE_BV_OFFSET, sizeof(states));
	for (unsigned i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		if ((mask & fake_cpu.xcr0 & BIT(i)) == 0) {
			continue;
		}
		fake_cpu.components[i] = 0;
		if ((states & BIT(i)) != 0) {
			restore_component(area, i);
		}
	}
	fake_cpu.xrstor_mask = mask;
	fake_cpu.xrstor_count++;
}

void insn_fxsave(void *area)
{
	for (unsigned i = 0; i < FXSAVE_COMPONENTS; i++) {
		save_component(area, i);
	}
	fake_cpu.fxsave_count++;
}

void insn_fxrstor(const void *area)
{
	for (unsigned i = 0; i < FXSAVE_COMPONENTS; i++) {
		restore_component(area, i);
	}
	fake_cpu.fxrstor_count++;
}

void insn_hlt(void)
{
	fake_cpu.hlt_count++;
	if (fake_cpu.on_hlt != NULL) {
		fake_cpu.on_hlt();
	}
}

void insn_pause(void)
{
	fake_cpu.pause_count++;
	if (fake_cpu.on_pause != NULL) {
		fake_cpu.on_pause();
	}
}

void insn_cli(void)
{
	fake_cpu.cli_count++;
}

void insn_sti_nop_cli(void)
{
	fake_cpu.sti_count++;
}

void insn_sti_hlt_cli(void)
{
	fake_cpu.sti_count++;
	insn_hlt();
}

void insn_wbinvd(void)
{
	fake_cpu.wbinvd_count++;
}

void insn_invlpg(uint64_t address)
{
	fake_cpu.invlpg_address = address;
	fake_cpu.invlpg_count++;
}

void insn_lgdt(const struct descriptor_table_register *table)
{
	fake_cpu.gdtr = *table;
}

void insn_lidt(const struct descriptor_table_register *table)
{
	fake_cpu.idtr = *table;
}

struct descriptor_table_register insn_sgdt(void)
{
	return fake_cpu.gdtr;
}

struct descriptor_table_register insn_sidt(void)
{
	return fake_cpu.idtr;
}

void insn_ltr(uint16_t selector)
{
	fake_cpu.task_register = selector;
}

void insn_mfence_lfence(void)
{
}

struct cpu *insn_read_this_cpu(void)
{
	return fake_this_cpu != NULL ? fake_this_cpu : &boot_processor;
}

uint64_t insn_read_rsp(void)
{
	return fake_cpu.rsp;
}

uint64_t insn_read_rbp(void)
{
	return fake_cpu.rbp;
}

uint64_t insn_read_rflags(void)
{
	return fake_cpu.rflags;
}

void insn_int3(void)
{
	fake_cpu.int3_count++;
}

void insn_int_nmi(void)
{
	fake_cpu.int_nmi_count++;
}

bool insn_rdrand(uint64_t *value)
{
	*value = fake_cpu.is_random_ready ? fake_cpu.random : 0;
	return fake_cpu.is_random_ready;
}

void insn_rep_stosq(void *to, uint64_t value, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		memcpy((uint8_t *)to + i * sizeof(value), &value, sizeof(value));
	}
}

void insn_rep_movsb(void *to, const void *from, size_t count)
{
	uint8_t *target = to;
	const uint8_t *source = from;

	for (size_t i = 0; i < count; i++) {
		target[i] = source[i];
	}
}

enum vmx_result insn_vmxon(hpa_t region)
{
	fake_cpu.vmxon_region = region;
	fake_cpu.vmxon_count++;
	return fake_cpu.vmxon_result;
}

void insn_vmxoff(void)
{
	fake_cpu.vmxoff_count++;
}

enum vmx_result insn_invept(uint64_t type, const struct invalidation_descriptor *descriptor)
{
	fake_cpu.invept_type = type;
	fake_cpu.invept_descriptor = *descriptor;
	fake_cpu.invept_count++;
	return fake_cpu.invept_result;
}

enum vmx_result insn_invvpid(uint64_t type, const struct invalidation_descriptor *descriptor)
{
	fake_cpu.invvpid_type = type;
	fake_cpu.invvpid_descriptor = *descriptor;
	fake_cpu.invvpid_count++;
	return fake_cpu.invvpid_result;
}
