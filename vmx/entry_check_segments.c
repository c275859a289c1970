/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "Checks on Guest Segment Registers". */
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

#define SELECTOR_RPL         BITS_MASK(1, 0)
#define SELECTOR_TI          BIT(2)
#define ACCESS_RESERVED_LOW  BITS_MASK(11, 8)
#define ACCESS_RESERVED_HIGH BITS_MASK(31, 17)
#define LIMIT_PAGE_OFFSET    BITS_MASK(11, 0)
#define LIMIT_ABOVE_1M       BITS_MASK(31, 20)

/* SDM Vol. 3A "Code- and Data-Segment Descriptor Types", "System Descriptor Types". */
#define TYPE_ACCESSED BIT(0)
#define TYPE_READABLE BIT(1)
#define TYPE_CODE     BIT(3)
enum {
	TYPE_LDT = 2,
	TYPE_BUSY_TSS_16 = 3,
	TYPE_BUSY_TSS = 11,
	TYPE_READ_WRITE_ACCESSED = 3,
	TYPE_READ_WRITE_EXPAND_DOWN_ACCESSED = 7,
	TYPE_EXECUTE_ACCESSED = 9,
	TYPE_EXECUTE_READ_ACCESSED = 11,
	TYPE_CONFORMING_ACCESSED = 13,
	TYPE_CONFORMING_READ_ACCESSED = 15,
};

/* What a register must be in virtual-8086 mode: SDM Vol. 3B "8086 Emulation". */
#define VIRTUAL_8086_ACCESS_RIGHTS 0xf3
#define VIRTUAL_8086_LIMIT         0xffff
#define VIRTUAL_8086_BASE_SHIFT    4

enum segment_register {
	SEGMENT_ES,
	SEGMENT_CS,
	SEGMENT_SS,
	SEGMENT_DS,
	SEGMENT_FS,
	SEGMENT_GS,
	SEGMENT_LDTR,
	SEGMENT_TR,
	SEGMENT_COUNT,
	SEGMENT_USER_COUNT = SEGMENT_LDTR, /* ES to GS. */
};

struct segment_fields {
	enum vmcs_field_16 selector;
	enum vmcs_field_natural base;
	enum vmcs_field_32 limit;
	enum vmcs_field_32 access_rights;
};

#define SEGMENT_FIELDS(name)                                                                       \
	{                                                                                          \
		VMCS_GUEST_##name##_SELECTOR, VMCS_GUEST_##name##_BASE, VMCS_GUEST_##name##_LIMIT, \
			VMCS_GUEST_##name##_ACCESS_RIGHTS                                          \
	}

static const struct segment_fields segment_fields[SEGMENT_COUNT] = {
	[SEGMENT_ES] = SEGMENT_FIELDS(ES),
	[SEGMENT_CS] = SEGMENT_FIELDS(CS),
	[SEGMENT_SS] = SEGMENT_FIELDS(SS),
	[SEGMENT_DS] = SEGMENT_FIELDS(DS),
	[SEGMENT_FS] = SEGMENT_FIELDS(FS),
	[SEGMENT_GS] = SEGMENT_FIELDS(GS),
	[SEGMENT_LDTR] = SEGMENT_FIELDS(LDTR),
	[SEGMENT_TR] = SEGMENT_FIELDS(TR),
};

struct segment {
	const struct segment_fields *fields;
	uint64_t selector;
	uint64_t base;
	uint64_t limit;
	uint64_t access_rights;
	uint64_t type;
	uint64_t dpl;
	uint64_t rpl;
	bool is_usable;
};

struct segments {
	struct segment registers[SEGMENT_COUNT];
	bool is_virtual_8086;
	bool is_unrestricted;
	bool is_ia32e_mode;
	bool is_real_mode;
};

static struct segment read_segment(const struct segment_fields *fields)
{
	uint64_t selector = vmcs_read16(fields->selector);
	uint64_t rights = vmcs_read32(fields->access_rights);

	return (struct segment){
		.fields = fields,
		.selector = selector,
		.base = vmcs_read_natural(fields->base),
		.limit = vmcs_read32(fields->limit),
		.access_rights = rights,
		.type = bits_get(rights, ACCESS_RIGHTS_TYPE_HIGH, ACCESS_RIGHTS_TYPE_LOW),
		.dpl = bits_get(rights, ACCESS_RIGHTS_DPL_HIGH, ACCESS_RIGHTS_DPL_LOW),
		.rpl = selector & SELECTOR_RPL,
		.is_usable = (rights & ACCESS_RIGHTS_UNUSABLE) == 0,
	};
}

static void check_selectors(struct entry_check *check, const struct segments *segments)
{
	const struct segment *tr = &segments->registers[SEGMENT_TR];
	const struct segment *ldtr = &segments->registers[SEGMENT_LDTR];
	const struct segment *ss = &segments->registers[SEGMENT_SS];

	entry_check_require(check, (tr->selector & SELECTOR_TI) == 0, tr->fields->selector,
		"TI of TR's selector must be 0");
	entry_check_require(check, !ldtr->is_usable || (ldtr->selector & SELECTOR_TI) == 0,
		ldtr->fields->selector, "TI of LDTR's selector must be 0");
	entry_check_require(check,
		segments->is_virtual_8086 || segments->is_unrestricted ||
			ss->rpl == segments->registers[SEGMENT_CS].rpl,
		ss->fields->selector, "RPL of SS must equal RPL of CS");
}

static void check_bases(struct entry_check *check, const struct segments *segments)
{
	static const enum segment_register canonical[] = {SEGMENT_TR, SEGMENT_FS, SEGMENT_GS};
	static const enum segment_register low[] = {SEGMENT_SS, SEGMENT_DS, SEGMENT_ES};
	const struct segment *ldtr = &segments->registers[SEGMENT_LDTR];
	const struct segment *cs = &segments->registers[SEGMENT_CS];

	for (size_t i = 0; i < ARRAY_COUNT(canonical); i++) {
		const struct segment *segment = &segments->registers[canonical[i]];

		entry_check_require(check, entry_check_is_canonical(check, segment->base),
			segment->fields->base, "the base must be canonical");
	}
	entry_check_require(check, !ldtr->is_usable || entry_check_is_canonical(check, ldtr->base),
		ldtr->fields->base, "the base must be canonical");
	entry_check_require(check, (cs->base & HIGH_HALF) == 0, cs->fields->base,
		"bits 63:32 of the base must be 0");
	for (size_t i = 0; i < ARRAY_COUNT(low); i++) {
		const struct segment *segment = &segments->registers[low[i]];

		entry_check_require(check, !segment->is_usable || (segment->base & HIGH_HALF) == 0,
			segment->fields->base, "bits 63:32 of the base must be 0");
	}
}

static void check_virtual_8086(struct entry_check *check, const struct segment *segment)
{
	entry_check_require(check, segment->base == segment->selector << VIRTUAL_8086_BASE_SHIFT,
		segment->fields->base,
		"the base must be the selector times 16 in virtual-8086 mode");
	entry_check_require(check, segment->limit == VIRTUAL_8086_LIMIT, segment->fields->limit,
		"the limit must be ffffH in virtual-8086 mode");
	entry_check_require(check, segment->access_rights == VIRTUAL_8086_ACCESS_RIGHTS,
		segment->fields->access_rights,
		"the access rights must be f3H in virtual-8086 mode");
}

/* Reserved bits and granularity are the same for every kind of segment. */
static void check_limit_and_reserved(struct entry_check *check, const struct segment *segment)
{
	uint32_t field = segment->fields->access_rights;
	bool is_granular = (segment->access_rights & ACCESS_RIGHTS_G) != 0;
	bool has_page_end = (segment->limit & LIMIT_PAGE_OFFSET) == LIMIT_PAGE_OFFSET;
	bool is_above_1m = (segment->limit & LIMIT_ABOVE_1M) != 0;

	entry_check_require(
		check, (segment->access_rights & ACCESS_RIGHTS_P) != 0, field, "P must be 1");
	entry_check_require(check, (segment->access_rights & ACCESS_RESERVED_LOW) == 0, field,
		"reserved bits 11:8 of the access rights must be 0");
	entry_check_require(check, !is_granular || has_page_end, field,
		"G must be 0 if a bit of limit 11:0 is 0");
	entry_check_require(check, is_granular || !is_above_1m, field,
		"G must be 1 if a bit of limit 31:20 is 1");
	entry_check_require(check, (segment->access_rights & ACCESS_RESERVED_HIGH) == 0, field,
		"reserved bits 31:17 of the access rights must be 0");
}

static void check_cs_type(struct entry_check *check, const struct segments *segments)
{
	const struct segment *cs = &segments->registers[SEGMENT_CS];
	uint64_t allowed = BIT(TYPE_EXECUTE_ACCESSED) | BIT(TYPE_EXECUTE_READ_ACCESSED) |
			   BIT(TYPE_CONFORMING_ACCESSED) | BIT(TYPE_CONFORMING_READ_ACCESSED);

	if (segments->is_unrestricted) {
		allowed |= BIT(TYPE_READ_WRITE_ACCESSED);
	}
	entry_check_require(check, (allowed & BIT(cs->type)) != 0, cs->fields->access_rights,
		"CS must be an accessed code segment (or of type 3 in an unrestricted guest)");
}

static void check_cs_dpl(struct entry_check *check, const struct segments *segments)
{
	const struct segment *cs = &segments->registers[SEGMENT_CS];
	uint64_t ss_dpl = segments->registers[SEGMENT_SS].dpl;
	uint32_t field = cs->fields->access_rights;

	switch (cs->type) {
	case TYPE_READ_WRITE_ACCESSED:
		entry_check_require(check, cs->dpl == 0, field, "DPL of a type-3 CS must be 0");
		break;
	case TYPE_EXECUTE_ACCESSED:
	case TYPE_EXECUTE_READ_ACCESSED:
		entry_check_require(check, cs->dpl == ss_dpl, field,
			"DPL of a non-conforming CS must equal DPL of SS");
		break;
	case TYPE_CONFORMING_ACCESSED:
	case TYPE_CONFORMING_READ_ACCESSED:
		entry_check_require(check, cs->dpl <= ss_dpl, field,
			"DPL of a conforming CS must not exceed DPL of SS");
		break;
	default:
		break;
	}
}

static void check_cs(struct entry_check *check, const struct segments *segments)
{
	const struct segment *cs = &segments->registers[SEGMENT_CS];
	static const uint64_t long_and_default = ACCESS_RIGHTS_L | ACCESS_RIGHTS_DB;

	check_cs_type(check, segments);
	check_cs_dpl(check, segments);
	entry_check_require(check,
		!segments->is_ia32e_mode ||
			(cs->access_rights & long_and_default) != long_and_default,
		cs->fields->access_rights, "D/B of a 64-bit CS must be 0");
}

static void check_ss(struct entry_check *check, const struct segments *segments)
{
	const struct segment *ss = &segments->registers[SEGMENT_SS];
	bool is_stack_type = ss->type == TYPE_READ_WRITE_ACCESSED ||
			     ss->type == TYPE_READ_WRITE_EXPAND_DOWN_ACCESSED;
	bool must_be_ring_0 = segments->is_real_mode ||
			      segments->registers[SEGMENT_CS].type == TYPE_READ_WRITE_ACCESSED;

	entry_check_require(check, !ss->is_usable || is_stack_type, ss->fields->access_rights,
		"SS must be an accessed read/write data segment");
	entry_check_require(check, segments->is_unrestricted || ss->dpl == ss->rpl,
		ss->fields->access_rights, "DPL of SS must equal RPL of SS");
	entry_check_require(check, !must_be_ring_0 || ss->dpl == 0, ss->fields->access_rights,
		"DPL of SS must be 0 if CS has type 3 or CR0.PE is 0");
}

/* ES, DS, FS or GS, usable. */
static void check_data_segment(
	struct entry_check *check, const struct segments *segments, const struct segment *segment)
{
	uint32_t field = segment->fields->access_rights;

	entry_check_require(
		check, (segment->type & TYPE_ACCESSED) != 0, field, "the segment must be accessed");
	entry_check_require(check,
		(segment->type & TYPE_CODE) == 0 || (segment->type & TYPE_READABLE) != 0, field,
		"a code segment must be readable");
	entry_check_require(check,
		segments->is_unrestricted || segment->type > TYPE_EXECUTE_READ_ACCESSED ||
			segment->dpl >= segment->rpl,
		field, "DPL must not be below RPL");
}

static void check_user_segments(struct entry_check *check, const struct segments *segments)
{
	check_cs(check, segments);
	check_ss(check, segments);
	for (size_t i = 0; i < SEGMENT_USER_COUNT; i++) {
		const struct segment *segment = &segments->registers[i];

		if (i != SEGMENT_CS && !segment->is_usable) {
			continue;
		}
		if (i != SEGMENT_CS && i != SEGMENT_SS) {
			check_data_segment(check, segments, segment);
		}
		entry_check_require(check, (segment->access_rights & ACCESS_RIGHTS_S) != 0,
			segment->fields->access_rights, "S must be 1");
		check_limit_and_reserved(check, segment);
	}
}

static void check_system_segments(struct entry_check *check, const struct segments *segments)
{
	const struct segment *tr = &segments->registers[SEGMENT_TR];
	const struct segment *ldtr = &segments->registers[SEGMENT_LDTR];

	entry_check_require(check,
		tr->type == TYPE_BUSY_TSS ||
			(tr->type == TYPE_BUSY_TSS_16 && !segments->is_ia32e_mode),
		tr->fields->access_rights, "TR must be a busy TSS, 64-bit in IA-32e mode");
	entry_check_require(check, (tr->access_rights & ACCESS_RIGHTS_S) == 0,
		tr->fields->access_rights, "S of a system segment must be 0");
	check_limit_and_reserved(check, tr);
	entry_check_require(check, tr->is_usable, tr->fields->access_rights, "TR must be usable");
	if (!ldtr->is_usable) {
		return;
	}
	entry_check_require(check, ldtr->type == TYPE_LDT, ldtr->fields->access_rights,
		"LDTR must have type 2 (LDT)");
	entry_check_require(check, (ldtr->access_rights & ACCESS_RIGHTS_S) == 0,
		ldtr->fields->access_rights, "S of a system segment must be 0");
	check_limit_and_reserved(check, ldtr);
}

void entry_check_segments(struct entry_check *check)
{
	bool is_protected_mode = (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0;
	bool is_vm_flag = (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_VM) != 0;
	bool is_ia32e_mode = entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST);
	struct segments segments = {
		/*
		 * Where RFLAGS.VM itself is wrong, the rule on RFLAGS says so; rules for
		 * virtual-8086 mode would then only blame every segment first.
		 */
		.is_virtual_8086 = is_vm_flag && is_protected_mode && !is_ia32e_mode,
		.is_unrestricted =
			entry_check_has(check, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED_GUEST),
		.is_ia32e_mode = is_ia32e_mode,
		.is_real_mode = !is_protected_mode,
	};

	entry_check_section(check, ENTRY_CHECK_GUEST_STATE, "Checks on Guest Segment Registers");
	for (size_t i = 0; i < SEGMENT_COUNT; i++) {
		segments.registers[i] = read_segment(&segment_fields[i]);
	}
	check_selectors(check, &segments);
	check_bases(check, &segments);
	if (segments.is_virtual_8086) {
		for (size_t i = 0; i < SEGMENT_USER_COUNT; i++) {
			check_virtual_8086(check, &segments.registers[i]);
		}
	} else {
		check_user_segments(check, &segments);
	}
	check_system_segments(check, &segments);
}
