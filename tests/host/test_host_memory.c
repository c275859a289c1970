/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/host_memory.c cpu/page_alloc.c cpu/page_ranges.c cpu/paging.c cpu/paging_walk.c
 * cpu/mtrr.c cpu/framebuffer.c cpu/text_grid.c cpu/font.c lib/status.c */
#define _GNU_SOURCE /* MAP_32BIT. */
#include "boot/host_memory.h"

#include "boot/loaded_sections.h"
#include "cpu/cpuid.h"
#include "cpu/gdt.h"
#include "cpu/image.h"
#include "cpu/paging_walk.h"
#include "cpu/protection.h"
#include "cpu/symbols.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* The machine: 4 MiB of this process's memory below 4 GiB, where page tables are taken from. Of
 * other memory that a map names nothing is read or written. */
enum { RESERVED = 2, ADDRESS_BITS = 40 };

#define MACHINE_BYTES MIB(4)
#define FAR_RAM       GIB(64) /* Free, and far from all that is there. */

/* As the linker script has them. */
static uint8_t image[5][PAGE_SIZE_4K] __attribute__((aligned(PAGE_SIZE_4K), used));
extern const uint8_t image_start[], text_start[], text_end[], rodata_start[], rodata_end[];
extern const uint8_t data_start[], image_end[], boot_stack_guard[];
__asm__(".globl image_start, text_start, text_end, rodata_start, rodata_end, data_start\n"
	".globl image_end, boot_stack_guard\n"
	".set image_start, image\n .set text_start, image\n .set text_end, image + 0x1000\n"
	".set rodata_start, image + 0x1000\n .set rodata_end, image + 0x2000\n"
	".set data_start, image + 0x2000\n .set boot_stack_guard, image + 0x3000\n"
	".set image_end, image + 0x5000\n");
struct gdt_cpu gdt_boot_cpu;

static uint8_t *machine;
static struct boot_info info;
static const struct paging *used_paging;

size_t symbols_size_bytes(void)
{
	return 0;
}

void symbols_move(uint8_t *to)
{
	(void)to;
}

void loaded_sections_each(const struct boot_elf_sections *sections,
	void (*visit)(uint64_t address, uint64_t size_bytes))
{
	(void)sections;
	(void)visit;
}

void protection_enable(const struct paging *paging)
{
	used_paging = paging;
}

static void add_range(uint64_t base, uint64_t size_bytes, uint32_t type)
{
	assert_true(info.memory_count < BOOT_MEMORY_RANGES_MAX);
	info.memory[info.memory_count++] = (struct boot_memory_range){base, size_bytes, type};
}

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	fake_cpuid_set(1, 0, (struct cpuid_result){.edx = (uint32_t)CPUID_1_EDX_MTRR});
	fake_cpuid_set(CPUID_LEAF_EXTENDED, 0, (struct cpuid_result){.eax = 0x80000008});
	fake_cpuid_set(CPUID_LEAF_EXTENDED_FEATURES, 0,
		(struct cpuid_result){
			.edx = (uint32_t)(CPUID_80000001_EDX_PAGE1G | CPUID_80000001_EDX_XD)});
	fake_cpuid_set(
		CPUID_LEAF_ADDRESS_SIZES, 0, (struct cpuid_result){.eax = 0x3000 | ADDRESS_BITS});
	fake_msr_set(0xfe, 2);
	fake_msr_set(0x2ff, 0x800 | MEMORY_TYPE_WB);
	for (uint32_t msr = 0x200; msr < 0x204; msr++) {
		fake_msr_set(msr, 0);
	}
	machine = mmap(NULL, MACHINE_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	assert_true(machine != MAP_FAILED);
	memset(&info, 0, sizeof(info));
	add_range((uintptr_t)machine, MACHINE_BYTES, BOOT_MEMORY_AVAILABLE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	munmap(machine, MACHINE_BYTES);
	return 0;
}

static bool is_free(uint64_t base, uint64_t size_bytes)
{
	return page_ranges_overlap(&host_memory_pages()->free, base, base + size_bytes);
}

static void a_plain_machine_has_no_warnings(void **state)
{
	(void)state;
	add_range(FAR_RAM, GIB(1), BOOT_MEMORY_AVAILABLE);
	host_memory_init(&info);
	assert_null(strstr(fake_log_text(), "warning"));
	assert_true(is_free(FAR_RAM, GIB(1)));
	assert_true(paging_walk_tables(used_paging->pml4, FAR_RAM + MIB(5)).is_writable);
}

/* Unsorted, overlapping, wrapping and reaching 2^64: what is reserved is not free. */
static void reserved_wins_in_any_order(void **state)
{
	(void)state;
	add_range(FAR_RAM + MIB(512), UINT64_MAX, RESERVED);
	add_range(FAR_RAM + MIB(1), PAGE_SIZE_4K + 1, RESERVED);
	add_range(FAR_RAM, GIB(1), BOOT_MEMORY_AVAILABLE);
	add_range(FAR_RAM, GIB(2), BOOT_MEMORY_AVAILABLE);
	add_range(FAR_RAM + MIB(8), MIB(1), 77);
	add_range(GIB(300), 0 - GIB(300), RESERVED);
	host_memory_init(&info);
	assert_true(is_free(FAR_RAM, MIB(1)));
	assert_false(is_free(FAR_RAM + MIB(1), 2 * PAGE_SIZE_4K));
	assert_true(is_free(FAR_RAM + MIB(1) + 2 * PAGE_SIZE_4K, PAGE_SIZE_4K));
	assert_false(is_free(FAR_RAM + MIB(8), MIB(1)));
	assert_false(is_free(FAR_RAM + MIB(512), GIB(64)));
}

/* Two free pieces for each reserved one are more than the allocator remembers: free ones go. */
static void more_pieces_than_are_remembered_lose_free_memory_alone(void **state)
{
	const uint64_t count = BOOT_MEMORY_RANGES_MAX - 2;

	(void)state;
	add_range(FAR_RAM, GIB(1), BOOT_MEMORY_AVAILABLE);
	for (uint64_t i = 0; i < count; i++) {
		add_range(
			FAR_RAM + MIB(1) * (i * 7 % count) + PAGE_SIZE_4K, PAGE_SIZE_4K, RESERVED);
	}
	host_memory_init(&info);
	for (uint64_t i = 0; i < count; i++) {
		assert_false(is_free(FAR_RAM + MIB(1) * i + PAGE_SIZE_4K, PAGE_SIZE_4K));
	}
	assert_true(host_memory_pages()->free.count <= PAGE_RANGES_MAX);
}

static void ram_that_is_not_write_back_is_not_used(void **state)
{
	(void)state;
	fake_msr_set(0x200, (FAR_RAM + MIB(512)) | MEMORY_TYPE_UC);
	fake_msr_set(0x201, (BIT(ADDRESS_BITS) - MIB(256)) | BIT(11));
	add_range(FAR_RAM, GIB(1), BOOT_MEMORY_AVAILABLE);
	host_memory_init(&info);
	assert_non_null(strstr(fake_log_text(),
		"RAM that the MTRRs do not call write-back is not used: KiB=262144"));
	assert_true(is_free(FAR_RAM, MIB(512)));
	assert_false(is_free(FAR_RAM + MIB(512), MIB(256)));
	assert_true(is_free(FAR_RAM + MIB(768), MIB(256)));
}

static void without_mtrrs_ram_is_used_with_one_warning(void **state)
{
	static const char *const words[] = {"the MTRRs are off", "the MTRRs are absent",
		"the MTRRs are not as the manual describes them"};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(words); i++) {
		tear_down(NULL);
		set_up(NULL);
		add_range(FAR_RAM, GIB(1), BOOT_MEMORY_AVAILABLE);
		fake_msr_set(0x2ff, i == 0 ? 0 : 0x800);
		if (i == 1) {
			fake_cpuid_set(1, 0, (struct cpuid_result){.edx = 0});
		} else if (i == 2) {
			fake_msr_set(0xfe, 255);
		}
		host_memory_init(&info);
		assert_non_null(strstr(fake_log_text(), words[i]));
		assert_true(is_free(FAR_RAM, GIB(1)));
	}
}

/* Beyond what the processor can address, and beyond what our tables can map: it was a panic. */
static void ram_beyond_the_addresses_is_not_used(void **state)
{
	static const unsigned widths[] = {ADDRESS_BITS, 52};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(widths); i++) {
		const uint64_t limit = BIT(widths[i] < 47 ? widths[i] : 47);

		tear_down(NULL);
		set_up(NULL);
		fake_cpuid_set(CPUID_LEAF_ADDRESS_SIZES, 0,
			(struct cpuid_result){.eax = 0x3900 | widths[i]});
		add_range(limit - MIB(1), MIB(3), BOOT_MEMORY_AVAILABLE);
		add_range(limit + GIB(1), GIB(1), BOOT_MEMORY_AVAILABLE);
		host_memory_init(&info);
		assert_non_null(
			strstr(fake_log_text(), "cannot be mapped and is not used: KiB=1050624"));
		assert_true(is_free(limit - MIB(1), MIB(1)));
		assert_false(is_free(limit, GIB(4)));
	}
}

static void a_framebuffer_beyond_the_addresses_is_no_screen(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		info.framebuffer = (struct boot_framebuffer){.type = BOOT_FRAMEBUFFER_RGB,
			.address = i == 0 ? BIT(ADDRESS_BITS) - MIB(1) : GIB(3),
			.pitch_bytes = 4096,
			.width = 1024,
			.height = 768,
			.bits_per_pixel = 32};
		host_memory_init(&info);
		assert_int_equal(info.framebuffer.type,
			i == 0 ? BOOT_FRAMEBUFFER_NONE : BOOT_FRAMEBUFFER_RGB);
	}
}

/* Where no page is free for the table that a guard page needs, the page stays mapped. */
static void a_guard_page_without_a_table_is_refused(void **state)
{
	const void *page = hpa_pointer(hpa(FAR_RAM + MIB(5)));
	hpa_t taken;

	(void)state;
	add_range(FAR_RAM, GIB(1), RESERVED);
	add_range(FAR_RAM, GIB(1), 3);
	host_memory_init(&info);
	while (page_alloc_take(host_memory_pages(), PAGE_SIZE_4K, PAGE_SIZE_4K, UINT64_MAX,
		       &taken) == STATUS_OK) {
	}
	assert_int_equal(host_memory_set_guard(page, true), STATUS_NO_MEMORY);
	assert_true(paging_walk_tables(used_paging->pml4, FAR_RAM + MIB(5)).is_writable);
	assert_int_equal(host_memory_set_executable(page, true), STATUS_NO_MEMORY);
	/* Two tables, from 1 GiB to 4 KiB: with one alone it is refused too, and then done. */
	assert_int_equal(page_alloc_give(host_memory_pages(), taken, PAGE_SIZE_4K), STATUS_OK);
	assert_int_equal(host_memory_set_guard(page, true), STATUS_NO_MEMORY);
	assert_true(paging_walk_tables(used_paging->pml4, FAR_RAM + MIB(5)).is_writable);
	assert_int_equal(
		page_alloc_give(host_memory_pages(), hpa(taken.value + PAGE_SIZE_4K), PAGE_SIZE_4K),
		STATUS_OK);
	assert_int_equal(host_memory_set_guard(page, true), STATUS_OK);
	assert_false(paging_walk_tables(used_paging->pml4, FAR_RAM + MIB(5)).is_present);
	/* To give it back takes none. */
	assert_int_equal(host_memory_set_guard(page, false), STATUS_OK);
	assert_true(paging_walk_tables(used_paging->pml4, FAR_RAM + MIB(5)).is_writable);
}

#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(a_plain_machine_has_no_warnings),
		WITH_MACHINE(reserved_wins_in_any_order),
		WITH_MACHINE(more_pieces_than_are_remembered_lose_free_memory_alone),
		WITH_MACHINE(ram_that_is_not_write_back_is_not_used),
		WITH_MACHINE(without_mtrrs_ram_is_used_with_one_warning),
		WITH_MACHINE(ram_beyond_the_addresses_is_not_used),
		WITH_MACHINE(a_framebuffer_beyond_the_addresses_is_no_screen),
		WITH_MACHINE(a_guard_page_without_a_table_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
