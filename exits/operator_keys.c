/* SPDX-License-Identifier: MIT */
#include "exits/operator_keys.h"

#include "cpu/console.h"
#include "cpu/log.h"
#include "hypercall/counters.h"

enum { KEY_PREFIX = 0x01 }; /* Ctrl-A. */

static void show_keys(struct vcpu *vcpu);

static void show_counters(struct vcpu *vcpu)
{
	hypercall_report_counters(vcpu);
}

static const struct {
	char key;
	const char *text;
	void (*obey)(struct vcpu *vcpu);
} keys[] = {
	{'c', "counters of exits and calls", show_counters},
	{'r', "registers", vcpu_report_state},
	{'h', "this list", show_keys},
};

static void show_keys(struct vcpu *vcpu)
{
	(void)vcpu;
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		log_info("keys", "Ctrl-A %c: %s", keys[i].key, keys[i].text);
	}
	log_info("keys", "Ctrl-A Ctrl-A: a Ctrl-A for the guest");
}

static void obey(struct vcpu *vcpu, uint8_t byte)
{
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (byte == (uint8_t)keys[i].key) {
			keys[i].obey(vcpu);
			return;
		}
	}
	show_keys(vcpu);
}

bool operator_keys_pull(void *context, uint8_t *byte)
{
	static bool is_after_prefix; /* The console's: there is one, read by one processor. */
	struct vcpu *vcpu = context;

	while (console_read(byte)) {
		const bool is_key = is_after_prefix;

		is_after_prefix = !is_key && *byte == KEY_PREFIX;
		if (is_after_prefix) {
			continue;
		}
		if (!is_key || *byte == KEY_PREFIX) {
			return true;
		}
		obey(vcpu, *byte);
	}
	return false;
}

void operator_keys_poll(struct vcpu *vcpu)
{
	struct guest_input *input = &vcpu->vm->input;
	uint8_t byte;

	/* A guest with a line of its own gets nothing from the console. */
	while (input->pull != operator_keys_pull && operator_keys_pull(vcpu, &byte)) {
	}
	guest_input_pull(input);
}
