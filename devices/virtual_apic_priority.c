/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3A "Handling Interrupts", "Task and Processor Priorities", "Interrupt Acceptance". */
#include "devices/virtual_apic_internal.h"

enum {
	WORD_BITS = 32,
	WORD_COUNT = VIRTUAL_APIC_VECTOR_COUNT / WORD_BITS,
	BITMAP_WORD_BITS = 64,
	BITMAP_WORDS = 4,
	CLASS_MASK = 0xf0,
};

static unsigned word_offset(unsigned bitmap, unsigned word)
{
	return bitmap + word * VIRTUAL_APIC_STRIDE;
}

static bool has_vector(const struct virtual_apic *apic, unsigned bitmap, uint8_t vector)
{
	const uint32_t word = virtual_apic_get(apic, word_offset(bitmap, vector / WORD_BITS));

	return (word >> vector % WORD_BITS & 1) != 0;
}

static void put_vector(struct virtual_apic *apic, unsigned bitmap, uint8_t vector, bool is_set)
{
	const unsigned offset = word_offset(bitmap, vector / WORD_BITS);
	const uint32_t bit = 1u << vector % WORD_BITS;
	const uint32_t word = virtual_apic_get(apic, offset);

	virtual_apic_put(apic, offset, is_set ? word | bit : word & ~bit);
}

/* The highest vector in the bitmap's words 0 to top_word; 0 if there is none. */
static uint8_t find_highest(const struct virtual_apic *apic, unsigned bitmap, unsigned top_word)
{
	for (unsigned word = top_word + 1; word-- > 0;) {
		const uint32_t bits = virtual_apic_get(apic, word_offset(bitmap, word));

		if (bits != 0) {
			return (uint8_t)(word * WORD_BITS + (WORD_BITS - 1) -
					 (unsigned)__builtin_clz(bits));
		}
	}
	return 0;
}

uint8_t virtual_apic_ppr(const struct virtual_apic *apic)
{
	const uint8_t tpr = (uint8_t)virtual_apic_get(apic, VIRTUAL_APIC_TPR);

	/* Of equal classes the subclass is the TPR's, as in SDM Vol. 3C "PPR Virtualization". */
	if (virtual_apic_class(tpr) >= virtual_apic_class(apic->isr_highest)) {
		return tpr;
	}
	return apic->isr_highest & CLASS_MASK;
}

/* SDM Vol. 3A "Lowest Priority Delivery Mode": the arbitration priority. */
uint8_t virtual_apic_apr(const struct virtual_apic *apic)
{
	const uint8_t tpr = (uint8_t)virtual_apic_get(apic, VIRTUAL_APIC_TPR);
	const uint8_t irr = apic->irr_highest & CLASS_MASK;
	const uint8_t isr = apic->isr_highest & CLASS_MASK;
	const uint8_t highest = irr > isr ? irr : isr;

	if ((tpr & CLASS_MASK) >= irr && (tpr & CLASS_MASK) > isr) {
		return tpr;
	}
	return highest;
}

void virtual_apic_store_ppr(struct virtual_apic *apic)
{
	virtual_apic_put(apic, VIRTUAL_APIC_PPR, virtual_apic_ppr(apic));
}

void virtual_apic_set_cr8(struct virtual_apic *apic, uint8_t value)
{
	const uint8_t tpr = (uint8_t)(value << VIRTUAL_APIC_CLASS_SHIFT);

	virtual_apic_put(apic, VIRTUAL_APIC_TPR, tpr);
	virtual_apic_store_ppr(apic);
}

enum virtual_apic_delivery virtual_apic_accept(
	struct virtual_apic *apic, uint8_t vector, bool is_level)
{
	bool is_pending;

	if (!virtual_apic_is_enabled(apic) || !apic->is_software_enabled) {
		return VIRTUAL_APIC_REFUSED;
	}
	if (vector < VIRTUAL_APIC_VECTOR_MIN) {
		virtual_apic_log_error(apic, VIRTUAL_APIC_ERROR_RECEIVE_VECTOR);
		return VIRTUAL_APIC_REFUSED;
	}
	is_pending = has_vector(apic, VIRTUAL_APIC_IRR, vector);
	put_vector(apic, VIRTUAL_APIC_IRR, vector, true);
	put_vector(apic, VIRTUAL_APIC_TMR, vector, is_level);
	if (vector > apic->irr_highest) {
		apic->irr_highest = vector;
	}
	return is_pending ? VIRTUAL_APIC_COALESCED : VIRTUAL_APIC_ACCEPTED;
}

void virtual_apic_accept_posted(struct virtual_apic *apic, const uint64_t bitmap[BITMAP_WORDS])
{
	for (unsigned i = 0; i < BITMAP_WORDS; i++) {
		for (uint64_t bits = bitmap[i]; bits != 0; bits &= bits - 1) {
			const unsigned bit = (unsigned)__builtin_ctzll(bits);

			virtual_apic_accept(apic, (uint8_t)(i * BITMAP_WORD_BITS + bit), false);
		}
	}
}

uint8_t virtual_apic_acknowledge(struct virtual_apic *apic)
{
	const uint8_t vector = apic->irr_highest;

	if (!virtual_apic_has_interrupt(apic)) {
		return 0;
	}
	put_vector(apic, VIRTUAL_APIC_IRR, vector, false);
	put_vector(apic, VIRTUAL_APIC_ISR, vector, true);
	apic->irr_highest = find_highest(apic, VIRTUAL_APIC_IRR, vector / WORD_BITS);
	/* Its class is above all that is in service. */
	apic->isr_highest = vector;
	apic->isr_count++;
	virtual_apic_store_ppr(apic);
	return vector;
}

bool virtual_apic_take_first(struct virtual_apic *apic, uint8_t vector, bool is_ended)
{
	const uint8_t tpr = (uint8_t)virtual_apic_get(apic, VIRTUAL_APIC_TPR);

	if (apic->irr_highest != 0 || apic->isr_highest != (is_ended ? vector : 0) ||
		vector < VIRTUAL_APIC_VECTOR_MIN ||
		virtual_apic_class(vector) <= virtual_apic_class(tpr) ||
		!virtual_apic_is_enabled(apic) || !apic->is_software_enabled) {
		return false;
	}
	if (!is_ended) {
		put_vector(apic, VIRTUAL_APIC_ISR, vector, true);
		put_vector(apic, VIRTUAL_APIC_TMR, vector, false);
		apic->isr_highest = vector;
		apic->isr_count = 1;
	}
	virtual_apic_put(apic, VIRTUAL_APIC_PPR, vector & CLASS_MASK);
	return true;
}

/* What the end of an interrupt means outside IRR and ISR. */
static void finish_interrupt(struct virtual_apic *apic, struct virtual_apic_eoi eoi)
{
	if (!eoi.is_level) {
		return;
	}
	virtual_apic_lint_ended(apic, eoi.vector);
	if ((virtual_apic_get(apic, VIRTUAL_APIC_SVR) & VIRTUAL_APIC_SVR_SUPPRESSION) == 0) {
		apic->broadcast_eoi(apic->context, eoi.vector);
	}
}

struct virtual_apic_eoi virtual_apic_eoi(struct virtual_apic *apic)
{
	const uint8_t vector = apic->isr_highest;
	const struct virtual_apic_eoi eoi = {vector, has_vector(apic, VIRTUAL_APIC_TMR, vector)};

	if (vector == 0) {
		return (struct virtual_apic_eoi){0, false};
	}
	put_vector(apic, VIRTUAL_APIC_ISR, vector, false);
	apic->isr_count--;
	apic->isr_highest =
		apic->isr_count == 0 ? 0 : find_highest(apic, VIRTUAL_APIC_ISR, vector / WORD_BITS);
	virtual_apic_store_ppr(apic);
	finish_interrupt(apic, eoi);
	return eoi;
}

void virtual_apic_eoi_induced(struct virtual_apic *apic, uint8_t vector)
{
	const bool is_level = has_vector(apic, VIRTUAL_APIC_TMR, vector);

	virtual_apic_reload(apic);
	finish_interrupt(apic, (struct virtual_apic_eoi){vector, is_level});
}

/* A pending interrupt, also one of a low class, wants to be looked at when the other ends. */
bool virtual_apic_can_pv_eoi(const struct virtual_apic *apic)
{
	return apic->isr_count == 1 && apic->irr_highest == 0 &&
	       !has_vector(apic, VIRTUAL_APIC_TMR, apic->isr_highest);
}

/* How many bits are set in ISR, whose highest vector is known. */
static uint8_t count_in_service(const struct virtual_apic *apic, uint8_t highest)
{
	unsigned count = 0;

	for (unsigned word = 0; highest != 0 && word <= highest / WORD_BITS; word++) {
		uint32_t bits = virtual_apic_get(apic, word_offset(VIRTUAL_APIC_ISR, word));

		for (; bits != 0; bits &= bits - 1) {
			count++;
		}
	}
	return (uint8_t)count;
}

void virtual_apic_reload(struct virtual_apic *apic)
{
	apic->irr_highest = find_highest(apic, VIRTUAL_APIC_IRR, WORD_COUNT - 1);
	apic->isr_highest = find_highest(apic, VIRTUAL_APIC_ISR, WORD_COUNT - 1);
	apic->isr_count = count_in_service(apic, apic->isr_highest);
	virtual_apic_store_ppr(apic);
}

uint64_t virtual_apic_level_vectors(const struct virtual_apic *apic, unsigned index)
{
	const unsigned word = index % BITMAP_WORDS * 2;
	const uint64_t high = virtual_apic_get(apic, word_offset(VIRTUAL_APIC_TMR, word + 1));

	return high << WORD_BITS | virtual_apic_get(apic, word_offset(VIRTUAL_APIC_TMR, word));
}

uint8_t virtual_apic_tpr_threshold(const struct virtual_apic *apic)
{
	const unsigned irr_class = virtual_apic_class(apic->irr_highest);

	return irr_class <= virtual_apic_cr8(apic) ? (uint8_t)irr_class : 0;
}
