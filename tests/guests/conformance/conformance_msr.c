/* SPDX-License-Identifier: MIT */
/* KVM's MSRs: what they take, what they refuse, what they read as. */
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

/* A page beyond any memory, below the address width. */
#define NO_MEMORY UNMAPPED_PHYSICAL
#define TOO_HIGH  (1ull << 52)
#define ALL_ONES  (~0ull)
#define HIGH_BIT  (1ull << 63)
#define ENABLE    1ull

struct msr_rule {
	const char *msr_name;
	const char *name;
	uint32_t msr;
	unsigned feature_bit;
	uint64_t value; /* To which the page's address is added if is_address. */
	bool is_address;
	bool is_refused;
	bool is_free; /* The interface does not say. */
};

static void check_read(const char *name, uint32_t msr, unsigned feature_bit, uint64_t want)
{
	uint64_t value;
	uint64_t vector;
	const bool is_read = guest_probe_rdmsr(msr, &value, &vector);

	case_begin("msr", name, "read_at_first");
	case_exception(vector, 0);
	if (is_read) {
		case_value("value", value);
	}
	case_end(offers(feature_bit) ? is_read && value == want : vector == VECTOR_GP);
}

static void check_first_reads(void)
{
	static const struct {
		const char *name;
		uint32_t msr;
		unsigned feature_bit;
		uint64_t value;
	} msrs[] = {
		{"wall_clock_old", 0x11, FEATURE_CLOCKSOURCE, 0},
		{"system_time_old", 0x12, FEATURE_CLOCKSOURCE, 0},
		{"wall_clock", 0x4b564d00, FEATURE_CLOCKSOURCE2, 0},
		{"system_time", 0x4b564d01, FEATURE_CLOCKSOURCE2, 0},
		{"async_pf_en", 0x4b564d02, FEATURE_ASYNC_PF, 0},
		{"steal_time", 0x4b564d03, FEATURE_STEAL_TIME, 0},
		{"pv_eoi_en", 0x4b564d04, FEATURE_PV_EOI, 0},
		{"poll_control", 0x4b564d05, FEATURE_POLL_CONTROL, 1},
		{"async_pf_int", 0x4b564d06, FEATURE_ASYNC_PF_INT, 0},
		{"async_pf_ack", 0x4b564d07, FEATURE_ASYNC_PF_INT, 0},
		{"migration_control", 0x4b564d08, FEATURE_MIGRATION_CONTROL, 0},
		{"number_9", 0x4b564d09, FEATURE_NONE, 0},
		{"number_ff", 0x4b564dff, FEATURE_NONE, 0},
	};

	for (size_t i = 0; i < ARRAY_COUNT(msrs); i++) {
		check_read(msrs[i].name, msrs[i].msr, msrs[i].feature_bit, msrs[i].value);
	}
}

static void check_write(const struct msr_rule *rule)
{
	const uint64_t base = rule->is_address ? (uintptr_t)conformance_page : 0;
	const uint64_t value = base + rule->value;
	const bool is_refused = rule->is_refused || !offers(rule->feature_bit);
	uint64_t vector;
	uint64_t read = 0;
	uint64_t read_vector;
	const bool is_written = guest_probe_wrmsr(rule->msr, value, &vector);
	const bool is_read = guest_probe_rdmsr(rule->msr, &read, &read_vector);

	case_begin("msr", rule->msr_name, rule->name);
	case_exception(vector, 0);
	if (is_read) {
		case_text("reads_back", read == value ? "written" : read == 0 ? "0" : "other");
	}
	if (is_written) {
		guest_probe_wrmsr(rule->msr, 0, &read_vector);
	}
	if (rule->is_free && offers(rule->feature_bit)) {
		case_end_observed();
	} else {
		case_end(is_refused ? vector == VECTOR_GP : is_written && read == value);
	}
}

#define WRITE_OK(msr, name, number, feature, value)                                                \
	{                                                                                          \
		msr, name, number, feature, value, .is_address = true                              \
	}
#define WRITE_PLAIN(msr, name, number, feature, value)                                             \
	{                                                                                          \
		msr, name, number, feature, value, .is_address = false                             \
	}
#define WRITE_GP(msr, name, number, feature, value)                                                \
	{                                                                                          \
		msr, name, number, feature, value, .is_address = true, .is_refused = true          \
	}
#define WRITE_PLAIN_GP(msr, name, number, feature, value)                                          \
	{                                                                                          \
		msr, name, number, feature, value, .is_refused = true                              \
	}
#define WRITE_FREE(msr, name, number, feature, value)                                              \
	{                                                                                          \
		msr, name, number, feature, value, .is_free = true                                 \
	}

#define CLOCK_WRITES(wall, time, wall_number, time_number, feature)                                \
	WRITE_OK(wall, "good", wall_number, feature, 0),                                           \
		WRITE_OK(wall, "odd_address", wall_number, feature, 5),                            \
		WRITE_PLAIN(wall, "address_0", wall_number, feature, 0),                           \
		WRITE_PLAIN(wall, "no_memory", wall_number, feature, NO_MEMORY),                   \
		WRITE_PLAIN(wall, "too_high", wall_number, feature, TOO_HIGH),                     \
		WRITE_PLAIN(wall, "all_ones", wall_number, feature, ALL_ONES),                     \
		WRITE_OK(time, "good", time_number, feature, ENABLE),                              \
		WRITE_OK(time, "not_enabled", time_number, feature, 0),                            \
		WRITE_OK(time, "misaligned_by_2", time_number, feature, 2 | ENABLE),               \
		WRITE_OK(time, "across_pages", time_number, feature, 0xff0 | ENABLE),              \
		WRITE_PLAIN(time, "address_0", time_number, feature, 0),                           \
		WRITE_PLAIN(time, "no_memory", time_number, feature, NO_MEMORY | ENABLE),          \
		WRITE_PLAIN(time, "too_high", time_number, feature, TOO_HIGH | ENABLE),            \
		WRITE_PLAIN(time, "all_ones", time_number, feature, ALL_ONES)

static const struct msr_rule rules[] = {
	CLOCK_WRITES("wall_clock_old", "system_time_old", 0x11, 0x12, FEATURE_CLOCKSOURCE),
	CLOCK_WRITES("wall_clock", "system_time", 0x4b564d00, 0x4b564d01, FEATURE_CLOCKSOURCE2),
	WRITE_OK("steal_time", "good", 0x4b564d03, FEATURE_STEAL_TIME, ENABLE),
	WRITE_OK("steal_time", "not_enabled", 0x4b564d03, FEATURE_STEAL_TIME, 0),
	WRITE_GP("steal_time", "bit_1", 0x4b564d03, FEATURE_STEAL_TIME, 1u << 1 | ENABLE),
	WRITE_GP("steal_time", "bit_2", 0x4b564d03, FEATURE_STEAL_TIME, 1u << 2 | ENABLE),
	WRITE_GP("steal_time", "bit_3", 0x4b564d03, FEATURE_STEAL_TIME, 1u << 3 | ENABLE),
	WRITE_GP("steal_time", "bit_4", 0x4b564d03, FEATURE_STEAL_TIME, 1u << 4 | ENABLE),
	WRITE_GP("steal_time", "bit_5", 0x4b564d03, FEATURE_STEAL_TIME, 1u << 5 | ENABLE),
	WRITE_GP("steal_time", "bit_5_not_enabled", 0x4b564d03, FEATURE_STEAL_TIME, 1u << 5),
	WRITE_PLAIN("steal_time", "no_memory", 0x4b564d03, FEATURE_STEAL_TIME, NO_MEMORY | ENABLE),
	WRITE_PLAIN("steal_time", "too_high", 0x4b564d03, FEATURE_STEAL_TIME, HIGH_BIT | ENABLE),
	WRITE_PLAIN("steal_time", "address_0", 0x4b564d03, FEATURE_STEAL_TIME, 0),
	WRITE_OK("pv_eoi_en", "good", 0x4b564d04, FEATURE_PV_EOI, ENABLE),
	WRITE_OK("pv_eoi_en", "good_end_of_page", 0x4b564d04, FEATURE_PV_EOI, 0xffc | ENABLE),
	WRITE_OK("pv_eoi_en", "not_enabled", 0x4b564d04, FEATURE_PV_EOI, 0),
	WRITE_GP("pv_eoi_en", "misaligned_by_2", 0x4b564d04, FEATURE_PV_EOI, 2 | ENABLE),
	WRITE_GP("pv_eoi_en", "misaligned_by_2_not_enabled", 0x4b564d04, FEATURE_PV_EOI, 2),
	WRITE_PLAIN_GP("pv_eoi_en", "no_memory", 0x4b564d04, FEATURE_PV_EOI, NO_MEMORY | ENABLE),
	WRITE_PLAIN("pv_eoi_en", "no_memory_not_enabled", 0x4b564d04, FEATURE_PV_EOI, NO_MEMORY),
	WRITE_PLAIN_GP("pv_eoi_en", "too_high", 0x4b564d04, FEATURE_PV_EOI, HIGH_BIT | ENABLE),
	WRITE_PLAIN("poll_control", "value_0", 0x4b564d05, FEATURE_POLL_CONTROL, 0),
	WRITE_PLAIN("poll_control", "value_1", 0x4b564d05, FEATURE_POLL_CONTROL, 1),
	WRITE_PLAIN_GP("poll_control", "bit_1", 0x4b564d05, FEATURE_POLL_CONTROL, 2),
	WRITE_PLAIN_GP("poll_control", "bit_0_and_1", 0x4b564d05, FEATURE_POLL_CONTROL, 3),
	WRITE_PLAIN_GP("poll_control", "bit_32", 0x4b564d05, FEATURE_POLL_CONTROL, 1ull << 32),
	WRITE_PLAIN_GP("poll_control", "bit_63", 0x4b564d05, FEATURE_POLL_CONTROL, HIGH_BIT),
	WRITE_PLAIN("async_pf_en", "value_0", 0x4b564d02, FEATURE_ASYNC_PF, 0),
	WRITE_PLAIN_GP("async_pf_en", "bit_4", 0x4b564d02, FEATURE_ASYNC_PF, 1u << 4),
	WRITE_PLAIN_GP("async_pf_en", "bit_5", 0x4b564d02, FEATURE_ASYNC_PF, 1u << 5),
	WRITE_PLAIN("async_pf_int", "vector_f3", 0x4b564d06, FEATURE_ASYNC_PF_INT, 0xf3),
	WRITE_PLAIN_GP("async_pf_int", "bit_8", 0x4b564d06, FEATURE_ASYNC_PF_INT, 1u << 8),
	WRITE_PLAIN("async_pf_ack", "value_0", 0x4b564d07, FEATURE_ASYNC_PF_INT, 0),
	WRITE_FREE("migration_control", "value_0", 0x4b564d08, FEATURE_MIGRATION_CONTROL, 0),
	WRITE_PLAIN_GP("number_9", "value_0", 0x4b564d09, FEATURE_NONE, 0),
	WRITE_PLAIN_GP("number_ff", "value_0", 0x4b564dff, FEATURE_NONE, 0),
};

void conformance_msr(void)
{
	check_first_reads();
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		check_write(&rules[i]);
	}
	/* What a guest starts with. */
	if (offers(FEATURE_POLL_CONTROL)) {
		uint64_t vector;

		guest_probe_wrmsr(MSR_KVM_POLL_CONTROL, 1, &vector);
	}
}
