/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_INSN_H
#define GUEST_RUNTIME_GUEST_INSN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One function per instruction: the guests' inline assembly. What may fault goes through
 * guest_probe.h instead.
 */

struct guest_table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct guest_cpuid {
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

/* STI. With no interrupt controller nothing comes of it but what the host does. */
static inline void guest_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void guest_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void guest_out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void guest_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t guest_in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t guest_in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t guest_in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline struct guest_cpuid guest_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct guest_cpuid result;

	__asm__ volatile("cpuid"
			 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
			 : "a"(leaf), "c"(subleaf));
	return result;
}

static inline uint64_t guest_rdmsr(uint32_t msr)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void guest_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline uint64_t guest_rdtsc(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Clears a bit of a 32-bit word; returns true if it was set. */
static inline bool guest_btr(void *word, uint32_t bit)
{
	bool was_set;

	__asm__ volatile("btrl %2, %1"
			 : "=@ccc"(was_set), "+m"(*(uint8_t(*)[sizeof(uint32_t)])word)
			 : "Ir"(bit));
	return was_set;
}

/*
 * Exchanges 16 bytes, aligned to 16, if they are the two halves given; returns whether it did, and
 * in the halves what was there.
 */
static inline bool guest_cmpxchg16b(
	uint64_t *where, uint64_t *low, uint64_t *high, uint64_t new_low, uint64_t new_high)
{
	bool is_done;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(is_done), "+m"(*(uint64_t(*)[2])where), "+a"(*low), "+d"(*high)
			 : "b"(new_low), "c"(new_high)
			 : "memory");
	return is_done;
}

#define GUEST_CONTROL_REGISTER(name)                                                               \
	static inline uint64_t guest_read_##name(void)                                             \
	{                                                                                          \
		uint64_t value;                                                                    \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                \
		return value;                                                                      \
	}                                                                                          \
	static inline void guest_write_##name(uint64_t value)                                      \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                    \
	}

GUEST_CONTROL_REGISTER(cr0)
GUEST_CONTROL_REGISTER(cr2)
GUEST_CONTROL_REGISTER(cr3)
GUEST_CONTROL_REGISTER(cr4)
GUEST_CONTROL_REGISTER(cr8)
GUEST_CONTROL_REGISTER(dr0)
GUEST_CONTROL_REGISTER(dr6)
GUEST_CONTROL_REGISTER(dr7)

static inline uint64_t guest_xgetbv(uint32_t index)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

static inline void guest_xsetbv(uint32_t index, uint64_t value)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* Context: CR4.PKE is set. */
static inline uint32_t guest_rdpkru(void)
{
	uint32_t pkru;
	uint32_t zero;

	__asm__ volatile("rdpkru" : "=a"(pkru), "=d"(zero) : "c"(0));
	return pkru;
}

/* Context: CR4.PKE is set. */
static inline void guest_wrpkru(uint32_t pkru)
{
	__asm__ volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
}

static inline void guest_lgdt(const struct guest_table_pointer *pointer)
{
	__asm__ volatile("lgdt %0" : : "m"(*pointer) : "memory");
}

static inline void guest_lidt(const struct guest_table_pointer *pointer)
{
	__asm__ volatile("lidt %0" : : "m"(*pointer) : "memory");
}

static inline struct guest_table_pointer guest_sgdt(void)
{
	struct guest_table_pointer pointer;

	__asm__ volatile("sgdt %0" : "=m"(pointer));
	return pointer;
}

static inline struct guest_table_pointer guest_sidt(void)
{
	struct guest_table_pointer pointer;

	__asm__ volatile("sidt %0" : "=m"(pointer));
	return pointer;
}

static inline uint16_t guest_read_cs(void)
{
	uint16_t selector;

	__asm__ volatile("movw %%cs, %0" : "=r"(selector));
	return selector;
}

static inline uint16_t guest_read_ss(void)
{
	uint16_t selector;

	__asm__ volatile("movw %%ss, %0" : "=r"(selector));
	return selector;
}

static inline void guest_ltr(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

/* Loads CS by a far return, and the data segments and SS. Context: CPL 0, 64-bit code. */
static inline void guest_load_segments(uint16_t code, uint16_t data, uint16_t stack)
{
	__asm__ volatile("pushq %q0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %k1, %%ds\n\t"
			 "movl %k1, %%es\n\t"
			 "movl %k2, %%ss"
			 :
			 : "r"((uint64_t)code), "r"((uint64_t)data), "r"((uint64_t)stack)
			 : "rax", "memory");
}

static inline void guest_invlpg(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void guest_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void guest_hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

static inline void guest_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#endif
