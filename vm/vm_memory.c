/* SPDX-License-Identifier: MIT */
#include "vm/vm_memory.h"

#include "cpu/insn.h"
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

static void page_give_back(struct page_alloc *pages, hpa_t base, uint64_t size_bytes)
{
	const enum status status = page_alloc_give(pages, base, size_bytes);

	if (status != STATUS_OK) {
		log_error("vm", "memory lost base=%#lx size=%#lx: %s", base.value, size_bytes,
			status_name(status));
	}
}

/* A free page holds nothing of ours: the next guest gets it as it is. */
static void table_release(void *context, void *table)
{
	memset(table, 0, PAGE_SIZE_4K);
	page_give_back(context, hpa_of(table), PAGE_SIZE_4K);
}

/* The largest alignment that can be had lets the EPT use its largest pages. */
static enum status take_ram(struct page_alloc *pages, uint64_t size_bytes, hpa_t *base)
{
	static const uint64_t alignments[] = {PAGE_SIZE_1G, PAGE_SIZE_2M, PAGE_SIZE_4K};
	enum status status = STATUS_NO_MEMORY;

	for (size_t i = 0; i < ARRAY_COUNT(alignments) && status != STATUS_OK; i++) {
		if (size_bytes >= alignments[i]) {
			status =
				page_alloc_take(pages, size_bytes, alignments[i], UINT64_MAX, base);
		}
	}
	return status;
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
	const uint64_t size_bytes = vm->config->memory_size_bytes;
	enum status status = take_ram(pages, size_bytes, &vm->memory_base);

	if (status != STATUS_OK) {
		return status;
	}
	status = add_regions(vm);
	if (status == STATUS_OK) {
		status = build_ept(vm, pages, capability, large_pages);
	}
	if (status != STATUS_OK) {
		page_give_back(pages, vm->memory_base, size_bytes);
	}
	return status;
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

void vm_memory_destroy(struct vm *vm, struct page_alloc *pages)
{
	const uint64_t size_bytes = vm->config->memory_size_bytes;

	insn_rep_stosq(hpa_pointer(vm->memory_base), 0, size_bytes / sizeof(uint64_t));
	ept_destroy(&vm->ept);
	page_give_back(pages, vm->memory_base, size_bytes);
}
