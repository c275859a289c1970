/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_paging.c vm/guest_memory.c tests/host/vcpu_fixture.c */
/*
 * Random page tables against a walker written once more from the SDM, mode by mode: the same
 * address, the same error code, and the same accessed and dirty flags in every table.
 */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "tests/host/random_numbers.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/guest_paging.h"

#include <string.h>

enum {
	TABLES = 6, /* Pages 0 to 5 hold tables, full of random entries that mostly lead to them. */
	TABLE_BYTES = TABLES * 4096,
	ROUNDS = 300,
	WALKS_PER_ROUND = 200,
	WIDTH = 38,
};

enum model_result { MODEL_OK, MODEL_FAULT, MODEL_OUTSIDE };

struct model {
	struct guest_paging state;
	uint8_t ram[TABLE_BYTES];
	unsigned access;
	bool writable, user, executable;
	uint32_t code;
	uint64_t physical;
};

static bool has(const struct model *model, unsigned access)
{
	return (model->access & access) != 0;
}

static uint32_t base_code(const struct model *model)
{
	const bool tells_fetch =
		(model->state.cr4 >> 20 & 1) != 0 ||
		((model->state.cr4 >> 5 & 1) != 0 && (model->state.efer >> 11 & 1) != 0);

	return (has(model, GUEST_ACCESS_WRITE) ? 2u : 0u) |
	       (has(model, GUEST_ACCESS_USER) ? 4u : 0u) |
	       (has(model, GUEST_ACCESS_FETCH) && tells_fetch ? 16u : 0u);
}

static bool model_allows(const struct model *model)
{
	const bool wp = (model->state.cr0 >> 16 & 1) != 0;
	const bool smep = (model->state.cr4 >> 20 & 1) != 0;
	const bool smap = (model->state.cr4 >> 21 & 1) != 0;

	if (has(model, GUEST_ACCESS_USER)) {
		return model->user && (!has(model, GUEST_ACCESS_FETCH) || model->executable) &&
		       (!has(model, GUEST_ACCESS_WRITE) || model->writable);
	}
	if (has(model, GUEST_ACCESS_FETCH)) {
		return model->executable && !(smep && model->user);
	}
	if (smap && model->user && !has(model, GUEST_ACCESS_AC_SET)) {
		return false;
	}
	return !has(model, GUEST_ACCESS_WRITE) || model->writable || !wp;
}

/* PKRU's two bits for the page's key: no data access, no write. */
static bool model_key_denies(const struct model *model, uint64_t entry)
{
	const unsigned key = (unsigned)(entry >> 59) & 15;
	const unsigned bits = model->state.pkru >> (2 * key) & 3;
	const bool is_on = (model->state.cr4 >> 22 & 1) != 0 && (model->state.efer >> 10 & 1) != 0;

	if (!is_on || !model->user || has(model, GUEST_ACCESS_FETCH)) {
		return false;
	}
	return (bits & 1) != 0 ||
	       ((bits & 2) != 0 && has(model, GUEST_ACCESS_WRITE) &&
		       (has(model, GUEST_ACCESS_USER) || (model->state.cr0 >> 16 & 1) != 0));
}

/* The reserved bits of one entry; size_bits is 0 for an entry that leads to a table. */
static bool model_reserved(
	const struct model *model, uint64_t entry, unsigned level, unsigned size_bits)
{
	const bool is_long = (model->state.efer >> 10 & 1) != 0;
	const bool is_pae = (model->state.cr4 >> 5 & 1) != 0;

	if (!is_pae) {
		return size_bits == 22 &&
		       (entry >> (13 + WIDTH - 32) & ((1 << (22 - 13 - (WIDTH - 32))) - 1)) != 0;
	}
	if ((entry >> WIDTH & ((1 << (52 - WIDTH)) - 1)) != 0 ||
		(entry >> 63 != 0 && (model->state.efer >> 11 & 1) == 0)) {
		return true;
	}
	if (!is_long && (entry >> 52 & 0x7ff) != 0) {
		return true;
	}
	if (is_long && level == 4 && (entry >> 7 & 1) != 0) {
		return true;
	}
	return size_bits > 12 && (entry >> 13 & ((1ULL << (size_bits - 13)) - 1)) != 0;
}

/* One level: reads the entry, checks it, marks it. `shift` is the lowest linear bit of its index.
 */
static enum model_result model_step(
	struct model *model, uint64_t *table, uint64_t linear, unsigned level, unsigned shift)
{
	const bool is_pae = (model->state.cr4 >> 5 & 1) != 0;
	const unsigned entry_bytes = is_pae ? 8 : 4;
	const uint64_t index = linear >> shift & (is_pae ? 511 : 1023);
	const uint64_t at = *table + index * entry_bytes;
	const bool may_be_large =
		level == 2 ? is_pae || (model->state.cr4 >> 4 & 1) != 0 : level == 3;
	uint64_t entry = 0;
	bool is_page;

	if (at + entry_bytes > TABLE_BYTES) {
		return MODEL_OUTSIDE;
	}
	memcpy(&entry, model->ram + at, entry_bytes);
	is_page = level == 1 || (may_be_large && (entry & 0x80) != 0);
	if ((entry & 1) == 0) {
		return MODEL_FAULT;
	}
	if (model_reserved(model, entry, level, is_page && level > 1 ? shift : 0)) {
		model->code |= 9;
		return MODEL_FAULT;
	}
	model->writable &= (entry & 2) != 0;
	model->user &= (entry & 4) != 0;
	model->executable &= entry >> 63 == 0;
	if (is_page && (model_key_denies(model, entry) || !model_allows(model))) {
		model->code |= model_key_denies(model, entry) ? 33 : 1;
		return MODEL_FAULT;
	}
	model->ram[at] |= is_page && has(model, GUEST_ACCESS_WRITE) ? 0x60 : 0x20;
	*table = entry & ((1ULL << WIDTH) - 1) & ~0xfffULL;
	if (is_page) {
		model->physical = (*table >> shift << shift) | (linear & ((1ULL << shift) - 1));
		model->physical |= !is_pae && level == 2 ? (entry >> 13 & 0xff) << 32 : 0;
	}
	*table |= is_page;
	return MODEL_OK;
}

static enum model_result model_walk(struct model *model, uint64_t linear)
{
	static const unsigned shifts_pae[] = {0, 12, 21, 30, 39};
	static const unsigned shifts_32bit[] = {0, 12, 22, 0, 0};
	const bool is_pae = (model->state.cr4 >> 5 & 1) != 0;
	const bool is_long = (model->state.efer >> 10 & 1) != 0;
	uint64_t table = model->state.cr3 & ((1ULL << WIDTH) - 1) & ~0xfffULL;
	enum model_result result = MODEL_OK;

	model->writable = model->user = model->executable = true;
	model->code = base_code(model);
	if (is_pae && !is_long) {
		const uint64_t pdpte = model->state.pdpte[linear >> 30 & 3];

		if ((pdpte & 1) == 0) {
			return MODEL_FAULT;
		}
		table = pdpte & ((1ULL << WIDTH) - 1) & ~0xfffULL;
	}
	for (unsigned level = is_long ? 4 : 2; level > 0 && (table & 1) == 0 && result == MODEL_OK;
		level--) {
		result = model_step(model, &table, linear, level,
			is_pae ? shifts_pae[level] : shifts_32bit[level]);
	}
	return result;
}

static uint64_t random_entry(struct random_numbers *numbers, bool is_pae)
{
	uint64_t entry = random_below(numbers, TABLES) << 12 | 7 | (random_next(numbers) & 0xe78);
	const uint64_t chance = random_below(numbers, 64);

	entry &= chance < 8 ? ~(1ULL << chance % 3) : UINT64_MAX;
	entry |= chance >= 8 && chance < 16 ? 0x80 : 0;
	entry |= chance >= 16 && chance < 20 ? 1ULL << 63 : 0;
	entry |= chance >= 20 && chance < 24 ? 1ULL << (12 + random_below(numbers, 51)) : 0;
	/* A key, where the mode has them. */
	entry |= chance >= 40 ? (random_next(numbers) & 15) << 59 : 0;
	if (chance == 24) {
		entry = random_next(numbers);
	}
	if (chance >= 25 && chance < 30) {
		entry = (entry & ~0x7fffff000ULL) | 0x80;
	}
	return is_pae ? entry : (uint32_t)entry;
}

static void random_round(struct random_numbers *numbers, struct model *model)
{
	const uint64_t mode = random_below(numbers, 3);
	const bool is_pae = mode != 0;

	for (size_t at = 0; at < TABLE_BYTES; at += is_pae ? 8 : 4) {
		const uint64_t entry = random_entry(numbers, is_pae);

		memcpy(model->ram + at, &entry, is_pae ? 8 : 4);
	}
	model->state.physical_address_bits = WIDTH;
	model->state.cr0 = CR0_PE | CR0_PG | (random_next(numbers) & CR0_WP);
	model->state.cr3 = random_below(numbers, TABLES) << 12 | (random_next(numbers) & 0xfff);
	model->state.cr4 = (is_pae ? CR4_PAE : 0) |
			   (random_next(numbers) & (CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PKE));
	model->state.pkru = (uint32_t)random_next(numbers) & (uint32_t)random_next(numbers);
	model->state.efer =
		(random_next(numbers) & EFER_NXE) | (mode == 2 ? EFER_LME | EFER_LMA : 0);
	for (size_t i = 0; i < 4; i++) {
		model->state.pdpte[i] =
			random_below(numbers, TABLES) << 12 | (random_below(numbers, 8) != 0);
	}
}

static void compare(struct vcpu_fixture *f, struct model *model, uint64_t linear)
{
	struct guest_paging paging = model->state;
	uint32_t error_code = 0;
	gpa_t address = gpa(0);
	enum status status;
	enum model_result want;

	paging.memory = &f->vm.memory;
	memcpy(f->ram, model->ram, TABLE_BYTES);
	want = model_walk(model, linear);
	status = guest_paging_translate(&paging, gva(linear), model->access, &address, &error_code);
	assert_int_equal(status, want == MODEL_OK      ? STATUS_OK
				 : want == MODEL_FAULT ? STATUS_NOT_FOUND
						       : STATUS_RANGE);
	if (want == MODEL_OK) {
		assert_int_equal(address.value, model->physical);
	}
	if (want == MODEL_FAULT) {
		assert_int_equal(error_code, model->code);
	}
	assert_memory_equal(f->ram, model->ram, TABLE_BYTES);
}

static void random_tables_translate_as_in_the_model(void **state)
{
	struct vcpu_fixture *f = *state;
	static struct model model;
	struct random_numbers numbers;
	uint64_t ok = 0;
	uint64_t faults = 0;

	random_start(&numbers, "test_guest_paging_model");
	f->vm.memory.region_count = 0;
	assert_int_equal(guest_memory_add(&f->vm.memory,
				 (struct guest_memory_region){gpa(0), TABLE_BYTES, f->ram, false}),
		STATUS_OK);
	for (int round = 0; round < ROUNDS; round++) {
		random_round(&numbers, &model);
		for (int i = 0; i < WALKS_PER_ROUND; i++) {
			model.access = (unsigned)random_below(&numbers, 16);
			if ((model.access & GUEST_ACCESS_FETCH) != 0) {
				model.access &= ~(unsigned)GUEST_ACCESS_WRITE;
			}
			model.physical = UINT64_MAX;
			compare(f, &model, random_next(&numbers));
			ok += model.physical != UINT64_MAX;
			faults += (model.code & 1) != 0;
		}
	}
	/* The tables are such that both ends of a walk come often. */
	assert_true(ok > ROUNDS * WALKS_PER_ROUND / 10);
	assert_true(faults > ROUNDS * WALKS_PER_ROUND / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(random_tables_translate_as_in_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
