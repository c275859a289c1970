/* SPDX-License-Identifier: MIT */
#include "cpu/gdt.h"

#include "cpu/insn.h"
#include "cpu/segment_load.h"
#include "lib/bits.h"

/* SDM Vol. 3A "Segment Descriptors": type, S, DPL, P in bits 47:40; L in 53; limit and base split.
 */
#define DESCRIPTOR_TYPE_CODE (0xbULL << 40)
#define DESCRIPTOR_TYPE_DATA (0x3ULL << 40)
#define DESCRIPTOR_TYPE_TSS  (0x9ULL << 40)
#define DESCRIPTOR_S         BIT(44)
#define DESCRIPTOR_PRESENT   BIT(47)
#define DESCRIPTOR_L         BIT(53)

enum {
	GDT_CODE_INDEX = GDT_CODE_SELECTOR / 8,
	GDT_DATA_INDEX = GDT_DATA_SELECTOR / 8,
	GDT_TSS_INDEX = GDT_TSS_SELECTOR / 8,
};

struct gdt_cpu gdt_boot_cpu;

static void fill_tss_descriptor(struct gdt_cpu *cpu)
{
	uint64_t base = (uintptr_t)&cpu->tss;
	uint64_t low = DESCRIPTOR_TYPE_TSS | DESCRIPTOR_PRESENT;

	low = bits_put(low, 15, 0, sizeof(cpu->tss) - 1);
	low = bits_put(low, 39, 16, bits_get(base, 23, 0));
	low = bits_put(low, 63, 56, bits_get(base, 31, 24));
	cpu->gdt[GDT_TSS_INDEX] = low;
	cpu->gdt[GDT_TSS_INDEX + 1] = bits_get(base, 63, 32);
}

void gdt_init(struct gdt_cpu *cpu)
{
	struct descriptor_table_register gdtr = {
		.limit = sizeof(cpu->gdt) - 1,
		.base = (uintptr_t)cpu->gdt,
	};

	cpu->gdt[GDT_CODE_INDEX] =
		DESCRIPTOR_TYPE_CODE | DESCRIPTOR_S | DESCRIPTOR_PRESENT | DESCRIPTOR_L;
	cpu->gdt[GDT_DATA_INDEX] = DESCRIPTOR_TYPE_DATA | DESCRIPTOR_S | DESCRIPTOR_PRESENT;
	fill_tss_descriptor(cpu);
	for (unsigned i = 0; i < IST_COUNT; i++) {
		cpu->tss.ist[i] = (uintptr_t)&cpu->stacks[i].bytes[IST_STACK_SIZE_BYTES];
	}
	/* An I/O map base behind the limit: no port is open below CPL 0. */
	cpu->tss.io_map_base = sizeof(cpu->tss);
	insn_lgdt(&gdtr);
	segment_load(GDT_CODE_SELECTOR, GDT_DATA_SELECTOR);
	insn_ltr(GDT_TSS_SELECTOR);
}
