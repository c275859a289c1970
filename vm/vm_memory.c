/* SPDX-License-Identifier: MIT */
#include "vm/vm_memory.h"

#include "cpu/log.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/memory_layout.h"

static void *table_allocate(void *context)
{
	hpa_t table;

	if (page_alloc_take(context, PAGE_SIZE_4K, PAGE_SIZE_4K, UINT64_MAX, &table) != STATUS_OK) {
		return NULL;
	}
	return memset(hpa_pointer(table), 0, PAGE_SIZE_4K);
}

static void table_release(void *context, void *table)
{
	enum status status;

	memset(table, 0, PAGE_SIZE_4K);
	status = page_alloc_give_clear(context, hpa_of(table), PAGE_SIZE_4K);
	if (status != STATUS_OK) {
		log_error("vm", "a page of an EPT is lost at %p: %s", table, status_name(status));
	}
}

static enum status build_ept(struct vm *vm, struct page_alloc *pages,
	const struct vmx_capability *capability, enum large_page_choice large_pages)
{
	const struct ept_table_pool pool = {table_allocate, table_release, pages};
	enum status status = ept_init(&vm->ept, pool, capability->ept_vpid_cap,
		capability->physical_address_bits,
		itlb_multihit_allows_large_pages(capability, large_pages));

	if (status != STATUS_OK) {
		return status;
	}
	for (size_t i = 0; i < vm->memory.region_count && status == STATUS_OK &&
			   vm->config->populate == VM_POPULATE_BOOT;
		i++) {
		const struct guest_memory_region *region = &vm->memory.regions[i];

		status = ept_map(
			&vm->ept, region->guest, hpa_of(region->host), region->size_bytes, ept_ram);
	}
	if (status != STATUS_OK) {
		ept_destroy(&vm->ept);
	}
	return status;
}

/* The RAM is one stretch of the machine's memory, around the device hole in the guest's. */
static enum status add_regions(struct vm *vm)
{
	const struct memory_layout layout = memory_layout_make(vm->config->memory_size_bytes);
	enum status status = STATUS_OK;

	for (size_t i = 0; i < layout.block_count && status == STATUS_OK; i++) {
		const struct memory_block *block = &layout.blocks[i];

		status = guest_memory_add(&vm->memory,
			(struct guest_memory_region){.guest = block->start,
				.size_bytes = block->size_bytes,
				.host = hpa_pointer(
					hpa(vm->memory_base.value + block->host_offset))});
	}
	return status;
}

enum status vm_memory_create(struct vm *vm, struct page_alloc *pages,
	const struct vmx_capability *capability, enum large_page_choice large_pages)
{
	const enum status status = add_regions(vm);

	return status == STATUS_OK ? build_ept(vm, pages, capability, large_pages) : status;
}

enum status vm_memory_populate(struct vm *vm, gpa_t address)
{
	const gpa_t page = gpa(align_down(address.value, PAGE_SIZE_4K));
	enum status status;
	void *host;

	if (vm->config->populate != VM_POPULATE_TOUCH ||
		guest_memory_writable_span(&vm->memory, page, PAGE_SIZE_4K, &host) !=
			PAGE_SIZE_4K) {
		return STATUS_NOT_FOUND;
	}
	spin_lock(&vm->memory_lock);
	status = ept_map(&vm->ept, page, hpa_of(host), PAGE_SIZE_4K, ept_ram);
	spin_unlock(&vm->memory_lock);
	/* Another vCPU touched it a moment before: what this one did is done again. */
	return status == STATUS_OVERLAP ? STATUS_OK : status;
}

enum status vm_memory_allow_fetch(struct vm *vm, gpa_t address, bool *is_split)
{
	enum status status;

	spin_lock(&vm->memory_lock);
	status = ept_allow_fetch(&vm->ept, address, is_split);
	vm->large_pages_split += *is_split ? 1 : 0;
	spin_unlock(&vm->memory_lock);
	return status;
}

void vm_memory_destroy(struct vm *vm)
{
	ept_destroy(&vm->ept);
}
