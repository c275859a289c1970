/* SPDX-License-Identifier: MIT */
#include "cpu/framebuffer.h"

#include "cpu/font.h"
#include "cpu/insn.h"
#include "cpu/text_grid.h"
#include "lib/string.h"

#define FRAMEBUFFER_SIZE_MAX MIB(256)

enum {
	LINE_MAX_PIXELS = 32768,
	BITS_PER_BYTE = 8,
};

static struct text_grid grid;
static struct framebuffer_mode screen;
static unsigned bytes_per_pixel;

enum status framebuffer_check(const struct framebuffer_mode *mode, uint64_t *size_bytes)
{
	unsigned bits = mode->bits_per_pixel;
	uint64_t bytes = (bits + BITS_PER_BYTE - 1) / BITS_PER_BYTE;

	if (bits != 15 && bits != 16 && bits != 24 && bits != 32) {
		return STATUS_UNSUPPORTED;
	}
	if (mode->address == 0 || mode->width < FONT_WIDTH || mode->width > LINE_MAX_PIXELS ||
		mode->height < FONT_HEIGHT || mode->height > LINE_MAX_PIXELS) {
		return STATUS_RANGE;
	}
	if (mode->pitch_bytes < mode->width * bytes ||
		mode->pitch_bytes > FRAMEBUFFER_SIZE_MAX / mode->height) {
		return STATUS_RANGE;
	}
	*size_bytes = mode->pitch_bytes * mode->height;
	return mode->address <= UINT64_MAX - *size_bytes ? STATUS_OK : STATUS_RANGE;
}

/* White is all ones and black all zeros in every format, so their channels do not matter. */
static void put_pixel(uintptr_t at, bool is_white)
{
	uint32_t value = is_white ? UINT32_MAX : 0;

	if (bytes_per_pixel == sizeof(uint32_t)) {
		*(volatile uint32_t *)at = value;
	} else if (bytes_per_pixel == sizeof(uint16_t)) {
		*(volatile uint16_t *)at = (uint16_t)value;
	} else {
		for (unsigned i = 0; i < bytes_per_pixel; i++) {
			((volatile uint8_t *)at)[i] = (uint8_t)value;
		}
	}
}

static void draw(unsigned column, unsigned row, uint8_t character)
{
	const uint8_t *glyph = font_glyphs[character - FONT_FIRST];
	uint64_t x_bytes = (uint64_t)column * FONT_WIDTH * bytes_per_pixel;
	uint64_t line = screen.address + (uint64_t)row * FONT_HEIGHT * screen.pitch_bytes + x_bytes;

	for (unsigned y = 0; y < FONT_HEIGHT; y++) {
		uint8_t pixels = glyph[y / 2];
		uintptr_t at = line;

		for (unsigned x = FONT_WIDTH; x > 0; x--) {
			put_pixel(at, (pixels & BIT(x - 1)) != 0);
			at += bytes_per_pixel;
		}
		line += screen.pitch_bytes;
	}
}

static void clear(uint64_t address, uint64_t size_bytes)
{
	uint64_t tail_bytes = size_bytes % sizeof(uint64_t);

	insn_rep_stosq(hpa_pointer(hpa(address)), 0, size_bytes / sizeof(uint64_t));
	memset(hpa_pointer(hpa(address + size_bytes - tail_bytes)), 0, tail_bytes);
}

enum status framebuffer_init(const struct framebuffer_mode *mode)
{
	uint64_t size_bytes = 0;
	enum status status = framebuffer_check(mode, &size_bytes);

	if (status != STATUS_OK) {
		return status;
	}
	screen = *mode;
	bytes_per_pixel = (mode->bits_per_pixel + BITS_PER_BYTE - 1) / BITS_PER_BYTE;
	clear(mode->address, size_bytes);
	text_grid_init(&grid, (unsigned)(mode->width / FONT_WIDTH),
		(unsigned)(mode->height / FONT_HEIGHT), draw);
	return STATUS_OK;
}

void framebuffer_write(const uint8_t *bytes, size_t size_bytes)
{
	if (grid.columns != 0) {
		text_grid_write(&grid, bytes, size_bytes);
	}
}
