/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/random_numbers.h"
#include "tests/host/virtual_apic_fixture.h"

/*
 * Random operations against a reference that is as simple as can be: an array of flags for each
 * bitmap, searched anew each time, and a timer that lives through every single tick.
 */

enum { OPERATIONS = 30000, STEP_MAX = 60, VECTORS = 256 };

struct reference {
	bool irr[VECTORS];
	bool isr[VECTORS];
	bool tmr[VECTORS];
	uint8_t tpr;
	bool is_enabled;
	uint32_t lvt;
	uint32_t initial;
	uint32_t count; /* 0: stopped. */
	unsigned divider;
	uint64_t phase; /* Since the last count, in 1/numerator ticks. */
	uint64_t tsc_deadline;
	uint64_t now;
};

struct run {
	struct reference model;
	struct random_numbers numbers;
	struct virtual_apic_rate rate;
	unsigned delivered;
	unsigned fired;
};

static unsigned highest(const bool *flags)
{
	for (unsigned vector = VECTORS; vector-- > 0;) {
		if (flags[vector]) {
			return vector;
		}
	}
	return 0;
}

static unsigned count_set(const bool *flags)
{
	unsigned count = 0;

	for (unsigned vector = 0; vector < VECTORS; vector++) {
		count += flags[vector];
	}
	return count;
}

static unsigned model_ppr(const struct reference *model)
{
	const unsigned in_service = highest(model->isr);

	return in_service / 16 > model->tpr / 16 ? in_service & 0xf0 : model->tpr;
}

static bool model_can_deliver(const struct reference *model)
{
	return highest(model->irr) / 16 > model_ppr(model) / 16;
}

static void model_accept(struct reference *model, unsigned vector, bool is_level)
{
	if (model->is_enabled && vector >= 16) {
		model->irr[vector] = true;
		model->tmr[vector] = is_level;
	}
}

static bool model_is_masked(const struct reference *model)
{
	return (model->lvt & 0x10000) != 0;
}

static unsigned model_mode(const struct reference *model)
{
	return model->lvt >> 17 & 3;
}

/* One count down; true if it was the last. */
static bool model_count_down(struct reference *model)
{
	if (model->count == 0 || --model->count > 0) {
		return false;
	}
	if (model_mode(model) == 1) {
		model->count = model->initial;
	}
	return true;
}

/* One tick; true if the timer came to its end in it. */
static bool model_tick(struct run *run)
{
	struct reference *model = &run->model;
	const uint64_t count_units = (uint64_t)run->rate.denominator * model->divider;
	bool is_end = false;

	model->now++;
	model->phase += run->rate.numerator;
	for (; model->phase >= count_units; model->phase -= count_units) {
		is_end = model_count_down(model) || is_end;
	}
	if (model->tsc_deadline != 0 && model->now >= model->tsc_deadline) {
		model->tsc_deadline = 0;
		is_end = true;
	}
	return is_end;
}

static void step(struct run *run, uint64_t ticks)
{
	struct reference *model = &run->model;
	const uint64_t deadline = virtual_apic_next_deadline(&apic);
	uint64_t first = VIRTUAL_APIC_NO_DEADLINE;

	for (uint64_t i = 0; i < ticks; i++) {
		if (model_tick(run) && !model_is_masked(model)) {
			first = first < model->now ? first : model->now;
			model_accept(model, model->lvt & 0xff, false);
			run->fired++;
		}
	}
	/* The deadline is the very tick at which the reference's timer ended. */
	assert_int_equal(deadline > model->now ? VIRTUAL_APIC_NO_DEADLINE : deadline, first);
	virtual_apic_advance(&apic, model->now);
}

static void check_bitmap(const bool *flags, uint32_t offset)
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		assert_int_equal(apic_has(offset, (uint8_t)vector), flags[vector]);
	}
}

static void check(const struct run *run)
{
	const struct reference *model = &run->model;
	const unsigned in_service = highest(model->isr);
	const bool can_pv_eoi =
		count_set(model->isr) == 1 && count_set(model->irr) == 0 && !model->tmr[in_service];

	check_bitmap(model->irr, VIRTUAL_APIC_IRR);
	check_bitmap(model->isr, VIRTUAL_APIC_ISR);
	check_bitmap(model->tmr, VIRTUAL_APIC_TMR);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_PPR, model->now), model_ppr(model));
	assert_int_equal(apic.page[VIRTUAL_APIC_PPR / 4], model_ppr(model));
	assert_int_equal(virtual_apic_has_interrupt(&apic), model_can_deliver(model));
	assert_int_equal(virtual_apic_can_pv_eoi(&apic), can_pv_eoi);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_CURRENT_COUNT, model->now), model->count);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_INITIAL_COUNT, model->now), model->initial);
	assert_int_equal(apic_read_at(VIRTUAL_APIC_LVT_TIMER, model->now), model->lvt);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, model->now), model->tsc_deadline);
	assert_int_equal(apic.irr_highest, highest(model->irr));
	assert_int_equal(apic.isr_highest, in_service);
	assert_int_equal(apic.isr_count, count_set(model->isr));
}

static void random_accept(struct run *run)
{
	const uint8_t vector = (uint8_t)random_below(&run->numbers, VECTORS);
	const bool is_level = random_below(&run->numbers, 4) == 0;

	virtual_apic_accept(&apic, vector, is_level);
	model_accept(&run->model, vector, is_level);
}

static void random_posted(struct run *run)
{
	uint64_t bitmap[4] = {0};

	for (unsigned i = 0; i < 4; i++) {
		const unsigned vector = (unsigned)random_below(&run->numbers, VECTORS);

		bitmap[vector / 64] |= BIT(vector % 64);
		model_accept(&run->model, vector, false);
	}
	virtual_apic_accept_posted(&apic, bitmap);
}

static void acknowledge(struct run *run)
{
	struct reference *model = &run->model;
	const unsigned vector = highest(model->irr);

	if (!model_can_deliver(model)) {
		assert_int_equal(virtual_apic_acknowledge(&apic), 0);
		return;
	}
	assert_int_equal(virtual_apic_acknowledge(&apic), vector);
	model->irr[vector] = false;
	model->isr[vector] = true;
	run->delivered++;
}

static void end_interrupt(struct run *run)
{
	struct reference *model = &run->model;
	const unsigned vector = highest(model->isr);
	const unsigned broadcasts = record.eoi_count + (vector != 0 && model->tmr[vector]);

	apic_write_at(VIRTUAL_APIC_EOI, 0, model->now);
	model->isr[vector] = false;
	assert_int_equal(record.eoi_count, broadcasts);
}

static void random_tpr(struct run *run)
{
	const uint8_t tpr =
		random_below(&run->numbers, 2) == 0 ? 0 : (uint8_t)random_below(&run->numbers, 256);

	apic_write_at(VIRTUAL_APIC_TPR, tpr, run->model.now);
	run->model.tpr = tpr;
}

static void random_software_enable(struct run *run)
{
	run->model.is_enabled = random_below(&run->numbers, 8) != 0;
	if (!run->model.is_enabled) {
		run->model.lvt |= 0x10000;
	}
	apic_write_at(VIRTUAL_APIC_SVR, run->model.is_enabled ? 0x1ff : 0xff, run->model.now);
}

static void random_timer_entry(struct run *run)
{
	struct reference *model = &run->model;
	const unsigned old_mode = model_mode(model);
	uint32_t lvt = (uint32_t)random_below(&run->numbers, 4) << 17;

	lvt |= (uint32_t)random_below(&run->numbers, VECTORS);
	lvt |= random_below(&run->numbers, 4) == 0 ? 0x10000 : 0;
	apic_write_at(VIRTUAL_APIC_LVT_TIMER, lvt, model->now);
	model->lvt = model->is_enabled ? lvt : lvt | 0x10000;
	if (model_mode(model) != old_mode && (model_mode(model) | old_mode) > 1) {
		model->initial = 0;
		model->count = 0;
		model->tsc_deadline = 0;
	}
}

static void random_initial_count(struct run *run)
{
	struct reference *model = &run->model;
	const uint32_t count = (uint32_t)random_below(&run->numbers, 40);

	apic_write_at(VIRTUAL_APIC_INITIAL_COUNT, count, model->now);
	if (model_mode(model) <= 1) {
		model->initial = count;
		model->count = count;
		model->phase = 0;
	}
}

static void random_divider(struct run *run)
{
	static const uint32_t values[] = {11, 0, 1, 2};
	const unsigned shift = (unsigned)random_below(&run->numbers, ARRAY_COUNT(values));

	apic_write_at(VIRTUAL_APIC_DIVIDE, values[shift], run->model.now);
	run->model.divider = 1u << shift;
	run->model.phase = 0;
}

static void random_tsc_deadline(struct run *run)
{
	struct reference *model = &run->model;
	const uint64_t deadline = random_below(&run->numbers, 4) == 0
					  ? 0
					  : model->now + random_below(&run->numbers, 100);

	virtual_apic_write_tsc_deadline(&apic, deadline, model->now);
	if (model_mode(model) != 2) {
		return;
	}
	model->tsc_deadline = deadline;
	if (deadline != 0 && deadline <= model->now) {
		model->tsc_deadline = 0;
		if (!model_is_masked(model)) {
			model_accept(model, model->lvt & 0xff, false);
		}
	}
}

static void random_step(struct run *run)
{
	step(run, random_below(&run->numbers, STEP_MAX));
}

static void random_operation(struct run *run)
{
	static void (*const operations[])(struct run *) = {random_accept, random_accept,
		random_posted, acknowledge, acknowledge, acknowledge, end_interrupt, end_interrupt,
		end_interrupt, random_tpr, random_software_enable, random_timer_entry,
		random_initial_count, random_divider, random_tsc_deadline, random_step, random_step,
		random_step};

	operations[random_below(&run->numbers, ARRAY_COUNT(operations))](run);
}

static void run_against_reference(const char *name, struct virtual_apic_rate rate)
{
	static struct run run;

	run = (struct run){.rate = rate};
	random_start(&run.numbers, name);
	apic_create(apic_config, rate);
	run.model.is_enabled = true;
	run.model.lvt = 0x10000;
	run.model.divider = 2;
	for (int i = 0; i < OPERATIONS; i++) {
		random_operation(&run);
		check(&run);
	}
	/* A run in which hardly anything happened would prove nothing. */
	assert_true(run.delivered > OPERATIONS / 100);
	assert_true(run.fired > OPERATIONS / 1000);
}

static void random_operations_agree_at_the_tscs_rate(void **state)
{
	(void)state;
	run_against_reference(__func__, (struct virtual_apic_rate){1, 1});
}

static void random_operations_agree_at_a_slower_rate(void **state)
{
	(void)state;
	run_against_reference(__func__, (struct virtual_apic_rate){5, 12});
}

static void random_operations_agree_at_a_faster_rate(void **state)
{
	(void)state;
	run_against_reference(__func__, (struct virtual_apic_rate){7, 3});
}

static void random_operations_agree_at_an_odd_rate(void **state)
{
	(void)state;
	run_against_reference(__func__, (struct virtual_apic_rate){16777213, 16777215});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_at_the_tscs_rate),
		cmocka_unit_test(random_operations_agree_at_a_slower_rate),
		cmocka_unit_test(random_operations_agree_at_a_faster_rate),
		cmocka_unit_test(random_operations_agree_at_an_odd_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
