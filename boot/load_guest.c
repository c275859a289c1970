/* SPDX-License-Identifier: MIT */
#include "boot/load_guest.h"

#include "cpu/log.h"
#include "lib/bits.h"
#include "lib/format.h"
#include "vm/guest_firmware.h"
#include "vm/load_linux.h"

enum {
	REAL_MODE_BOOT_DRIVE = 0x80,
	REAL_MODE_STACK = 0x7c00,
};

/* One kind of image: how it is loaded, and how the processor begins then. */
struct image_kind {
	const char *name;
	enum status (*load)(
		struct vm *vm, const struct acpi_guest_tables *tables, struct load_result *result);
	void (*set_start)(struct vcpu_start *start, const struct load_result *result);
};

static enum status load_as_multiboot(
	struct vm *vm, const struct acpi_guest_tables *tables, struct load_result *result)
{
	const struct vm_config *config = vm->config;

	(void)tables;
	return load_multiboot(&vm->memory, config->memory_size_bytes, &config->image,
		config->command_line, config->modules, config->module_count, result);
}

static void start_multiboot(struct vcpu_start *start, const struct load_result *result)
{
	start->mode = VCPU_START_PROTECTED_MODE;
	start->rax = MULTIBOOT1_BOOT_MAGIC;
	start->rbx = result->information;
}

static enum status load_as_flat(
	struct vm *vm, const struct acpi_guest_tables *tables, struct load_result *result)
{
	(void)tables;
	return load_flat(&vm->memory, vm->config->memory_size_bytes, &vm->config->image, result);
}

static void start_flat(struct vcpu_start *start, const struct load_result *result)
{
	(void)result;
	start->mode = VCPU_START_REAL_MODE;
	start->rdx = REAL_MODE_BOOT_DRIVE;
	start->rsp = REAL_MODE_STACK;
}

static enum status load_as_linux(
	struct vm *vm, const struct acpi_guest_tables *tables, struct load_result *result)
{
	const struct vm_config *config = vm->config;
	struct linux_boot boot = {
		.memory_size_bytes = config->memory_size_bytes,
		.kernel = config->image,
		.command_line = config->command_line,
		.rsdp = tables->rsdp,
		.rom_areas = tables->areas,
		.rom_area_count = ARRAY_COUNT(tables->areas),
	};

	if (config->module_count > 1) {
		format(result->error, sizeof(result->error),
			"a Linux kernel takes one initrd, not %lu: join them with cat",
			config->module_count);
		return STATUS_INVALID;
	}
	if (config->module_count == 1) {
		boot.initrd = config->modules[0].image;
	}
	return load_linux(&vm->memory, &boot, result);
}

static void start_linux(struct vcpu_start *start, const struct load_result *result)
{
	start->mode = VCPU_START_64_BIT_MODE;
	start->rsi = result->information;
	start->cr3 = result->page_tables;
	start->gdt = result->gdt;
	start->gdt_limit = result->gdt_limit;
}

static const struct image_kind image_kinds[] = {
	[VM_KIND_MULTIBOOT] = {"multiboot", load_as_multiboot, start_multiboot},
	[VM_KIND_FLAT] = {"flat", load_as_flat, start_flat},
	[VM_KIND_LINUX] = {"linux", load_as_linux, start_linux},
};

static enum vm_kind kind_of(const struct vm_config *config)
{
	if (config->kind != VM_KIND_GUESS) {
		return config->kind;
	}
	if (load_linux_is_candidate(&config->image)) {
		return VM_KIND_LINUX;
	}
	return load_multiboot_is_candidate(&config->image) ? VM_KIND_MULTIBOOT : VM_KIND_FLAT;
}

enum status load_guest(struct vm *vm, struct vcpu_start *start)
{
	const struct vm_config *config = vm->config;
	const struct image_kind *kind = &image_kinds[kind_of(config)];
	struct acpi_guest_tables tables;
	struct load_result result = {0};
	enum status status = guest_firmware_write(&vm->memory, config->vcpu_count, &tables);

	if (status != STATUS_OK) {
		format(result.error, sizeof(result.error), "no room for its ACPI tables: %s",
			status_name(status));
	} else {
		status = kind->load(vm, &tables, &result);
	}
	if (status != STATUS_OK) {
		vm_end(vm, VM_END_NOT_STARTED, 0, "%s", result.error);
		return status;
	}
	log_info(config->name, "%s image loaded at %#lx to %#lx entry=%#lx memory=%lu KiB",
		kind->name, result.image_start, result.image_end, result.entry,
		config->memory_size_bytes / KIB(1));
	start->rip = result.entry;
	kind->set_start(start, &result);
	return STATUS_OK;
}
