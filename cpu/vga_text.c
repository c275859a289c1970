/* SPDX-License-Identifier: MIT */
#include "cpu/vga_text.h"

#include "cpu/insn.h"
#include "cpu/text_grid.h"

enum {
	VGA_TEXT_MEMORY = 0xb8000,
	VGA_TEXT_CELLS_MAX = 0x8000 / 2,
	VGA_ATTRIBUTE_LIGHT_GREY = 0x07 << 8,
	VGA_CRTC_INDEX = 0x3d4,
	VGA_CRTC_DATA = 0x3d5,
	VGA_CRTC_CURSOR_START = 0x0a,
	VGA_CRTC_CURSOR_OFF = 0x20,
};

static struct text_grid grid;
static unsigned stride;

static void draw(unsigned column, unsigned row, uint8_t character)
{
	volatile uint16_t *cells = hpa_pointer(hpa(VGA_TEXT_MEMORY));

	cells[row * stride + column] = (uint16_t)(VGA_ATTRIBUTE_LIGHT_GREY | character);
}

enum status vga_text_init(uint64_t columns, uint64_t rows)
{
	if (columns == 0 || columns > VGA_TEXT_CELLS_MAX || rows == 0 ||
		rows > VGA_TEXT_CELLS_MAX / columns) {
		return STATUS_RANGE;
	}
	stride = (unsigned)columns;
	for (unsigned row = 0; row < rows; row++) {
		for (unsigned column = 0; column < columns; column++) {
			draw(column, row, ' ');
		}
	}
	insn_out8(VGA_CRTC_INDEX, VGA_CRTC_CURSOR_START);
	insn_out8(VGA_CRTC_DATA, VGA_CRTC_CURSOR_OFF);
	text_grid_init(&grid, (unsigned)columns, (unsigned)rows, draw);
	return STATUS_OK;
}

void vga_text_write(const uint8_t *bytes, size_t size_bytes)
{
	if (grid.columns != 0) {
		text_grid_write(&grid, bytes, size_bytes);
	}
}
