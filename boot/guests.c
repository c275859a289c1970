/* SPDX-License-Identifier: MIT */
#include "boot/guests.h"

#include "boot/demo_image.h"
#include "cpu/log.h"
#include "hypercall/policy.h"
#include "lib/bits.h"
#include "lib/command_line.h"
#include "lib/format.h"
#include "lib/string.h"

/* One option of a guest's module line. */
struct guest_option {
	const char *key;
	bool (*take)(struct vm_config *config, const struct command_line_word *word);
	const char *expectation; /* For the error: what the value must be. */
};

static bool value_is(const struct command_line_word *word, const char *value)
{
	return word->value != NULL && strcmp(word->value, value) == 0;
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-' || c == '+';
}

static bool take_name(struct vm_config *config, const struct command_line_word *word)
{
	const size_t length = word->value == NULL ? 0 : strlen(word->value);

	for (size_t i = 0; i < length; i++) {
		if (!is_name_character(word->value[i])) {
			return false;
		}
	}
	if (length == 0 || length >= sizeof(config->name)) {
		return false;
	}
	format(config->name, sizeof(config->name), "%s", word->value);
	return true;
}

static bool take_kind(struct vm_config *config, const struct command_line_word *word)
{
	if (value_is(word, "multiboot")) {
		config->kind = VM_KIND_MULTIBOOT;
	} else if (value_is(word, "flat")) {
		config->kind = VM_KIND_FLAT;
	} else if (value_is(word, "linux")) {
		config->kind = VM_KIND_LINUX;
	} else {
		return false;
	}
	return true;
}

static bool take_memory(struct vm_config *config, const struct command_line_word *word)
{
	return command_line_size(word, GUEST_MEMORY_MINIMUM, GUEST_MEMORY_MAXIMUM,
		       &config->memory_size_bytes) == STATUS_OK &&
	       is_aligned(config->memory_size_bytes, PAGE_SIZE_4K);
}

static bool take_populate(struct vm_config *config, const struct command_line_word *word)
{
	if (value_is(word, "boot")) {
		config->populate = VM_POPULATE_BOOT;
	} else if (value_is(word, "touch")) {
		config->populate = VM_POPULATE_TOUCH;
	} else {
		return false;
	}
	return true;
}

static bool take_vmmcall(struct vm_config *config, const struct command_line_word *word)
{
	config->vmmcall = value_is(word, "ud") ? VM_VMMCALL_UD : VM_VMMCALL_PATCH;
	return config->vmmcall == VM_VMMCALL_UD || value_is(word, "patch");
}

static bool take_hypercalls(struct vm_config *config, const struct command_line_word *word)
{
	return word->value != NULL &&
	       hypercall_policy_parse(word->value, &config->refused_calls) == STATUS_OK;
}

static bool take_trace(struct vm_config *config, const struct command_line_word *word)
{
	config->is_tracing_calls = value_is(word, "calls");
	return config->is_tracing_calls || value_is(word, "off");
}

static const struct guest_option guest_options[] = {
	{"guest", take_name, "a name of letters, digits and . _ - + (at most 31)"},
	{"kind", take_kind, "multiboot, flat or linux"},
	{"mem", take_memory, "a size from 1M to 512G in whole pages"},
	{"populate", take_populate, "boot or touch"},
	{"hypercalls", take_hypercalls,
		"all, none, kvm, native or names of calls, - before refused"},
	{"vmmcall", take_vmmcall, "patch or ud"},
	{"trace", take_trace, "off or calls"},
};

static const struct guest_option *find_option(const struct command_line_word *word)
{
	for (size_t i = 0; i < ARRAY_COUNT(guest_options); i++) {
		if (strcmp(word->key, guest_options[i].key) == 0) {
			return &guest_options[i];
		}
	}
	return NULL;
}

static void take_word(struct guest_entry *entry, const struct command_line_word *word)
{
	const struct guest_option *option = find_option(word);

	if (entry->error[0] != '\0') {
		return;
	}
	if (option == NULL) {
		format(entry->error, sizeof(entry->error), "unknown option \"%s\"", word->key);
	} else if (!option->take(&entry->config, word)) {
		format(entry->error, sizeof(entry->error), "option %s must be %s", option->key,
			option->expectation);
	}
}

static struct guest_entry *find_guest(struct guest_list *guests, const char *name)
{
	for (size_t i = 0; i < guests->count; i++) {
		if (strcmp(guests->entries[i].config.name, name) == 0) {
			return &guests->entries[i];
		}
	}
	return NULL;
}

/* Returns the value of the module line's first word `key`, in *word; false if there is none. */
static bool find_word(const char *line, const char *key, struct command_line_word *word)
{
	enum status status;

	do {
		status = command_line_next(&line, word);
		if (status == STATUS_OK && word->value != NULL && strcmp(word->key, key) == 0) {
			return true;
		}
	} while (status != STATUS_NOT_FOUND);
	return false;
}

static void entry_init(struct guest_entry *entry, size_t index)
{
	memset(entry, 0, sizeof(*entry));
	entry->config.memory_size_bytes = GUEST_MEMORY_DEFAULT;
	format(entry->config.name, sizeof(entry->config.name), "guest%lu", index);
}

static void add_guest(struct guest_list *guests, const struct boot_module *module)
{
	struct guest_entry *entry = &guests->entries[guests->count];
	const char *cursor = module->command_line;
	struct command_line_word word;
	enum status status = STATUS_OK;

	entry_init(entry, guests->count);
	while (status != STATUS_NOT_FOUND) {
		status = command_line_next(&cursor, &word);
		if (status == STATUS_OK) {
			take_word(entry, &word);
		} else if (status != STATUS_NOT_FOUND && entry->error[0] == '\0') {
			format(entry->error, sizeof(entry->error), "options are %s",
				status_name(status));
		}
	}
	if (find_guest(guests, entry->config.name) != NULL && entry->error[0] == '\0') {
		format(entry->error, sizeof(entry->error), "the name is taken");
	}
	if (command_line_rest(cursor, entry->config.command_line,
		    sizeof(entry->config.command_line)) != STATUS_OK &&
		entry->error[0] == '\0') {
		format(entry->error, sizeof(entry->error), "command line is malformed or too long");
	}
	entry->config.image = (struct image){entry->config.name, module->start, module->size_bytes};
	guests->count++;
}

/* Unquotes the text behind "--", which the guest is told of the module. */
static enum status module_text(const char *line, char *text, size_t size_bytes)
{
	struct command_line_word word;

	while (command_line_next(&line, &word) != STATUS_NOT_FOUND) {
	}
	return command_line_rest(line, text, size_bytes);
}

static void add_initrd(
	struct guest_list *guests, const struct boot_module *module, const char *guest_name)
{
	struct guest_entry *entry = find_guest(guests, guest_name);
	struct vm_config *config;

	if (entry == NULL) {
		log_warn("boot", "module left alone: initrd=%s names no guest", guest_name);
		return;
	}
	config = &entry->config;
	if (config->module_count == IMAGE_MODULES_MAX) {
		format(entry->error, sizeof(entry->error), "more than %d modules",
			IMAGE_MODULES_MAX);
		return;
	}
	if (module_text(module->command_line, config->module_texts[config->module_count],
		    VM_MODULE_TEXT_MAX) != STATUS_OK) {
		format(entry->error, sizeof(entry->error),
			"a module's text is malformed or too long");
		return;
	}
	config->modules[config->module_count] =
		(struct image_module){.image = {config->name, module->start, module->size_bytes},
			.command_line = config->module_texts[config->module_count]};
	config->module_count++;
}

void guests_from_modules(const struct boot_info *info, struct guest_list *guests)
{
	struct command_line_word word;

	guests->count = 0;
	for (size_t i = 0; i < info->module_count; i++) {
		const struct boot_module *module = &info->modules[i];

		if (find_word(module->command_line, "guest", &word)) {
			if (guests->count == GUESTS_MAX) {
				log_warn("boot", "guest left out: more than %d guests", GUESTS_MAX);
				continue;
			}
			add_guest(guests, module);
		} else if (!find_word(module->command_line, "initrd", &word)) {
			log_warn("boot", "module left alone, it has no guest= nor initrd=: \"%s\"",
				module->command_line);
		}
	}
	for (size_t i = 0; i < info->module_count; i++) {
		const struct boot_module *module = &info->modules[i];

		if (!find_word(module->command_line, "guest", &word) &&
			find_word(module->command_line, "initrd", &word)) {
			add_initrd(guests, module, word.value);
		}
	}
}

void guests_add_demo(struct guest_list *guests)
{
	struct guest_entry *entry = &guests->entries[guests->count];

	entry_init(entry, guests->count);
	format(entry->config.name, sizeof(entry->config.name), "demo");
	entry->config.image = (struct image){entry->config.name, demo_image_start,
		(uint64_t)(demo_image_end - demo_image_start)};
	guests->count++;
}
