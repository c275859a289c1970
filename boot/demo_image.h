/* SPDX-License-Identifier: MIT */
#ifndef BOOT_DEMO_IMAGE_H
#define BOOT_DEMO_IMAGE_H

#include "lib/types.h"

/* The demo guest's image, a multiboot1 ELF that is part of ours: [start, end). */
extern const uint8_t demo_image_start[];
extern const uint8_t demo_image_end[];

#endif
