/* SPDX-License-Identifier: MIT */
#include "boot/processors.h"

#include "boot/ap_start.h"
#include "boot/host_memory.h"
#include "boot/processor.h"
#include "cpu/cpuid.h"
#include "cpu/host_timer.h"
#include "cpu/local_apic.h"
#include "cpu/log.h"
#include "cpu/madt.h"
#include "cpu/tsc.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
	XAPIC_ID_MAX = 254,
	POLL_US = 100,
	/* A second: many times what it takes, but a virtual processor waits for a real one. */
	POLLS_MAX = 10000,
	IDS_TEXT_BYTES = 224,
};

static struct processor *started[CPUS_MAX]; /* By index; the boot processor has none. */
static struct processor_setup setup;
static bool is_ending;

static uint64_t tsc_uncertainty;

bool processors_are_ending(void)
{
	return __atomic_load_n(&is_ending, __ATOMIC_ACQUIRE);
}

/* Waits until the processor is no longer in a state; returns the one that it is in. */
static uint32_t wait_while(const struct processor *processor, uint32_t state)
{
	for (unsigned i = 0; i < POLLS_MAX; i++) {
		if (__atomic_load_n(&processor->state, __ATOMIC_ACQUIRE) != state) {
			break;
		}
		tsc_wait_us(POLL_US);
	}
	return __atomic_load_n(&processor->state, __ATOMIC_ACQUIRE);
}

/* Returns false for want of page tables: the memory of such a processor is not used for anything
 * else, as some of its pages may be guards. */
static bool set_guards(struct processor *processor)
{
	bool are_set = host_memory_set_guard(processor->guard, true) == STATUS_OK;

	for (unsigned i = 0; i < IST_COUNT && are_set; i++) {
		are_set = host_memory_set_guard(processor->gdt.stacks[i].guard, true) == STATUS_OK;
	}
	return are_set;
}

static struct processor *new_processor(uint32_t apic_id)
{
	struct processor *processor;
	hpa_t base;

	if (page_alloc_take(host_memory_pages(), sizeof(*processor), PAGE_SIZE_4K, UINT64_MAX,
		    &base) != STATUS_OK) {
		return NULL;
	}
	processor = memset(hpa_pointer(base), 0, sizeof(*processor));
	if (!set_guards(processor)) {
		return NULL;
	}
	processor->cpu.index = cpu_count();
	processor->cpu.apic_id = apic_id;
	processor->setup = &setup;
	return processor;
}

static void compare_tsc(struct processor *processor)
{
	const struct tsc_sync_result result = tsc_sync_lead(&processor->sync);

	if (!result.is_measured) {
		tsc_set_unsynchronised();
		log_warn("tsc", "of processor apic_id=%u cannot be compared: not synchronised",
			processor->cpu.apic_id);
		return;
	}
	if (result.difference != 0) {
		tsc_set_unsynchronised();
		log_warn("tsc", "of processor apic_id=%u differs by %lu ticks: not synchronised",
			processor->cpu.apic_id, result.difference);
		return;
	}
	if (result.uncertainty > tsc_uncertainty) {
		tsc_uncertainty = result.uncertainty;
	}
}

/* It may be late rather than dead: its memory stays its own. */
static void leave_out(struct processor *processor)
{
	uint32_t starting = PROCESSOR_STARTING;

	if (__atomic_compare_exchange_n(&processor->state, &starting, PROCESSOR_ABANDONED, false,
		    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		log_warn("cpus", "processor apic_id=%u did not start: left out",
			processor->cpu.apic_id);
	}
	ap_start_revoke(processor->cpu.apic_id);
}

static void start_one(uint32_t apic_id, void *start_page)
{
	struct processor *processor = new_processor(apic_id);

	if (processor == NULL) {
		log_warn("cpus", "processor apic_id=%u is left out: no memory", apic_id);
		return;
	}
	ap_start_write(start_page, &(const struct ap_start){processor_main, processor,
					   &processor->stack[PROCESSOR_STACK_BYTES]});
	if (host_memory_set_executable(start_page, true) != STATUS_OK) {
		log_warn("cpus", "processor apic_id=%u is left out: no memory", apic_id);
		return;
	}
	ap_start_send(apic_id, start_page);
	if (wait_while(processor, PROCESSOR_STARTING) == PROCESSOR_READY) {
		started[processor->cpu.index] = processor;
		percpu_add(&processor->cpu);
		__atomic_store_n(&processor->state, PROCESSOR_RUNNING, __ATOMIC_RELEASE);
		compare_tsc(processor);
	} else {
		leave_out(processor);
	}
	/* The page has its table. */
	(void)!host_memory_set_executable(start_page, false);
}

/* A processor with an ID that xAPIC messages cannot name needs x2APIC mode, on all of them. */
static void choose_apic_mode(const struct madt_processors *found)
{
	for (unsigned i = 0; i < found->count; i++) {
		if (found->apic_ids[i] > XAPIC_ID_MAX && local_apic_set_x2apic(true) != STATUS_OK) {
			log_warn("cpus", "no x2APIC mode for apic_id=%u", found->apic_ids[i]);
			return;
		}
	}
}

static void start_others(const struct madt_processors *found, unsigned count_max, void *start_page)
{
	for (unsigned i = 0; i < found->count && cpu_count() < count_max; i++) {
		const uint32_t apic_id = found->apic_ids[i];

		if (apic_id == percpu_boot.apic_id) {
			continue;
		}
		if (apic_id > XAPIC_ID_MAX && !local_apic_is_x2apic()) {
			log_warn("cpus", "processor apic_id=%u is left out: no x2APIC mode",
				apic_id);
			continue;
		}
		start_one(apic_id, start_page);
	}
}

static void fill_setup(const struct processors_plan *plan)
{
	setup = (struct processor_setup){
		.capability = plan->capability,
		.xsave_layout = plan->xsave_layout,
		.ap_main = plan->ap_main,
		.is_x2apic = local_apic_is_x2apic(),
		.has_timer = host_timer_is_started(),
	};
}

static void find(const struct boot_info *info, struct madt_processors *found)
{
	struct acpi_table madt;
	const enum status status = acpi_table_find(
		info->rsdp, info->rsdp_size_bytes, "APIC", host_memory_firmware, &madt);

	if (status == STATUS_OK) {
		madt_read_processors(&madt, found);
	} else {
		log_warn("cpus", "ACPI names no processors: %s: the boot processor alone",
			status_name(status));
	}
	if (found->count == 0) {
		found->apic_ids[0] = percpu_boot.apic_id;
		found->count = 1;
	}
	if (found->beyond_count != 0) {
		log_warn("cpus", "processors beyond the first %u are left out: count=%u",
			(unsigned)CPUS_MAX, found->beyond_count);
	}
}

static void report(const struct madt_processors *found)
{
	char ids[IDS_TEXT_BYTES];
	size_t length = 0;

	ids[0] = '\0';
	for (unsigned i = 0; i < cpu_count() && length < sizeof(ids); i++) {
		length += format(&ids[length], sizeof(ids) - length, "%s%u", i == 0 ? "" : ",",
			cpu_of(i)->apic_id);
	}
	log_info("cpus", "count=%u found=%u apic ids=%s%s", cpu_count(),
		found->count + found->beyond_count, ids, local_apic_is_x2apic() ? " x2apic" : "");
	if (cpu_count() > 1 && tsc_is_synchronised()) {
		log_info("tsc", "synchronised on %u processors within %lu ticks", cpu_count(),
			tsc_uncertainty);
	}
}

unsigned processors_start(const struct boot_info *info, const struct processors_plan *plan)
{
	struct madt_processors found = {.count = 0};
	const unsigned count_max = plan->count_max != 0 ? plan->count_max : CPUS_MAX;
	void *start_page = host_memory_start_page();

	find(info, &found);
	if (found.count > 1 && count_max > 1 && !local_apic_enable()) {
		log_warn("cpus", "no local APIC: the boot processor alone");
	} else if (found.count > 1 && start_page == NULL) {
		log_warn("cpus", "no free page below 1 MiB: the boot processor alone");
	} else {
		choose_apic_mode(&found);
		fill_setup(plan);
		start_others(&found, count_max, start_page);
	}
	report(&found);
	return cpu_count();
}

void processors_stop(void)
{
	__atomic_store_n(&is_ending, true, __ATOMIC_RELEASE);
	for (unsigned i = 1; i < cpu_count(); i++) {
		cpu_kick(cpu_of(i));
	}
	for (unsigned i = 1; i < cpu_count(); i++) {
		if (wait_while(started[i], PROCESSOR_RUNNING) != PROCESSOR_ENDED) {
			log_warn("cpus", "processor apic_id=%u does not stop", cpu_of(i)->apic_id);
		}
	}
}
