/* SPDX-License-Identifier: MIT */
/*
 * Process 1 of the reference machine: loads KVM, runs the guests that /guests.txt names, one after
 * another, and powers the machine off. All that it prints goes to the serial line, in the words of
 * Trivet's log.
 */
#include "tools/kvm-reference/reference_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

enum { STATUS_ALL_ENDED = 0, STATUS_NOT_ALL_ENDED = 1, STATUS_NO_KVM = 125 };

enum { BOCHS_SHUTDOWN_PORT = 0x8900 };

static const char guest_table[] = "/guests.txt";

static bool say_failed(const char *what)
{
	printf("reference: error: %s: %s\n", what, strerror(errno));
	return false;
}

static bool load_module(const char *path)
{
	const int file = open(path, O_RDONLY | O_CLOEXEC);
	bool is_loaded;

	if (file < 0) {
		return say_failed(path);
	}
	is_loaded = syscall(SYS_finit_module, file, "", 0) == 0 || say_failed(path);
	close(file);
	return is_loaded;
}

/* Returns /dev/kvm, or -1 after saying why not. */
static int open_kvm(void)
{
	int kvm;

	(void)mkdir("/dev", S_IRWXU);
	/* The kernel may have mounted it already. */
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0 && errno != EBUSY) {
		(void)say_failed("/dev");
		return -1;
	}
	if (!load_module("/irqbypass.ko") || !load_module("/kvm.ko") ||
		!load_module("/kvm-intel.ko")) {
		return -1;
	}
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		(void)say_failed("/dev/kvm");
	}
	return kvm;
}

static int run_guests(int kvm)
{
	FILE *table = fopen(guest_table, "r");
	int status = STATUS_ALL_ENDED;
	char *line = NULL;
	size_t room = 0;

	if (table == NULL) {
		(void)say_failed(guest_table);
		return STATUS_NOT_ALL_ENDED;
	}
	while (getline(&line, &room, table) > 0) {
		struct reference_guest guest;

		if (!reference_guest_parse(&guest, line)) {
			printf("reference: error: bad line in %s\n", guest_table);
			status = STATUS_NOT_ALL_ENDED;
		} else if (!reference_guest_run(kvm, &guest)) {
			status = STATUS_NOT_ALL_ENDED;
		}
	}
	free(line);
	fclose(table);
	return status;
}

/* Bochs ends at these bytes without the kernel's last words on the serial line. */
static void power_off(void)
{
	static const char shutdown[] = "Shutdown";

	/* What is still on its way to the line is lost when the machine goes. */
	tcdrain(STDOUT_FILENO);
	if (ioperm(BOCHS_SHUTDOWN_PORT, 1, 1) == 0) {
		for (const char *byte = shutdown; *byte != '\0'; byte++) {
			outb((unsigned char)*byte, BOCHS_SHUTDOWN_PORT);
		}
	}
	reboot(RB_POWER_OFF);
}

int main(void)
{
	int status = STATUS_NO_KVM;
	int kvm;

	setvbuf(stdout, NULL, _IOLBF, 0);
	kvm = open_kvm();
	if (kvm >= 0) {
		status = run_guests(kvm);
	}
	printf("trivet: end status=%d\n", status);
	power_off();
	return EXIT_FAILURE;
}
