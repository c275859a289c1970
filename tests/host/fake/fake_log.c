/* SPDX-License-Identifier: MIT */
#include "fake_log.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	LINE_MAX_BYTES = 255,
	TEXT_MAX_BYTES = 65536,
};

static char log_text[TEXT_MAX_BYTES];
static size_t log_length;

static const char *const level_prefix[] = {
	[LOG_ERROR] = "error: ",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
};

void log_write(enum log_level level, const char *source, const char *template, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;
	int length;

	va_start(args, template);
	vsnprintf(text, sizeof(text), template, args);
	va_end(args);
	length = snprintf(log_text + log_length, sizeof(log_text) - log_length, "%s%s: %s\n",
		level_prefix[level], source, text);
	if (length > 0 && (size_t)length < sizeof(log_text) - log_length) {
		log_length += (size_t)length;
	}
	log_text[log_length] = '\0';
}

const char *fake_log_text(void)
{
	return log_text;
}

void fake_log_clear(void)
{
	log_length = 0;
	log_text[0] = '\0';
}
