/* SPDX-License-Identifier: MIT */
#include "boot/guest_block.h"

#include "boot/host_memory.h"
#include "cpu/log.h"
#include "exits/exit.h"
#include "lib/string.h"

static void *take(const struct run_context *context, uint64_t size_bytes)
{
	hpa_t base;

	if (page_alloc_take(context->pages, size_bytes, PAGE_SIZE_4K, UINT64_MAX, &base) !=
		STATUS_OK) {
		return NULL;
	}
	return memset(hpa_pointer(base), 0, size_bytes);
}

static void give(const struct run_context *context, void *block, uint64_t size_bytes)
{
	memset(block, 0, size_bytes);
	if (page_alloc_give_clear(context->pages, hpa_of(block), size_bytes) != STATUS_OK) {
		log_error("vm", "a guest's state is not given back base=%p", block);
	}
}

/* Whole pages: the XSAVE area shares none with anything else. */
static uint64_t xsave_size_bytes(const struct xsave_layout *layout)
{
	return (layout->area_bytes + PAGE_SIZE_4K - 1) / PAGE_SIZE_4K * PAGE_SIZE_4K;
}

/* A page that is a guard has its table already: giving it back needs none. */
static void give_vcpu_block(const struct run_context *context, struct vcpu_block *own)
{
	if (host_memory_set_guard(own->guard, false) == STATUS_OK) {
		give(context, own, sizeof(*own));
	} else {
		log_error("vm", "a guard page is not given back page=%p", (void *)own->guard);
	}
}

/* Returns NULL, with nothing taken, if there is no memory for it, or for its guard page's table. */
static struct vcpu_block *take_vcpu_block(const struct run_context *context)
{
	struct vcpu_block *own = take(context, sizeof(*own));

	if (own != NULL && host_memory_set_guard(own->guard, true) != STATUS_OK) {
		give(context, own, sizeof(*own));
		return NULL;
	}
	return own;
}

static void connect(const struct run_context *context, struct guest_block *block, unsigned id,
	uint16_t vpid_first)
{
	struct vcpu_block *own = block->vcpu_blocks[id];
	struct vcpu *vcpu = &own->vcpu;

	vcpu->vm = &block->vm;
	vcpu->id = id;
	vcpu->vpid = (uint16_t)(vpid_first + id);
	vcpu->capability = context->capability;
	vcpu->xsave_layout = context->xsave_layout;
	vcpu->apic_choice = context->apic_choice;
	vcpu->timer_choice = context->timer_choice;
	vcpu->frame.handle_exit = exit_dispatch;
	vcpu->pages = (struct vcpu_pages){(void *)own->vmcs, own->msr_bitmap, block->io_bitmaps,
		(void *)own->apic, block->apic_access, own->vcpu.pages.xsave};
}

/* Returns false if there is no memory; what was taken until then is in the block. */
static bool take_vcpu(const struct run_context *context, struct guest_block *block, unsigned id)
{
	struct vcpu_block *own = take_vcpu_block(context);

	block->vcpu_blocks[id] = own;
	if (own == NULL) {
		return false;
	}
	own->vcpu.pages.xsave = take(context, xsave_size_bytes(context->xsave_layout));
	return own->vcpu.pages.xsave != NULL;
}

static void give_vcpu(const struct run_context *context, struct vcpu_block *own)
{
	if (own->vcpu.pages.xsave != NULL) {
		give(context, own->vcpu.pages.xsave, xsave_size_bytes(context->xsave_layout));
	}
	give_vcpu_block(context, own);
}

struct guest_block *guest_block_take(
	const struct run_context *context, unsigned vcpu_count, uint16_t vpid_first)
{
	struct guest_block *block = take(context, sizeof(*block));

	for (unsigned id = 0; block != NULL && id < vcpu_count; id++) {
		if (!take_vcpu(context, block, id)) {
			guest_block_give(context, block);
			return NULL;
		}
		connect(context, block, id, vpid_first);
	}
	return block;
}

void guest_block_give(const struct run_context *context, struct guest_block *block)
{
	for (unsigned id = 0; id < VM_VCPUS_MAX && block->vcpu_blocks[id] != NULL; id++) {
		give_vcpu(context, block->vcpu_blocks[id]);
	}
	give(context, block, sizeof(*block));
}

uint64_t guest_block_size_bytes(const struct guest_block *block)
{
	uint64_t size_bytes = sizeof(*block) + block->vm.ept.table_count * PAGE_SIZE_4K;

	for (unsigned id = 0; id < VM_VCPUS_MAX && block->vcpu_blocks[id] != NULL; id++) {
		size_bytes += sizeof(struct vcpu_block) +
			      xsave_size_bytes(block->vcpu_blocks[id]->vcpu.xsave_layout);
	}
	return size_bytes;
}
