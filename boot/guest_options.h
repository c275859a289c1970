/* SPDX-License-Identifier: MIT */
#ifndef BOOT_GUEST_OPTIONS_H
#define BOOT_GUEST_OPTIONS_H

#include "boot/guests.h"
#include "lib/command_line.h"

/*
 * Takes one word of a guest's module line into its configuration. An unknown or wrong word is the
 * entry's error, in words, unless it has one already; then no more words are taken. Context: boot;
 * pure.
 */
void guest_options_take(struct guest_entry *entry, const struct command_line_word *word);

#endif
