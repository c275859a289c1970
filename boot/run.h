/* SPDX-License-Identifier: MIT */
#ifndef BOOT_RUN_H
#define BOOT_RUN_H

#include "boot/multiboot2.h"
#include "boot/options.h"

/*
 * Does what the option mode= asks for. Returns the run's end status. Context: the host platform is
 * ready; host_memory_pages() has the machine's free memory.
 */
unsigned hypervisor_run(const struct boot_info *info, const struct options *options);

#endif
