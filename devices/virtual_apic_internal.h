/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_VIRTUAL_APIC_INTERNAL_H
#define DEVICES_VIRTUAL_APIC_INTERNAL_H

#include "devices/virtual_apic.h"

/* For the files of the virtual APIC alone. */

static inline uint32_t virtual_apic_get(const struct virtual_apic *apic, unsigned offset)
{
	return apic->page[offset / sizeof(uint32_t)];
}

static inline void virtual_apic_put(struct virtual_apic *apic, unsigned offset, uint32_t value)
{
	apic->page[offset / sizeof(uint32_t)] = value;
}

static inline unsigned virtual_apic_class(unsigned priority)
{
	return priority >> VIRTUAL_APIC_CLASS_SHIFT;
}

/* virtual_apic.c: ID, and in x2APIC mode LDR, as the mode wants them. */
void virtual_apic_store_ids(struct virtual_apic *apic);

/* virtual_apic_priority.c: the TPR changed. */
void virtual_apic_store_ppr(struct virtual_apic *apic);

/* virtual_apic_lvt.c: an error for the ESR; the guest's writes; the end of an interrupt. */
void virtual_apic_log_error(struct virtual_apic *apic, uint8_t error);
void virtual_apic_write_lvt(struct virtual_apic *apic, unsigned offset, uint32_t value);
void virtual_apic_mask_all(struct virtual_apic *apic);
void virtual_apic_lint_ended(struct virtual_apic *apic, uint8_t vector);

/* virtual_apic_message.c: what is in the ICR goes out; an IPI to this APIC. */
void virtual_apic_send_icr(struct virtual_apic *apic);
void virtual_apic_send_self(struct virtual_apic *apic, uint8_t vector);

/* virtual_apic_timer.c: the registers of the timer, after virtual_apic_advance() to now. */
void virtual_apic_timer_reset(struct virtual_apic *apic);
void virtual_apic_timer_set_mode(struct virtual_apic *apic, enum virtual_apic_timer_mode mode);
void virtual_apic_timer_set_count(struct virtual_apic *apic, uint32_t count, uint64_t now);
void virtual_apic_timer_set_divide(struct virtual_apic *apic, uint32_t value, uint64_t now);
uint32_t virtual_apic_timer_count(const struct virtual_apic *apic, uint64_t now);

#endif
