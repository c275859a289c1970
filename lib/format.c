/* SPDX-License-Identifier: MIT */
#include "lib/format.h"

#include "lib/string.h"

enum {
	BASE_DECIMAL = 10,
	BASE_HEX = 16,
	DIGITS_MAX = 20, /* Of UINT64_MAX in decimal. */
};

struct sink {
	char *buffer;
	size_t size_bytes;
	size_t length; /* Of the whole text, also of what did not fit. */
};

/* A va_list that functions can share: where it is an array, a parameter of it decays. */
struct arguments {
	va_list list;
};

enum argument_length {
	ARGUMENT_INT,
	ARGUMENT_CHAR,
	ARGUMENT_SHORT,
	ARGUMENT_LONG,
	ARGUMENT_LONG_LONG,
	ARGUMENT_SIZE,
};

struct conversion {
	bool is_left;
	bool is_zero_padded;
	bool is_alternate;
	bool has_precision;
	size_t width;
	size_t precision;
	enum argument_length length;
};

/* What goes into a field: prefix, then zeros, then body. */
struct field {
	const char *prefix;
	size_t prefix_length;
	size_t zero_count;
	const char *body;
	size_t body_length;
};

static void put_character(struct sink *sink, char character)
{
	if (sink->length < sink->size_bytes) {
		sink->buffer[sink->length] = character;
	}
	sink->length++;
}

static void put_repeated(struct sink *sink, char character, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_character(sink, character);
	}
}

static void put_text(struct sink *sink, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		put_character(sink, text[i]);
	}
}

static void put_field(
	struct sink *sink, const struct conversion *conversion, const struct field *field)
{
	size_t length = field->prefix_length + field->zero_count + field->body_length;
	size_t padding = conversion->width > length ? conversion->width - length : 0;

	if (!conversion->is_left) {
		put_repeated(sink, ' ', padding);
	}
	put_text(sink, field->prefix, field->prefix_length);
	put_repeated(sink, '0', field->zero_count);
	put_text(sink, field->body, field->body_length);
	if (conversion->is_left) {
		put_repeated(sink, ' ', padding);
	}
}

/* Zeros that a number needs: for its precision, else for its width if the flag '0' counts. */
static size_t zeros_for(
	const struct conversion *conversion, size_t prefix_length, size_t digit_count)
{
	size_t wanted = 0;

	if (conversion->has_precision) {
		wanted = conversion->precision;
	} else if (conversion->is_zero_padded && !conversion->is_left &&
		   conversion->width > prefix_length) {
		wanted = conversion->width - prefix_length;
	}
	return wanted > digit_count ? wanted - digit_count : 0;
}

static void put_number(struct sink *sink, const struct conversion *conversion, uint64_t value,
	const char *prefix, char type)
{
	const char *digits = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	uint64_t base = type == 'd' ? BASE_DECIMAL : BASE_HEX;
	char text[DIGITS_MAX];
	size_t start = sizeof(text);
	struct field field = {.prefix = prefix, .prefix_length = strlen(prefix)};
	/* C11 "The fprintf function": zero with a precision of zero has no digits. */
	bool is_empty = value == 0 && conversion->has_precision && conversion->precision == 0;

	if (!is_empty) {
		do {
			text[--start] = digits[value % base];
			value /= base;
		} while (value != 0);
	}
	field.body = text + start;
	field.body_length = sizeof(text) - start;
	field.zero_count = zeros_for(conversion, field.prefix_length, field.body_length);
	put_field(sink, conversion, &field);
}

static int64_t take_signed(struct arguments *arguments, enum argument_length length)
{
	switch (length) {
	case ARGUMENT_CHAR:
		return (signed char)va_arg(arguments->list, int);
	case ARGUMENT_SHORT:
		return (short)va_arg(arguments->list, int);
	case ARGUMENT_LONG:
		return va_arg(arguments->list, long);
	case ARGUMENT_LONG_LONG:
		return va_arg(arguments->list, long long);
	case ARGUMENT_SIZE:
		return va_arg(arguments->list, ptrdiff_t);
	case ARGUMENT_INT:
	default:
		return va_arg(arguments->list, int);
	}
}

static uint64_t take_unsigned(struct arguments *arguments, enum argument_length length)
{
	switch (length) {
	case ARGUMENT_CHAR:
		return (unsigned char)va_arg(arguments->list, unsigned);
	case ARGUMENT_SHORT:
		return (unsigned short)va_arg(arguments->list, unsigned);
	case ARGUMENT_LONG:
		return va_arg(arguments->list, unsigned long);
	case ARGUMENT_LONG_LONG:
		return va_arg(arguments->list, unsigned long long);
	case ARGUMENT_SIZE:
		return va_arg(arguments->list, size_t);
	case ARGUMENT_INT:
	default:
		return va_arg(arguments->list, unsigned);
	}
}

static void put_signed(
	struct sink *sink, const struct conversion *conversion, struct arguments *arguments)
{
	int64_t value = take_signed(arguments, conversion->length);
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(sink, conversion, magnitude, value < 0 ? "-" : "", 'd');
}

static void put_hex(struct sink *sink, const struct conversion *conversion,
	struct arguments *arguments, char type)
{
	uint64_t value = take_unsigned(arguments, conversion->length);
	const char *prefix = "";

	if (conversion->is_alternate && value != 0) {
		prefix = type == 'X' ? "0X" : "0x";
	}
	put_number(sink, conversion, value, prefix, type);
}

static void put_string(struct sink *sink, const struct conversion *conversion, const char *text)
{
	struct field field = {.prefix = "", .body = text != NULL ? text : "(null)"};

	/* With a precision the text need not have a NUL. */
	while ((!conversion->has_precision || field.body_length < conversion->precision) &&
		field.body[field.body_length] != '\0') {
		field.body_length++;
	}
	put_field(sink, conversion, &field);
}

static void put_one(struct sink *sink, const struct conversion *conversion, char character)
{
	const struct field field = {.prefix = "", .body = &character, .body_length = 1};

	put_field(sink, conversion, &field);
}

/* Returns false for an unknown type. */
static bool put_conversion(struct sink *sink, const struct conversion *conversion,
	struct arguments *arguments, char type)
{
	switch (type) {
	case 'c':
		put_one(sink, conversion, (char)va_arg(arguments->list, int));
		return true;
	case 's':
		put_string(sink, conversion, va_arg(arguments->list, const char *));
		return true;
	case 'd':
	case 'i':
		put_signed(sink, conversion, arguments);
		return true;
	case 'u':
		put_number(sink, conversion, take_unsigned(arguments, conversion->length), "", 'd');
		return true;
	case 'x':
	case 'X':
		put_hex(sink, conversion, arguments, type);
		return true;
	case 'p':
		put_number(sink, conversion, (uintptr_t)va_arg(arguments->list, void *), "0x", 'x');
		return true;
	case '%':
		put_character(sink, '%');
		return true;
	default:
		return false;
	}
}

static const char *parse_flags(const char *cursor, struct conversion *conversion)
{
	for (;; cursor++) {
		switch (*cursor) {
		case '-':
			conversion->is_left = true;
			break;
		case '0':
			conversion->is_zero_padded = true;
			break;
		case '#':
			conversion->is_alternate = true;
			break;
		default:
			return cursor;
		}
	}
}

static const char *parse_count(const char *cursor, size_t *count)
{
	for (*count = 0; *cursor >= '0' && *cursor <= '9'; cursor++) {
		*count = *count * BASE_DECIMAL + (size_t)(*cursor - '0');
	}
	return cursor;
}

static const char *parse_width(
	const char *cursor, struct conversion *conversion, struct arguments *arguments)
{
	int64_t width;

	if (*cursor != '*') {
		return parse_count(cursor, &conversion->width);
	}
	/* C11 "The fprintf function": a negative width is the flag '-' and a positive width. */
	width = va_arg(arguments->list, int);
	conversion->is_left = conversion->is_left || width < 0;
	conversion->width = (size_t)(width < 0 ? -width : width);
	return cursor + 1;
}

static const char *parse_precision(
	const char *cursor, struct conversion *conversion, struct arguments *arguments)
{
	int precision;

	if (*cursor != '.') {
		return cursor;
	}
	cursor++;
	conversion->has_precision = true;
	if (*cursor != '*') {
		return parse_count(cursor, &conversion->precision);
	}
	/* C11 "The fprintf function": a negative precision counts as none. */
	precision = va_arg(arguments->list, int);
	conversion->has_precision = precision >= 0;
	conversion->precision = precision >= 0 ? (size_t)precision : 0;
	return cursor + 1;
}

static const char *parse_length(const char *cursor, struct conversion *conversion)
{
	static const struct {
		char first;
		char second; /* NUL: a single letter. */
		enum argument_length length;
	} lengths[] = {
		{'h', 'h', ARGUMENT_CHAR},
		{'h', '\0', ARGUMENT_SHORT},
		{'l', 'l', ARGUMENT_LONG_LONG},
		{'l', '\0', ARGUMENT_LONG},
		{'z', '\0', ARGUMENT_SIZE},
	};

	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		bool is_double = lengths[i].second != '\0';

		if (cursor[0] == lengths[i].first &&
			(!is_double || cursor[1] == lengths[i].second)) {
			conversion->length = lengths[i].length;
			return cursor + (is_double ? 2 : 1);
		}
	}
	return cursor;
}

/* Does the conversion whose '%' is at `start`; returns the cursor behind it. */
static const char *convert(struct sink *sink, const char *start, struct arguments *arguments)
{
	struct conversion conversion = {0};
	const char *cursor = parse_flags(start + 1, &conversion);

	cursor = parse_width(cursor, &conversion, arguments);
	cursor = parse_precision(cursor, &conversion, arguments);
	cursor = parse_length(cursor, &conversion);
	if (put_conversion(sink, &conversion, arguments, *cursor)) {
		return cursor + 1;
	}
	put_text(sink, start, (size_t)(cursor - start));
	return cursor;
}

size_t vformat(char *buffer, size_t size_bytes, const char *template, va_list args)
{
	struct sink sink = {.buffer = buffer, .size_bytes = size_bytes};
	struct arguments arguments;
	const char *cursor = template;

	va_copy(arguments.list, args);
	while (*cursor != '\0') {
		if (*cursor == '%') {
			cursor = convert(&sink, cursor, &arguments);
		} else {
			put_character(&sink, *cursor++);
		}
	}
	va_end(arguments.list);
	if (size_bytes != 0) {
		buffer[sink.length < size_bytes ? sink.length : size_bytes - 1] = '\0';
	}
	return sink.length;
}

size_t format(char *buffer, size_t size_bytes, const char *template, ...)
{
	va_list args;
	size_t length;

	va_start(args, template);
	length = vformat(buffer, size_bytes, template, args);
	va_end(args);
	return length;
}
