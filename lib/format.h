/* SPDX-License-Identifier: MIT */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include "lib/types.h"

#include <stdarg.h>

/*
 * printf into a buffer, for the subset %c %s %d %i %u %x %X %p %%, the lengths hh h l ll z, the
 * flags '-', '0' and '#', a width and a precision (also '*'), all as in C11 "The fprintf function".
 * Always ends the text with a NUL where size_bytes is not 0; cuts what does not fit. %s of NULL
 * prints "(null)", %p prints hex with 0x; an unknown conversion is printed as it stands.
 *
 * Returns the length that the whole text has without its NUL; >= size_bytes means it was cut.
 * Context: any; no allocation, no locale.
 */
size_t format(char *buffer, size_t size_bytes, const char *template, ...)
	__attribute__((format(printf, 3, 4)));
size_t vformat(char *buffer, size_t size_bytes, const char *template, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
