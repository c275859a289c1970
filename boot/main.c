/* SPDX-License-Identifier: MIT */
#include "boot/boot_clock.h"
#include "boot/host_memory.h"
#include "boot/machine_end.h"
#include "boot/multiboot2.h"
#include "boot/options.h"
#include "boot/run.h"
#include "boot/version.h"
#include "cpu/console.h"
#include "cpu/gdt.h"
#include "cpu/idt.h"
#include "cpu/local_apic.h"
#include "cpu/log.h"
#include "cpu/percpu.h"
#include "cpu/pic8259_host.h"
#include "cpu/symbols.h"
#include "lib/bits.h"

/* GRUB puts everything below 4 GiB, which is also what the early page tables map. */
#define EARLY_MEMORY_LIMIT GIB(4)

enum { BOOT_STATUS_NO_MEMORY_MAP = 1 };

static struct boot_info info;
static struct options options;

void boot_main(uint32_t magic, uint32_t information);

/* What is good of the boot information is used; what is broken is named. */
static void read_boot_information(uint32_t information)
{
	enum status status = multiboot2_parse(
		hpa_pointer(hpa(information)), EARLY_MEMORY_LIMIT - information, &info);

	if (status != STATUS_OK) {
		log_error("multiboot2", "%s: %s", status_name(status),
			info.error != NULL ? info.error : "");
	}
	if (info.dropped_memory_ranges != 0) {
		log_warn("multiboot2", "ranges of usable RAM are ignored: count=%u",
			info.dropped_memory_ranges);
	}
	if (info.dropped_modules != 0) {
		log_warn("multiboot2", "modules beyond the first %u are ignored: count=%u",
			(unsigned)BOOT_MODULES_MAX, info.dropped_modules);
	}
	log_info("trivet", "loader=\"%s\" options=\"%s\"", info.loader_name, info.command_line);
}

/* What is reserved in this machine is not known: none of its memory can be used. */
static void refuse_without_memory_map(void)
{
	if (!info.is_memory_map_whole) {
		log_error("memory", "no memory map, or a broken one: no memory can be used");
		machine_end_init(options.end, &info);
		machine_end(BOOT_STATUS_NO_MEMORY_MAP);
	}
}

static void find_symbols(void)
{
	const struct symbols_source source = {
		.headers = info.elf.headers,
		.count = info.elf.count,
		.entry_size_bytes = info.elf.entry_size_bytes,
		.address_limit = EARLY_MEMORY_LIMIT,
	};
	enum status status = symbols_init(&source);

	if (status != STATUS_OK) {
		log_warn("symbols", "backtraces have no names: %s", status_name(status));
	}
}

static enum console_screen screen_kind(void)
{
	if (!options.has_screen || info.framebuffer.type == BOOT_FRAMEBUFFER_NONE) {
		return CONSOLE_SCREEN_NONE;
	}
	return info.framebuffer.type == BOOT_FRAMEBUFFER_TEXT ? CONSOLE_SCREEN_VGA_TEXT
							      : CONSOLE_SCREEN_FRAMEBUFFER;
}

static void start_consoles(void)
{
	const struct console_options wanted = {
		.serial_base = options.console.base,
		.serial_speed = options.console.speed,
		.screen = screen_kind(),
		.mode =
			{
				.address = info.framebuffer.address,
				.pitch_bytes = info.framebuffer.pitch_bytes,
				.width = info.framebuffer.width,
				.height = info.framebuffer.height,
				.bits_per_pixel = info.framebuffer.bits_per_pixel,
			},
	};

	console_init(&wanted);
}

static void take_over_interrupts(void)
{
	gdt_init(&gdt_boot_cpu);
	percpu_boot.gdt = &gdt_boot_cpu;
	idt_init();
	idt_load();
	pic8259_host_init();
	if (local_apic_open()) {
		local_apic_quiesce();
	}
}

/* Called by start.asm. The magic has been checked there. */
void boot_main(uint32_t magic, uint32_t information)
{
	(void)magic;
	boot_clock_start();
	percpu_init(&percpu_boot);
	console_init_early();
	log_info("trivet", "version " TRIVET_VERSION ", built by " TRIVET_COMPILER);
	take_over_interrupts();
	read_boot_information(information);
	find_symbols();
	options_parse(info.command_line, &options);
	refuse_without_memory_map();
	host_memory_init(&info);
	start_consoles();
	machine_end_init(options.end, &info);
	machine_end(hypervisor_run(&info, &options));
}
