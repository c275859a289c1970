/* SPDX-License-Identifier: MIT */
#include "tools/kvm-reference/reference_guest.h"

#include <stdlib.h>
#include <string.h>

static const char word_separators[] = " \n";

static bool take_word(struct reference_guest *guest, const char *key, const char *value)
{
	if (strcmp(key, "name") == 0) {
		guest->name = value;
	} else if (strcmp(key, "image") == 0) {
		guest->image_path = value;
	} else if (strcmp(key, "mem") == 0) {
		guest->memory_size_bytes = strtoull(value, NULL, 0);
	} else if (strcmp(key, "features_off") == 0) {
		guest->features_off = (uint32_t)strtoul(value, NULL, 0);
	} else if (strcmp(key, "limit") == 0) {
		guest->limit_s = (unsigned)strtoul(value, NULL, 0);
	} else if (strcmp(key, "vmmcall") == 0) {
		guest->is_vmmcall_undefined = strcmp(value, "ud") == 0;
	} else if (strcmp(key, "pit") == 0) {
		guest->has_pit = strcmp(value, "on") == 0;
	} else {
		return false;
	}
	return true;
}

bool reference_guest_parse(struct reference_guest *guest, char *line)
{
	char *arguments = strstr(line, " -- ");
	char *rest = NULL;

	memset(guest, 0, sizeof(*guest));
	guest->arguments = "";
	if (arguments != NULL) {
		*arguments = '\0';
		guest->arguments = arguments + strlen(" -- ");
		arguments[strlen(" -- ") + strcspn(guest->arguments, "\n")] = '\0';
	}
	for (char *word = strtok_r(line, word_separators, &rest); word != NULL;
		word = strtok_r(NULL, word_separators, &rest)) {
		char *value = strchr(word, '=');

		if (value == NULL) {
			return false;
		}
		*value++ = '\0';
		if (!take_word(guest, word, value)) {
			return false;
		}
	}
	return guest->name != NULL && guest->image_path != NULL;
}
