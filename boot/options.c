/* SPDX-License-Identifier: MIT */
#include "boot/options.h"

#include "cpu/log.h"
#include "cpu/percpu.h"
#include "cpu/serial.h"
#include "lib/choice.h"
#include "lib/command_line.h"
#include "lib/string.h"

static const struct choice modes[] = {
	{"run", BOOT_MODE_RUN},
	{"doctor", BOOT_MODE_DOCTOR},
	{"selftest", BOOT_MODE_SELFTEST},
	{"trap", BOOT_MODE_TRAP},
};

static const struct choice ends[] = {
	{"halt", END_ACTION_HALT},
	{"poweroff", END_ACTION_POWEROFF},
	{"reset", END_ACTION_RESET},
};

static const struct choice apics[] = {
	{"auto", APIC_AUTO},
	{"software", APIC_SOFTWARE},
	{"hardware", APIC_HARDWARE},
};

static const struct choice timers[] = {
	{"auto", TIMER_AUTO},
	{"host", TIMER_HOST},
};

static const struct choice large_pages[] = {
	{"auto", LARGE_PAGES_AUTO},
	{"executable", LARGE_PAGES_EXECUTABLE},
	{"split", LARGE_PAGES_SPLIT},
};

static const struct choice orders[] = {
	{"together", false},
	{"inturn", true},
};

static const struct choice switches[] = {
	{"on", true},
	{"off", false},
};

static const struct choice ports[] = {
	{"com1", SERIAL_COM1},
	{"com2", SERIAL_COM2},
	{"com3", SERIAL_COM3},
	{"com4", SERIAL_COM4},
};

static const struct choice_option choice_options[] = {
	CHOICE_OPTION("mode", modes, struct options, mode),
	CHOICE_OPTION("screen", switches, struct options, has_screen),
	CHOICE_OPTION("end", ends, struct options, end),
	CHOICE_OPTION("apic", apics, struct options, apic),
	CHOICE_OPTION("timer", timers, struct options, timer),
	CHOICE_OPTION("large_pages", large_pages, struct options, large_pages),
	CHOICE_OPTION("guests", orders, struct options, are_guests_in_turn),
};

static bool parse_number(const char *text, uint64_t *number)
{
	struct command_line_word word = {.value = text};

	return command_line_number(&word, 0, UINT32_MAX, number) == STATUS_OK;
}

static bool parse_cpus(const char *value, struct options *options)
{
	uint64_t count;

	if (!parse_number(value, &count) || count == 0 || count > CPUS_MAX) {
		return false;
	}
	options->cpus = (unsigned)count;
	return true;
}

/* PORT or PORT,SPEED. */
static bool parse_port(const char *value, struct options_serial *serial)
{
	char port[COMMAND_LINE_WORD_MAX];
	uint64_t base;
	uint64_t speed = SERIAL_SPEED_DEFAULT;
	unsigned known;
	size_t length = 0;

	while (value[length] != '\0' && value[length] != ',' && length < sizeof(port) - 1) {
		port[length] = value[length];
		length++;
	}
	port[length] = '\0';
	if (value[length] == ',' && !parse_number(&value[length + 1], &speed)) {
		return false;
	}
	if (choice_find(ports, ARRAY_COUNT(ports), port, &known)) {
		base = known;
	} else if (!parse_number(port, &base)) {
		return false;
	}
	if (serial_check(base, speed) != STATUS_OK) {
		return false;
	}
	*serial = (struct options_serial){(uint16_t)base, (uint32_t)speed};
	return true;
}

static bool parse_console(const char *value, struct options *options)
{
	if (strcmp(value, "none") == 0) {
		options->console.base = 0;
		return true;
	}
	return parse_port(value, &options->console);
}

static bool parse_guest_serial(const char *value, struct options *options)
{
	if (strcmp(value, "console") == 0) {
		options->guest_serial.base = 0;
		return true;
	}
	return parse_port(value, &options->guest_serial);
}

static const struct {
	const char *key;
	bool (*parse)(const char *value, struct options *options);
} keys[] = {
	{"console", parse_console},
	{"guest_serial", parse_guest_serial},
	{"cpus", parse_cpus},
};

/* Returns STATUS_OK; STATUS_NOT_FOUND: no such option; STATUS_INVALID: not a value of it. */
static enum status take_value(const struct command_line_word *word, struct options *options)
{
	const struct choice_option *choice =
		choice_option_find(choice_options, ARRAY_COUNT(choice_options), word->key);

	if (choice != NULL) {
		return choice_take(choice, word->value, options) ? STATUS_OK : STATUS_INVALID;
	}
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (strcmp(keys[i].key, word->key) == 0) {
			return word->value != NULL && keys[i].parse(word->value, options)
				       ? STATUS_OK
				       : STATUS_INVALID;
		}
	}
	return STATUS_NOT_FOUND;
}

static void parse_word(const struct command_line_word *word, struct options *options)
{
	const enum status status = take_value(word, options);

	if (status == STATUS_NOT_FOUND) {
		log_warn("options", "ignored: %s%s%s (no such option)", word->key,
			word->value != NULL ? "=" : "", word->value != NULL ? word->value : "");
	} else if (status != STATUS_OK && word->value == NULL) {
		log_warn("options", "ignored: %s (it needs a value)", word->key);
	} else if (status != STATUS_OK) {
		log_warn("options", "ignored: %s=%s (not a value of %s)", word->key, word->value,
			word->key);
	}
}

void options_parse(const char *command_line, struct options *options)
{
	const char *cursor = command_line;

	*options = (struct options){
		.mode = BOOT_MODE_RUN,
		.console = {SERIAL_COM1, SERIAL_SPEED_DEFAULT},
		.guest_serial = {0, SERIAL_SPEED_DEFAULT},
		.has_screen = true,
		.end = END_ACTION_HALT,
		.apic = APIC_AUTO,
		.timer = TIMER_AUTO,
		.large_pages = LARGE_PAGES_AUTO,
	};
	for (;;) {
		struct command_line_word word;
		const char *begin = cursor;
		enum status status = command_line_next(&cursor, &word);

		if (status == STATUS_NOT_FOUND) {
			return;
		}
		if (status == STATUS_OK) {
			parse_word(&word, options);
		} else {
			log_warn("options", "ignored: %s word: %.*s", status_name(status),
				(int)(cursor - begin), begin);
		}
	}
}
