/* SPDX-License-Identifier: MIT */
#include "boot/options.h"

#include "cpu/log.h"
#include "cpu/percpu.h"
#include "cpu/serial.h"
#include "lib/command_line.h"
#include "lib/string.h"

struct choice {
	const char *word;
	unsigned value;
};

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

static bool choose(const struct choice *choices, size_t count, const char *word, unsigned *value)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(choices[i].word, word) == 0) {
			*value = choices[i].value;
			return true;
		}
	}
	return false;
}

#define CHOOSE(choices, word, value) choose(choices, ARRAY_COUNT(choices), word, value)

static bool parse_mode(const char *value, struct options *options)
{
	unsigned mode;

	if (!CHOOSE(modes, value, &mode)) {
		return false;
	}
	options->mode = (enum boot_mode)mode;
	return true;
}

static bool parse_end(const char *value, struct options *options)
{
	unsigned end;

	if (!CHOOSE(ends, value, &end)) {
		return false;
	}
	options->end = (enum end_action)end;
	return true;
}

static bool parse_screen(const char *value, struct options *options)
{
	unsigned is_on;

	if (!CHOOSE(switches, value, &is_on)) {
		return false;
	}
	options->has_screen = is_on != 0;
	return true;
}

static bool parse_apic(const char *value, struct options *options)
{
	unsigned apic;

	if (!CHOOSE(apics, value, &apic)) {
		return false;
	}
	options->apic = (enum apic_choice)apic;
	return true;
}

static bool parse_timer(const char *value, struct options *options)
{
	unsigned timer;

	if (!CHOOSE(timers, value, &timer)) {
		return false;
	}
	options->timer = (enum timer_choice)timer;
	return true;
}

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
	if (CHOOSE(ports, port, &known)) {
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
	{"mode", parse_mode},
	{"console", parse_console},
	{"guest_serial", parse_guest_serial},
	{"screen", parse_screen},
	{"end", parse_end},
	{"apic", parse_apic},
	{"timer", parse_timer},
	{"cpus", parse_cpus},
};

static void parse_word(const struct command_line_word *word, struct options *options)
{
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (strcmp(keys[i].key, word->key) != 0) {
			continue;
		}
		if (word->value == NULL) {
			log_warn("options", "ignored: %s (it needs a value)", word->key);
		} else if (!keys[i].parse(word->value, options)) {
			log_warn("options", "ignored: %s=%s (not a value of %s)", word->key,
				word->value, word->key);
		}
		return;
	}
	log_warn("options", "ignored: %s%s%s (no such option)", word->key,
		word->value != NULL ? "=" : "", word->value != NULL ? word->value : "");
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
