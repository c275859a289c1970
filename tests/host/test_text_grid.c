/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/text_grid.c cpu/framebuffer.c cpu/font.c */
#include "cpu/font.h"
#include "cpu/framebuffer.h"
#include "cpu/text_grid.h"
#include "fake_insn.h"
#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 10, ROWS = 8 };

static struct text_grid grid;
static char screen[ROWS][COLUMNS + 1];
static unsigned draws;

static void draw(unsigned column, unsigned row, uint8_t character)
{
	assert_true(column < COLUMNS);
	assert_true(row < ROWS);
	assert_in_range(character, 0x20, 0x7e);
	screen[row][column] = (char)character;
	draws++;
}

static int set_up(void **state)
{
	(void)state;
	memset(screen, ' ', sizeof(screen));
	for (unsigned row = 0; row < ROWS; row++) {
		screen[row][COLUMNS] = '\0';
	}
	draws = 0;
	text_grid_init(&grid, COLUMNS, ROWS, draw);
	return 0;
}

static void put(const char *text)
{
	text_grid_write(&grid, (const uint8_t *)text, strlen(text));
}

static void text_goes_from_left_to_right_and_down(void **state)
{
	(void)state;
	put("one\ntwo");
	assert_string_equal(screen[0], "one       ");
	assert_string_equal(screen[1], "two       ");
}

static void a_long_line_goes_on_in_the_next_row(void **state)
{
	(void)state;
	put("0123456789ab");
	assert_string_equal(screen[0], "0123456789");
	assert_string_equal(screen[1], "ab        ");
}

static void a_full_row_and_a_line_feed_leave_no_empty_row(void **state)
{
	(void)state;
	put("0123456789\nab");
	assert_string_equal(screen[1], "ab        ");
}

static void control_bytes_are_obeyed_or_shown_as_question_marks(void **state)
{
	(void)state;
	put("abc\rX\n\ti\n\x01\x7f\x80\xff");
	assert_string_equal(screen[0], "Xbc       ");
	assert_string_equal(screen[1], "        i ");
	assert_string_equal(screen[2], "????      ");
}

static void the_bottom_moves_up_by_a_part_of_the_screen(void **state)
{
	(void)state;
	put("0\n1\n2\n3\n4\n5\n6\n7");
	assert_string_equal(screen[0], "0         ");
	put("\n8");
	assert_string_equal(screen[0], "3         ");
	assert_string_equal(screen[4], "7         ");
	assert_string_equal(screen[5], "8         ");
	assert_string_equal(screen[6], "          ");
}

static void only_cells_that_change_are_drawn(void **state)
{
	(void)state;
	put("aaaa\raaaa");
	assert_int_equal(draws, 4);
	put("\n      ");
	assert_int_equal(draws, 4);
}

static void a_grid_of_one_cell_works(void **state)
{
	(void)state;
	text_grid_init(&grid, 1, 1, draw);
	put("ab\tc\nd");
	assert_int_equal(screen[0][0], 'd');
}

static void a_grid_is_cut_to_what_it_can_hold(void **state)
{
	(void)state;
	text_grid_init(&grid, 1000, 1000, draw);
	assert_int_equal(grid.columns, TEXT_GRID_COLUMNS_MAX);
	assert_int_equal(grid.rows, TEXT_GRID_ROWS_MAX);
}

static void hostile_framebuffers_are_refused(void **state)
{
	static const struct {
		struct framebuffer_mode mode;
		enum status status;
	} cases[] = {
		{{0x1000, 640 * 4, 640, 480, 32}, STATUS_OK},
		{{0x1000, 640 * 2, 640, 480, 15}, STATUS_OK},
		{{0x1000, 640 * 3, 640, 480, 24}, STATUS_OK},
		{{0x1000, 8 * 4, 8, 16, 32}, STATUS_OK},
		{{0x1000, 640 * 4, 640, 480, 8}, STATUS_UNSUPPORTED},
		{{0x1000, 640 * 4, 640, 480, 0}, STATUS_UNSUPPORTED},
		{{0x1000, 640 * 4, 640, 480, 255}, STATUS_UNSUPPORTED},
		{{0, 640 * 4, 640, 480, 32}, STATUS_RANGE},
		{{0x1000, 640 * 4 - 1, 640, 480, 32}, STATUS_RANGE},
		{{0x1000, 640 * 3 - 1, 640, 480, 24}, STATUS_RANGE},
		{{0x1000, 0, 640, 480, 32}, STATUS_RANGE},
		{{0x1000, 640 * 4, 7, 480, 32}, STATUS_RANGE},
		{{0x1000, 640 * 4, 640, 15, 32}, STATUS_RANGE},
		{{0x1000, 640 * 4, 0, 480, 32}, STATUS_RANGE},
		{{0x1000, 640 * 4, 640, 0, 32}, STATUS_RANGE},
		{{0x1000, UINT32_MAX, 640, 480, 32}, STATUS_RANGE},
		{{0x1000, UINT64_MAX, UINT64_MAX, UINT64_MAX, 32}, STATUS_RANGE},
		{{0x1000, BIT(34), BIT(32), 16, 32}, STATUS_RANGE},
		{{UINT64_MAX - 0xfff, 640 * 4, 640, 480, 32}, STATUS_RANGE},
	};
	uint64_t size_bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(framebuffer_check(&cases[i].mode, &size_bytes), cases[i].status);
	}
}

/* Each format draws inside its lines: the padding behind them and the sanitizer's edge stay. */
static void every_pixel_format_draws_inside_the_lines(void **state)
{
	static const unsigned formats[] = {15, 16, 24, 32};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
		enum { WIDTH = 20, HEIGHT = 35 };
		uint64_t line = WIDTH * ((formats[i] + 7) / 8);
		uint64_t pitch = line + 12;
		uint8_t *pixels = malloc(pitch * HEIGHT);
		struct framebuffer_mode mode = {
			(uintptr_t)pixels, pitch, WIDTH, HEIGHT, formats[i]};
		size_t lit = 0;

		memset(pixels, 0xaa, pitch * HEIGHT);
		assert_int_equal(framebuffer_init(&mode), STATUS_OK);
		framebuffer_write((const uint8_t *)"A#\n~W#", 6);
		for (uint64_t at = 0; at < pitch * HEIGHT; at++) {
			assert_true(pixels[at] == 0 || (pixels[at] == 0xff && at % pitch < line));
			lit += pixels[at] != 0;
		}
		assert_true(lit > 0);
		free(pixels);
	}
}

static void every_character_looks_different(void **state)
{
	(void)state;
	for (unsigned a = 0; a <= FONT_LAST - FONT_FIRST; a++) {
		for (unsigned b = 0; b < a; b++) {
			assert_memory_not_equal(font_glyphs[a], font_glyphs[b], FONT_GLYPH_ROWS);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_goes_from_left_to_right_and_down),
		TEST(a_long_line_goes_on_in_the_next_row),
		TEST(a_full_row_and_a_line_feed_leave_no_empty_row),
		TEST(control_bytes_are_obeyed_or_shown_as_question_marks),
		TEST(the_bottom_moves_up_by_a_part_of_the_screen),
		TEST(only_cells_that_change_are_drawn),
		TEST(a_grid_of_one_cell_works),
		TEST(a_grid_is_cut_to_what_it_can_hold),
		TEST(hostile_framebuffers_are_refused),
		TEST(every_pixel_format_draws_inside_the_lines),
		TEST(every_character_looks_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
