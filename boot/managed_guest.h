/* SPDX-License-Identifier: MIT */
#ifndef BOOT_MANAGED_GUEST_H
#define BOOT_MANAGED_GUEST_H

#include "boot/guest_block.h"
#include "boot/guest_ram.h"

/* What somebody wants of a guest. */
enum guest_wish {
	GUEST_WISH_NONE,
	GUEST_WISH_START,
	GUEST_WISH_STOP,
	GUEST_WISH_RESTART,
};

/* A guest of the module lines, for as long as the machine runs. */
struct managed_guest {
	const struct guest_entry *entry;
	struct guest_block *block; /* NULL: it is stopped. Atomic for other CPUs than the boot's. */
	struct guest_ram ram;      /* Held until it is clear again after the guest's end. */
	bool is_preparing;         /* It is made, and its RAM is being cleared. */
	enum guest_wish wish;      /* Atomic: anybody's; the boot processor takes it. */
	bool is_restart_due;       /* As soon as it has ended, or restart_tsc is there. */
	bool is_waiting;           /* It has left, and waits for restart_tsc. */
	uint16_t vpid_first;
	bool is_shown;          /* Its vCPUs may be looked at: boot/manager_calls.c. */
	unsigned restart_count; /* Atomic stores of the boot processor's. */
	unsigned end_status;    /* Of its last end. */
	uint64_t start_tsc;
	uint64_t restart_tsc;
	uint64_t renew_ticks; /* What it took to make it ready for its last restart. */
};

/* Takes the guest's RAM, or keeps what it still has; what is not zero is cleared from now on.
 * Returns false if there is none. Context: the boot processor, as for all below. */
bool managed_guest_take_ram(const struct run_context *context, struct managed_guest *guest);

/*
 * Makes the guest: takes its RAM and all its other memory. It is then prepared: to be loaded when
 * its RAM is clear. Returns false if it cannot be made: the reason is in the log, and nothing is
 * held but RAM that is being cleared.
 */
bool managed_guest_make(const struct run_context *context, struct managed_guest *guest);

/* Loads the images of a guest that is prepared, with its RAM clear. Returns true if it can be
 * started; else as managed_guest_make(). */
bool managed_guest_load(const struct run_context *context, struct managed_guest *guest);

/* Places the guest's vCPUs on CPUs and starts it. Returns false, with the guest gone, if it cannot
 * be placed. */
bool managed_guest_start(const struct run_context *context, struct managed_guest *guest);

/* True if the guest has ended and no CPU has anything of it. */
bool managed_guest_has_left(const struct managed_guest *guest);

/* Reports what the guest did and proves that it did no more. Context: it has left. */
void managed_guest_report(const struct run_context *context, struct managed_guest *guest);

/* Gives back all that the guest held, cleared, but for its RAM: that is still to be cleared. */
void managed_guest_destroy(const struct run_context *context, struct managed_guest *guest);

/* Gives back the RAM of a guest that is stopped, if it has any and that is clear. */
void managed_guest_give_ram(const struct run_context *context, struct managed_guest *guest);

/* Makes the guest that has left ready to begin anew with the memory that it has. As _load(). */
bool managed_guest_renew(const struct run_context *context, struct managed_guest *guest);

#endif
