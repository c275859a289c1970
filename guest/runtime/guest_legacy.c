/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_legacy.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"

/* The low segment, as guest_low.inc has it: the probe's code, our 16-bit code, the frame. */
enum { LOW_BLOB_OFFSET = 0x8000, LOW_FRAME_OFFSET = 0xf000, LOW_STUB_BYTES = 6 };
enum { IDT32_ENTRIES = VECTOR_PROBE_END + 1, STACK_BYTES = 4096, PAGE_ENTRIES = 1024 };
enum { PAGE_4M_SHIFT = 22, PAGES_OF_4M = 256 };

#define CR0_PE    (1u << 0)
#define CR0_PG    (1u << 31)
#define CR4_PSE   (1u << 4)
#define CR4_PAE   (1u << 5)
#define CR4_PCIDE (1u << 17)

/* SDM Vol. 3A "IDT Descriptors": a present 32-bit interrupt gate with DPL 3. */
#define GATE32_PRESENT_DPL3 0xee00u

static const uint64_t low_half = 0xffffffff;

/* In the order in which PUSHAD, the stubs and the processor leave them. */
struct legacy_frame {
	uint32_t edi;
	uint32_t esi;
	uint32_t ebp;
	uint32_t esp;
	uint32_t ebx;
	uint32_t edx;
	uint32_t ecx;
	uint32_t eax;
	uint32_t vector;
	uint32_t error_code;
	uint32_t eip;
	uint32_t cs;
	uint32_t eflags;
};

/* What POPAD and IRETD take. */
struct legacy_entry {
	uint32_t edi;
	uint32_t esi;
	uint32_t ebp;
	uint32_t esp_unused;
	uint32_t ebx;
	uint32_t edx;
	uint32_t ecx;
	uint32_t eax;
	uint32_t eip;
	uint32_t cs;
	uint32_t eflags;
	/* From here on only where the privilege level changes. */
	uint32_t esp;
	uint32_t ss;
	uint32_t es;
	uint32_t ds;
	uint32_t fs;
	uint32_t gs;
};

struct tss32 {
	uint32_t link;
	uint32_t esp0;
	uint32_t ss0;
	uint32_t other[22];
	uint16_t trap;
	uint16_t io_map_base;
};
_Static_assert(sizeof(struct tss32) == 104, "SDM Vol. 3A, Figure \"32-Bit Task-State Segment\"");

struct pointer32 {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

extern uint32_t guest_legacy_cr0;
extern uint32_t guest_legacy_cr3;
extern uint32_t guest_legacy_cr4;
extern uint32_t guest_legacy_is_real;
extern uint32_t guest_legacy_stack;
extern struct pointer32 guest_legacy_idt_pointer;
extern const struct legacy_frame guest_legacy_out;
extern const uint32_t guest_legacy_stubs[VECTOR_EXCEPTION_COUNT + 1];
extern const uint8_t guest_low_start[];
extern const uint8_t guest_low_end[];
extern uint64_t guest_page_directory[];
void guest_legacy_enter(void);

static uint64_t idt32[IDT32_ENTRIES];
static struct tss32 tss32;
static uint8_t stack0[STACK_BYTES] __attribute__((aligned(16)));
static struct {
	uint8_t below[STACK_BYTES - sizeof(struct legacy_entry)];
	struct legacy_entry entry;
} flat_stack __attribute__((aligned(16)));
static uint32_t page_directory32[PAGE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t pae_pointers[4] __attribute__((aligned(32)));

static unsigned user_vector = VECTOR_EXCEPTION_COUNT;

void guest_legacy_set_user_vector(unsigned vector)
{
	user_vector = vector;
}

static bool is_16bit(enum guest_probe_mode mode)
{
	return mode == PROBE_PROTECTED16 || mode == PROBE_REAL || mode == PROBE_VIRTUAL8086;
}

static uint64_t gate32(uint32_t handler, uint16_t selector)
{
	return (handler & 0xffff) | (uint64_t)selector << 16 | (uint64_t)GATE32_PRESENT_DPL3 << 32 |
	       (uint64_t)(handler >> 16) << 48;
}

static void fill_vectors(void)
{
	/* The real-mode table lies at address 0: offset, then segment. */
	volatile uint32_t *ivt = (volatile uint32_t *)(uintptr_t)0;

	__asm__("" : "+r"(ivt));
	for (unsigned i = 0; i <= VECTOR_EXCEPTION_COUNT; i++) {
		unsigned vector = i == VECTOR_EXCEPTION_COUNT ? VECTOR_PROBE_END : i;

		idt32[vector] = gate32(guest_legacy_stubs[i],
			vector == user_vector ? SELECTOR_USER_CODE32 : SELECTOR_KERNEL_CODE32);
		ivt[vector] = GUEST_LOW_SEGMENT << 16 | (LOW_BLOB_OFFSET + i * LOW_STUB_BYTES);
	}
	guest_legacy_idt_pointer =
		(struct pointer32){sizeof(idt32) - 1, (uint32_t)(uintptr_t)idt32};
}

static void fill_tables(void)
{
	for (uint32_t i = 0; i < PAGES_OF_4M; i++) {
		page_directory32[i] = i << PAGE_4M_SHIFT | (uint32_t)GUEST_PAGE_DEFAULT;
	}
	/* A PAE pointer has no writable or user bit: those are reserved there. */
	pae_pointers[0] = (uintptr_t)guest_page_directory | GUEST_PAGE_PRESENT;
	tss32.esp0 = (uint32_t)(uintptr_t)stack0 + STACK_BYTES;
	tss32.ss0 = SELECTOR_KERNEL_DATA;
	tss32.io_map_base = sizeof(tss32);
	guest_segments_set(
		SELECTOR_TSS32, guest_segments_tss32((uint32_t)(uintptr_t)&tss32, sizeof(tss32)));
}

static void set_control_registers(enum guest_probe_mode mode)
{
	const uint32_t cr0 = (uint32_t)guest_read_cr0() & ~CR0_PG;
	const uint32_t cr4 = (uint32_t)guest_read_cr4() & ~(CR4_PAE | CR4_PSE | CR4_PCIDE);

	guest_legacy_cr0 = cr0;
	guest_legacy_cr4 = cr4;
	guest_legacy_cr3 = 0;
	guest_legacy_is_real = mode == PROBE_REAL;
	if (mode == PROBE_PROTECTED32_PAGING) {
		guest_legacy_cr0 = cr0 | CR0_PG;
		guest_legacy_cr4 = cr4 | CR4_PSE;
		guest_legacy_cr3 = (uint32_t)(uintptr_t)page_directory32;
	} else if (mode == PROBE_PROTECTED32_PAE) {
		guest_legacy_cr0 = cr0 | CR0_PG;
		guest_legacy_cr4 = cr4 | CR4_PAE;
		guest_legacy_cr3 = (uint32_t)(uintptr_t)pae_pointers;
	}
}

static struct legacy_entry make_entry(const struct guest_probe *probe)
{
	struct legacy_entry entry = {
		.edi = (uint32_t)probe->in.rdi,
		.esi = (uint32_t)probe->in.rsi,
		.ebp = (uint32_t)probe->in.rbp,
		.ebx = (uint32_t)probe->in.rbx,
		.edx = (uint32_t)probe->in.rdx,
		.ecx = (uint32_t)probe->in.rcx,
		.eax = (uint32_t)probe->in.rax,
		.eip = is_16bit(probe->mode) ? 0 : (uint32_t)guest_probe_code_address(),
		.cs = SELECTOR_KERNEL_CODE32,
		.eflags = (uint32_t)probe->rflags_in,
		.esp = (uint32_t)guest_probe_stack_top(),
		.ss = SELECTOR_USER_DATA,
	};

	switch (probe->mode) {
	case PROBE_PROTECTED32_USER:
		entry.cs = SELECTOR_USER_CODE32;
		break;
	case PROBE_PROTECTED16:
		entry.cs = SELECTOR_LOW_CODE16;
		break;
	case PROBE_REAL:
		entry.cs = GUEST_LOW_SEGMENT;
		break;
	case PROBE_VIRTUAL8086:
		entry.cs = entry.ss = entry.ds = entry.es = entry.fs = entry.gs = GUEST_LOW_SEGMENT;
		entry.esp = LOW_FRAME_OFFSET;
		entry.eflags |= (uint32_t)(RFLAGS_VM | RFLAGS_IOPL3);
		break;
	default:
		break;
	}
	return entry;
}

static void place_code(const struct guest_probe *probe)
{
	static const uint8_t code_end[] = {0xcd, VECTOR_PROBE_END};
	uint8_t *code = (uint8_t *)guest_probe_code_address();

	if (is_16bit(probe->mode)) {
		code = (uint8_t *)(uintptr_t)GUEST_LOW_BASE;
	}
	memcpy(code, probe->code, probe->code_size_bytes);
	memcpy(code + probe->code_size_bytes, code_end, sizeof(code_end));
	memcpy((uint8_t *)(uintptr_t)GUEST_LOW_BASE + LOW_BLOB_OFFSET, guest_low_start,
		(size_t)(guest_low_end - guest_low_start));
}

static void take_results(struct guest_probe *probe)
{
	const struct legacy_frame *out = &guest_legacy_out;
	const uint32_t start = is_16bit(probe->mode) ? 0 : (uint32_t)guest_probe_code_address();

	probe->out.rax = out->eax;
	probe->out.rbx = out->ebx;
	probe->out.rcx = out->ecx;
	probe->out.rdx = out->edx;
	probe->out.rsi = out->esi;
	probe->out.rdi = out->edi;
	probe->out.rbp = out->ebp;
	probe->rflags_out = out->eflags;
	probe->vector = out->vector;
	probe->error_code = out->error_code;
	probe->rip_offset = (int32_t)(out->eip - start);
	probe->cr2 = guest_read_cr2();
}

void guest_legacy_run(struct guest_probe *probe)
{
	const struct legacy_entry entry = make_entry(probe);

	fill_vectors();
	fill_tables();
	set_control_registers(probe->mode);
	place_code(probe);
	flat_stack.entry = entry;
	guest_legacy_stack = (uint32_t)(uintptr_t)&flat_stack.entry;
	memcpy((uint8_t *)(uintptr_t)GUEST_LOW_BASE + LOW_FRAME_OFFSET, &entry, sizeof(entry));
	guest_legacy_enter();
	guest_segments_reload();
	take_results(probe);
}

bool guest_legacy_only_eax_changed(const struct guest_probe *probe)
{
	const uint64_t changed =
		((probe->in.rbx ^ probe->out.rbx) | (probe->in.rcx ^ probe->out.rcx) |
			(probe->in.rdx ^ probe->out.rdx) | (probe->in.rsi ^ probe->out.rsi) |
			(probe->in.rdi ^ probe->out.rdi) | (probe->in.rbp ^ probe->out.rbp));

	return (changed & low_half) == 0 &&
	       ((probe->rflags_in ^ probe->rflags_out) & RFLAGS_STATUS) == 0;
}
