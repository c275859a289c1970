/* SPDX-License-Identifier: MIT */
#include "fake_panic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX_BYTES = 512 };

static char panic_text[TEXT_MAX_BYTES];
static jmp_buf panic_return;
static bool is_panic_expected;

void panic(const char *template, ...)
{
	va_list args;

	va_start(args, template);
	vsnprintf(panic_text, sizeof(panic_text), template, args);
	va_end(args);
	if (is_panic_expected) {
		longjmp(panic_return, 1);
	}
	fprintf(stderr, "unexpected panic: %s\n", panic_text);
	abort();
}

bool fake_panics(void (*call)(void *argument), void *argument)
{
	panic_text[0] = '\0';
	if (setjmp(panic_return) != 0) {
		is_panic_expected = false;
		return true;
	}
	is_panic_expected = true;
	call(argument);
	is_panic_expected = false;
	return false;
}

const char *fake_panic_text(void)
{
	return panic_text;
}
