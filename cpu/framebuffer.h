/* SPDX-License-Identifier: MIT */
#ifndef CPU_FRAMEBUFFER_H
#define CPU_FRAMEBUFFER_H

#include "lib/status.h"
#include "lib/types.h"

/* A linear RGB framebuffer, as the firmware or the boot loader reports it: not to be trusted. */
struct framebuffer_mode {
	uint64_t address;
	uint64_t pitch_bytes;
	uint64_t width;
	uint64_t height;
	unsigned bits_per_pixel;
};

/*
 * Checks what is reported and stores how many bytes the framebuffer has. Returns STATUS_OK;
 * STATUS_UNSUPPORTED (bits per pixel other than 15, 16, 24, 32); STATUS_RANGE (no room for one
 * character, a pitch shorter than a line, larger than 256 MiB, at address 0, or wrapping).
 * Context: any; pure.
 */
must_use enum status framebuffer_check(const struct framebuffer_mode *mode, uint64_t *size_bytes);

/* Clears the framebuffer and writes to it from now on. Errors as framebuffer_check().
 * Context: boot, with the framebuffer mapped. */
must_use enum status framebuffer_init(const struct framebuffer_mode *mode);

/* Shows text, white on black; nothing before framebuffer_init(). */
void framebuffer_write(const uint8_t *bytes, size_t size_bytes);

#endif
