/* SPDX-License-Identifier: MIT */
#include "cpu/text_grid.h"

#include "lib/string.h"

enum {
	PRINTABLE_FIRST = ' ',
	PRINTABLE_LAST = '~',
	TAB_COLUMNS = 8,
	SCROLL_DIVISOR = 4,
};

void text_grid_init(struct text_grid *grid, unsigned columns, unsigned rows, text_grid_draw *draw)
{
	grid->columns = columns < TEXT_GRID_COLUMNS_MAX ? columns : TEXT_GRID_COLUMNS_MAX;
	grid->rows = rows < TEXT_GRID_ROWS_MAX ? rows : TEXT_GRID_ROWS_MAX;
	grid->column = 0;
	grid->row = 0;
	grid->draw = draw;
	memset(grid->cells, ' ', sizeof(grid->cells));
}

static void put_at(struct text_grid *grid, unsigned column, unsigned row, uint8_t character)
{
	uint8_t *cell = &grid->cells[row * grid->columns + column];

	if (*cell != character) {
		*cell = character;
		grid->draw(column, row, character);
	}
}

static void scroll(struct text_grid *grid)
{
	unsigned distance = grid->rows / SCROLL_DIVISOR + 1;

	if (distance > grid->rows) {
		distance = grid->rows;
	}
	for (unsigned row = 0; row < grid->rows; row++) {
		for (unsigned column = 0; column < grid->columns; column++) {
			uint8_t character =
				row + distance < grid->rows
					? grid->cells[(row + distance) * grid->columns + column]
					: ' ';

			put_at(grid, column, row, character);
		}
	}
	grid->row = grid->rows - distance;
}

static void new_line(struct text_grid *grid)
{
	grid->column = 0;
	grid->row++;
	if (grid->row == grid->rows) {
		scroll(grid);
	}
}

static void put(struct text_grid *grid, uint8_t character)
{
	if (grid->column == grid->columns) {
		new_line(grid);
	}
	put_at(grid, grid->column, grid->row, character);
	grid->column++;
}

static void put_tab(struct text_grid *grid)
{
	do {
		put(grid, ' ');
	} while (grid->column % TAB_COLUMNS != 0 && grid->column < grid->columns);
}

void text_grid_write(struct text_grid *grid, const uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++) {
		uint8_t byte = bytes[i];

		if (byte == '\n') {
			new_line(grid);
		} else if (byte == '\r') {
			grid->column = 0;
		} else if (byte == '\t') {
			put_tab(grid);
		} else {
			put(grid, byte >= PRINTABLE_FIRST && byte <= PRINTABLE_LAST ? byte : '?');
		}
	}
}
