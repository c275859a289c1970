/* SPDX-License-Identifier: MIT */
#include "tests/host/console_output.h"

#include "cpu/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

char console_output[4096];
size_t console_output_length;

void console_output_clear(void)
{
	console_output_length = 0;
	console_output[0] = '\0';
}

void console_write(const void *bytes, size_t size_bytes)
{
	assert_true(console_output_length + size_bytes < sizeof(console_output));
	memcpy(console_output + console_output_length, bytes, size_bytes);
	console_output_length += size_bytes;
	console_output[console_output_length] = '\0';
}
