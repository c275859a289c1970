/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"

#include "cpu/console.h"
#include "lib/format.h"

enum {
	LINE_MAX_BYTES = 255,
	PRINTABLE_FIRST = ' ',
	PRINTABLE_LAST = '~',
};

static const char *const prefixes[] = {
	[LOG_ERROR] = "error: ",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
};

static size_t cut(size_t length)
{
	return length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES;
}

void log_write(enum log_level level, const char *source, const char *template, ...)
{
	char line[LINE_MAX_BYTES + 1];
	size_t length = cut(format(line, sizeof(line), "%s%s: ", prefixes[level], source));
	va_list args;

	va_start(args, template);
	length = cut(length + vformat(&line[length], sizeof(line) - length, template, args));
	va_end(args);

	/* What a guest gave us to log must not look like a line of ours. */
	for (size_t i = 0; i < length; i++) {
		if (line[i] < PRINTABLE_FIRST || line[i] > PRINTABLE_LAST) {
			line[i] = '.';
		}
	}
	line[length] = '\n';
	console_write_line(line, length + 1);
}
