/* SPDX-License-Identifier: MIT */
#include "devices/virtual_apic_internal.h"

/* How a register may be accessed. */
enum {
	NONE = 0,
	READ = 1,
	WRITE = 2,
	READ_WRITE = READ | WRITE,
};

#define BYTE_BITS      0xffu
#define ALL_BITS       UINT32_MAX
#define HIGH_BYTE_BITS 0xff000000u
#define LVT_MODE_BITS  0x700u
#define LVT_STATUS     (1u << 12) /* Delivery status: always idle. */
#define LVT_BITS       (BYTE_BITS | VIRTUAL_APIC_LVT_MASKED)
#define TIMER_BITS     (LVT_BITS | 0x60000u)
#define PIN_BITS       (VIRTUAL_APIC_LVT_ACTIVE_LOW | VIRTUAL_APIC_LVT_LEVEL)
#define LINT_BITS      (LVT_BITS | LVT_MODE_BITS | PIN_BITS)
#define SVR_BITS       (0x3ffu | VIRTUAL_APIC_SVR_SUPPRESSION)
#define ICR_BITS       0xccfffu
#define DIVIDE_BITS    0xbu
#define DFR_BITS       0xf0000000u
#define DFR_ONES       0x0fffffffu

enum { HIGH_HALF_SHIFT = 32 };

/*
 * SDM Vol. 3A Table "Local APIC Register Address Map" (xAPIC) and Table "Local APIC Register
 * Address Map Supported by x2APIC"; the bits are those of each register's figure. What is neither
 * writable nor read_only is reserved.
 */
struct register_rule {
	uint8_t xapic;
	uint8_t x2apic;
	uint32_t writable;
	uint32_t read_only;
};

#define RULE_INDEX(offset) ((offset) / VIRTUAL_APIC_STRIDE)

static const struct register_rule rules[RULE_INDEX(VIRTUAL_APIC_REGISTERS_END)] = {
	[RULE_INDEX(VIRTUAL_APIC_ID)] = {READ, READ, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_VERSION)] = {READ, READ, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_TPR)] = {READ_WRITE, READ_WRITE, BYTE_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_APR)] = {READ, NONE, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_PPR)] = {READ, READ, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_EOI)] = {WRITE, WRITE, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_REMOTE_READ)] = {READ, NONE, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_LDR)] = {READ_WRITE, READ, HIGH_BYTE_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_DFR)] = {READ_WRITE, NONE, DFR_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_SVR)] = {READ_WRITE, READ_WRITE, SVR_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_ESR)] = {READ_WRITE, READ_WRITE, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_ICR)] = {READ_WRITE, READ_WRITE, ICR_BITS, LVT_STATUS},
	[RULE_INDEX(VIRTUAL_APIC_ICR_HIGH)] = {READ_WRITE, NONE, HIGH_BYTE_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_LVT_TIMER)] = {READ_WRITE, READ_WRITE, TIMER_BITS, LVT_STATUS},
	[RULE_INDEX(VIRTUAL_APIC_LVT_THERMAL)] = {READ_WRITE, READ_WRITE, LVT_BITS | LVT_MODE_BITS,
		LVT_STATUS},
	[RULE_INDEX(VIRTUAL_APIC_LVT_PERFORMANCE)] = {READ_WRITE, READ_WRITE,
		LVT_BITS | LVT_MODE_BITS, LVT_STATUS},
	[RULE_INDEX(VIRTUAL_APIC_LVT_LINT0)] = {READ_WRITE, READ_WRITE, LINT_BITS,
		LVT_STATUS | VIRTUAL_APIC_LVT_REMOTE_IRR},
	[RULE_INDEX(VIRTUAL_APIC_LVT_LINT1)] = {READ_WRITE, READ_WRITE, LINT_BITS,
		LVT_STATUS | VIRTUAL_APIC_LVT_REMOTE_IRR},
	[RULE_INDEX(VIRTUAL_APIC_LVT_ERROR)] = {READ_WRITE, READ_WRITE, LVT_BITS, LVT_STATUS},
	[RULE_INDEX(VIRTUAL_APIC_INITIAL_COUNT)] = {READ_WRITE, READ_WRITE, ALL_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_CURRENT_COUNT)] = {READ, READ, 0, 0},
	[RULE_INDEX(VIRTUAL_APIC_DIVIDE)] = {READ_WRITE, READ_WRITE, DIVIDE_BITS, 0},
	[RULE_INDEX(VIRTUAL_APIC_SELF_IPI)] = {NONE, WRITE, BYTE_BITS, 0},
};

/* The rule of a register, whose bits of absent features are reserved. */
static struct register_rule rule_of(const struct virtual_apic *apic, uint32_t offset)
{
	struct register_rule rule;

	if (offset >= VIRTUAL_APIC_REGISTERS_END) {
		return (struct register_rule){NONE, NONE, 0, 0};
	}
	/* ISR, TMR and IRR follow one another. */
	if (offset >= VIRTUAL_APIC_ISR && offset < VIRTUAL_APIC_ESR) {
		return (struct register_rule){READ, READ, 0, 0};
	}
	rule = rules[RULE_INDEX(offset)];
	if (offset == VIRTUAL_APIC_SVR && !apic->config.has_eoi_suppression) {
		rule.writable &= ~VIRTUAL_APIC_SVR_SUPPRESSION;
	}
	if (offset == VIRTUAL_APIC_LVT_TIMER && !apic->config.has_tsc_deadline) {
		rule.writable &= ~VIRTUAL_APIC_LVT_DEADLINE;
	}
	return rule;
}

static void write_svr(struct virtual_apic *apic, uint32_t value)
{
	virtual_apic_put(apic, VIRTUAL_APIC_SVR, value);
	apic->is_software_enabled = (value & VIRTUAL_APIC_SVR_ENABLE) != 0;
	if (!apic->is_software_enabled) {
		virtual_apic_mask_all(apic);
	}
}

/* "Error Handling": a write makes the errors since the last one readable. */
static void write_esr(struct virtual_apic *apic)
{
	virtual_apic_put(apic, VIRTUAL_APIC_ESR, apic->errors);
	apic->errors = 0;
}

static void write_timer(struct virtual_apic *apic, uint32_t offset, uint32_t value, uint64_t now)
{
	if (offset == VIRTUAL_APIC_INITIAL_COUNT) {
		virtual_apic_timer_set_count(apic, value, now);
	} else {
		virtual_apic_timer_set_divide(apic, value, now);
	}
}

static void write_icr(struct virtual_apic *apic, uint32_t value)
{
	virtual_apic_put(apic, VIRTUAL_APIC_ICR, value);
	virtual_apic_send_icr(apic);
}

/* `value` has writable bits only; the registers with effects, then those that just keep it. */
static void write_register(struct virtual_apic *apic, uint32_t offset, uint32_t value, uint64_t now)
{
	switch (offset) {
	case VIRTUAL_APIC_TPR:
		virtual_apic_put(apic, offset, value);
		virtual_apic_store_ppr(apic);
		break;
	case VIRTUAL_APIC_EOI:
		virtual_apic_eoi(apic);
		break;
	case VIRTUAL_APIC_SVR:
		write_svr(apic, value);
		break;
	case VIRTUAL_APIC_DFR:
		virtual_apic_put(apic, offset, value | DFR_ONES);
		break;
	case VIRTUAL_APIC_ESR:
		write_esr(apic);
		break;
	case VIRTUAL_APIC_ICR:
		write_icr(apic, value);
		break;
	case VIRTUAL_APIC_LVT_TIMER:
	case VIRTUAL_APIC_LVT_THERMAL:
	case VIRTUAL_APIC_LVT_PERFORMANCE:
	case VIRTUAL_APIC_LVT_LINT0:
	case VIRTUAL_APIC_LVT_LINT1:
	case VIRTUAL_APIC_LVT_ERROR:
		virtual_apic_write_lvt(apic, offset, value);
		break;
	case VIRTUAL_APIC_INITIAL_COUNT:
	case VIRTUAL_APIC_DIVIDE:
		write_timer(apic, offset, value, now);
		break;
	case VIRTUAL_APIC_SELF_IPI:
		virtual_apic_send_self(apic, (uint8_t)value);
		break;
	default:
		virtual_apic_put(apic, offset, value);
		break;
	}
}

static uint32_t read_register(const struct virtual_apic *apic, uint32_t offset, uint64_t now)
{
	switch (offset) {
	case VIRTUAL_APIC_APR:
		return virtual_apic_apr(apic);
	case VIRTUAL_APIC_PPR:
		return virtual_apic_ppr(apic);
	case VIRTUAL_APIC_CURRENT_COUNT:
		return virtual_apic_timer_count(apic, now);
	default:
		return virtual_apic_get(apic, offset);
	}
}

/* What both kinds of MMIO access check first. */
static enum status check_mmio(struct virtual_apic *apic, uint32_t offset)
{
	if (!virtual_apic_is_xapic(apic)) {
		return STATUS_UNSUPPORTED;
	}
	if (!is_aligned(offset, VIRTUAL_APIC_STRIDE)) {
		return STATUS_ALIGNMENT;
	}
	if (rule_of(apic, offset).xapic == NONE) {
		virtual_apic_log_error(apic, VIRTUAL_APIC_ERROR_REGISTER);
		return STATUS_NOT_FOUND;
	}
	return STATUS_OK;
}

enum status virtual_apic_mmio_read(
	struct virtual_apic *apic, uint32_t offset, uint64_t now, uint32_t *value)
{
	enum status status = check_mmio(apic, offset);

	*value = 0;
	virtual_apic_advance(apic, now);
	if (status == STATUS_OK && (rule_of(apic, offset).xapic & READ) != 0) {
		*value = read_register(apic, offset, now);
	}
	return status;
}

enum status virtual_apic_mmio_write(
	struct virtual_apic *apic, uint32_t offset, uint32_t value, uint64_t now)
{
	enum status status = check_mmio(apic, offset);
	const struct register_rule rule = rule_of(apic, offset);

	virtual_apic_advance(apic, now);
	if (status == STATUS_OK && (rule.xapic & WRITE) != 0) {
		write_register(apic, offset, value & rule.writable, now);
	}
	return status;
}

/* The offset of an x2APIC MSR; VIRTUAL_APIC_REGISTERS_END if it is none. */
static uint32_t msr_offset(const struct virtual_apic *apic, uint32_t msr)
{
	if (!virtual_apic_is_x2apic(apic) || msr < VIRTUAL_APIC_MSR_FIRST ||
		msr > VIRTUAL_APIC_MSR_LAST) {
		return VIRTUAL_APIC_REGISTERS_END;
	}
	return (msr - VIRTUAL_APIC_MSR_FIRST) * VIRTUAL_APIC_STRIDE;
}

bool virtual_apic_msr_read(struct virtual_apic *apic, uint32_t msr, uint64_t now, uint64_t *value)
{
	const uint32_t offset = msr_offset(apic, msr);

	*value = 0;
	if ((rule_of(apic, offset).x2apic & READ) == 0) {
		return false;
	}
	virtual_apic_advance(apic, now);
	*value = read_register(apic, offset, now);
	if (offset == VIRTUAL_APIC_ICR) {
		*value |= (uint64_t)virtual_apic_get(apic, VIRTUAL_APIC_ICR_HIGH_X2APIC)
			  << HIGH_HALF_SHIFT;
	}
	return true;
}

bool virtual_apic_msr_write(struct virtual_apic *apic, uint32_t msr, uint64_t value, uint64_t now)
{
	const uint32_t offset = msr_offset(apic, msr);
	const struct register_rule rule = rule_of(apic, offset);
	uint64_t allowed = rule.writable | rule.read_only;

	if (offset == VIRTUAL_APIC_ICR) {
		allowed |= (uint64_t)ALL_BITS << HIGH_HALF_SHIFT;
	}
	if ((rule.x2apic & WRITE) == 0 || (value & ~allowed) != 0) {
		return false;
	}
	virtual_apic_advance(apic, now);
	if (offset == VIRTUAL_APIC_ICR) {
		virtual_apic_put(
			apic, VIRTUAL_APIC_ICR_HIGH_X2APIC, (uint32_t)(value >> HIGH_HALF_SHIFT));
	}
	write_register(apic, offset, (uint32_t)value & rule.writable, now);
	return true;
}

void virtual_apic_page_written(struct virtual_apic *apic, uint32_t offset, uint64_t now)
{
	const struct register_rule rule = rule_of(apic, offset);
	const unsigned access = virtual_apic_is_x2apic(apic) ? rule.x2apic : rule.xapic;
	uint32_t value;

	if (!virtual_apic_is_enabled(apic) || !is_aligned(offset, VIRTUAL_APIC_STRIDE)) {
		return;
	}
	virtual_apic_advance(apic, now);
	if (offset == VIRTUAL_APIC_ID) {
		virtual_apic_store_ids(apic);
	} else if ((access & WRITE) != 0) {
		value = virtual_apic_get(apic, offset) & rule.writable;
		virtual_apic_put(apic, offset, value);
		write_register(apic, offset, value, now);
	}
}
