/* SPDX-License-Identifier: MIT */
#include "boot/host_memory.h"

#include "boot/loaded_sections.h"
#include "cpu/address_sizes.h"
#include "cpu/framebuffer.h"
#include "cpu/gdt.h"
#include "cpu/image.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/mtrr.h"
#include "cpu/paging_walk.h"
#include "cpu/panic.h"
#include "cpu/protection.h"
#include "cpu/spinlock.h"
#include "cpu/symbols.h"
#include "lib/bits.h"

#define LOW_MEMORY_SIZE   MIB(1) /* Firmware data, our way to start CPUs, VGA. */
#define EARLY_TABLES_SIZE GIB(4) /* What boot/start.asm has mapped. */

enum {
	MEMORY_AVAILABLE = BOOT_MEMORY_AVAILABLE,
	MEMORY_ACPI = 3,
	MEMORY_NVS = 4,
};

static struct page_alloc pages;
static struct paging paging;
static uint64_t tables_limit; /* New page tables lie below. */
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

/* Where memory ends that we can use: what the processor can address and our tables can map. */
static uint64_t address_limit(void)
{
	const uint64_t limit = BIT(address_sizes_read().physical_bits);

	return limit < PAGING_ADDRESS_LIMIT ? limit : PAGING_ADDRESS_LIMIT;
}

/* Returns the end of a range, exclusive, as far as it lies below the limit; its base or less if it
 * does not. */
static uint64_t end_below(const struct boot_memory_range *range, uint64_t limit)
{
	return range->size_bytes - 1 > UINT64_MAX - 1 - range->base ||
			       range->base + range->size_bytes > limit
		       ? limit
		       : range->base + range->size_bytes;
}

/* In a memory map that contradicts itself, "reserved" is right. */
static void add_free_memory(const struct boot_info *info)
{
	const uint64_t limit = address_limit();
	uint64_t beyond_bytes = 0;

	for (size_t i = 0; i < info->memory_count; i++) {
		const struct boot_memory_range *range = &info->memory[i];
		const uint64_t end = end_below(range, limit);
		const uint64_t size_bytes = end > range->base ? end - range->base : 0;

		if (range->type == MEMORY_AVAILABLE) {
			beyond_bytes += range->size_bytes - size_bytes;
			(void)!page_alloc_add(&pages, hpa(range->base), size_bytes);
		}
	}
	if (beyond_bytes != 0) {
		log_warn("memory", "RAM beyond %#lx cannot be mapped and is not used: KiB=%lu",
			limit, beyond_bytes / KIB(1));
	}
}

/* A range that wraps around ends at 2^64: the boot information has none. */
static void reserve(uint64_t base, uint64_t size_bytes)
{
	if (page_alloc_reserve(&pages, hpa(base), size_bytes) != STATUS_OK) {
		(void)!page_alloc_reserve(&pages, hpa(base), 0 - base);
	}
}

/* What the firmware's MTRRs leave out of the caches, or write through them, is no memory for us:
 * our mappings, and a guest's, would differ from them. SDM Vol. 3A "Memory Type Range Registers
 * (MTRRs)". Returns how many bytes there are in the range. */
static uint64_t reserve_not_write_back(const struct mtrr *mtrr, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;

	while (start < end) {
		uint64_t next;
		const enum memory_type type = mtrr_type(mtrr, start, &next);

		next = next < end ? next : end;
		if (type != MEMORY_TYPE_WB) {
			reserve(start, next - start);
			sum += next - start;
		}
		start = next;
	}
	return sum;
}

static void obey_mtrrs(const struct boot_info *info)
{
	static struct mtrr mtrr;
	const enum status status = mtrr_read(&mtrr);
	uint64_t sum = 0;

	if (status != STATUS_OK) {
		log_warn("memory", "the MTRRs are %s: all RAM is used as write-back",
			status == STATUS_NOT_FOUND     ? "absent"
			: status == STATUS_UNSUPPORTED ? "off"
						       : "not as the manual describes them");
		return;
	}
	for (size_t i = 0; i < info->memory_count; i++) {
		const struct boot_memory_range *range = &info->memory[i];

		if (range->type == MEMORY_AVAILABLE) {
			sum += reserve_not_write_back(
				&mtrr, range->base, end_below(range, address_limit()));
		}
	}
	if (sum != 0) {
		log_warn("memory", "RAM that the MTRRs do not call write-back is not used: KiB=%lu",
			sum / KIB(1));
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

		if (range->type != MEMORY_AVAILABLE) {
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
	if (page_alloc_take(&pages, PAGE_SIZE_4K, PAGE_SIZE_4K, tables_limit, &table) !=
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

		if (!is_ram(range->type)) {
			continue;
		}
		end = align_down(end_below(range, address_limit()), PAGE_SIZE_4K);
		start = range->base <= end ? align_up(range->base, PAGE_SIZE_4K) : end;
		if (start < end) {
			map(start, end, PAGING_READ_WRITE, MEMORY_TYPE_WB);
		}
	}
}

/* A screen that is not mapped is not there. */
static void map_framebuffer(struct boot_framebuffer *framebuffer)
{
	struct framebuffer_mode mode = {
		.address = framebuffer->address,
		.pitch_bytes = framebuffer->pitch_bytes,
		.width = framebuffer->width,
		.height = framebuffer->height,
		.bits_per_pixel = framebuffer->bits_per_pixel,
	};
	uint64_t size_bytes;

	if (framebuffer->type != BOOT_FRAMEBUFFER_RGB ||
		framebuffer_check(&mode, &size_bytes) != STATUS_OK) {
		return;
	}
	if (!range_fits(mode.address, size_bytes, address_limit())) {
		log_warn("memory", "the framebuffer at %#lx cannot be mapped: no screen",
			mode.address);
		framebuffer->type = BOOT_FRAMEBUFFER_NONE;
	} else {
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

/* Pieces of free memory that the allocator has no room to remember. */
static void report_lost(void)
{
	if (page_alloc_lost_bytes(&pages) != 0) {
		log_warn("memory", "RAM in more than %u pieces: the smallest are not used KiB=%lu",
			(unsigned)PAGE_RANGES_MAX, page_alloc_lost_bytes(&pages) / KIB(1));
	}
}

void host_memory_init(struct boot_info *info)
{
	/* Until ours are in use, tables are written by what the early ones map. */
	tables_limit = EARLY_TABLES_SIZE;
	page_alloc_init(&pages);
	add_free_memory(info);
	obey_mtrrs(info);
	reserve_memory(info);
	report_lost();
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
	tables_limit = UINT64_MAX;
	log_info("memory", "free=%llu MiB tables=%zu",
		(unsigned long long)(page_alloc_free_bytes(&pages) / MIB(1)), paging.table_count);
}

enum status host_memory_set_guard(const void *page, bool is_guard)
{
	const uint64_t address = hpa_of(page).value;
	enum status status;

	spin_lock(&paging_lock);
	status = is_guard ? paging_unmap(&paging, address, PAGE_SIZE_4K)
			  : paging_map(&paging, address, PAGE_SIZE_4K, PAGING_READ_WRITE,
				    MEMORY_TYPE_WB);
	spin_unlock(&paging_lock);
	insn_invlpg(address);
	return status;
}

enum status host_memory_set_executable(const void *page, bool is_executable)
{
	enum status status;

	spin_lock(&paging_lock);
	status = paging_map(&paging, hpa_of(page).value, PAGE_SIZE_4K,
		is_executable ? PAGING_READ_EXECUTE : PAGING_READ_WRITE, MEMORY_TYPE_WB);
	spin_unlock(&paging_lock);
	insn_invlpg(hpa_of(page).value);
	return status;
}
