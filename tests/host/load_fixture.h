/* SPDX-License-Identifier: MIT */
#ifndef HOST_LOAD_FIXTURE_H
#define HOST_LOAD_FIXTURE_H

#include "tests/host/image_builder.h"

enum { LOAD_FIXTURE_MEMORY = 16 << 20 };

/* The guest, the image and the modules of one test. */
struct load_fixture {
	struct builder_guest guest;
	struct builder builder;
	struct image_module modules[IMAGE_MODULES_MAX + 1];
	size_t module_count;
	const char *arguments;
	struct load_result result;
};

/* cmocka's set-up and tear-down: builder_kernel() in a guest of LOAD_FIXTURE_MEMORY, no module. */
int load_fixture_set_up(void **state);
int load_fixture_tear_down(void **state);

/* Loads the image: whole, into less memory, or its first bytes only. */
enum status load_fixture_load(struct load_fixture *f);
enum status load_fixture_load_in(struct load_fixture *f, uint64_t memory_size_bytes);
enum status load_fixture_load_cut(
	struct load_fixture *f, uint64_t memory_size_bytes, size_t size_bytes);

/* Loads the image whole, and wants this status and an error that names it and says this. */
void load_fixture_expect(struct load_fixture *f, enum status status, const char *error);

/* Adds a module "module" with the command line "initrd text". */
void load_fixture_add_module(struct load_fixture *f, const uint8_t *bytes, uint64_t size_bytes);

#endif
