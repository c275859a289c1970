/* SPDX-License-Identifier: MIT */
#include "boot/ap_start.h"

#include "cpu/insn.h"
#include "cpu/local_apic.h"
#include "cpu/msr.h"
#include "cpu/tsc.h"
#include "lib/string.h"

enum {
	INIT_WAIT_US = 10000,
	STARTUP_WAIT_US = 200,
	STARTUP_COUNT = 2,
};

/* In ap_start.asm: the bytes, places in them, and words that are filled in. */
extern const uint8_t ap_start_begin[];
extern const uint8_t ap_start_protected[];
extern const uint8_t ap_start_long[];
extern const uint8_t ap_start_end[];
extern const uint8_t ap_start_gdt[];
extern const uint8_t ap_start_gdt_base[];
extern const uint8_t ap_start_protected_address[];
extern const uint8_t ap_start_long_address[];
extern const uint8_t ap_start_efer[];
extern const uint8_t ap_start_cr3[];
extern const uint8_t ap_start_stack[];
extern const uint8_t ap_start_argument[];
extern const uint8_t ap_start_entry[];

/* The place in the page of what stands at `symbol` in the bytes. */
static uint8_t *in_page(void *page, const uint8_t *symbol)
{
	return (uint8_t *)page + (symbol - ap_start_begin);
}

static void put32(void *page, const uint8_t *symbol, uint64_t value)
{
	const uint32_t word = (uint32_t)value;

	memcpy(in_page(page, symbol), &word, sizeof(word));
}

static void put64(void *page, const uint8_t *symbol, uint64_t value)
{
	memcpy(in_page(page, symbol), &value, sizeof(value));
}

void ap_start_write(void *page, const struct ap_start *start)
{
	memcpy(page, ap_start_begin, (size_t)(ap_start_end - ap_start_begin));
	put32(page, ap_start_gdt_base, (uintptr_t)in_page(page, ap_start_gdt));
	put32(page, ap_start_protected_address, (uintptr_t)in_page(page, ap_start_protected));
	put32(page, ap_start_long_address, (uintptr_t)in_page(page, ap_start_long));
	put32(page, ap_start_efer, insn_rdmsr(MSR_IA32_EFER) & (EFER_LME | EFER_NXE));
	put32(page, ap_start_cr3, insn_read_cr3());
	put64(page, ap_start_stack, (uintptr_t)start->stack_top);
	put64(page, ap_start_argument, (uintptr_t)start->argument);
	put64(page, ap_start_entry, (uintptr_t)start->entry);
}

void ap_start_send(uint32_t apic_id, const void *page)
{
	const uint32_t page_number = (uint32_t)((uintptr_t)page / PAGE_SIZE_4K);

	local_apic_send(apic_id, LOCAL_APIC_SEND_INIT);
	tsc_wait_us(INIT_WAIT_US);
	for (unsigned i = 0; i < STARTUP_COUNT; i++) {
		local_apic_send(apic_id, LOCAL_APIC_SEND_STARTUP | page_number);
		tsc_wait_us(STARTUP_WAIT_US);
	}
}

void ap_start_revoke(uint32_t apic_id)
{
	local_apic_send(apic_id, LOCAL_APIC_SEND_INIT);
	tsc_wait_us(INIT_WAIT_US);
}
