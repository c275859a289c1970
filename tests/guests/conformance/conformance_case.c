/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/conformance/conformance.h"

enum { NAME_MAX = 96, HEX_DIGITS = 16, HEX_DIGIT_BITS = 4 };
/* struct guest_registers: outside long mode the first seven count. */
enum { REGISTERS_64 = 15, REGISTERS_32 = 7, PROBE_END_BYTES = 2 };

#define LOW_HALF    0xffffffffull
#define FLAGS_SHOWN (RFLAGS_STATUS | RFLAGS_DF | RFLAGS_AC)

static char case_name[NAME_MAX];
static size_t case_name_length;

static void append(const char *text)
{
	while (*text != '\0' && case_name_length + 1 < sizeof(case_name)) {
		case_name[case_name_length++] = *text++;
	}
	case_name[case_name_length] = '\0';
}

static void append_hex(uint64_t value)
{
	char digits[HEX_DIGITS + 1] = {0};
	unsigned shift = HEX_DIGITS * HEX_DIGIT_BITS;
	unsigned count = 0;

	while (shift > HEX_DIGIT_BITS && value >> (shift - HEX_DIGIT_BITS) == 0) {
		shift -= HEX_DIGIT_BITS;
	}
	while (shift != 0) {
		shift -= HEX_DIGIT_BITS;
		digits[count++] = "0123456789abcdef"[value >> shift & 0xf];
	}
	append("0x");
	append(digits);
}

static void begin(const char *topic, const char *scope)
{
	case_name_length = 0;
	append(topic);
	append(".");
	if (scope != NULL) {
		append(scope);
		append(".");
	}
}

void case_begin(const char *topic, const char *scope, const char *name)
{
	begin(topic, scope);
	append(name);
	guest_printf("CASE %s", case_name);
}

void case_begin_number(const char *topic, const char *scope, uint64_t number)
{
	begin(topic, scope);
	append_hex(number);
	guest_printf("CASE %s", case_name);
}

void case_value(const char *key, uint64_t value)
{
	guest_printf(" %s=0x%lx", key, value);
}

void case_text(const char *key, const char *text)
{
	guest_printf(" %s=%s", key, text);
}

void case_exception(uint64_t vector, uint64_t error_code)
{
	if (vector == VECTOR_PROBE_END) {
		case_text("vector", "none");
	} else {
		case_value("vector", vector);
		case_value("error", error_code);
	}
}

static bool is_64bit(enum guest_probe_mode mode)
{
	return mode == PROBE_KERNEL || mode == PROBE_USER;
}

bool case_others_are_same(const struct guest_probe *probe)
{
	const uint64_t *in = (const uint64_t *)&probe->in;
	const uint64_t *out = (const uint64_t *)&probe->out;
	const uint64_t mask = is_64bit(probe->mode) ? ~0ull : LOW_HALF;
	const unsigned count = probe->mode >= PROBE_PROTECTED32 ? REGISTERS_32 : REGISTERS_64;

	for (unsigned i = 1; i < count; i++) {
		if (((in[i] ^ out[i]) & mask) != 0) {
			return false;
		}
	}
	return true;
}

bool case_flags_are_same(const struct guest_probe *probe)
{
	return ((probe->rflags_in ^ probe->rflags_out) & FLAGS_SHOWN) == 0;
}

void case_probe(const struct guest_probe *probe)
{
	const bool is_done = guest_probe_is_done(probe);

	case_value("rax", probe->out.rax);
	case_value("rip_delta", (uint64_t)probe->rip_offset - (is_done ? PROBE_END_BYTES : 0));
	case_text("others", case_others_are_same(probe) ? "same" : "changed");
	case_text("flags", case_flags_are_same(probe) ? "same" : "changed");
	case_exception(probe->vector, probe->error_code);
}

void case_steps(const struct guest_probe *probe)
{
	case_value("traps", probe->step_count);
	for (unsigned i = 0; i < probe->step_count; i++) {
		case_value("trap_rip", (uint64_t)probe->steps[i].rip_offset);
		case_value("dr6", probe->steps[i].dr6 & (DR6_BS | DR6_B0));
	}
}

void case_end(bool holds)
{
	guest_printf("\n");
	report_true(case_name, holds);
}

void case_end_observed(void)
{
	guest_printf("\n");
}

void case_result(const struct guest_probe *probe, uint64_t want)
{
	case_probe(probe);
	case_end(guest_probe_is_done(probe) && probe->out.rax == want &&
		 probe->rip_offset == (int64_t)probe->code_size_bytes + PROBE_END_BYTES &&
		 case_others_are_same(probe) && case_flags_are_same(probe));
}
