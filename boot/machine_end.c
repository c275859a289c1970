/* SPDX-License-Identifier: MIT */
#include "boot/machine_end.h"

#include "boot/host_memory.h"
#include "cpu/acpi_power.h"
#include "cpu/console.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/panic.h"

enum {
	BOCHS_SHUTDOWN_PORT = 0x8900, /* Bochs powers off at the bytes "Shutdown". */
	QEMU_PM1A_CONTROL = 0x604,    /* QEMU's q35 machine. */
	QEMU_SLEEP_ENABLE = 0x2000,
	/* The reset control register of Intel's chipsets: system reset, then also reset CPU. */
	RESET_CONTROL_PORT = 0xcf9,
	RESET_CONTROL_HARD = 0x02,
	RESET_CONTROL_HARD_NOW = 0x06,
	/* Pulses the reset line of the keyboard controller. */
	KEYBOARD_COMMAND_PORT = 0x64,
	KEYBOARD_PULSE_RESET = 0xfe,
};

static const char bochs_shutdown[] = "Shutdown";

static enum end_action end_action = END_ACTION_HALT;
static struct acpi_power power;

static void end_after_panic(unsigned status)
{
	machine_end(status);
}

void machine_end_init(enum end_action action, const struct boot_info *info)
{
	enum status status;

	end_action = action;
	panic_set_end(end_after_panic);
	if (action == END_ACTION_HALT) {
		return;
	}
	status = acpi_power_find(info->rsdp, info->rsdp_size_bytes, host_memory_firmware, &power);
	if (status != STATUS_OK) {
		log_warn("acpi", "no power-off and no reset: %s", status_name(status));
	}
}

static void power_off(void)
{
	acpi_power_off(&power.sleep);
	for (size_t i = 0; i < sizeof(bochs_shutdown) - 1; i++) {
		insn_out8(BOCHS_SHUTDOWN_PORT, (uint8_t)bochs_shutdown[i]);
	}
	insn_out16(QEMU_PM1A_CONTROL, QEMU_SLEEP_ENABLE);
}

static void reset(void)
{
	const struct descriptor_table_register no_idt = {0};

	acpi_power_reset(&power.reset);
	insn_out8(RESET_CONTROL_PORT, RESET_CONTROL_HARD);
	insn_out8(RESET_CONTROL_PORT, RESET_CONTROL_HARD_NOW);
	insn_out8(KEYBOARD_COMMAND_PORT, KEYBOARD_PULSE_RESET);
	/* A triple fault shuts the CPU down, which resets a PC. */
	insn_lidt(&no_idt);
	insn_int3();
}

_Noreturn void machine_end(unsigned status)
{
	log_info("trivet", "end status=%u", status);
	console_drain();
	if (end_action == END_ACTION_POWEROFF) {
		power_off();
	} else if (end_action == END_ACTION_RESET) {
		reset();
	}
	for (;;) {
		insn_cli();
		insn_hlt();
	}
}
