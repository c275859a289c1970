/* SPDX-License-Identifier: MIT */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

/* The C standard's functions of these names: the compiler emits calls to the first four itself. */
void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
void *memmove(void *to, const void *from, size_t size_bytes);
void *memset(void *to, int byte, size_t size_bytes);
int memcmp(const void *left, const void *right, size_t size_bytes);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t max_bytes);

#endif
