/* SPDX-License-Identifier: MIT */
#include "tools/kvm-reference/reference_guest.h"

#include "tools/kvm-reference/reference_devices.h"
#include "tools/kvm-reference/reference_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* The look at a guest that may have halted for good; it also counts the guest's time. */
enum { TICKS_PER_SECOND = 10, TICK_US = 1000000 / TICKS_PER_SECOND };
#define RFLAGS_INTERRUPTS (1u << 9)

static void ignore_tick(int number)
{
	(void)number;
}

/*
 * A tick takes the CPU out of the guest: KVM_RUN then returns EINTR, also with SA_RESTART. Without
 * that flag a write to the serial line fails too, and stdio throws away the line it was to write.
 */
static void start_ticks(bool is_on)
{
	const struct itimerval tick = {{0, is_on ? TICK_US : 0}, {0, is_on ? TICK_US : 0}};
	struct sigaction action = {.sa_handler = ignore_tick, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
}

static bool read_image(const struct reference_guest *guest, struct image *image)
{
	const int file = open(guest->image_path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	uint8_t *bytes = NULL;
	bool is_read = false;

	if (file < 0) {
		return false;
	}
	if (fstat(file, &stat) == 0) {
		bytes = malloc((size_t)stat.st_size);
		is_read = bytes != NULL &&
			  read(file, bytes, (size_t)stat.st_size) == (ssize_t)stat.st_size;
	}
	close(file);
	if (!is_read) {
		free(bytes);
		return false;
	}
	*image = (struct image){guest->name, bytes, (uint64_t)stat.st_size};
	return true;
}

static void end_crashed(
	struct reference_devices *devices, const struct reference_vm *machine, const char *why)
{
	struct kvm_regs regs = {0};
	struct kvm_sregs sregs = {0};

	(void)ioctl(machine->vcpu, KVM_GET_REGS, &regs);
	(void)ioctl(machine->vcpu, KVM_GET_SREGS, &sregs);
	reference_devices_end(devices, REFERENCE_CRASHED, "%s rip=0x%llx rsp=0x%llx cr0=0x%llx",
		why, regs.rip, regs.rsp, sregs.cr0);
}

static void serve_port(struct reference_devices *devices, struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	const struct reference_port_access access = {
		run->io.port, run->io.size, run->io.direction == KVM_EXIT_IO_OUT};

	for (uint32_t i = 0; i < run->io.count; i++) {
		reference_devices_access(devices, access, data + i * run->io.size);
	}
}

static void serve_exit(struct reference_devices *devices, const struct reference_vm *machine)
{
	struct kvm_run *run = machine->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		serve_port(devices, run);
		break;
	case KVM_EXIT_MMIO:
		if (!run->mmio.is_write) {
			memset(run->mmio.data, UINT8_MAX, sizeof(run->mmio.data));
		}
		break;
	case KVM_EXIT_SHUTDOWN:
		end_crashed(devices, machine, "triple fault");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		end_crashed(devices, machine,
			run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
				? "KVM cannot emulate the instruction"
				: "KVM gave up");
		break;
	case KVM_EXIT_FAIL_ENTRY:
		end_crashed(devices, machine, "VM entry failed");
		break;
	default:
		end_crashed(devices, machine, "an exit that the runner does not know");
		break;
	}
}

/* HLT with interrupts off waits for good: nobody sends this guest an NMI. */
static bool is_halted_for_good(const struct reference_vm *machine)
{
	struct kvm_mp_state state = {0};
	struct kvm_regs regs = {.rflags = RFLAGS_INTERRUPTS};

	(void)ioctl(machine->vcpu, KVM_GET_MP_STATE, &state);
	(void)ioctl(machine->vcpu, KVM_GET_REGS, &regs);
	return state.mp_state == KVM_MP_STATE_HALTED && (regs.rflags & RFLAGS_INTERRUPTS) == 0;
}

static void run_to_the_end(struct reference_devices *devices, const struct reference_vm *machine,
	const struct reference_guest *guest)
{
	unsigned ticks_left = guest->limit_s * TICKS_PER_SECOND;

	while (devices->end == REFERENCE_RUNNING) {
		if (ioctl(machine->vcpu, KVM_RUN, 0) == 0) {
			serve_exit(devices, machine);
		} else if (errno != EINTR && errno != EAGAIN) {
			end_crashed(devices, machine, strerror(errno));
		} else if (is_halted_for_good(machine)) {
			reference_devices_end(devices, REFERENCE_HALTED, "%s", "");
		} else if (ticks_left-- == 0) {
			reference_devices_end(devices, REFERENCE_TIME_LIMIT, "%s", "");
		}
	}
}

static bool not_started(struct reference_devices *devices, const char *what, const char *why)
{
	reference_devices_end(devices, REFERENCE_NOT_STARTED, "%s: %s", what, why);
	return false;
}

static bool start(struct reference_devices *devices, struct reference_vm *machine, int kvm,
	const struct reference_guest *guest)
{
	struct image image = {0};
	struct load_result loaded = {0};
	enum status status;

	if (!read_image(guest, &image)) {
		return not_started(devices, guest->image_path, strerror(errno));
	}
	if (!reference_vm_create(machine, kvm, guest)) {
		free((void *)image.bytes);
		return not_started(devices, machine->failed, strerror(errno));
	}
	status = load_multiboot(&machine->memory, guest->memory_size_bytes, &image,
		guest->arguments, NULL, 0, &loaded);
	free((void *)image.bytes);
	if (status != STATUS_OK) {
		reference_devices_end(devices, REFERENCE_NOT_STARTED, "%s", loaded.error);
		return false;
	}
	return reference_vm_start_at(machine, &loaded) ||
	       not_started(devices, machine->failed, strerror(errno));
}

bool reference_guest_run(int kvm, const struct reference_guest *guest)
{
	static struct reference_devices devices;
	struct reference_vm machine = {.vm = -1, .vcpu = -1};

	reference_devices_reset(&devices, guest->name);
	if (start(&devices, &machine, kvm, guest)) {
		start_ticks(true);
		run_to_the_end(&devices, &machine, guest);
		start_ticks(false);
	}
	reference_vm_destroy(&machine);
	reference_devices_report(&devices);
	return devices.end != REFERENCE_TIME_LIMIT && devices.end != REFERENCE_NOT_STARTED;
}
