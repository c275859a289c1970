/* SPDX-License-Identifier: MIT */
#include "boot/host_memory.h"

#include "boot/loaded_sections.h"
#include "cpu/framebuffer.h"
#include "cpu/gdt.h"
#include "cpu/image.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/paging_walk.h"
#include "cpu/panic.h"
#include "cpu/protection.h"
#include "cpu/spinlock.h"
#include "cpu/symbols.h"
#include "lib/bits.h"

#define LOW_MEMORY_SIZE   MIB(1) /* Firmware data, our way to start CPUs, VGA. */
#define EARLY_TABLES_SIZE GIB(4) /* What boot/start.asm has mapped. */

enum {
	MEMORY_AVAILABLE = 1,
	MEMORY_ACPI = 3,
	MEMORY_NVS = 4,
};

static struct page_alloc pages;
static struct paging paging;
static struct spinlock paging_lock = SPINLOCK_INIT(LOCK_RANK_PAGING); /* Guards paging. */
static hpa_t start_page;

struct page_alloc *host_memory_pages(void)
{
	return &pages;
}

void *host_memory_start_page(void)
{
	return start_page.value != 0 ? hpa_pointer(start_page) : NULL;
}

const uint8_t *host_memory_firmware(uint64_t address, uint64_t size_bytes)
{
	return paging_is_readable(address, size_bytes) ? hpa_pointer(hpa(address)) : NULL;
}

void host_memory_protect_cpu(void)
{
	protection_enable(&paging);
}

/* In a memory map that contradicts itself, "reserved" is right. */
static void add_free_memory(const struct boot_info *info)
{
	for (size_t i = 0; i < info->memory_count; i++) {
		const struct boot_memory_range *range = &info->memory[i];

		if (range->type == MEMORY_AVAILABLE &&
			page_alloc_add(&pages, hpa(range->base), range->size_bytes) != STATUS_OK) {
			log_warn("memory", "range ignored: base=%#llx size=%#llx",
				(unsigned long long)range->base,
				(unsigned long long)range->size_bytes);
		}
	}
}

static void reserve(uint64_t base, uint64_t size_bytes)
{
	enum status status;

	if (size_bytes == 0) {
		return;
	}
	status = page_alloc_reserve(&pages, hpa(base), size_bytes);
	if (status != STATUS_OK) {
		panic("cannot reserve memory: %s base=%#llx size=%#llx", status_name(status),
			(unsigned long long)base, (unsigned long long)size_bytes);
	}
}

static void reserve_section(uint64_t address, uint64_t size_bytes)
{
	reserve(address, size_bytes);
}

static void reserve_memory(const struct boot_info *info)
{
	for (size_t i = 0; i < info->memory_count; i++) {
		const struct boot_memory_range *range = &info->memory[i];
		bool is_sane = range->size_bytes <= UINT64_MAX - range->base;

		if (range->type != MEMORY_AVAILABLE && is_sane) {
			reserve(range->base, range->size_bytes);
		}
	}
	reserve(0, PAGE_SIZE_4K);
	reserve((uintptr_t)image_start, (uintptr_t)image_end - (uintptr_t)image_start);
	reserve(info->start, info->size_bytes);
	for (size_t i = 0; i < info->module_count; i++) {
		reserve((uintptr_t)info->modules[i].start, info->modules[i].size_bytes);
	}
	loaded_sections_each(&info->elf, reserve_section);
	/* A page for other processors to begin in; the rest of low memory stays as it is. */
	if (page_alloc_take(&pages, PAGE_SIZE_4K, PAGE_SIZE_4K, LOW_MEMORY_SIZE, &start_page) !=
		STATUS_OK) {
		start_page = hpa(0);
	}
	reserve(0, LOW_MEMORY_SIZE);
}

/* GRUB may have put them at address 0, where nothing will be mapped. */
static void move_symbols(void)
{
	size_t size_bytes = symbols_size_bytes();
	hpa_t to;

	if (size_bytes == 0) {
		return;
	}
	if (page_alloc_take(&pages, align_up(size_bytes, PAGE_SIZE_4K), PAGE_SIZE_4K,
		    EARLY_TABLES_SIZE, &to) != STATUS_OK) {
		panic("no memory for symbols: size=%#zx", size_bytes);
	}
	symbols_move(hpa_pointer(to));
}

static void *allocate_table(void *context)
{
	hpa_t table;

	(void)context;
	/* Below 4 GiB: they are written before they are in use. */
	if (page_alloc_take(&pages, PAGE_SIZE_4K, PAGE_SIZE_4K, EARLY_TABLES_SIZE, &table) !=
		STATUS_OK) {
		return NULL;
	}
	return hpa_pointer(table);
}

static void map(uint64_t start, uint64_t end, enum paging_access access, enum memory_type type)
{
	enum status status = paging_map(&paging, start, end - start, access, type);

	if (status != STATUS_OK) {
		panic("cannot map memory: %s start=%#llx end=%#llx", status_name(status),
			(unsigned long long)start, (unsigned long long)end);
	}
}

static void unmap_page(const void *page)
{
	if (paging_unmap(&paging, (uintptr_t)page, PAGE_SIZE_4K) != STATUS_OK) {
		panic("cannot unmap the page at %p", page);
	}
}

static bool is_ram(uint32_t type)
{
	return type == MEMORY_AVAILABLE || type == MEMORY_ACPI || type == MEMORY_NVS;
}

static void map_ram(const struct boot_info *info)
{
	for (size_t i = 0; i < info->memory_count; i++) {
		const struct boot_memory_range *range = &info->memory[i];
		uint64_t start;
		uint64_t end;

		if (!is_ram(range->type) || range->size_bytes > UINT64_MAX - range->base) {
			continue;
		}
		end = align_down(range->base + range->size_bytes, PAGE_SIZE_4K);
		start = range->base <= end ? align_up(range->base, PAGE_SIZE_4K) : end;
		if (start < end) {
			map(start, end, PAGING_READ_WRITE, MEMORY_TYPE_WB);
		}
	}
}

static void map_framebuffer(const struct boot_framebuffer *framebuffer)
{
	struct framebuffer_mode mode = {
		.address = framebuffer->address,
		.pitch_bytes = framebuffer->pitch_bytes,
		.width = framebuffer->width,
		.height = framebuffer->height,
		.bits_per_pixel = framebuffer->bits_per_pixel,
	};
	uint64_t size_bytes;

	if (framebuffer->type == BOOT_FRAMEBUFFER_RGB &&
		framebuffer_check(&mode, &size_bytes) == STATUS_OK) {
		map(align_down(mode.address, PAGE_SIZE_4K),
			align_up(mode.address + size_bytes, PAGE_SIZE_4K), PAGING_READ_WRITE,
			MEMORY_TYPE_WC);
	}
}

/* Under UEFI GRUB may put a module at address 0. */
static bool is_page_0_in_use(const struct boot_info *info)
{
	for (size_t i = 0; i < info->module_count; i++) {
		if ((uintptr_t)info->modules[i].start < PAGE_SIZE_4K &&
			info->modules[i].size_bytes != 0) {
			return true;
		}
	}
	return false;
}

static void map_image(void)
{
	map((uintptr_t)text_start, (uintptr_t)text_end, PAGING_READ_EXECUTE, MEMORY_TYPE_WB);
	map((uintptr_t)rodata_start, (uintptr_t)rodata_end, PAGING_READ_ONLY, MEMORY_TYPE_WB);
	map((uintptr_t)data_start, (uintptr_t)image_end, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	unmap_page(boot_stack_guard);
	for (unsigned i = 0; i < IST_COUNT; i++) {
		unmap_page(gdt_boot_cpu.stacks[i].guard);
	}
}

void host_memory_init(const struct boot_info *info)
{
	page_alloc_init(&pages);
	add_free_memory(info);
	reserve_memory(info);
	move_symbols();
	if (paging_init(&paging, (struct paging_source){.allocate = allocate_table}) != STATUS_OK) {
		panic("no memory for page tables");
	}
	/* What is not RAM below 4 GiB may be a device. */
	map(0, EARLY_TABLES_SIZE, PAGING_READ_WRITE, MEMORY_TYPE_UC);
	map_ram(info);
	map_framebuffer(&info->framebuffer);
	map_image();
	if (!is_page_0_in_use(info)) {
		unmap_page(NULL);
	}
	protection_enable(&paging);
	log_info("memory", "free=%llu MiB tables=%zu",
		(unsigned long long)(page_alloc_free_bytes(&pages) / MIB(1)), paging.table_count);
}

void host_memory_set_guard(const void *page, bool is_guard)
{
	const uint64_t address = hpa_of(page).value;

	spin_lock(&paging_lock);
	if (is_guard) {
		unmap_page(page);
	} else {
		map(address, address + PAGE_SIZE_4K, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	}
	spin_unlock(&paging_lock);
	insn_invlpg(address);
}

void host_memory_set_executable(const void *page, bool is_executable)
{
	const uint64_t address = hpa_of(page).value;

	spin_lock(&paging_lock);
	map(address, address + PAGE_SIZE_4K,
		is_executable ? PAGING_READ_EXECUTE : PAGING_READ_WRITE, MEMORY_TYPE_WB);
	spin_unlock(&paging_lock);
	insn_invlpg(address);
}
