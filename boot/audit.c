/* SPDX-License-Identifier: MIT */
#include "boot/audit.h"

#include "cpu/image.h"
#include "cpu/log.h"
#include "cpu/panic.h"
#include "lib/bits.h"
#include "lib/checksum.h"
#include "vm/vcpu.h"
#include "vmx/ept_audit.h"

static uint64_t image_sum;

/* Code and constants lie side by side in whole pages, up to the data. */
static uint64_t sum_of_image(void)
{
	const size_t size_bytes = (size_t)((uintptr_t)rodata_end - (uintptr_t)text_start);

	return checksum_words(
		(const uint64_t *)(const void *)text_start, size_bytes / sizeof(uint64_t));
}

void audit_start(void)
{
	image_sum = sum_of_image();
}

static struct ept_audit audit_ept(const struct vm *vm)
{
	const hpa_t access_page =
		vm->vcpu_count != 0 ? hpa_of(vm->vcpus[0]->pages.apic_access) : hpa(0);
	const struct ept_audit ept =
		ept_audit(&vm->ept, vm->memory_base, vm->config->memory_size_bytes, access_page);

	if (ept.fault != NULL) {
		panic("the EPT of %s is wrong: %s: guest=%#lx", vm->config->name, ept.fault,
			ept.fault_at.value);
	}
	if (ept.table_count != vm->ept.table_count) {
		panic("the EPT of %s is wrong: tables=%zu of %zu", vm->config->name,
			ept.table_count, vm->ept.table_count);
	}
	return ept;
}

/* What is ours, or another guest's, is not in the guest's RAM. */
static void audit_not_in_ram(
	const struct vm *vm, const void *start, uint64_t size_bytes, const char *what)
{
	if (ranges_overlap(vm->memory_base.value, vm->config->memory_size_bytes,
		    hpa_of(start).value, size_bytes)) {
		panic("the RAM of %s overlaps %s", vm->config->name, what);
	}
}

static void audit_image(const struct vm *vm)
{
	audit_not_in_ram(
		vm, image_start, (uintptr_t)image_end - (uintptr_t)image_start, "the hypervisor");
}

/* Of one guest against another, or against itself. */
static void audit_pair(const struct vm *vm, const struct guest_block *other)
{
	audit_not_in_ram(vm, other, sizeof(*other), "the state of a guest");
	for (unsigned id = 0; id < VM_VCPUS_MAX && other->vcpu_blocks[id] != NULL; id++) {
		audit_not_in_ram(vm, other->vcpu_blocks[id], sizeof(struct vcpu_block),
			"the state of a processor");
	}
	if (vm != &other->vm) {
		audit_not_in_ram(vm, hpa_pointer(other->vm.memory_base),
			other->vm.config->memory_size_bytes, "the RAM of another guest");
		audit_not_in_ram(vm, other->vm.ept.pml4, PAGE_SIZE_4K, "the EPT of another guest");
	}
}

void audit_all(const struct managed_guest *guests, size_t count)
{
	size_t guest_count = 0;
	size_t page_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct guest_block *block = guests[i].block;

		if (block == NULL) {
			continue;
		}
		guest_count++;
		page_count += audit_ept(&block->vm).page_count;
		audit_image(&block->vm);
		for (size_t j = 0; j < count; j++) {
			if (guests[j].block != NULL) {
				audit_pair(&block->vm, guests[j].block);
			}
		}
	}
	log_info("audit",
		"guests=%zu pages=%zu: no page is in two EPTs, none of the hypervisor's is in one",
		guest_count, page_count);
}

void audit_guest(const struct vm *vm)
{
	const struct ept_audit ept = audit_ept(vm);
	const uint64_t sum = sum_of_image();

	audit_image(vm);
	if (sum != image_sum) {
		panic("our code or constants changed while %s ran: checksum=%#lx was=%#lx",
			vm->config->name, sum, image_sum);
	}
	log_info(vm->config->name,
		"audit: EPT maps only its own RAM pages=%zu tables=%zu mapped=%lu KiB; "
		"our code and constants are unchanged",
		ept.page_count, ept.table_count, ept.mapped_bytes / KIB(1));
}
