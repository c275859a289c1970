/* SPDX-License-Identifier: MIT */
#ifndef CPU_TEXT_GRID_H
#define CPU_TEXT_GRID_H

#include "lib/types.h"

enum {
	TEXT_GRID_COLUMNS_MAX = 160,
	TEXT_GRID_ROWS_MAX = 64,
	TEXT_GRID_CELLS_MAX = TEXT_GRID_COLUMNS_MAX * TEXT_GRID_ROWS_MAX,
};

/* Puts one character, 0x20 to 0x7e, on the screen. */
typedef void text_grid_draw(unsigned column, unsigned row, uint8_t character);

/*
 * A terminal's idea of a screen: what stands where. The screen itself is only written, never read:
 * that is slow on every machine. Only cells that change are drawn.
 */
struct text_grid {
	uint8_t cells[TEXT_GRID_CELLS_MAX];
	unsigned columns;
	unsigned rows;
	unsigned column;
	unsigned row;
	text_grid_draw *draw;
};

/*
 * Starts with blanks everywhere, on a screen that is blank already. columns and rows are cut to
 * what the grid has; both must be at least 1. Context: any; pure but for draw.
 */
void text_grid_init(struct text_grid *grid, unsigned columns, unsigned rows, text_grid_draw *draw);

/*
 * Writes bytes: line feed starts a new line, carriage return goes to its start, a tab to the next
 * multiple of 8; any other byte outside printable ASCII shows as '?'. At the bottom the text moves
 * up by a quarter of the screen, so that a long log costs few redraws.
 */
void text_grid_write(struct text_grid *grid, const uint8_t *bytes, size_t size_bytes);

#endif
