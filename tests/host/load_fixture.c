/* SPDX-License-Identifier: MIT */
#include "tests/host/load_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int load_fixture_set_up(void **state)
{
	struct load_fixture *f = calloc(1, sizeof(*f));

	f->guest = builder_guest_new(LOAD_FIXTURE_MEMORY);
	builder_kernel(&f->builder);
	*state = f;
	return 0;
}

int load_fixture_tear_down(void **state)
{
	struct load_fixture *f = *state;

	builder_guest_free(&f->guest);
	free(f);
	return 0;
}

enum status load_fixture_load_cut(
	struct load_fixture *f, uint64_t memory_size_bytes, size_t size_bytes)
{
	struct image image = builder_image(&f->builder, size_bytes);
	enum status status = load_multiboot(&f->guest.memory, memory_size_bytes, &image,
		f->arguments, f->modules, f->module_count, &f->result);

	builder_free(&image);
	assert_true((status == STATUS_OK) == (f->result.error[0] == 0));
	return status;
}

enum status load_fixture_load_in(struct load_fixture *f, uint64_t memory_size_bytes)
{
	return load_fixture_load_cut(f, memory_size_bytes, f->builder.size_bytes);
}

enum status load_fixture_load(struct load_fixture *f)
{
	return load_fixture_load_in(f, LOAD_FIXTURE_MEMORY);
}

void load_fixture_expect(struct load_fixture *f, enum status status, const char *error)
{
	assert_int_equal(load_fixture_load(f), status);
	if (strncmp(f->result.error, "kernel: ", 8) != 0 ||
		strstr(f->result.error, error) == NULL) {
		fail_msg("the error is: %s", f->result.error);
	}
}

void load_fixture_add_module(struct load_fixture *f, const uint8_t *bytes, uint64_t size_bytes)
{
	f->modules[f->module_count++] =
		(struct image_module){{"module", bytes, size_bytes}, "initrd text"};
}
