/* SPDX-License-Identifier: MIT */
#include "vm/linux_boot_area.h"

#include "lib/bits.h"
#include "lib/string.h"

/* SDM Vol. 3A "Segment Descriptors": present, DPL 0, base 0, limit 4 GiB, accessed. */
#define DESCRIPTOR_CODE_64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA    0x00cf93000000ffffull

/* SDM Vol. 3A "4-Level Paging and 5-Level Paging". */
#define ENTRY_PRESENT   BIT(0)
#define ENTRY_WRITABLE  BIT(1)
#define ENTRY_PAGE_SIZE BIT(7)
#define ENTRY_TABLE     (ENTRY_PRESENT | ENTRY_WRITABLE)
#define ENTRY_PAGE      (ENTRY_TABLE | ENTRY_PAGE_SIZE)

enum { SELECTOR_INDEX_UNIT = 8 };

_Static_assert(sizeof(struct linux_boot_area) == 8 * PAGE_SIZE_4K, "tables on pages of their own");
_Static_assert(offsetof(struct linux_boot_area, pml4) % PAGE_SIZE_4K == 0, "likewise");

void linux_boot_area_fill(struct linux_boot_area *area, gpa_t address)
{
	const uint64_t pointers =
		address.value + offsetof(struct linux_boot_area, page_directory_pointers);
	const uint64_t directories =
		address.value + offsetof(struct linux_boot_area, page_directories);
	uint64_t page = 0;

	memset(area, 0, sizeof(*area));
	area->gdt[LINUX_CODE_SELECTOR / SELECTOR_INDEX_UNIT] = DESCRIPTOR_CODE_64;
	area->gdt[LINUX_DATA_SELECTOR / SELECTOR_INDEX_UNIT] = DESCRIPTOR_DATA;
	area->pml4[0] = pointers | ENTRY_TABLE;
	for (size_t i = 0; i < LINUX_MAPPED_GIB; i++) {
		area->page_directory_pointers[i] = (directories + i * PAGE_SIZE_4K) | ENTRY_TABLE;
		for (size_t j = 0; j < LINUX_TABLE_ENTRY_COUNT; j++) {
			area->page_directories[i][j] = page | ENTRY_PAGE;
			page += PAGE_SIZE_2M;
		}
	}
}
