/* SPDX-License-Identifier: MIT */
#ifndef CPU_INSN_H
#define CPU_INSN_H

/*
 * The only inline assembly: one function per instruction. Host unit tests put another file of this
 * name first on the include path, backed by arrays: the one seam between pure code and the machine.
 */

#include "lib/bits.h"
#include "lib/types.h"

struct cpuid_result {
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

/* The operand of LGDT and LIDT in 64-bit mode. */
struct descriptor_table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu;

/* How a VMX instruction ended: SDM Vol. 3C "Conventions" of the VMX instruction reference. */
enum vmx_result {
	VMX_SUCCEED,
	VMX_FAIL_INVALID, /* CF: no current VMCS, so no error number. */
	VMX_FAIL_VALID,   /* ZF: the VM-instruction error field says why. */
};

static inline struct cpuid_result insn_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t insn_rdmsr(uint32_t msr)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return ((uint64_t)high << 32) | low;
}

static inline void insn_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/*
 * RDMSR that survives a #GP: the trap handler finds the instruction in the fixup table and goes on
 * behind it with RDX:RAX and the flag untouched. Returns false if the MSR does not exist.
 */
static inline bool insn_rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0;
	uint32_t high = 0;
	uint8_t is_read = 0;

	__asm__ volatile("1: rdmsr\n"
			 "movb $1, %2\n"
			 "2:\n"
			 ".pushsection .fixups, \"a\"\n"
			 ".quad 1b, 2b\n"
			 ".popsection\n"
			 : "+a"(low), "+d"(high), "+q"(is_read)
			 : "c"(msr));
	*value = ((uint64_t)high << 32) | low;
	return is_read != 0;
}

/* WRMSR that survives a #GP, as above. Returns false if the CPU refused the value or the MSR. */
static inline bool insn_wrmsr_safe(uint32_t msr, uint64_t value)
{
	uint8_t is_written = 0;

	__asm__ volatile("1: wrmsr\n"
			 "movb $1, %0\n"
			 "2:\n"
			 ".pushsection .fixups, \"a\"\n"
			 ".quad 1b, 2b\n"
			 ".popsection\n"
			 : "+q"(is_written)
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
	return is_written != 0;
}

/* Returns the number of the highest bit that is 1; value is not 0. One instruction, where the
 * compiler's builtin has conversions around it. */
static inline uint64_t insn_bsr(uint64_t value)
{
	uint64_t index;

	__asm__("bsr %1, %0" : "=r"(index) : "r"(value) : "cc");
	return index;
}

static inline uint64_t insn_rdtsc(void)
{
	uint64_t low;
	uint64_t high;

	/* In 64-bit mode it clears the upper halves of both registers. */
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (high << 32) | low;
}

static inline uint64_t insn_read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline void insn_write_cr0(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline uint64_t insn_read_cr2(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline void insn_write_cr2(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr2" : : "r"(value));
}

static inline uint64_t insn_read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline void insn_write_cr3(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline uint64_t insn_read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void insn_write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

/* index is 0 to 3 or 6; another index does nothing. */
static inline uint64_t insn_read_dr(unsigned index)
{
	uint64_t value = 0;

	switch (index) {
	case 0:
		__asm__ volatile("mov %%dr0, %0" : "=r"(value));
		break;
	case 1:
		__asm__ volatile("mov %%dr1, %0" : "=r"(value));
		break;
	case 2:
		__asm__ volatile("mov %%dr2, %0" : "=r"(value));
		break;
	case 3:
		__asm__ volatile("mov %%dr3, %0" : "=r"(value));
		break;
	case 6:
		__asm__ volatile("mov %%dr6, %0" : "=r"(value));
		break;
	default:
		break;
	}
	return value;
}

static inline void insn_write_dr(unsigned index, uint64_t value)
{
	switch (index) {
	case 0:
		__asm__ volatile("mov %0, %%dr0" : : "r"(value));
		break;
	case 1:
		__asm__ volatile("mov %0, %%dr1" : : "r"(value));
		break;
	case 2:
		__asm__ volatile("mov %0, %%dr2" : : "r"(value));
		break;
	case 3:
		__asm__ volatile("mov %0, %%dr3" : : "r"(value));
		break;
	case 6:
		__asm__ volatile("mov %0, %%dr6" : : "r"(value));
		break;
	default:
		break;
	}
}

static inline uint64_t insn_xgetbv(uint32_t index)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return ((uint64_t)high << 32) | low;
}

/*
 * CR4.PKE is set for this instruction alone: no protection key counts in the hypervisor. Between,
 * no memory is used. The CPU must have protection keys.
 */
static inline uint32_t insn_rdpkru(void)
{
	enum { CR4_PKE_BIT = 22 };
	const uint64_t cr4 = insn_read_cr4();
	uint32_t value;
	uint32_t high;

	__asm__ volatile("mov %[with_keys], %%cr4\n\t"
			 "rdpkru\n\t"
			 "mov %[without], %%cr4"
			 : "=&a"(value), "=&d"(high)
			 : "c"(0), [with_keys] "r"(cr4 | BIT(CR4_PKE_BIT)), [without] "r"(cr4)
			 : "memory");
	return value;
}

static inline void insn_xsetbv(uint32_t index, uint64_t value)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* Loads every state component in mask from a 64-byte-aligned XSAVE area. CR4.OSXSAVE is 1. */
static inline void insn_xrstor(const void *area, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

/* Stores every state component in mask into a 64-byte-aligned XSAVE area. CR4.OSXSAVE is 1. */
static inline void insn_xsave(void *area, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

/* Stores x87 and SSE state into a 16-byte-aligned, 512-byte FXSAVE area. CR4.OSFXSR is 1. */
static inline void insn_fxsave(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/* Loads x87 and SSE state from a 16-byte-aligned, 512-byte FXSAVE area. CR4.OSFXSR is 1. */
static inline void insn_fxrstor(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* A device's register of 32 bits, by one MOV: an emulator of instructions knows that best. */
static inline uint32_t insn_mmio_read32(uint64_t address)
{
	uint32_t value;

	__asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*(const volatile uint32_t *)address));
	return value;
}

static inline void insn_mmio_write32(uint64_t address, uint32_t value)
{
	__asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)address) : "r"(value));
}

static inline uint8_t insn_in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t insn_in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t insn_in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void insn_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void insn_out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void insn_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline void insn_hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

static inline void insn_pause(void)
{
	__asm__ volatile("pause");
}

/* Orders loads and stores before WRMSR of an x2APIC register, and RDTSC behind what came before. */
static inline void insn_mfence_lfence(void)
{
	__asm__ volatile("mfence\n lfence" : : : "memory");
}

static inline void insn_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* STI, one instruction's shadow, CLI: takes the interrupts that are pending now. */
static inline void insn_sti_nop_cli(void)
{
	__asm__ volatile("sti\n nop\n cli" : : : "memory");
}

/* STI, HLT in its shadow, CLI: waits for an interrupt, and takes it. */
static inline void insn_sti_hlt_cli(void)
{
	__asm__ volatile("sti\n hlt\n cli" : : : "memory");
}

static inline void insn_wbinvd(void)
{
	__asm__ volatile("wbinvd" : : : "memory");
}

static inline void insn_invlpg(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void insn_lgdt(const struct descriptor_table_register *table)
{
	__asm__ volatile("lgdt %0" : : "m"(*table));
}

static inline void insn_lidt(const struct descriptor_table_register *table)
{
	__asm__ volatile("lidt %0" : : "m"(*table));
}

static inline struct descriptor_table_register insn_sgdt(void)
{
	struct descriptor_table_register table;

	__asm__ volatile("sgdt %0" : "=m"(table));
	return table;
}

static inline struct descriptor_table_register insn_sidt(void)
{
	struct descriptor_table_register table;

	__asm__ volatile("sidt %0" : "=m"(table));
	return table;
}

static inline void insn_ltr(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector));
}

/* Reads the first word behind the host's GS base: struct cpu in cpu/percpu.h. */
static inline struct cpu *insn_read_this_cpu(void)
{
	struct cpu *cpu;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

static inline uint64_t insn_read_rsp(void)
{
	uint64_t value;

	__asm__ volatile("mov %%rsp, %0" : "=r"(value));
	return value;
}

static inline uint64_t insn_read_rbp(void)
{
	uint64_t value;

	__asm__ volatile("mov %%rbp, %0" : "=r"(value));
	return value;
}

static inline uint64_t insn_read_rflags(void)
{
	uint64_t value;

	__asm__ volatile("pushfq\n popq %0" : "=r"(value));
	return value;
}

/* INT3 and INT 2: the first to test the trap path, the second to run the NMI handler as by an NMI.
 */
static inline void insn_int3(void)
{
	__asm__ volatile("int3");
}

static inline void insn_int_nmi(void)
{
	__asm__ volatile("int $2" : : : "memory");
}

/* Returns false if the CPU had no random number at hand. CPUID.01H:ECX.RDRAND is 1. */
static inline bool insn_rdrand(uint64_t *value)
{
	uint8_t is_valid;

	__asm__ volatile("rdrand %0\n setc %1" : "=r"(*value), "=qm"(is_valid) : : "cc");
	return is_valid != 0;
}

/* Writes count 64-bit words of value from `to` on. */
static inline void insn_rep_stosq(void *to, uint64_t value, size_t count)
{
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

static inline void insn_rep_movsb(void *to, const void *from, size_t count)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static inline enum vmx_result vmx_result_from_flags(uint8_t carry, uint8_t zero)
{
	return carry != 0 ? VMX_FAIL_INVALID : zero != 0 ? VMX_FAIL_VALID : VMX_SUCCEED;
}

static inline enum vmx_result insn_vmxon(hpa_t region)
{
	uint8_t carry;
	uint8_t zero;

	__asm__ volatile("vmxon %2\n setc %0\n setz %1"
			 : "=qm"(carry), "=qm"(zero)
			 : "m"(region.value)
			 : "cc", "memory");
	return vmx_result_from_flags(carry, zero);
}

static inline void insn_vmxoff(void)
{
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}

static inline enum vmx_result insn_vmclear(hpa_t region)
{
	uint8_t carry;
	uint8_t zero;

	__asm__ volatile("vmclear %2\n setc %0\n setz %1"
			 : "=qm"(carry), "=qm"(zero)
			 : "m"(region.value)
			 : "cc", "memory");
	return vmx_result_from_flags(carry, zero);
}

static inline enum vmx_result insn_vmptrld(hpa_t region)
{
	uint8_t carry;
	uint8_t zero;

	__asm__ volatile("vmptrld %2\n setc %0\n setz %1"
			 : "=qm"(carry), "=qm"(zero)
			 : "m"(region.value)
			 : "cc", "memory");
	return vmx_result_from_flags(carry, zero);
}

/* Returns the region of the current VMCS; all ones if none is current. */
static inline hpa_t insn_vmptrst(void)
{
	hpa_t region;

	__asm__ volatile("vmptrst %0" : "=m"(region.value) : : "cc");
	return region;
}

/* The field is one that the CPU has; for any other the result is undefined. */
static inline uint64_t insn_vmread(uint64_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

/* Does nothing if the CPU refuses the field. */
static inline void insn_vmwrite(uint64_t field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc", "memory");
}

/* VMREAD that tells whether the CPU has the field. */
static inline enum vmx_result insn_vmread_checked(uint64_t field, uint64_t *value)
{
	uint8_t carry;
	uint8_t zero;
	uint64_t read = 0;

	__asm__ volatile("vmread %3, %0\n setc %1\n setz %2"
			 : "+r"(read), "=qm"(carry), "=qm"(zero)
			 : "r"(field)
			 : "cc");
	*value = read;
	return vmx_result_from_flags(carry, zero);
}

/* The descriptor of INVEPT and INVVPID. */
struct invalidation_descriptor {
	uint64_t first;  /* INVEPT: the EPT pointer. INVVPID: the VPID in bits 15:0. */
	uint64_t second; /* INVEPT: 0. INVVPID: the linear address, for type 0. */
};

static inline enum vmx_result insn_invept(
	uint64_t type, const struct invalidation_descriptor *descriptor)
{
	uint8_t carry;
	uint8_t zero;

	__asm__ volatile("invept %2, %3\n setc %0\n setz %1"
			 : "=qm"(carry), "=qm"(zero)
			 : "m"(*descriptor), "r"(type)
			 : "cc", "memory");
	return vmx_result_from_flags(carry, zero);
}

static inline enum vmx_result insn_invvpid(
	uint64_t type, const struct invalidation_descriptor *descriptor)
{
	uint8_t carry;
	uint8_t zero;

	__asm__ volatile("invvpid %2, %3\n setc %0\n setz %1"
			 : "=qm"(carry), "=qm"(zero)
			 : "m"(*descriptor), "r"(type)
			 : "cc", "memory");
	return vmx_result_from_flags(carry, zero);
}

#endif
