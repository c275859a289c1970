/* SPDX-License-Identifier: MIT */
/*
 * Process 1 of a Linux whose boot is measured: says at which tick of the TSC it was reached, sleeps
 * as many seconds as its last argument says, and powers off. It needs nothing but /dev/console.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	const unsigned long long ticks = __rdtsc();

	printf("linux-ticks: tsc=%llu\n", ticks);
	(void)fflush(stdout);
	(void)tcdrain(STDOUT_FILENO);
	/* Linux hands over words that it does not know as well: they stand in front. */
	(void)sleep((unsigned int)strtoul(argv[argc - 1], NULL, 10));
	(void)reboot(RB_POWER_OFF);
	return EXIT_FAILURE;
}
