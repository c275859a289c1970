/* SPDX-License-Identifier: MIT */
#ifndef CPU_INSN_H
#define CPU_INSN_H

/*
 * Stands in for cpu/insn.h in host builds: the same names and types, backed by the arrays in
 * fake_insn.c, which fake_insn.h lets a test set and inspect.
 */

#include "lib/bits.h"
#include "lib/types.h"

struct cpuid_result {
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

struct descriptor_table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu;

enum vmx_result {
	VMX_SUCCEED,
	VMX_FAIL_INVALID,
	VMX_FAIL_VALID,
};

struct invalidation_descriptor {
	uint64_t first;
	uint64_t second;
};

struct cpuid_result insn_cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t insn_rdmsr(uint32_t msr);
void insn_wrmsr(uint32_t msr, uint64_t value);
bool insn_rdmsr_safe(uint32_t msr, uint64_t *value);
bool insn_wrmsr_safe(uint32_t msr, uint64_t value);
uint64_t insn_bsr(uint64_t value);
uint64_t insn_rdtsc(void);
uint64_t insn_read_cr0(void);
void insn_write_cr0(uint64_t value);
uint64_t insn_read_cr2(void);
void insn_write_cr2(uint64_t value);
uint64_t insn_read_cr3(void);
void insn_write_cr3(uint64_t value);
uint64_t insn_read_cr4(void);
void insn_write_cr4(uint64_t value);
uint64_t insn_read_dr(unsigned index);
void insn_write_dr(unsigned index, uint64_t value);
uint64_t insn_xgetbv(uint32_t index);
uint32_t insn_rdpkru(void);
void insn_xsetbv(uint32_t index, uint64_t value);
void insn_xrstor(const void *area, uint64_t mask);
void insn_xsave(void *area, uint64_t mask);
void insn_fxsave(void *area);
void insn_fxrstor(const void *area);
uint8_t insn_in8(uint16_t port);
uint16_t insn_in16(uint16_t port);
uint32_t insn_in32(uint16_t port);
void insn_out8(uint16_t port, uint8_t value);
void insn_out16(uint16_t port, uint16_t value);
void insn_out32(uint16_t port, uint32_t value);
void insn_hlt(void);
void insn_pause(void);
void insn_mfence_lfence(void);
void insn_cli(void);
void insn_sti_nop_cli(void);
void insn_sti_hlt_cli(void);
void insn_wbinvd(void);
uint32_t insn_mmio_read32(uint64_t address);
void insn_mmio_write32(uint64_t address, uint32_t value);
void insn_invlpg(uint64_t address);
void insn_lgdt(const struct descriptor_table_register *table);
void insn_lidt(const struct descriptor_table_register *table);
struct descriptor_table_register insn_sgdt(void);
struct descriptor_table_register insn_sidt(void);
void insn_ltr(uint16_t selector);
struct cpu *insn_read_this_cpu(void);
uint64_t insn_read_rsp(void);
uint64_t insn_read_rbp(void);
uint64_t insn_read_rflags(void);
void insn_int3(void);
void insn_int_nmi(void);
bool insn_rdrand(uint64_t *value);
void insn_rep_stosq(void *to, uint64_t value, size_t count);
void insn_rep_movsb(void *to, const void *from, size_t count);
enum vmx_result insn_vmxon(hpa_t region);
void insn_vmxoff(void);
enum vmx_result insn_vmclear(hpa_t region);
enum vmx_result insn_vmptrld(hpa_t region);
hpa_t insn_vmptrst(void);
uint64_t insn_vmread(uint64_t field);
void insn_vmwrite(uint64_t field, uint64_t value);
enum vmx_result insn_vmread_checked(uint64_t field, uint64_t *value);
enum vmx_result insn_invept(uint64_t type, const struct invalidation_descriptor *descriptor);
enum vmx_result insn_invvpid(uint64_t type, const struct invalidation_descriptor *descriptor);

#endif
