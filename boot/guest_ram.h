/* SPDX-License-Identifier: MIT */
#ifndef BOOT_GUEST_RAM_H
#define BOOT_GUEST_RAM_H

#include "cpu/page_alloc.h"

/*
 * The RAM of guests, and how it is cleared: before a guest may read it, and once more after its
 * end. It is done in pieces small enough that nothing else waits for one, by whichever processor
 * has nothing to run; boot/manager.c sees to it that it goes on where none is idle.
 */

/* A vCPU that wakes on a clearing processor waits for a piece: 0.2 ms in Bochs, where one store is
 * one tick of 10 MHz; some microseconds on a real CPU. */
#define GUEST_RAM_PIECE_BYTES KIB(16)

/* A guest's RAM, one stretch of the machine's memory. Zeroed, it holds none. */
struct guest_ram {
	hpa_t base;
	uint64_t size_bytes;    /* 0: none is held. */
	struct guest_ram *next; /* In the queue of what is to be cleared. */
	uint64_t cleared_to;    /* Offset of what no processor has begun to clear. */
	uint64_t dirty_end;     /* Offset where that ends. */
	unsigned busy_count;    /* Pieces that processors are clearing. */
};

/*
 * Takes a guest's RAM (a multiple of 4 KiB, > 0) and queues what is not known to be zero for
 * clearing. Returns STATUS_OK; STATUS_NO_MEMORY; STATUS_ALIGNMENT. Context: the boot processor;
 * none is held.
 */
must_use enum status guest_ram_take(
	struct guest_ram *ram, struct page_alloc *pages, uint64_t size_bytes);

/* Queues all of it for clearing: the guest has ended. Context: the boot processor; nothing uses it,
 * and guest_ram_is_clear(). */
void guest_ram_clear(struct guest_ram *ram);

/* True if nothing is left to be cleared, here or on another processor. Context: any. */
bool guest_ram_is_clear(const struct guest_ram *ram);

/* Gives it back to the machine as memory that is clear. Context: the boot processor;
 * guest_ram_is_clear(). */
void guest_ram_give(struct guest_ram *ram, struct page_alloc *pages);

/* Clears a piece of what came into the queue first; the boot processor's loop is asked when a
 * guest's RAM is clear. Returns false if the queue is empty. Context: any processor's loop. */
bool guest_ram_clear_piece(void);

/* True if pieces wait in the queue. Context: any. */
bool guest_ram_is_queued(void);

/* Returns how many pieces all processors have cleared. Context: any. */
uint64_t guest_ram_piece_count(void);

#endif
