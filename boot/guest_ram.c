/* SPDX-License-Identifier: MIT */
#include "boot/guest_ram.h"

#include "cpu/insn.h"
#include "cpu/log.h"
#include "vm/scheduler.h"

/* Guards all below, and the members of each guest_ram from `next` on. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_RANK_CLEARING);
static struct guest_ram *first;
static uint64_t piece_count;

struct piece {
	struct guest_ram *ram;
	void *start;
	uint64_t size_bytes;
};

/* Processors that sleep have something to do. */
static void wake_processors(void)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		if (scheduler_is_started(scheduler_of(i))) {
			scheduler_poke(scheduler_of(i));
		}
	}
}

static void queue(struct guest_ram *ram, uint64_t dirty_start, uint64_t dirty_end)
{
	struct guest_ram **link = &first;

	spin_lock(&lock);
	ram->next = NULL;
	ram->busy_count = 0;
	ram->cleared_to = dirty_start;
	ram->dirty_end = dirty_end;
	if (dirty_start != dirty_end) {
		while (*link != NULL) {
			link = &(*link)->next;
		}
		*link = ram;
	}
	spin_unlock(&lock);
	if (dirty_start != dirty_end) {
		wake_processors();
	}
}

/* The largest alignment that can be had lets the EPT use its largest pages. */
enum status guest_ram_take(struct guest_ram *ram, struct page_alloc *pages, uint64_t size_bytes)
{
	static const uint64_t alignments[] = {PAGE_SIZE_1G, PAGE_SIZE_2M, PAGE_SIZE_4K};
	struct page_alloc_ram found = {.base = {0}};
	enum status status = STATUS_NO_MEMORY;

	for (size_t i = 0; i < ARRAY_COUNT(alignments) && status != STATUS_OK; i++) {
		if (size_bytes >= alignments[i]) {
			status = page_alloc_take_ram(pages, size_bytes, alignments[i], &found);
		}
	}
	if (status != STATUS_OK) {
		return status;
	}
	ram->base = found.base;
	ram->size_bytes = size_bytes;
	queue(ram, found.dirty_start, found.dirty_end);
	return STATUS_OK;
}

void guest_ram_clear(struct guest_ram *ram)
{
	queue(ram, 0, ram->size_bytes);
}

static bool is_clear(const struct guest_ram *ram)
{
	return ram->cleared_to == ram->dirty_end && ram->busy_count == 0;
}

bool guest_ram_is_clear(const struct guest_ram *ram)
{
	bool result;

	spin_lock(&lock);
	result = is_clear(ram);
	spin_unlock(&lock);
	return result;
}

void guest_ram_give(struct guest_ram *ram, struct page_alloc *pages)
{
	const enum status status = page_alloc_give_clear(pages, ram->base, ram->size_bytes);

	if (status != STATUS_OK) {
		log_error("vm", "memory lost base=%#lx size=%#lx: %s", ram->base.value,
			ram->size_bytes, status_name(status));
	}
	*ram = (struct guest_ram){.size_bytes = 0};
}

/* Takes a piece from the queue; false if there is none. */
static bool begin_piece(struct piece *piece)
{
	struct guest_ram *ram;

	spin_lock(&lock);
	ram = first;
	if (ram != NULL) {
		const uint64_t left = ram->dirty_end - ram->cleared_to;

		piece->ram = ram;
		piece->start = hpa_pointer(hpa(ram->base.value + ram->cleared_to));
		piece->size_bytes = left < GUEST_RAM_PIECE_BYTES ? left : GUEST_RAM_PIECE_BYTES;
		ram->cleared_to += piece->size_bytes;
		ram->busy_count++;
		if (ram->cleared_to == ram->dirty_end) {
			first = ram->next;
		}
	}
	spin_unlock(&lock);
	return ram != NULL;
}

/* Returns true if all of that guest's RAM is clear now. */
static bool end_piece(const struct piece *piece)
{
	bool is_last;

	spin_lock(&lock);
	piece->ram->busy_count--;
	__atomic_store_n(&piece_count, piece_count + 1, __ATOMIC_RELAXED);
	is_last = is_clear(piece->ram);
	spin_unlock(&lock);
	return is_last;
}

bool guest_ram_clear_piece(void)
{
	struct piece piece;

	/* A processor with nothing to run looks here before it sleeps. */
	if (!guest_ram_is_queued() || !begin_piece(&piece)) {
		return false;
	}
	insn_rep_stosq(piece.start, 0, piece.size_bytes / sizeof(uint64_t));
	if (end_piece(&piece)) {
		scheduler_ask_loop(scheduler_of(0));
	}
	return true;
}

bool guest_ram_is_queued(void)
{
	return __atomic_load_n(&first, __ATOMIC_ACQUIRE) != NULL;
}

uint64_t guest_ram_piece_count(void)
{
	return __atomic_load_n(&piece_count, __ATOMIC_RELAXED);
}
