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

void audit_guest(const struct vm *vm)
{
	const uint64_t size_bytes = vm->config->memory_size_bytes;
	const hpa_t access_page = vm->vcpu != NULL ? hpa_of(vm->vcpu->pages.apic_access) : hpa(0);
	const struct ept_audit ept = ept_audit(&vm->ept, vm->memory_base, size_bytes, access_page);
	const uint64_t image_bytes = (uintptr_t)image_end - (uintptr_t)image_start;
	const uint64_t sum = sum_of_image();

	if (!ept.is_confined || ept.table_count != vm->ept.table_count) {
		panic("the EPT of %s is not confined to its RAM: guest=%#lx tables=%zu of %zu",
			vm->config->name, ept.stray.value, ept.table_count, vm->ept.table_count);
	}
	if (ranges_overlap(
		    vm->memory_base.value, size_bytes, hpa_of(image_start).value, image_bytes)) {
		panic("the RAM of %s overlaps the hypervisor", vm->config->name);
	}
	if (sum != image_sum) {
		panic("our code or constants changed while %s ran: checksum=%#lx was=%#lx",
			vm->config->name, sum, image_sum);
	}
	log_info(vm->config->name,
		"audit: EPT maps only its own RAM pages=%zu tables=%zu mapped=%lu KiB; "
		"our code and constants are unchanged",
		ept.page_count, ept.table_count, ept.mapped_bytes / KIB(1));
}
