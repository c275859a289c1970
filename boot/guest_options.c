/* SPDX-License-Identifier: MIT */
#include "boot/guest_options.h"

#include "cpu/percpu.h"
#include "hypercall/policy.h"
#include "lib/bits.h"
#include "lib/choice.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/run_queue.h"

enum { DECIMAL = 10 };

/* One option of a guest's module line that takes more than a few words. */
struct guest_option {
	const char *key;
	bool (*take)(struct vm_config *config, const struct command_line_word *word);
	const char *expectation; /* For the error: what the value must be. */
};

static const struct choice kinds[] = {
	{"multiboot", VM_KIND_MULTIBOOT},
	{"flat", VM_KIND_FLAT},
	{"linux", VM_KIND_LINUX},
};

static const struct choice populates[] = {
	{"boot", VM_POPULATE_BOOT},
	{"touch", VM_POPULATE_TOUCH},
};

static const struct choice vmmcalls[] = {
	{"patch", VM_VMMCALL_PATCH},
	{"ud", VM_VMMCALL_UD},
};

static const struct choice traces[] = {
	{"off", false},
	{"calls", true},
};

static const struct choice restarts[] = {
	{"never", VM_RESTART_NEVER},
	{"reset", VM_RESTART_RESET},
	{"always", VM_RESTART_ALWAYS},
};

static const struct choice manages[] = {
	{"no", false},
	{"yes", true},
};

static const struct choice starts[] = {
	{"boot", false},
	{"manual", true},
};

static const struct choice_option choice_options[] = {
	CHOICE_OPTION("kind", kinds, struct vm_config, kind),
	CHOICE_OPTION("populate", populates, struct vm_config, populate),
	CHOICE_OPTION("restart", restarts, struct vm_config, restart),
	CHOICE_OPTION("start", starts, struct vm_config, is_stopped_at_boot),
	CHOICE_OPTION("manage", manages, struct vm_config, may_manage),
	CHOICE_OPTION("vmmcall", vmmcalls, struct vm_config, vmmcall),
	CHOICE_OPTION("trace", traces, struct vm_config, is_tracing_calls),
};

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

static bool take_memory(struct vm_config *config, const struct command_line_word *word)
{
	return command_line_size(word, GUEST_MEMORY_MINIMUM, GUEST_MEMORY_MAXIMUM,
		       &config->memory_size_bytes) == STATUS_OK &&
	       is_aligned(config->memory_size_bytes, PAGE_SIZE_4K);
}

static bool take_hypercalls(struct vm_config *config, const struct command_line_word *word)
{
	return word->value != NULL &&
	       hypercall_policy_parse(word->value, &config->refused_calls) == STATUS_OK;
}

static bool take_vcpus(struct vm_config *config, const struct command_line_word *word)
{
	uint64_t count;

	if (command_line_number(word, 1, VM_VCPUS_MAX, &count) != STATUS_OK) {
		return false;
	}
	config->vcpu_count = (unsigned)count;
	return true;
}

static bool take_weight(struct vm_config *config, const struct command_line_word *word)
{
	uint64_t weight;

	if (command_line_number(word, RUN_WEIGHT_MIN, RUN_WEIGHT_MAX, &weight) != STATUS_OK) {
		return false;
	}
	config->weight = (uint32_t)weight;
	return true;
}

/* Reads a CPU's number, decimal, off *cursor. */
static bool read_cpu(const char **cursor, unsigned *cpu)
{
	const char *start = *cursor;

	*cpu = 0;
	for (; **cursor >= '0' && **cursor <= '9' && *cpu < CPUS_MAX; (*cursor)++) {
		*cpu = *cpu * DECIMAL + (unsigned)(**cursor - '0');
	}
	return *cursor != start && *cpu < CPUS_MAX;
}

/* Reads N or N-M off *cursor. */
static bool read_cpu_range(const char **cursor, uint64_t *cpus)
{
	unsigned first;
	unsigned last;

	if (!read_cpu(cursor, &first)) {
		return false;
	}
	last = first;
	if (**cursor == '-') {
		(*cursor)++;
		if (!read_cpu(cursor, &last) || last < first) {
			return false;
		}
	}
	*cpus |= BITS_MASK(last, first);
	return true;
}

static bool take_cpus(struct vm_config *config, const struct command_line_word *word)
{
	const char *cursor = word->value;
	uint64_t cpus = 0;

	if (cursor == NULL) {
		return false;
	}
	while (read_cpu_range(&cursor, &cpus)) {
		if (*cursor == '\0') {
			config->cpus = cpus;
			return true;
		}
		if (*cursor++ != ',') {
			return false;
		}
	}
	return false;
}

static const struct guest_option guest_options[] = {
	{"guest", take_name, "a name of letters, digits and . _ - + (at most 31)"},
	{"mem", take_memory, "a size from 1M to 512G in whole pages"},
	{"vcpus", take_vcpus, "a number from 1 to 64"},
	{"cpus", take_cpus, "numbers of processors from 0 to 63, such as 0,2-3"},
	{"weight", take_weight, "a number from 1 to 1024"},
	{"hypercalls", take_hypercalls,
		"all, none, kvm, native or names of calls, - before refused"},
};

_Static_assert(
	VM_VCPUS_MAX == 64 && CPUS_MAX == 64 && RUN_WEIGHT_MIN == 1 && RUN_WEIGHT_MAX == 1024,
	"the texts above");

static const struct guest_option *find_option(const char *key)
{
	for (size_t i = 0; i < ARRAY_COUNT(guest_options); i++) {
		if (strcmp(key, guest_options[i].key) == 0) {
			return &guest_options[i];
		}
	}
	return NULL;
}

static void refuse(struct guest_entry *entry, const char *key, const char *expectation)
{
	format(entry->error, sizeof(entry->error), "option %s must be %s", key, expectation);
}

static void take_choice(struct guest_entry *entry, const struct choice_option *option,
	const struct command_line_word *word)
{
	char words[GUEST_ERROR_MAX];

	if (!choice_take(option, word->value, &entry->config)) {
		choice_format(option, words, sizeof(words));
		refuse(entry, option->key, words);
	}
}

void guest_options_take(struct guest_entry *entry, const struct command_line_word *word)
{
	const struct guest_option *option = find_option(word->key);
	const struct choice_option *choice =
		choice_option_find(choice_options, ARRAY_COUNT(choice_options), word->key);

	if (entry->error[0] != '\0') {
		return;
	}
	if (choice != NULL) {
		take_choice(entry, choice, word);
	} else if (option == NULL) {
		format(entry->error, sizeof(entry->error), "unknown option \"%s\"", word->key);
	} else if (!option->take(&entry->config, word)) {
		refuse(entry, option->key, option->expectation);
	}
}
