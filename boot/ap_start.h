/* SPDX-License-Identifier: MIT */
#ifndef BOOT_AP_START_H
#define BOOT_AP_START_H

#include "lib/types.h"

/* What a processor starts with. */
struct ap_start {
	void (*entry)(void *argument); /* Never returns. */
	void *argument;
	const void *stack_top; /* 16-byte aligned. */
};

/*
 * Writes the way from real mode to start->entry into a page below 1 MiB. The processor will have
 * the page tables of the one that calls this; they lie below 4 GiB. Context: the page is writable.
 */
void ap_start_write(void *page, const struct ap_start *start);

/*
 * Has a processor begin in the page: INIT, start-up, start-up. Context: this CPU's local APIC is
 * enabled; the page can be executed. Source: SDM Vol. 3A "MP Initialization Example".
 */
void ap_start_send(uint32_t apic_id, const void *page);

/* Has it wait for a start-up IPI again, unless it is in VMX operation, which keeps INIT away. */
void ap_start_revoke(uint32_t apic_id);

#endif
