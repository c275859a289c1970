/* SPDX-License-Identifier: MIT */
#ifndef CPU_FONT_H
#define CPU_FONT_H

#include "lib/types.h"

enum {
	FONT_FIRST = 0x20,
	FONT_LAST = 0x7e,
	FONT_WIDTH = 8,
	FONT_GLYPH_ROWS = 8,
	FONT_HEIGHT = 2 * FONT_GLYPH_ROWS, /* Each row is drawn twice. */
};

/* One byte a row from the top, bit 7 the leftmost pixel. */
extern const uint8_t font_glyphs[FONT_LAST - FONT_FIRST + 1][FONT_GLYPH_ROWS];

#endif
