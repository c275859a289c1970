/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_segments.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_trap.h"

#include <stddef.h>

/* SDM Vol. 3A "Segment Descriptors" and "System Descriptor Types". */
enum { DESCRIPTOR_BYTES = 8, IDT_ENTRIES = 256, STACK_BYTES = 16384, IST_COUNT = 7 };
enum { AP_COUNT = 15, AP_STACK_BYTES = 4096 };
enum { GATE_PRESENT = 0x80, GATE_INTERRUPT = 0x0e, GATE_DPL_SHIFT = 5 };

#define DESCRIPTOR_CODE64_KERNEL 0x00af9b000000ffffull
#define DESCRIPTOR_CODE64_USER   0x00affb000000ffffull
#define DESCRIPTOR_CODE32_KERNEL 0x00cf9b000000ffffull
#define DESCRIPTOR_CODE32_USER   0x00cffb000000ffffull
#define DESCRIPTOR_DATA_KERNEL   0x00cf93000000ffffull
#define DESCRIPTOR_DATA_USER     0x00cff3000000ffffull
#define DESCRIPTOR_LOW_CODE16    0x00009b010000ffffull
#define DESCRIPTOR_LOW_DATA16    0x000093010000ffffull
#define DESCRIPTOR_NOT_PRESENT   0x00cf13000000ffffull
#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ull

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[IST_COUNT];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM Vol. 3A, Figure \"64-Bit TSS Format\"");

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM Vol. 3A, Figure \"64-Bit IDT Gate Descriptors\"");

extern const uint64_t guest_trap_stubs[VECTOR_EXCEPTION_COUNT];
void guest_trap_probe_end(void);

static uint64_t gdt[SELECTOR_END / DESCRIPTOR_BYTES];
static struct gate idt[IDT_ENTRIES];
static struct tss tss;
static uint8_t stacks[GUEST_IST_NMI + 1][STACK_BYTES] __attribute__((aligned(16)));

/* What each application processor has of its own. */
static struct {
	uint8_t stacks[GUEST_IST_NMI][AP_STACK_BYTES] __attribute__((aligned(16)));
	uint64_t gdt[SELECTOR_END / DESCRIPTOR_BYTES];
	struct tss tss;
} aps[AP_COUNT];

static uint64_t tss_descriptor(uint32_t base, uint32_t limit)
{
	return DESCRIPTOR_TSS_AVAILABLE | (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)(base >> 24) << 56;
}

uint64_t guest_segments_tss32(uint32_t base, uint32_t size_bytes)
{
	return tss_descriptor(base, size_bytes - 1);
}

void guest_segments_set(unsigned selector, uint64_t descriptor)
{
	gdt[selector / DESCRIPTOR_BYTES] = descriptor;
}

void guest_segments_set_vector_ist(unsigned vector, unsigned ist)
{
	idt[vector].ist = (uint8_t)ist;
}

void guest_segments_set_vector_present(unsigned vector, bool is_present)
{
	idt[vector].type &= (uint8_t)~GATE_PRESENT;
	idt[vector].type |= is_present ? GATE_PRESENT : 0;
}

void guest_segments_cut_tss(uint32_t size_bytes)
{
	guest_segments_set(SELECTOR_TSS, tss_descriptor((uint32_t)(uintptr_t)&tss, size_bytes - 1));
	guest_ltr(SELECTOR_TSS);
}

void guest_segments_set_ist(unsigned ist, uint64_t stack_top)
{
	tss.ist[ist - 1] = stack_top;
}

void guest_segments_set_gate(unsigned vector, uint64_t handler, unsigned dpl)
{
	idt[vector] = (struct gate){
		.offset_low = (uint16_t)handler,
		.selector = SELECTOR_KERNEL_CODE,
		.ist = GUEST_IST_TRAP,
		.type = (uint8_t)(GATE_PRESENT | GATE_INTERRUPT | dpl << GATE_DPL_SHIFT),
		.offset_middle = (uint16_t)(handler >> 16),
		.offset_high = (uint32_t)(handler >> 32),
	};
}

static void fill_gdt(void)
{
	guest_segments_set(SELECTOR_KERNEL_CODE, DESCRIPTOR_CODE64_KERNEL);
	guest_segments_set(SELECTOR_KERNEL_DATA, DESCRIPTOR_DATA_KERNEL);
	guest_segments_set(SELECTOR_USER_CODE32, DESCRIPTOR_CODE32_USER);
	guest_segments_set(SELECTOR_USER_DATA, DESCRIPTOR_DATA_USER);
	guest_segments_set(SELECTOR_USER_CODE, DESCRIPTOR_CODE64_USER);
	guest_segments_set(SELECTOR_KERNEL_CODE32, DESCRIPTOR_CODE32_KERNEL);
	guest_segments_set(SELECTOR_LOW_CODE16, DESCRIPTOR_LOW_CODE16);
	guest_segments_set(SELECTOR_LOW_DATA16, DESCRIPTOR_LOW_DATA16);
	guest_segments_set(SELECTOR_NOT_PRESENT, DESCRIPTOR_NOT_PRESENT);
}

static void fill_idt(void)
{
	for (unsigned vector = 0; vector < VECTOR_EXCEPTION_COUNT; vector++) {
		guest_segments_set_gate(vector, guest_trap_stubs[vector], 0);
	}
	/* INT3 and INTO are for any privilege level. */
	guest_segments_set_gate(VECTOR_BP, guest_trap_stubs[VECTOR_BP], 3);
	guest_segments_set_gate(VECTOR_OF, guest_trap_stubs[VECTOR_OF], 3);
	guest_segments_set_gate(VECTOR_PROBE_END, (uintptr_t)guest_trap_probe_end, 3);
	guest_segments_set_vector_ist(VECTOR_DF, GUEST_IST_DOUBLE_FAULT);
	guest_segments_set_vector_ist(VECTOR_NMI, GUEST_IST_NMI);
	guest_segments_set_vector_ist(VECTOR_MC, GUEST_IST_NMI);
}

void guest_segments_reload(void)
{
	const struct guest_table_pointer gdt_pointer = {sizeof(gdt) - 1, (uintptr_t)gdt};
	const struct guest_table_pointer idt_pointer = {sizeof(idt) - 1, (uintptr_t)idt};

	/* LTR wants an available TSS, and marks it busy. */
	guest_segments_set(
		SELECTOR_TSS, tss_descriptor((uint32_t)(uintptr_t)&tss, sizeof(tss) - 1));
	guest_lgdt(&gdt_pointer);
	guest_load_segments(SELECTOR_KERNEL_CODE, SELECTOR_USER_DATA, SELECTOR_KERNEL_DATA);
	guest_lidt(&idt_pointer);
	guest_ltr(SELECTOR_TSS);
}

void guest_segments_init(void)
{
	for (unsigned ist = 1; ist <= GUEST_IST_NMI; ist++) {
		guest_segments_set_ist(ist, (uintptr_t)stacks[ist] + STACK_BYTES);
	}
	tss.rsp[0] = (uintptr_t)stacks[0] + STACK_BYTES;
	tss.io_map_base = sizeof(tss); /* No map: ring 3 has no ports. */
	fill_gdt();
	fill_idt();
	guest_segments_reload();
}

unsigned guest_segments_cpu(void)
{
	const uint64_t offset = guest_sgdt().base - (uintptr_t)aps;

	return offset < sizeof(aps) ? (unsigned)(offset / sizeof(aps[0])) + 1 : 0;
}

void guest_segments_init_cpu(unsigned cpu)
{
	const unsigned ap = cpu - 1;
	const uint64_t descriptor =
		tss_descriptor((uint32_t)(uintptr_t)&aps[ap].tss, sizeof(aps[ap].tss));
	const struct guest_table_pointer gdt_pointer = {
		sizeof(aps[ap].gdt) - 1, (uintptr_t)aps[ap].gdt};
	const struct guest_table_pointer idt_pointer = {sizeof(idt) - 1, (uintptr_t)idt};

	for (unsigned ist = 1; ist <= GUEST_IST_NMI; ist++) {
		aps[ap].tss.ist[ist - 1] = (uintptr_t)aps[ap].stacks[ist - 1] + AP_STACK_BYTES;
	}
	aps[ap].tss.io_map_base = sizeof(aps[ap].tss);
	for (unsigned i = 0; i < SELECTOR_END / DESCRIPTOR_BYTES; i++) {
		aps[ap].gdt[i] = gdt[i];
	}
	aps[ap].gdt[SELECTOR_TSS / DESCRIPTOR_BYTES] = descriptor;
	guest_lgdt(&gdt_pointer);
	guest_load_segments(SELECTOR_KERNEL_CODE, SELECTOR_USER_DATA, SELECTOR_KERNEL_DATA);
	guest_lidt(&idt_pointer);
	guest_ltr(SELECTOR_TSS);
}
