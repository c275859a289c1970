/* SPDX-License-Identifier: MIT */
#include "boot/guests.h"

#include "boot/demo_image.h"
#include "boot/guest_options.h"
#include "cpu/log.h"
#include "lib/command_line.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/run_queue.h"

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
	entry->config.vcpu_count = 1;
	entry->config.weight = RUN_WEIGHT_DEFAULT;
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
			guest_options_take(entry, &word);
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
